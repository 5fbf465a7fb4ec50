package outbox

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/list"
)

// A server that never answers costs a timeout, and which one depends on where.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sink  func(*sink)
		after time.Duration
		fault Fault
	}{
		"banner":    {func(s *sink) { s.banner = func(int) string { return silent } }, 5 * time.Minute, HostFault},
		"EHLO":      {func(s *sink) { s.hello = func() string { return silent } }, 5 * time.Minute, HostFault},
		"MAIL":      {func(s *sink) { s.mail = func(string) string { return silent } }, 5 * time.Minute, LaneFault},
		"RCPT":      {func(s *sink) { s.rcpt = refuse(silent, "b") }, 5 * time.Minute, LaneFault},
		"DATA":      {func(s *sink) { s.data = func(int) string { return silent } }, 2 * time.Minute, LaneFault},
		"final dot": {func(s *sink) { s.dot = func(delivery, string) string { return silent } }, 10 * time.Minute, LaneFault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSink()
				c.sink(s)
				snd := open(t, "smtp://relay.example.org", Route{Dial: s.dial})
				began := time.Now()
				answers, fault := snd.Send(t.Context(), mailTo(hello(), "b@example.org"))
				if d := time.Since(began); brief(answers) != "0 later" || fault != c.fault || d != c.after {
					t.Errorf("got %+v, fault %d after %s; want fault %d after %s", answers, fault, d, c.fault, c.after)
				}
			})
		})
	}
}

// A server that reads nothing: the mail does not fit into anybody's buffer.
func TestServerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		stuck := make(chan struct{})
		s.event = func(what string, _ int) {
			if what == "RCPT" {
				<-stuck
			}
		}
		m := &Mail{Dressed: dressed(strings.Repeat("x\r\n", 1<<20))}
		began := time.Now()
		answers, _ := open(t, "smtp://relay.example.org", Route{Dial: s.dial}).Send(t.Context(), mailTo(m, "b@example.org"))
		if d := time.Since(began); brief(answers) != "0 later" || d > 6*time.Minute {
			t.Errorf("got %+v after %s", answers, d)
		}
		close(stuck)
	})
}

// Dying at any moment loses nothing: what was claimed and has no result is
// there for the next start, and the server has at most one mail for each
// connection that nobody knows of.
func TestDeathAtAnyMoment(t *testing.T) {
	t.Parallel()
	for after := range 12 {
		synctest.Test(t, func(t *testing.T) {
			const copies = 150
			s, l := newSink(), newLedger(personal(1, copies, "example.org")...)
			s.dot = func(delivery, string) string { time.Sleep(time.Second); return "" }
			alive := make(chan struct{}, 1) // empty: no commit gets through any more, as after SIGKILL
			alive <- struct{}{}
			l.hold = func([]list.Result) { alive <- <-alive }
			stop := start(t, bubble(t, s, l))
			time.Sleep(time.Duration(after)*500*time.Millisecond + time.Millisecond)
			<-alive
			l.mu.Lock()
			known := len(l.ended)
			waiting, taken := len(l.waiting), len(l.taken)
			l.mu.Unlock()
			if known+waiting+taken != copies {
				t.Errorf("%d ended, %d wait, %d under way: %d copies are lost", known, waiting, taken, copies-known-waiting-taken)
			}
			time.Sleep(time.Hour)
			if unknown := len(s.mails()) - known; unknown > s.connections() {
				t.Errorf("%d mails over %d connections would go out twice", unknown, s.connections())
			}
			alive <- struct{}{}
			stop()
		})
	}
}

// The mail of a job is read once, however many connections ask for it, and
// what is not used goes.
func TestShelf(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	loads := map[list.JobID]int{}
	const room = 2*(4000+jobSize) + 100 // for two of them
	s := newShelf(room, func(_ context.Context, id list.JobID) (*job, error) {
		mu.Lock()
		defer mu.Unlock()
		loads[id]++
		return &job{mail: &Mail{Dressed: list.Dressed{Body: make([]byte, 4000)}}}, nil
	})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := s.get(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, id := range []list.JobID{2, 1, 3, 1, 2} { // 2 had to go for 3
		if _, err := s.get(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	if loads[1] != 1 || loads[2] != 2 || loads[3] != 1 || s.bytes > room {
		t.Errorf("loads %v, %d bytes", loads, s.bytes)
	}
}

func TestLogHasNoToken(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s, l := newSink(), newLedger(personal(1, 1, "example.org")...)
	s.rcpt = refuse("550 5.7.1 <dev+bounce-abcdefghijklmnopqrstu00001@lists.example.org> may not send", "m")
	cfg := toSink(t, config(t, l), s.listen(t))
	cfg.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	stop := start(t, cfg)
	l.wait(t, l.settled(1))
	stop()
	ended, _ := l.results()
	if text := ended[0].Answers[0].Text; text != "<dev+bounce-...@lists.example.org> may not send" {
		t.Errorf("text %q", text)
	}
	for _, want := range []string{"copy refused", "rcpt=m00001@example.org", "code=550", "job=1", "list=1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in the log: %s", want, &out)
		}
	}
	if strings.Contains(out.String(), "abcdefghij") || strings.Contains(out.String(), "Hello") {
		t.Errorf("the log says too much: %s", &out)
	}
}
