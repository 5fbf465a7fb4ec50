package smtpd

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"parley/list"
)

func TestShutdownWaitsForTransactions(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	idle, fresh, busy, chunk := h.visit(t, "127.0.0.2"), h.visit(t, "127.0.0.3"), h.visit(t, "127.0.0.4"), h.visit(t, "127.0.0.5")
	idle.play(greeted)
	fresh.play("S 220")
	busy.play("D\nR \"Subject: x\\r\\n\"")
	chunk.play("M\nR \"BDAT 6\\r\\nhello\\r\"\nS 250")
	done := make(chan error, 1)
	go func() { done <- h.Shutdown(context.Background()) }()
	idle.play("S 421 4.3.2\nX")
	fresh.play("S 421 4.3.2\nX")
	if c, err := net.Dial("tcp", h.addr); err == nil {
		c.Close()
		t.Error("it still listens")
	}
	busy.play("R \".\\r\\n\"\nS 250 2.0.0 queued\nS 421 4.3.2\nX")
	chunk.play("R \"BDAT 1 LAST\\r\\n\\n\"\nS 250 2.0.0 queued\nS 421 4.3.2\nX")
	for _, v := range []*visitor{idle, fresh, busy, chunk} {
		v.conn.Close()
	}
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if len(h.ledger.receipts()) != 2 {
		t.Errorf("stored %d, want 2", len(h.ledger.receipts()))
	}
	if err := h.Serve(nullListener{}, SMTP); !errors.Is(err, ErrClosed) {
		t.Errorf("Serve after Shutdown: %v", err)
	}
}

type nullListener struct{ net.Listener }

func (nullListener) Close() error { return nil }

func TestShutdownEnds(t *testing.T) {
	t.Parallel()
	begun := make(chan context.Context, 1)
	desk := &stuckDesk{begun: begun}
	h := open(t, Config{}, nil)
	h.Server.desk = desk
	stuck, half := h.visit(t, "127.0.0.2"), h.visit(t, "127.0.0.3")
	stuck.play("D\nR \"hello\\r\\n.\\r\\n\"")
	half.play("D\nR \"hello\\r\\n\"")
	ctx := <-begun
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if err := h.Shutdown(now); !errors.Is(err, context.Canceled) {
		t.Errorf("Shutdown: %v", err)
	}
	half.play("X")
	stuck.play("X")
	<-ctx.Done()
}

// stuckDesk takes mail until its context ends.
type stuckDesk struct {
	ledger
	begun chan context.Context
}

func (d *stuckDesk) Receive(ctx context.Context, _ list.Envelope, _ []byte) error {
	d.begun <- ctx
	<-ctx.Done()
	return ctx.Err()
}

func TestReconfigure(t *testing.T) {
	t.Parallel()
	h := open(t, Config{Limits: Limits{PerClient: 1}}, nil)
	first := h.visit(t, "127.0.0.2")
	first.play(greeted)
	h.visit(t, "127.0.0.2").play("S 421 4.7.0\nX")
	h.Reconfigure(Config{Hostname: "ignored.example.org", Trust: prefixes("127.0.0.2/32"), MaxSize: func() int64 { return 7 }})
	second := h.visit(t, "127.0.0.2")
	second.play("M\nC DATA\nS 354\nR \"123456\\r\\n.\\r\\n\"\nS 552")
	second.play("C MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354\nR \"12345\\r\\n.\\r\\n\"\nS 250")
	first.play("C MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354\nR \"123456\\r\\n.\\r\\n\"\nS 250")
	h.stored(t, "12345\r\n", "123456\r\n")
	got := h.ledger.receipts()
	if !got[0].env.Auth.Trusted || got[1].env.Auth.Trusted {
		t.Errorf("trusted: new %v, old %v", got[0].env.Auth, got[1].env.Auth)
	}
}

func TestWriteDeadline(t *testing.T) {
	t.Parallel()
	h := open(t, Config{Limits: Limits{Write: 50 * time.Millisecond, Junk: 1 << 30, Linger: time.Millisecond}}, nil)
	v := h.visit(t, "127.0.0.2")
	v.conn.(*net.TCPConn).SetReadBuffer(4096)
	flood := make([]byte, 0, 6*10000)
	for range 10000 {
		flood = append(flood, "NOOP\r\n"...)
	}
	for { // a client that never reads
		if _, err := v.conn.Write(flood); err != nil {
			break
		}
	}
	v.conn.Close()
	h.nobodyIn(t)
}
