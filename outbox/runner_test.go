package outbox

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/list"
)

func TestPersonalCopiesGoOut(t *testing.T) {
	t.Parallel()
	s, l := newSink(), newLedger(personal(1, 500, "example.org")...)
	stop := start(t, toSink(t, config(t, l), s.listen(t)))
	l.wait(t, l.settled(500))
	stop()
	mails := s.mails()
	seen := map[string]bool{}
	for _, m := range mails {
		seen[m.rcpts[0]+" "+m.from] = true
		if !strings.Contains(m.from, "+bounce-") || len(m.rcpts) != 1 {
			t.Errorf("envelope %s %v", m.from, m.rcpts)
		}
	}
	if len(mails) != 500 || len(seen) != 500 {
		t.Errorf("%d mails, %d distinct envelopes, want 500", len(mails), len(seen))
	}
	ended, later := l.results()
	if len(later) != 0 || ended[0].Answers[0].Outcome != list.Delivered || ended[0].Answers[0].Code != 250 {
		t.Errorf("%d later; first answer %+v", len(later), ended[0].Answers[0])
	}
	if n := s.connections(); n > 24 {
		t.Errorf("%d connections, want at most 24", n)
	}
}

func TestForwardKeepsItsSender(t *testing.T) {
	t.Parallel()
	for _, from := range []string{"a@example.org", ""} {
		c := personal(1, 1, "example.org")
		c[0].Rcpts[0].Member = 0
		s, l := newSink(), newLedger(c...)
		l.source = list.Source{Kind: list.SourceMail, Sender: from}
		start(t, toSink(t, config(t, l), s.listen(t)))
		if got := s.wait(t, 1)[0].from; !strings.HasPrefix(got, "<"+from+">") {
			t.Errorf("MAIL FROM:%s, want <%s>", got, from)
		}
	}
}

// 452 after ten recipients: the rest goes out at once, ten by ten.
func TestSharedCopyIsSplit(t *testing.T) {
	t.Parallel()
	s, l := newSink(), newLedger(shared(1, 45))
	s.rcpt = upTo(10, "452 4.5.3 too many recipients")
	stop := start(t, toSink(t, config(t, l), s.listen(t)))
	l.wait(t, l.settled(1))
	stop()
	var sizes []int
	seen := map[string]int{}
	for _, m := range s.mails() {
		sizes = append(sizes, len(m.rcpts))
		for _, r := range m.rcpts {
			seen[r]++
		}
		if !strings.HasPrefix(m.from, "<dev-bounces@lists.example.org>") {
			t.Errorf("MAIL FROM:%s", m.from)
		}
	}
	if !slices.Equal(sizes, []int{10, 10, 10, 10, 5}) || len(seen) != 45 {
		t.Errorf("mails to %v, %d recipients, want 45", sizes, len(seen))
	}
}

func TestGreylistedCopyComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger(personal(1, 30, "example.org")...)
		began := time.Now()
		s.rcpt = func(string, int) string {
			if time.Since(began) < 12*time.Minute {
				return "450 4.2.0 greylisted"
			}
			return ""
		}
		stop := start(t, bubble(t, s, l))
		l.wait(t, l.settled(30))
		stop()
		if n := len(s.mails()); n != 30 {
			t.Errorf("%d mails arrived, want 30", n)
		}
		_, later := l.results()
		if len(later) != 60 { // after 5 minutes again, after 20 not
			t.Errorf("%d attempts failed, want 60", len(later))
		}
	})
}

func TestCopyIsGivenUpAfterFiveDays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger(personal(1, 1, "example.org")...)
		s.rcpt = refuse("450 4.2.1 mailbox disabled", "m")
		began := time.Now()
		start(t, bubble(t, s, l))
		l.wait(t, l.settled(1))
		ended, later := l.results()
		a := ended[0].Answers[0]
		if a.Outcome != list.Bounced || a.Code != 450 || !strings.Contains(a.Text, "mailbox disabled") {
			t.Errorf("ended with %+v", a)
		}
		if d := time.Since(began); d < giveUpAfter || d > giveUpAfter+MaxBackoff+time.Minute {
			t.Errorf("given up after %s", d)
		}
		if n := len(later); n < 25 || n > 45 {
			t.Errorf("%d attempts in five days", n+1)
		}
	})
}

// A relay that is down for an hour costs a few attempts and not one for each
// of thousands of copies each time; when it is back everything goes out.
func TestOutageIsWaitedOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const copies = 3000
		s, l := newSink(), newLedger(personal(1, copies, "example.org")...)
		cfg := bubble(t, s, l)
		began := time.Now()
		var dials atomic.Int64
		cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if dials.Add(1); time.Since(began) < time.Hour {
				return nil, errors.New("connection refused")
			}
			return s.dial(ctx, network, address)
		}
		stop := start(t, cfg)
		l.wait(t, l.settled(copies))
		stop()
		_, later := l.results()
		if n := len(later); n == 0 || n > claimBatch+40 {
			t.Errorf("%d attempts were spent on the outage", n)
		}
		if n := dials.Load(); n > 100 {
			t.Errorf("%d dials", n)
		}
		if d := time.Since(began); d > time.Hour+15*time.Minute {
			t.Errorf("everything was out after %s", d)
		}
		if n := len(s.mails()); n != copies {
			t.Errorf("%d mails arrived, want %d", n, copies)
		}
	})
}

// A relay that takes only three connections gets no more, and no copy waits
// five minutes for it.
func TestRelayThatTakesFewConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger(personal(1, 300, "example.org")...)
		var open atomic.Int64
		s.banner = func(int) string {
			if open.Add(1) > 3 {
				return "421 4.7.0 too many connections from you"
			}
			return ""
		}
		s.dot = func(delivery, string) string { time.Sleep(time.Second); return "" }
		began := time.Now()
		stop := start(t, bubble(t, s, l))
		l.wait(t, l.settled(300))
		took := time.Since(began)
		stop()
		if took > 2*time.Minute+30*time.Second {
			t.Errorf("300 copies took %s on three connections, a second each", took)
		}
		if n := len(s.mails()); n != 300 {
			t.Errorf("%d mails arrived, want 300", n)
		}
	})
}

// The dead lane has the first 2,000 copies, and its server never answers.
func TestDeadLaneHoldsNobodyBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		copies := personal(1, 2000, "dead.example")
		for i, d := range []string{"a.example", "b.example", "c.example"} {
			copies = append(copies, personal(10000*(i+1), 500, d)...)
		}
		s, l := newSink(), newLedger(copies...)
		s.rcpt = func(to string, _ int) string {
			if strings.HasSuffix(to, "@dead.example") {
				return silent
			}
			return ""
		}
		began := time.Now()
		stop := start(t, bubble(t, s, l))
		l.wait(t, l.settled(1500))
		if d := time.Since(began); d > 10*time.Second {
			t.Errorf("the living waited %s for the dead", d)
		}
		stop()
		if n := len(s.mails()); n != 1500 {
			t.Errorf("%d mails arrived, want 1500", n)
		}
		if waiting, taken := l.open(); waiting != 2000 || taken != 0 {
			t.Errorf("%d copies wait and %d have no result, want 2000 and 0", waiting, taken)
		}
	})
}

// A hundred slow domains at once: more than the pool, so their stalls must not
// count against it.
func TestManySlowLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var copies []list.Copy
		for i := range 10 {
			copies = append(copies, personal(1+100*i, 20, "slow"+string(rune('0'+i))+".example")...)
		}
		copies = append(copies, personal(5000, 500, "fast.example")...)
		s, l := newSink(), newLedger(copies...)
		s.dot = func(m delivery, rcpt string) string {
			if strings.Contains(rcpt, "@slow") {
				time.Sleep(5 * time.Minute)
			}
			return ""
		}
		fast := func() (n int) {
			for _, m := range s.mails() {
				if strings.HasSuffix(m.rcpts[0], "@fast.example") {
					n++
				}
			}
			return n
		}
		began := time.Now()
		stop := start(t, bubble(t, s, l))
		l.wait(t, func() bool { return fast() == 500 })
		if d := time.Since(began); d > time.Minute {
			t.Errorf("the fast waited %s for the slow", d)
		}
		l.wait(t, l.settled(700))
		stop()
	})
}

func TestTransactionOnTheWireGetsItsAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger(personal(1, 300, "example.org")...)
		s.dot = func(delivery, string) string { time.Sleep(15 * time.Second); return "" }
		stop := start(t, bubble(t, s, l))
		synctest.Wait() // four are at their final dots
		began := time.Now()
		stop()
		ended, later := l.results()
		if len(ended) != laneStart || len(later) != 300-laneStart || len(s.mails()) != laneStart {
			t.Errorf("%d delivered of %d that arrived, %d put off", len(ended), len(s.mails()), len(later))
		}
		if d := time.Since(began); d > 25*time.Second {
			t.Errorf("stopping took %s", d)
		}
		for _, r := range later {
			if r.Answers[0].Due.After(time.Now()) {
				t.Fatalf("a copy that was not tried is due in %s", time.Until(r.Answers[0].Due))
			}
		}
	})
}

func TestStopDoesNotWaitForTheSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger(personal(1, 20, "example.org")...)
		s.dot = func(delivery, string) string { return silent }
		stop := start(t, bubble(t, s, l))
		synctest.Wait()
		began := time.Now()
		stop()
		if d := time.Since(began); d > 25*time.Second {
			t.Errorf("stopping took %s", d)
		}
		if waiting, taken := l.open(); waiting != 20 || taken != 0 {
			t.Errorf("%d copies wait, %d have no result", waiting, taken)
		}
	})
}

// While the store cannot commit, nothing goes out; afterwards everything does,
// once.
func TestFullDiskStopsTheSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger(personal(1, 200, "example.org")...)
		l.refuse = errors.New("database or disk is full")
		stop := start(t, bubble(t, s, l))
		synctest.Wait()
		sent := len(s.mails())
		time.Sleep(time.Hour)
		if n := len(s.mails()); n != sent || n != s.connections() {
			t.Errorf("%d mails over %d connections, then %d, with nothing committed", sent, s.connections(), n)
		}
		l.mu.Lock()
		l.refuse = nil
		l.mu.Unlock()
		l.wait(t, l.settled(200))
		stop()
		if n := len(s.mails()); n != 200 {
			t.Errorf("%d mails arrived, want 200", n)
		}
	})
}

func TestBellWakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, l := newSink(), newLedger()
		cfg := bubble(t, s, l)
		bell := make(chan struct{}, 1)
		cfg.Bell = bell
		stop := start(t, cfg)
		synctest.Wait()
		began := time.Now()
		l.mu.Lock()
		l.waiting = append(l.waiting, row{Copy: personal(1, 1, "example.org")[0]})
		l.mu.Unlock()
		bell <- struct{}{}
		l.wait(t, l.settled(1))
		if d := time.Since(began); d != 0 {
			t.Errorf("a bell took %s", d)
		}
		stop()
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen journal
		s, l := newSink(), newLedger(personal(1, 50, "example.org")...)
		s.event = func(what string, _ int) { seen.add(what) }
		stop := start(t, bubble(t, s, l))
		l.wait(t, l.settled(50))
		time.Sleep(time.Minute)
		if n := seen.count("QUIT"); n != s.connections() {
			t.Errorf("%d of %d connections were closed", n, s.connections())
		}
		stop()
	})
}

func TestUnreadableMailWaits(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*ledger, *Config){
		"no source": func(l *ledger, _ *Config) { l.source.Kind = "" },
		"panic": func(_ *ledger, c *Config) {
			c.Dress = func(list.Source, list.Site) list.Dressed { panic("odd mail") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, l := newSink(), newLedger(personal(1, 3, "example.org")...)
			cfg := toSink(t, config(t, l), s.listen(t))
			spoil(l, &cfg)
			start(t, cfg)
			l.wait(t, l.deferred(3))
			if len(s.mails()) != 0 || s.connections() != 0 {
				t.Error("something was sent")
			}
		})
	}
}
