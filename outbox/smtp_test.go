package outbox

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"parley/list"
)

// sender opens one connection's sender to the sink.
func sender(t testing.TB, s *sink, url string) Sender {
	t.Helper()
	if url == "" {
		url = "smtp://" + s.listen(t)
	}
	return open(t, url, Route{Hostname: "lists.example.org"})
}

func open(t testing.TB, url string, route Route) Sender {
	t.Helper()
	r, err := ParseRelay(url, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	route.Relay = r
	senders, err := route.Senders()
	if err != nil {
		t.Fatal(err)
	}
	c := senders()
	t.Cleanup(func() { c.Close() })
	return c
}

func ready(context.Context) error { return nil }

func mailTo(m *Mail, rcpts ...string) *Transaction {
	return &Transaction{Sender: "dev-bounces@lists.example.org", Rcpts: rcpts, Mail: m, Ready: ready}
}

func hello() *Mail { return &Mail{Dressed: dressed("Hello.\r\n")} }

// brief writes answers as "250 delivered, 550 bounced".
func brief(answers []list.Answer) string {
	words := map[list.Outcome]string{list.Delivered: "delivered", list.Bounced: "bounced", list.Later: "later"}
	out := make([]string, len(answers))
	for i, a := range answers {
		out[i] = fmt.Sprintf("%d %s", a.Code, words[a.Outcome])
		if !a.Due.IsZero() {
			out[i] += " at once"
		}
	}
	return strings.Join(out, ", ")
}

func TestBytesArriveAsTheyAre(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	for name, body := range map[string]string{
		"dots":         ".\r\n..\r\n.x\r\n\r\n.\r\nQUIT\r\n...\r\n",
		"long line":    long + "\r\n." + long + "\r\n",
		"8 bit":        "Gr\xc3\xbc\xdfe \xff\xfe\r\n",
		"empty":        "",
		"from line":    "From here\r\n>From there\r\n",
		"ten MiB":      strings.Repeat(".a line of the mail\r\nanother one\r\n", 10<<20/33),
		"NUL":          "a\x00b\r\n",
		"trailing dot": "a.\r\n.",
	} {
		for _, offers := range [][]string{{"PIPELINING"}, nil} {
			t.Run(fmt.Sprint(name, offers), func(t *testing.T) {
				t.Parallel()
				s := newSink()
				s.offers = offers
				c := sender(t, s, "")
				answers, fault := c.Send(t.Context(), mailTo(&Mail{Dressed: dressed(body)}, "b@example.org"))
				if got := brief(answers); got != "250 delivered" || fault != NoFault {
					t.Fatalf("%s (%q), fault %d", got, answers[0].Text, fault)
				}
				want := testHead + body
				if body != "" && !strings.HasSuffix(body, "\r\n") {
					want += "\r\n"
				}
				if got := s.wait(t, 1)[0].raw; !bytes.Equal(got, []byte(want)) {
					t.Errorf("%d bytes arrived, want %d; they start %.80q", len(got), len(want), got)
				}
			})
		}
	}
}

func TestHeadThatStartsWithDots(t *testing.T) {
	t.Parallel()
	s := newSink()
	d := list.Dressed{Head: []byte(".odd: field\r\n.\r\n\r\n"), Body: []byte(".\r\n"), Seam: -1}
	sender(t, s, "").Send(t.Context(), mailTo(&Mail{Dressed: d}, "b@example.org"))
	if got := string(s.wait(t, 1)[0].raw); got != ".odd: field\r\n.\r\n\r\n.\r\n" {
		t.Errorf("%q arrived", got)
	}
}

func TestUnstuffedMailIsNotCopied(t *testing.T) {
	t.Parallel()
	for _, seam := range []int{-1, 0, 10} {
		m := hello()
		m.Seam = seam
		p := m.wire()
		if at := max(seam, 0); &p.rest[0] != &m.Head[at] || len(p.top) != at || &p.body[0] != &m.Body[0] {
			t.Errorf("seam %d: the mail was copied although nothing in it needs a dot", seam)
		}
	}
}

// answersCase is a transaction with three recipients, and what comes of it.
type answersCase struct {
	name  string
	sink  func(*sink)
	want  string
	fault Fault
	mails int
}

func refuse(line string, who ...string) func(string, int) string {
	return func(to string, _ int) string {
		if slices.ContainsFunc(who, func(w string) bool { return strings.HasPrefix(to, w) }) {
			return line
		}
		return ""
	}
}

var answersCases = []answersCase{
	{name: "ok", sink: func(*sink) {}, want: "250 delivered, 250 delivered, 250 delivered", mails: 1},
	{name: "one refused", sink: func(s *sink) { s.rcpt = refuse("550 5.1.1 who?", "b") },
		want: "250 delivered, 550 bounced, 250 delivered", mails: 1},
	{name: "one later", sink: func(s *sink) { s.rcpt = refuse("450 4.2.0 greylisted", "a") },
		want: "450 later, 250 delivered, 250 delivered", mails: 1},
	{name: "all refused", sink: func(s *sink) { s.rcpt = refuse("550 5.1.1 who?", "a", "b", "c") },
		want: "550 bounced, 550 bounced, 550 bounced"},
	{name: "all refused, 354 all the same", sink: func(s *sink) {
		s.rcpt = refuse("550 5.1.1 who?", "a", "b", "c")
		s.data = func(int) string { return "354 go on" }
		s.dot = func(delivery, string) string { return "554 5.5.1 no recipients" }
	}, want: "550 bounced, 550 bounced, 550 bounced"},
	{name: "MAIL refused", sink: func(s *sink) {
		s.mail = func(string) string { return "550 5.7.1 not you" }
		s.rcpt = refuse("503 5.5.1 MAIL first", "a", "b", "c")
	}, want: "550 bounced, 550 bounced, 550 bounced"},
	{name: "MAIL later", sink: func(s *sink) {
		s.mail = func(string) string { return "452 4.3.1 disk full" }
		s.rcpt = refuse("503 5.5.1 MAIL first", "a", "b", "c")
	}, want: "452 later, 452 later, 452 later"},
	{name: "MAIL refused, RCPT and DATA accepted", sink: func(s *sink) {
		s.mail = func(string) string { return "550 5.7.1 not you" }
		s.data = func(int) string { return "354 go on" }
	}, want: "550 bounced, 550 bounced, 550 bounced", fault: LaneFault},
	{name: "login wanted", sink: func(s *sink) {
		s.mail = func(string) string { return "530 5.7.0 log in first" }
	}, want: "530 later, 530 later, 530 later", fault: HostFault},
	{name: "DATA later", sink: func(s *sink) { s.data = func(int) string { return "451 4.3.0 not now" } },
		want: "451 later, 451 later, 451 later"},
	{name: "DATA refused", sink: func(s *sink) { s.data = func(int) string { return "554 5.7.1 no" } },
		want: "554 bounced, 554 bounced, 554 bounced"},
	{name: "dot later", sink: func(s *sink) { s.dot = func(delivery, string) string { return "451 4.3.0 not now" } },
		want: "451 later, 451 later, 451 later"},
	{name: "dot refused", sink: func(s *sink) { s.dot = func(delivery, string) string { return "552 5.3.4 too large" } },
		want: "552 bounced, 552 bounced, 552 bounced"},
	{name: "452 after two", sink: func(s *sink) { s.rcpt = upTo(2, "452 4.5.3 too many") },
		want: "250 delivered, 250 delivered, 452 later at once", mails: 1},
	{name: "552 after two", sink: func(s *sink) { s.rcpt = upTo(2, "552 too many recipients") },
		want: "250 delivered, 250 delivered, 452 later at once", mails: 1},
	{name: "452 for all", sink: func(s *sink) { s.rcpt = upTo(0, "452 4.3.1 disk full") },
		want: "452 later, 452 later, 452 later"},
	{name: "452, then the mail fails", sink: func(s *sink) {
		s.rcpt = upTo(2, "452 4.5.3 too many")
		s.dot = func(delivery, string) string { return "451 4.3.0 not now" }
	}, want: "451 later, 451 later, 452 later"},
	{name: "drop at the banner", sink: func(s *sink) { s.banner = func(int) string { return drop } },
		want: "0 later, 0 later, 0 later", fault: HostFault},
	{name: "554 at the banner", sink: func(s *sink) { s.banner = func(int) string { return "554 5.7.1 go away" } },
		want: "554 later, 554 later, 554 later", fault: HostFault},
	{name: "421 at the banner", sink: func(s *sink) { s.banner = func(int) string { return "421 4.3.2 too busy" } },
		want: "421 later, 421 later, 421 later", fault: HostFault},
	{name: "RST at MAIL", sink: func(s *sink) { s.mail = func(string) string { return rst } },
		want: "0 later, 0 later, 0 later", fault: HostFault},
	{name: "RST at RCPT", sink: func(s *sink) { s.rcpt = refuse(rst, "b") },
		want: "0 later, 0 later, 0 later", fault: HostFault},
	{name: "421 at DATA", sink: func(s *sink) { s.data = func(int) string { return "421 4.3.2 closing" } },
		want: "421 later, 421 later, 421 later", fault: LaneFault},
	{name: "drop after the mail", sink: func(s *sink) { s.dot = func(delivery, string) string { return drop } },
		want: "0 later, 0 later, 0 later", fault: LaneFault},
	{name: "RST after the mail", sink: func(s *sink) { s.dot = func(delivery, string) string { return rst } },
		want: "0 later, 0 later, 0 later", fault: LaneFault},
	{name: "nonsense after the mail", sink: func(s *sink) { s.dot = func(delivery, string) string { return "hm" } },
		want: "0 later, 0 later, 0 later", fault: LaneFault},
	{name: "only HELO", sink: func(s *sink) { s.hello = func() string { return "502 5.5.1 what?" } },
		want: "250 delivered, 250 delivered, 250 delivered", mails: 1},
}

func upTo(n int, line string) func(string, int) string {
	return func(_ string, accepted int) string {
		if accepted >= n {
			return line
		}
		return ""
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range answersCases {
		for _, pipelining := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, pipelining %t", c.name, pipelining), func(t *testing.T) {
				t.Parallel()
				c.run(t, pipelining)
			})
		}
	}
}

func (c answersCase) run(t *testing.T, pipelining bool) {
	s := newSink()
	if !pipelining {
		s.offers = []string{"8BITMIME"}
		// A step at a time, the envelope ends where it is refused.
		switch c.name {
		case "MAIL refused, RCPT and DATA accepted":
			c.fault = NoFault
		case "RST at RCPT":
			c.fault = LaneFault
		}
	}
	c.sink(s)
	snd := sender(t, s, "")
	answers, fault := snd.Send(t.Context(), mailTo(hello(), "a@example.org", "b@example.org", "c@example.org"))
	if got := brief(answers); got != c.want || fault != c.fault {
		t.Fatalf("got %s, fault %d; want %s, fault %d (%q)", got, fault, c.want, c.fault, answers[0].Text)
	}
	if n := len(s.mails()); n != c.mails {
		t.Errorf("%d mails arrived, want %d", n, c.mails)
	}
	for _, m := range s.mails() {
		if !bytes.Equal(m.raw, []byte(testHead+"Hello.\r\n")) {
			t.Errorf("%q arrived", m.raw)
		}
	}
	c.usable(t, s, snd)
}

// usable sends another mail over what is left of the connection.
func (c answersCase) usable(t *testing.T, s *sink, snd Sender) {
	s.calm.Store(true)
	answers, fault := snd.Send(t.Context(), mailTo(hello(), "d@example.org"))
	if got := brief(answers); got != "250 delivered" || fault != NoFault {
		t.Errorf("the next mail: %s, fault %d (%q)", got, fault, answers[0].Text)
	}
	if c.fault == NoFault && s.connections() != 1 {
		t.Errorf("%d connections, want one that is kept", s.connections())
	}
}

func TestEnvelopeParameters(t *testing.T) {
	t.Parallel()
	eightBit, utf8 := hello(), hello()
	eightBit.EightBit, utf8.EightBit, utf8.UTF8 = true, true, true
	all := []string{"PIPELINING", "size", "8BITMIME", "SMTPUTF8"}
	size := fmt.Sprintf(" SIZE=%d", eightBit.Size())
	for name, c := range map[string]struct {
		offers []string
		mail   *Mail
		rcpt   string
		from   string // after the address
		want   string
	}{
		"plain":               {all, hello(), "b@example.org", size, "250 delivered"},
		"8 bit":               {all, eightBit, "b@example.org", size + " BODY=8BITMIME", "250 delivered"},
		"8 bit, not offered":  {nil, eightBit, "b@example.org", "", "250 delivered"},
		"UTF-8":               {all, utf8, "b@example.org", size + " BODY=8BITMIME SMTPUTF8", "250 delivered"},
		"UTF-8, not offered":  {[]string{"8BITMIME"}, utf8, "b@example.org", " BODY=8BITMIME", "250 delivered"},
		"UTF-8 address":       {all, hello(), "bärbel@example.org", size + " BODY=8BITMIME SMTPUTF8", "250 delivered"},
		"quoted":              {all, hello(), "two words@example.org", size, "250 delivered"},
		"UTF-8 address alone": {[]string{"8BITMIME"}, hello(), "bärbel@example.org", "-", "553 bounced"},
		"line break":          {all, hello(), "b@example.org>\r\nRSET", "-", "553 bounced"},
		"two addresses":       {all, hello(), "b@example.org> <c", "-", "553 bounced"},
		"none":                {all, hello(), "", "-", "553 bounced"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSink()
			s.offers = c.offers
			answers, fault := sender(t, s, "").Send(t.Context(), mailTo(c.mail, c.rcpt))
			if got := brief(answers); got != c.want || fault != NoFault {
				t.Fatalf("got %s (%q), fault %d", got, answers[0].Text, fault)
			}
			if c.from == "-" {
				if got := s.commands(); len(got) != 1 {
					t.Errorf("the server saw %q", got)
				}
				return
			}
			if got := s.wait(t, 1)[0].from; got != "<dev-bounces@lists.example.org>"+c.from {
				t.Errorf("MAIL FROM:%s", got)
			}
			if quoted := `RCPT TO:<"two words"@example.org>`; name == "quoted" && !slices.Contains(s.commands(), quoted) {
				t.Errorf("no %s in %q", quoted, s.commands())
			}
		})
	}
}

func TestStaleConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	for name, word := range map[string]string{"closed": drop, "reset": rst, "421": "421 4.4.2 idle for too long"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSink()
			var n atomic.Int64
			s.mail = func(string) string {
				if n.Add(1) == 3 {
					return word
				}
				return ""
			}
			c := sender(t, s, "")
			for range 4 {
				answers, fault := c.Send(t.Context(), mailTo(hello(), "b@example.org"))
				if got := brief(answers); got != "250 delivered" || fault != NoFault {
					t.Fatalf("got %s (%q), fault %d", got, answers[0].Text, fault)
				}
			}
			if len(s.mails()) != 4 || s.connections() != 2 {
				t.Errorf("%d mails over %d connections, want 4 over 2", len(s.mails()), s.connections())
			}
		})
	}
}

func TestConnectionIsRenewed(t *testing.T) {
	t.Parallel()
	s := newSink()
	c := sender(t, s, "")
	for range maxUses + 1 {
		c.Send(t.Context(), mailTo(hello(), "b@example.org"))
	}
	if len(s.mails()) != maxUses+1 || s.connections() != 2 {
		t.Errorf("%d mails over %d connections", len(s.mails()), s.connections())
	}
}
