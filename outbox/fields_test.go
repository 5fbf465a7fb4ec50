package outbox

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"parley/list"
)

func aSite() list.Site {
	return list.Site{
		Hostname: "lists.example.org", Domains: []string{"lists.example.org"},
		URL: "https://lists.example.org", Key: []byte("a key of thirty-two bytes, almost"),
	}
}

// aPost is a post with an odd line below the fields that are put on top.
func aPost() list.Source {
	l := list.NewList("dev@lists.example.org")
	l.ID = 1
	return list.Source{
		Kind: list.SourcePost, List: l, Trace: "from mail.example.org\r\n\tby lists.example.org", Number: 123,
		Raw: []byte("..odd: field\r\nFrom: Ann <ann@example.org>\r\nSubject: Hello\r\n" +
			"Message-ID: <1@example.org>\r\nDate: Mon, 4 Mar 2024 11:00:00 +0100\r\n\r\n.\r\nHello.\r\n"),
	}
}

// dressedBySite is a config that dresses and addresses as the program does.
func dressedBySite(t testing.TB, l *ledger, src list.Source) Config {
	cfg := config(t, l)
	l.source = src
	cfg.Site, cfg.Dress, cfg.Bounce = aSite(), nil, nil
	return cfg
}

// copyTo is a copy of aPost, byte for byte; {leave} is where the fields of one
// recipient stand.
func copyTo(leave string) string {
	return strings.Replace(`Received: from mail.example.org
	by lists.example.org
{leave}List-Id: <dev.lists.example.org>
List-Post: <mailto:dev@lists.example.org>
List-Owner: <mailto:dev-owner@lists.example.org>
List-Archive: <https://lists.example.org/dev/>
List-Help: <mailto:dev-help@lists.example.org>
List-Subscribe: <mailto:dev-subscribe@lists.example.org>
Precedence: list
..odd: field
From: Ann <ann@example.org>
Subject: Hello
Message-ID: <1@example.org>
Date: Mon, 4 Mar 2024 11:00:00 +0100

.
Hello.
`, "{leave}", leave, 1)
}

// leaving are the fields of a member of list 1.
func leaving(m list.MemberID, query string) string {
	token := aSite().LeaveToken(1, m)
	return "List-Unsubscribe: <https://lists.example.org/u/" + token + query + ">,\n" +
		" <mailto:dev+leave-" + token + "@lists.example.org>\n" +
		"List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
}

const leavingShared = "List-Unsubscribe: <mailto:dev-unsubscribe@lists.example.org>\n"

func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// arrived compares a mail of the sink with its text, written with LF, and its
// envelope with the sender that belongs to a member (0: to none).
func arrived(t *testing.T, m delivery, member list.MemberID, want string) {
	t.Helper()
	want = crlf(want)
	if string(m.raw) != want {
		t.Errorf("to %v came\n%s\nwant\n%s", m.rcpts, m.raw, want)
	}
	from := fmt.Sprintf("<%s> SIZE=%d", aSite().BounceAddress(list.List{ID: 1, Address: "dev@lists.example.org"}, member), len(want))
	if m.from != from {
		t.Errorf("to %v: MAIL FROM:%s, want %s", m.rcpts, m.from, from)
	}
}

// byRcpt is the mails of the sink by their first recipient.
func byRcpt(mails []delivery) map[string]delivery {
	all := map[string]delivery{}
	for _, m := range mails {
		all[m.rcpts[0]] = m
	}
	return all
}

// Each member has a link and an address of their own, in SMTP and in LMTP, and
// SIZE counts them.
func TestEachCopyHasItsOwnWayOut(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"smtp", "lmtp"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			s, url := lmtpSink(t)
			if scheme == "smtp" {
				s = newSink()
				url = "smtp://" + s.listen(t)
			}
			l := newLedger(personal(1, 30, "example.org")...)
			cfg := dressedBySite(t, l, aPost())
			var err error
			if cfg.Relay, err = ParseRelay(url, ""); err != nil {
				t.Fatal(err)
			}
			stop := start(t, cfg)
			l.wait(t, l.settled(30))
			stop()
			mails := byRcpt(s.mails())
			for m := list.MemberID(1); m <= 30; m++ {
				arrived(t, mails[fmt.Sprintf("m%05d@example.org", m)], m, copyTo(leaving(m, "?post=123")))
			}
		})
	}
}

func TestFieldsInMaildir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLedger(personal(7, 2, "example.org")...)
	cfg := dressedBySite(t, l, aPost())
	cfg.Relay = Relay{Scheme: Maildir, Path: dir}
	stop := start(t, cfg)
	l.wait(t, l.settled(2))
	stop()
	got := files(t, dir, "new")
	for _, m := range []list.MemberID{7, 8} {
		want := crlf(fmt.Sprintf("Return-Path: <%s>\nDelivered-To: m%05d@example.org\n", aSite().BounceAddress(aPost().List, m), m) +
			copyTo(leaving(m, "?post=123")))
		if !slices.Contains(got, want) {
			t.Errorf("no\n%s\nin %q", want, got)
		}
	}
}

// On a list with shared copies all get the same bytes, also the one member
// whose quiet hours made a copy of its own.
func TestSharedCopiesHaveNoFields(t *testing.T) {
	t.Parallel()
	alone := shared(2, 1)
	alone.Rcpts[0].Address = "quiet@example.org"
	s, l := newSink(), newLedger(shared(1, 3), alone)
	src := aPost()
	src.List.Shared = true
	stop := start(t, toSink(t, dressedBySite(t, l, src), s.listen(t)))
	l.wait(t, l.settled(2))
	stop()
	for _, m := range s.mails() {
		arrived(t, m, 0, copyTo(leavingShared))
	}
	if n := len(s.mails()); n != 2 {
		t.Errorf("%d mails arrived, want 2", n)
	}
}

// Copies are made when the job is expanded, dressed when they go out: in
// between, the list's option can change. Nobody is left without a way out, and
// nobody gets another's.
func TestCopiesOptionChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		shared bool // when the copies go out
		copies []list.Copy
		member list.MemberID
	}{
		{"shared, now personal", false, []list.Copy{shared(1, 3)}, 0},
		{"personal, now shared", true, personal(5, 1, "example.org"), 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, l := newSink(), newLedger(c.copies...)
			src := aPost()
			src.List.Shared = c.shared
			stop := start(t, toSink(t, dressedBySite(t, l, src), s.listen(t)))
			l.wait(t, l.settled(1))
			stop()
			arrived(t, s.mails()[0], c.member, copyTo(leavingShared))
		})
	}
}

// A digest goes out as it is, from its member's bounce address and with their
// fields on top, on lists with shared copies too.
func TestDigestIsPersonal(t *testing.T) {
	t.Parallel()
	const digest = "From: dev list <dev-owner@lists.example.org>\nSubject: Digest\n\n.\nOne post.\n"
	for _, isShared := range []bool{false, true} {
		t.Run(fmt.Sprint("shared ", isShared), func(t *testing.T) {
			t.Parallel()
			s, l := newSink(), newLedger(personal(1, 2, "example.org")...)
			src := aPost()
			src.Kind, src.Sender, src.Raw, src.Number = list.SourceDigest, "someone@example.org", []byte(crlf(digest)), 0
			src.List.Shared = isShared
			stop := start(t, toSink(t, dressedBySite(t, l, src), s.listen(t)))
			l.wait(t, l.settled(2))
			stop()
			mails := byRcpt(s.mails())
			for m := list.MemberID(1); m <= 2; m++ {
				arrived(t, mails[fmt.Sprintf("m%05d@example.org", m)], m, leaving(m, "")+digest)
			}
		})
	}
}

// A forward or a notice has no fields of one recipient.
func TestMailAsItIsHasNoFields(t *testing.T) {
	t.Parallel()
	s, l := newSink(), newLedger(personal(1, 1, "example.org")...)
	src := aPost()
	src.Kind, src.Trace, src.Sender = list.SourceMail, "", "a@example.org"
	start(t, toSink(t, dressedBySite(t, l, src), s.listen(t)))
	if m := s.wait(t, 1)[0]; string(m.raw) != string(src.Raw) || m.from != fmt.Sprintf("<a@example.org> SIZE=%d", len(src.Raw)) {
		t.Errorf("from %s came\n%s", m.from, m.raw)
	}
}

// The next try says the same: a link that was seen in a log or a filter stays
// right, and greylisting knows the mail again.
func TestRetryHasTheSameBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger(personal(1, 3, "example.org")...)
		var mu sync.Mutex
		tries := map[string][]string{}
		s.dot = func(m delivery, rcpt string) string {
			mu.Lock()
			defer mu.Unlock()
			tries[rcpt] = append(tries[rcpt], m.from+"\n"+string(m.raw))
			if len(tries[rcpt]) < 3 {
				return "451 4.7.1 come back"
			}
			return ""
		}
		cfg := dressedBySite(t, l, aPost())
		cfg.Dial, l.limit = s.dial, 1000*giveUpAfter
		stop := start(t, cfg)
		l.wait(t, l.settled(3))
		stop()
		for rcpt, all := range tries {
			if len(all) != 3 || all[0] != all[1] || all[1] != all[2] {
				t.Errorf("%s: %q", rcpt, all)
			}
		}
		for _, m := range s.mails() {
			if !strings.Contains(string(m.raw), "/u/") {
				t.Errorf("no link in\n%s", m.raw)
			}
		}
	})
}

// Dots at the beginning of each part of the mail, and none of the fields'.
func TestDotsAroundTheSeam(t *testing.T) {
	t.Parallel()
	const fields = "List-Unsubscribe: <mailto:dev+leave-x@lists.example.org>\r\n"
	for name, c := range map[string]struct {
		head string
		seam int
		want string
	}{
		"at the top":       {".odd: field\r\n.\r\n\r\n", 0, fields + ".odd: field\r\n.\r\n\r\n.\r\n"},
		"in the middle":    {".a: b\r\n.c: d\r\n\r\n", 7, ".a: b\r\n" + fields + ".c: d\r\n\r\n.\r\n"},
		"nothing below it": {".a: b\r\n\r\n", 7, ".a: b\r\n" + fields + "\r\n.\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSink()
			d := list.Dressed{Head: []byte(c.head), Body: []byte(".\r\n"), Seam: c.seam}
			tx := mailTo(&Mail{Dressed: d}, "b@example.org")
			tx.Fields = []byte(fields)
			if answers, fault := sender(t, s, "").Send(t.Context(), tx); brief(answers) != "250 delivered" || fault != NoFault {
				t.Fatalf("%+v, fault %d", answers, fault)
			}
			m := s.wait(t, 1)[0]
			if string(m.raw) != c.want || !strings.HasSuffix(m.from, fmt.Sprintf(" SIZE=%d", len(c.want))) {
				t.Errorf("%s: %q arrived, want %q", m.from, m.raw, c.want)
			}
		})
	}
}

// A server that repeats the sender, the link or the address that it does not
// like tells their tokens to nobody who reads the log or the queue.
func TestTokensAreMaskedInAnswers(t *testing.T) {
	t.Parallel()
	s, l := newSink(), newLedger(personal(1, 1, "example.org")...)
	site := aSite()
	leave, bounce := site.LeaveToken(1, 1), site.BounceAddress(aPost().List, 1)
	s.dot = func(delivery, string) string {
		return "554 5.7.1 https://lists.example.org/u/" + leave + "?post=123 is listed, dev+leave-" + leave + "@ and " + bounce + " too"
	}
	stop := start(t, toSink(t, dressedBySite(t, l, aPost()), s.listen(t)))
	l.wait(t, l.settled(1))
	stop()
	ended, _ := l.results()
	want := "https://lists.example.org/u/...?post=123 is listed, dev+leave-...@ and dev+bounce-...@lists.example.org too"
	if got := ended[0].Answers[0].Text; !strings.Contains(got, want) {
		t.Errorf("kept %q", got)
	}
}
