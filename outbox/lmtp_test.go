package outbox

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/list"
)

// lmtpSink listens on a Unix socket.
func lmtpSink(t *testing.T) (*sink, string) {
	t.Helper()
	s := newSink()
	s.lmtp = true
	// Not t.TempDir(): its paths can be longer than a socket's may be.
	dir, err := os.MkdirTemp("", "lmtp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(nc)
		}
	}()
	return s, "lmtp+unix:" + path
}

func TestLMTPAnswersEachRecipient(t *testing.T) {
	t.Parallel()
	s, url := lmtpSink(t)
	s.rcpt = refuse("550 5.1.1 who?", "b")
	s.dot = func(_ delivery, rcpt string) string {
		return map[byte]string{'c': "552 5.2.2 mailbox full", 'd': "452 4.2.2 mailbox nearly full"}[rcpt[0]]
	}
	c := sender(t, s, url)
	answers, fault := c.Send(t.Context(), mailTo(hello(), "a@example.org", "b@example.org", "c@example.org", "d@example.org", "e@example.org"))
	if got := brief(answers); got != "250 delivered, 550 bounced, 552 bounced, 452 later at once, 250 delivered" || fault != NoFault {
		t.Errorf("got %s, fault %d", got, fault)
	}
	var rcpts []string
	for _, m := range s.mails() {
		rcpts = append(rcpts, m.rcpts...)
	}
	if !slices.Equal(rcpts, []string{"a@example.org", "e@example.org"}) || !strings.HasPrefix(s.commands()[0], "LHLO lists.example.org") {
		t.Errorf("delivered to %v after %q", rcpts, s.commands()[0])
	}
}

// A server that goes away between two recipients has answered the first for good.
func TestLMTPServerDiesBetweenTwoAnswers(t *testing.T) {
	t.Parallel()
	s, url := lmtpSink(t)
	s.dot = func(_ delivery, rcpt string) string {
		if rcpt == "b@example.org" {
			return drop
		}
		return ""
	}
	answers, fault := sender(t, s, url).Send(t.Context(), mailTo(hello(), "a@example.org", "b@example.org", "c@example.org"))
	if got := brief(answers); got != "250 delivered, 0 later, 0 later" || fault != LaneFault {
		t.Errorf("got %s, fault %d", got, fault)
	}
}

func TestLMTPRunner(t *testing.T) {
	t.Parallel()
	s, url := lmtpSink(t)
	l := newLedger(append(personal(1, 50, "example.org"), shared(100, 30))...)
	cfg := config(t, l)
	var err error
	if cfg.Relay, err = ParseRelay(url, ""); err != nil {
		t.Fatal(err)
	}
	stop := start(t, cfg)
	l.wait(t, l.settled(51))
	stop()
	if n := len(s.mails()); n != 80 {
		t.Errorf("%d mails arrived, want 80", n)
	}
	ended, _ := l.results()
	for _, r := range ended {
		if slices.ContainsFunc(r.Answers, func(a list.Answer) bool { return a.Outcome != list.Delivered }) {
			t.Errorf("%+v", r)
		}
	}
}
