package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/list"
	"parley/message"
)

// house is a whole running server on loopback, with a maildir as its way out.
type house struct {
	*server
	t    *testing.T
	path string // of the config file
	dir  string
	log  *logBook
}

// logBook is everything that a house logs.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBook) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.text.String() }

// tokens are what stands in an address or a link as 26 base32 characters.
func tokens(text string) []string {
	return regexp.MustCompile(`\b[a-z2-7]{26}\b`).FindAllString(text, -1)
}

const houseConfig = `
data     = "data"
hostname = "mx.example.org"
domains  = ["lists.example.org"]
operator = "op@example.org"
[smtp]
listen = ["127.0.0.1:0"]
trust  = ["127.0.0.1/32"]
[lmtp]
listen = ["unix:lmtp.sock"]
[relay]
url = "maildir:sent"
[web]
listen = ["127.0.0.1:0"]
url    = "https://lists.example.org"
[[list]]
address    = "dev@lists.example.org"
owners     = ["owner@example.org"]
members    = ["ann@example.org", "Bo <bo@example.org>"]
[[list]]
address    = "open@lists.example.org"
post       = "anyone"
members    = ["cy@example.org"]
`

// openHouse starts a server with houseConfig and more lines at its end.
func openHouse(t *testing.T, more string) *house {
	t.Helper()
	return startHouse(t, writeConfig(t, houseConfig+more))
}

func startHouse(t *testing.T, path string) *house {
	t.Helper()
	cfg, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	book := &logBook{}
	log := slog.New(slog.NewTextHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := newServer(context.Background(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	h := &house{server: s, t: t, path: path, dir: filepath.Dir(path), log: book}
	t.Cleanup(h.shut)
	return h
}

// shut stops the server, once. Whatever the test was about, no token is in its log.
func (h *house) shut() {
	if h.server == nil {
		return
	}
	if err := h.close(); err != nil {
		h.t.Errorf("close: %v", err)
	}
	h.server = nil
	if found := tokens(h.log.String()); len(found) > 0 {
		h.t.Errorf("the log has tokens %v:\n%s", found, h.log)
	}
}

// say is a dialogue: lines with > are sent, lines with < are the start of the
// answer that is expected.
func (h *house) say(network, address, script string) {
	h.t.Helper()
	h.sayFrom(&net.Dialer{}, network, address, script)
}

// sayFrom is say as a client that has an address of its own.
func (h *house) sayFrom(client *net.Dialer, network, address, script string) {
	h.t.Helper()
	conn, err := client.Dial(network, address)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := textproto.NewConn(conn)
	for line := range strings.Lines(script) {
		line = strings.TrimRight(strings.TrimLeft(line, "\t"), "\n")
		if out, ok := strings.CutPrefix(line, "> "); ok {
			if err := c.PrintfLine("%s", out); err != nil {
				h.t.Fatal(err)
			}
		}
		if want, ok := strings.CutPrefix(line, "< "); ok {
			h.expect(c, want)
		}
	}
}

func (h *house) expect(c *textproto.Conn, want string) {
	h.t.Helper()
	for {
		got, err := c.ReadLine()
		if err != nil {
			h.t.Fatalf("no answer %q: %v", want, err)
		}
		if len(got) > 3 && got[3] == '-' {
			continue
		}
		if !strings.HasPrefix(got, want) {
			h.t.Errorf("answer %q, not %q", got, want)
		}
		return
	}
}

func (h *house) smtpAddr() string { return h.socks.SMTP[0].Addr().String() }

// post sends one mail over SMTP.
func (h *house) post(from, to, id, more string) {
	h.t.Helper()
	h.say("tcp", h.smtpAddr(), fmt.Sprintf(`< 220
		> EHLO client.example.org
		< 250
		> MAIL FROM:<%s>
		< 250
		> RCPT TO:<%s>
		< 250
		> DATA
		< 354
		> From: <%s>
		> Message-ID: <%s>
		> Date: Sun, 1 Mar 2026 12:00:00 +0000
		> Subject: About %s
		%s
		> 
		> Hello, house.
		> .
		< 250 2.0.0 queued as
		> QUIT
		< 221
		`, from, to, from, id, id, more))
}

// sent is the mails in the maildir, once there are n of them.
func (h *house) sent(n int) []string {
	h.t.Helper()
	var mails []string
	h.until(func() bool {
		mails = nil
		files, _ := filepath.Glob(filepath.Join(h.dir, "sent", "new", "*"))
		for _, f := range files {
			mail, err := os.ReadFile(f)
			if err != nil {
				h.t.Fatal(err)
			}
			mails = append(mails, string(mail))
		}
		return len(mails) >= n
	}, "%d mails sent", n)
	if len(mails) != n {
		h.t.Errorf("%d mails were sent, not %d", len(mails), n)
	}
	return mails
}

// until waits for what another goroutine does.
func (h *house) until(done func() bool, format string, a ...any) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !done() {
		if !sleep(ctx, 5*time.Millisecond) {
			h.t.Fatalf("never: "+format, a...)
		}
	}
}

func (h *house) get(path string) (int, string) {
	h.t.Helper()
	res, err := http.Get("http://" + h.socks.Web[0].Addr().String() + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestAPostGoesInCopiesGoOutTheThreadIsOnTheWeb(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	h.post("ann@example.org", "dev@lists.example.org", "1@example.org", "")
	for _, mail := range h.sent(2) {
		for _, line := range []string{
			"Return-Path: <dev+bounce-", "\nList-Id: <dev.lists.example.org>\r\n", "\nArchived-At: <https://lists.example.org/dev/1@example.org/>\r\n",
			"\nList-Post: <mailto:dev@lists.example.org>\r\n", "\nSubject: About 1@example.org\r\n", "\r\n\r\nHello, house.\r\n",
		} {
			if !strings.Contains(mail, line) {
				t.Errorf("no %q in\n%s", line, mail)
			}
		}
	}
	code, page := h.get("/dev/1@example.org/")
	if code != http.StatusOK || !strings.Contains(page, "Hello, house.") || strings.Contains(page, "ann@example.org") {
		t.Errorf("%d\n%s", code, page)
	}
}

func TestOneMailForTwoListsIsTakenForBothOrNone(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	dialogue := func(second, answer string) string {
		return `< 220
		> EHLO client.example.org
		< 250
		> MAIL FROM:<ann@example.org>
		< 250
		> RCPT TO:<dev@lists.example.org>
		< 250
		> RCPT TO:<` + second + `>
		< 250
		> DATA
		< 354
		> From: ann@example.org
		> Message-ID: <2@example.org>
		> 
		> Hello, both.
		> .
		< ` + answer + `
		> QUIT
		< 221
		`
	}
	ctx := context.Background()
	l, err := h.desk.FindList(ctx, "open")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.CreateList(ctx, "closed@lists.example.org", map[string]string{"post": "nobody"}); err != nil {
		t.Fatal(err)
	}
	h.say("tcp", h.smtpAddr(), dialogue("closed@lists.example.org", "550 5.7.1"))
	if _, err := h.store.FindPost(ctx, l.ID, "2@example.org"); list.KindOf(err) != list.Unknown {
		t.Errorf("kept for one although the other refused: %v", err)
	}
	h.say("tcp", h.smtpAddr(), dialogue("open@lists.example.org", "250 2.0.0 queued"))
	h.sent(3)
	for _, name := range []string{"dev", "open"} {
		if code, _ := h.get("/" + name + "/2@example.org/"); code != http.StatusOK {
			t.Errorf("%s: page answers %d", name, code)
		}
	}
}

func TestLMTPAnswersForEachRecipient(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	if _, err := h.desk.CreateList(context.Background(), "closed@lists.example.org", map[string]string{"post": "nobody"}); err != nil {
		t.Fatal(err)
	}
	h.say("unix", filepath.Join(h.dir, "lmtp.sock"), `< 220
		> LHLO front.example.org
		< 250
		> MAIL FROM:<eve@example.org>
		< 250
		> RCPT TO:<open@lists.example.org>
		< 250
		> RCPT TO:<nothing@lists.example.org>
		< 550 5.1.1
		> RCPT TO:<closed@lists.example.org>
		< 250
		> RCPT TO:<dev@lists.example.org>
		< 250
		> DATA
		< 354
		> From: eve@example.org
		> 
		> Hello, front.
		> .
		< 250 2.0.0
		< 550 5.7.1
		< 250 2.0.0
		> QUIT
		< 221
		`)
	h.sent(1)
	held, err := h.desk.ListHeld(context.Background(), 0)
	if err != nil || len(held) != 1 || held[0].Address != "dev@lists.example.org" {
		t.Errorf("held %v, %v", held, err)
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	h.post("ann@example.org", "dev@lists.example.org", "1@example.org", "")
	h.sent(2)
	h.shut()
	again := startHouse(t, h.path)
	again.post("ann@example.org", "dev@lists.example.org", "1@example.org", "") // a repeat
	again.post("ann@example.org", "dev@lists.example.org", "2@example.org", "> In-Reply-To: <1@example.org>")
	again.sent(4)
	if code, page := again.get("/dev/1@example.org/"); code != http.StatusOK || strings.Count(page, "Hello, house.") != 2 {
		t.Errorf("%d\n%s", code, page)
	}
}

func TestRereadTakesOverListsAndKeepsTheOldOnABadFile(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	ctx := context.Background()
	put := func(text string) {
		if err := os.WriteFile(h.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		h.reread(ctx, h.path)
	}
	post := func(name string) list.Access {
		l, err := h.desk.FindList(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return l.Post
	}
	put(houseConfig + "post = \"nobody\"\nunknown = 1\n")
	if got := post("open"); got != list.Anyone {
		t.Errorf("after a bad file: %s", got)
	}
	put(strings.Replace(houseConfig, `"anyone"`, `"moderated"`, 1))
	if got := post("open"); got != list.Moderated {
		t.Errorf("after a good file: %s", got)
	}
	whole, _, _ := strings.Cut(houseConfig, "[[list]]")
	put(whole)
	if got := post("open"); got != list.Moderated {
		t.Errorf("a list taken out of the file: %s", got)
	}
	l, err := h.desk.FindList(ctx, "open")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.SetList(ctx, l.ID, map[string]string{"post": "anyone"}); err != nil {
		t.Errorf("a list that the file gave up: %v", err)
	}
}

func TestTheFileAddsMembersOnce(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	ctx := context.Background()
	l, err := h.desk.FindList(ctx, "dev")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.desk.RemoveMembers(ctx, l.ID, []string{"bo@example.org"}); err != nil {
		t.Fatal(err)
	}
	h.reread(ctx, h.path)
	active := func() (names []string) {
		members, err := h.desk.ListMembers(ctx, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range members {
			if m.State == list.Active {
				names = append(names, m.Address)
			}
		}
		return names
	}
	if got := fmt.Sprint(active()); got != "[ann@example.org]" {
		t.Errorf("after the file was read again: %s", got)
	}
	if n, err := h.desk.AddMembers(ctx, l.ID, []message.Address{{Addr: "BO@example.org"}}); n != 1 || err != nil {
		t.Errorf("the operator's word: %d, %v", n, err)
	}
	if got := fmt.Sprint(active()); got != "[ann@example.org bo@example.org]" {
		t.Errorf("after the operator's word: %s", got)
	}
}
