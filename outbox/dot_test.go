package outbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"parley/list"
)

// journal is what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, what)
}

func (j *journal) count(what string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if l == what {
			n++
		}
	}
	return n
}

// bubble makes a config in which sink, ledger and Runner live in one synctest
// bubble: its clock runs only when everything waits.
func bubble(t testing.TB, s *sink, l *ledger) Config {
	cfg := config(t, l)
	cfg.Dial = s.dial
	l.limit = 1000 * giveUpAfter
	return cfg
}

// The central rule: no final dot before the previous result of its connection
// is committed. While the store stands still, each connection has sent one
// mail and the envelope of the next, and nothing more.
func TestFinalDotWaitsForThePreviousCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen journal
		commit := make(chan struct{})
		s, l := newSink(), newLedger(personal(1, 200, "example.org")...)
		s.event = func(what string, _ int) { seen.add(what) }
		l.hold = func([]list.Result) { <-commit }
		stop := start(t, bubble(t, s, l))
		synctest.Wait()
		conns := s.connections()
		if dots, mails := seen.count("DOT"), seen.count("MAIL"); dots != conns || mails != 2*conns {
			t.Errorf("with nothing committed: %d final dots and %d envelopes on %d connections", dots, mails, conns)
		}
		commit <- struct{}{}
		synctest.Wait()
		if dots := seen.count("DOT"); dots <= conns || dots > 2*s.connections() {
			t.Errorf("after one commit: %d final dots on %d connections", dots, s.connections())
		}
		close(commit)
		l.wait(t, l.settled(200))
		stop()
		if got := len(s.mails()); got != 200 {
			t.Errorf("%d mails arrived, want 200", got)
		}
	})
}

// The same in detail: on each connection, the commit of a copy comes before the
// final dot of the one after it.
func TestCommitsAndDotsAlternate(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	dots, committed := map[int]int{}, map[int]int{}
	conn := map[string]int{} // which connection had a recipient
	s, l := newSink(), newLedger(personal(1, 600, "example.org")...)
	s.dot = func(m delivery, rcpt string) string {
		mu.Lock()
		defer mu.Unlock()
		if conn[rcpt] = m.conn; dots[m.conn] > committed[m.conn] {
			t.Errorf("connection %d: dot %d with %d results committed", m.conn, dots[m.conn]+1, committed[m.conn])
		}
		dots[m.conn]++
		return ""
	}
	l.hold = func(results []list.Result) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range results {
			committed[conn[r.Copy.Rcpts[0].Address]]++
		}
	}
	start(t, toSink(t, config(t, l), s.listen(t)))
	l.wait(t, l.settled(600))
}

func TestReadyIsAskedBeforeTheDot(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"small": 10, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var seen journal
				s := newSink()
				s.event = func(what string, _ int) { seen.add(what) }
				c := open(t, "smtp://relay.example.org", Route{Dial: s.dial})
				tx := mailTo(&Mail{Dressed: dressed(string(slices.Repeat([]byte("x\r\n"), size)))}, "b@example.org")
				goOn := make(chan struct{})
				tx.Ready = func(context.Context) error { <-goOn; return nil }
				done := make(chan []list.Answer)
				go func() {
					answers, _ := c.Send(context.Background(), tx)
					done <- answers
				}()
				synctest.Wait()
				if seen.count("DATA") != 1 || seen.count("DOT") != 0 {
					t.Errorf("before Ready: %v", seen.lines)
				}
				close(goOn)
				if got := brief(<-done); got != "250 delivered" || seen.count("DOT") != 1 {
					t.Errorf("after Ready: %s, %v", got, seen.lines)
				}
				c.Close()
			})
		})
	}
}

// A result that cannot be committed stops the connection before its next dot;
// nobody gets half a mail.
func TestNoDotWithoutReady(t *testing.T) {
	t.Parallel()
	s := newSink()
	c := sender(t, s, "")
	tx := mailTo(hello(), "b@example.org")
	tx.Ready = func(context.Context) error { return errors.New("disk full") }
	answers, fault := c.Send(t.Context(), tx)
	if brief(answers) != "0 later" || fault != LaneFault {
		t.Errorf("got %+v, fault %d", answers, fault)
	}
	if answers, _ := c.Send(t.Context(), mailTo(hello(), "b@example.org")); brief(answers) != "250 delivered" {
		t.Errorf("the next mail: %+v", answers)
	}
	if n := len(s.mails()); n != 1 {
		t.Errorf("%d mails arrived, want 1", n)
	}
}
