package smtpd

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// lane is a listener in memory whose clients are strangers, so that the real
// limits can be tried with a clock that does not take their time.
type lane struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newLane() *lane { return &lane{conns: make(chan net.Conn), closed: make(chan struct{})} }

type stranger struct{ net.Conn }

func (stranger) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1} }

func (l *lane) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return stranger{c}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *lane) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *lane) Addr() net.Addr { return &net.TCPAddr{} }

// timed runs play with a client and the default limits, in a bubble.
func timed(t *testing.T, play func(t *testing.T, v *visitor)) *ledger {
	desk := &ledger{}
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Hostname: "mx.lists.example.org"}, desk, slog.New(slog.DiscardHandler))
		l := newLane()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l, SMTP) }()
		client, server := net.Pipe()
		l.conns <- server
		play(t, &visitor{t: t, conn: client, r: bufio.NewReader(client)})
		client.Close()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		<-served
		if s.Panics() != 0 {
			t.Error("a session panicked")
		}
	})
	return desk
}

// lasts is how long the server goes on while text comes one byte a tick.
func lasts(t *testing.T, v *visitor, text string, tick time.Duration) (took time.Duration, last string) {
	begin := time.Now()
	done := drip(v.conn, text, tick)
	rest, _ := io.ReadAll(v.r)
	took = time.Since(begin)
	v.conn.Close()
	<-done
	return took, string(rest)
}

func TestRealLimitsOfACommand(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, v *visitor) {
		v.play("S 220")
		took, last := lasts(t, v, strings.Repeat("x", 2000), 500*time.Millisecond)
		if took != 5*time.Minute || !strings.HasPrefix(last, "421 4.4.2") {
			t.Errorf("closed after %v: %q", took, last)
		}
	})
}

func TestRealLimitsOfASession(t *testing.T) {
	t.Parallel()
	timed(t, func(t *testing.T, v *visitor) {
		begin := time.Now()
		v.play("S 220")
		for {
			v.send("NOOP\r\n")
			if got := v.answer(); strings.HasPrefix(got, "421 4.4.2") {
				break
			}
			time.Sleep(299 * time.Second / 4) // in the bubble
			if time.Since(begin) > time.Hour-2*time.Minute {
				break
			}
		}
		last, _ := io.ReadAll(v.r)
		if took := time.Since(begin); took != time.Hour || !strings.HasPrefix(string(last), "421 4.4.2") {
			t.Errorf("closed after %v: %q", took, last)
		}
	})
}

func TestRealLimitsOfAMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tick time.Duration
		want time.Duration
	}{
		"2 bytes a second": {500 * time.Millisecond, 5 * time.Minute},
		"silent":           {time.Hour, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desk := timed(t, func(t *testing.T, v *visitor) {
				v.play("D")
				took, last := lasts(t, v, strings.Repeat("x", 1000), c.tick)
				if took != c.want || !strings.HasPrefix(last, "451 4.4.2") {
					t.Errorf("closed after %v: %q", took, last)
				}
			})
			if len(desk.receipts()) != 0 {
				t.Error("something was stored")
			}
		})
	}
}

func TestSlowButHonestMessage(t *testing.T) {
	t.Parallel()
	text := sized(600 * 1500) // 600 bytes a second for 25 minutes
	desk := timed(t, func(t *testing.T, v *visitor) {
		v.play("D")
		for rest := text; rest != ""; rest = rest[600:] {
			v.send(rest[:600])
			time.Sleep(time.Second) // in the bubble
		}
		v.play("R \".\\r\\n\"\nS 250 2.0.0 queued\nN")
	})
	if got := desk.receipts(); len(got) != 1 || got[0].raw != text {
		t.Errorf("stored %d messages", len(got))
	}
}
