package smtpd

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// drip writes text one byte a tick until it cannot, then closes done.
func drip(c net.Conn, text string, tick time.Duration) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for i := range text {
			<-ticker.C
			if _, err := c.Write([]byte(text[i : i+1])); err != nil {
				return
			}
		}
	}()
	return done
}

func TestHostile20SlowCommands(t *testing.T) {
	t.Parallel()
	t.Run("one line", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{Limits: Limits{Command: 100 * time.Millisecond}}, nil)
		v := h.visit(t, "127.0.0.2")
		v.play("S 220")
		done := drip(v.conn, "MAIL FROM:<"+strings.Repeat("x", 1500), 10*time.Millisecond)
		v.play("S 421 4.4.2\nX")
		v.conn.Close()
		<-done
		h.nobodyIn(t)
	})
	t.Run("whole session", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{Limits: Limits{Session: 100 * time.Millisecond, Junk: 1 << 30}}, nil)
		v := h.visit(t, "127.0.0.2")
		v.play("S 220")
		for {
			v.send("NOOP\r\n")
			if got := v.answer(); strings.HasPrefix(got, "421 4.4.2") {
				break
			}
		}
		v.over()
		v.conn.Close()
		h.nobodyIn(t)
	})
}

// nobodyIn waits until the server has forgotten all its sessions.
func (h *house) nobodyIn(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Errorf("sessions are left: %v", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.turns.open != 0 || len(h.turns.of) != 0 {
		t.Errorf("%d connections are still counted, %v", h.turns.open, h.turns.of)
	}
}

func TestHostile21SlowBody(t *testing.T) {
	t.Parallel()
	h := open(t, Config{Limits: Limits{Grace: 150 * time.Millisecond}}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("D")
	done := drip(v.conn, "Subject: x\r\n\r\n"+strings.Repeat("x", 1500)+"\r\n.\r\n"+smuggled, 10*time.Millisecond)
	v.play("S 451 4.4.2\nX")
	v.conn.Close()
	<-done
	h.nobodyIn(t)
	h.stored(t)
}

func TestHostile22IdleCrowd(t *testing.T) {
	t.Parallel()
	const crowd = 2000
	cfg := Config{Limits: Limits{PerMinute: 10 * crowd}}
	h := open(t, cfg, nil)
	in := 0
	for range crowd {
		v := h.visit(t, "127.0.0.2")
		if got := v.answer(); strings.HasPrefix(got, "220 ") {
			in++
			continue
		} else if !strings.HasPrefix(got, "421 4.7.0 ") {
			t.Fatalf("got %q", got)
		}
		v.over()
		v.conn.Close()
	}
	if in != 20 {
		t.Errorf("%d idle connections of one client, want 20", in)
	}
	other := h.visit(t, "127.0.0.3")
	other.play("D\nR \"hello\\r\\n.\\r\\n\"\nS 250\nN")
	h.stored(t, "hello\r\n")
}

func TestHostile22NoLimitForTrusted(t *testing.T) {
	t.Parallel()
	tight := Limits{PerClient: 1, PerMinute: 2, Connections: 1}
	for name, cfg := range map[string]Config{
		"trust":  {Trust: prefixes("127.0.0.2/32"), Limits: tight},
		"fronts": {Fronts: prefixes("127.0.0.0/8"), Limits: tight},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, cfg, nil)
			for range 50 {
				h.visit(t, "127.0.0.2").play("S 220\nN")
			}
		})
	}
	t.Run("stranger", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{Limits: tight}, nil)
		h.visit(t, "127.0.0.2").play("S 220\nN")
		h.visit(t, "127.0.0.3").play("S 421 4.7.0\nX")
	})
}

func TestHostile23Rush(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	refused := 0
	for range 700 { // even when a minute ends in between
		v := h.visit(t, "127.0.0.2")
		if strings.HasPrefix(v.answer(), "421 4.7.0 ") {
			refused++
		} else {
			v.play("C QUIT\nS 221\nX")
		}
		v.conn.Close()
	}
	if refused < 100 {
		t.Errorf("%d of 700 connections refused", refused)
	}
	h.visit(t, "127.0.0.3").play("D\nR \"hello\\r\\n.\\r\\n\"\nS 250\nN")
	h.stored(t, "hello\r\n")
}

func TestHostile24ManyRecipients(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org>\nS 250")
	for range 100 {
		v.play("C RCPT TO:<dev@lists.example.org>\nS 250")
	}
	v.play("C RCPT TO:<dev@lists.example.org>\nS 452 4.5.3\nC DATA\nS 354\nR \"hello\\r\\n.\\r\\n\"\nS 250\nN")
	h.stored(t, "hello\r\n")
	if n := len(h.ledger.receipts()[0].env.To); n != 100 {
		t.Errorf("%d recipients, want 100", n)
	}
}

func TestHostile25UnknownList(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{{name: "unknown", script: `
		S 220
		C EHLO client.example.org
		S 250
		C MAIL FROM:<anna@example.org>
		S 250
		C RCPT TO:<nobody@lists.example.org>
		S 550 5.1.1
		C DATA
		S 502
		N`}})
}

func TestHostile26Harvest(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	var pauses atomic.Int32
	h.Server.pause = func(_ context.Context, d time.Duration) {
		if d != time.Second {
			t.Errorf("answer delayed by %v", d)
		}
		pauses.Add(1)
	}
	v := h.visit(t, "127.0.0.2")
	v.play("S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org>\nS 250")
	for i := range 10 {
		v.play(fmt.Sprintf("C RCPT TO:<guess%d@lists.example.org>\nS 550 5.1.1", i))
		if want := int32(max(0, i+1-3)); pauses.Load() != want {
			t.Errorf("after %d guesses %d answers were delayed, want %d", i+1, pauses.Load(), want)
		}
	}
	v.play("S 421 4.7.0\nX")
}

func TestHostile26FreeClientsMayGuess(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"trust":  {Trust: prefixes("127.0.0.2/32")},
		"fronts": {Fronts: prefixes("127.0.0.2/32")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, cfg, nil)
			h.Server.pause = func(context.Context, time.Duration) { t.Error("an answer was delayed") }
			v := h.visit(t, "127.0.0.2")
			v.play("S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org>\nS 250")
			for i := range 200 {
				v.play(fmt.Sprintf("C RCPT TO:<guess%d@lists.example.org>\nS 550 5.1.1", i))
			}
			v.play("N")
		})
	}
}

func TestHostile27Relay(t *testing.T) {
	t.Parallel()
	for _, rcpt := range []string{
		"<eve@example.net>", "<eve%example.net@lists.example.org>", "<@lists.example.org,@x.example.net:eve@example.net>",
		"<@x.example.net:dev@lists.example.org>", "<example.net!eve>", "<example.net!eve@lists.example.org>",
		`<"eve@example.net"@lists.example.org>`, "<dev@[127.0.0.1]>", "eve@example.net", "<eve%example.net>",
	} {
		t.Run(rcpt, func(t *testing.T) {
			t.Parallel()
			for _, cfg := range []Config{{}, {Trust: prefixes("127.0.0.0/8")}} {
				h := open(t, cfg, nil)
				v := h.visit(t, "127.0.0.2")
				v.play("S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org>\nS 250")
				v.play("C RCPT TO:" + rcpt + "\nS 550 5.7.1 Relay denied\nN\nC DATA\nS 502\nN")
				h.stored(t)
			}
		})
	}
}

func TestHostile28VerifyAndExpand(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("S 220\nC EHLO client.example.org\nS 250")
	for verb, code := range map[string]string{"VRFY": "252", "EXPN": "502"} {
		var answers []string
		for _, who := range []string{"dev@lists.example.org", "anna@example.org", "nobody"} {
			v.send(verb + " " + who + "\r\n")
			answers = append(answers, v.expect(code))
		}
		if answers[0] != answers[1] || answers[1] != answers[2] {
			t.Errorf("%s answers differ: %q", verb, answers)
		}
	}
	v.play("N")
	if asked := h.ledger.questions(); len(asked) != 0 {
		t.Errorf("lists were asked about %q", asked)
	}
	h.stored(t)
}

func TestHostile29Junk(t *testing.T) {
	t.Parallel()
	for _, cmd := range []string{"NOOP", "RSET", "VRFY anna", "EHLO client.example.org", "BDAT 0", "AUTH PLAIN", "XYZZ"} {
		t.Run(cmd, func(t *testing.T) {
			t.Parallel()
			h := open(t, Config{}, nil)
			v := h.visit(t, "127.0.0.2")
			v.play("S 220")
			for i := 1; ; i++ {
				v.send(cmd + "\r\n")
				if strings.HasPrefix(v.answer(), "421 ") || i > 101 {
					if i > 101 {
						t.Errorf("closed after %d commands, want 100", i)
					}
					break
				}
				if cmd == "XYZZ" && i == 4 { // go-smtp's own limit for what nobody knows
					v.play("S 500")
					break
				}
			}
			v.over()
		})
	}
	t.Run("mails reset the count", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{Limits: Limits{Junk: 5}}, nil)
		v := h.visit(t, "127.0.0.2")
		v.play("S 220\nC EHLO client.example.org\nS 250")
		for range 20 {
			v.play("C RSET\nS 250\nC MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354\nR \".\\r\\n\"\nS 250")
		}
		h.stored(t, make([]string, 20)...)
	})
	t.Run("trusted", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{Trust: prefixes("127.0.0.2/32")}, nil)
		v := h.visit(t, "127.0.0.2")
		v.play("S 220" + strings.Repeat("\nN", 300))
	})
}

func TestHostile30PlainTextBehindSTARTTLS(t *testing.T) {
	t.Parallel()
	h := open(t, Config{TLS: certificate(t)}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("S 220\nC EHLO client.example.org\nS 250\nR \"STARTTLS\\r\\nMAIL FROM:<eve@example.org>\\r\\nRCPT TO:<ops@lists.example.org>\\r\\n\"\nS 220")
	s := v.secure()
	s.play("C NOOP\nS 250\nC MAIL FROM:<anna@example.org>\nS 503\nC RCPT TO:<dev@lists.example.org>\nS 503\nC DATA\nS 502\nC EHLO client.example.org\nS 250")
	s.play("C MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354\nR \"hello\\r\\n.\\r\\n\"\nS 250\nN")
	h.stored(t, "hello\r\n")
	if with := h.ledger.receipts()[0].env.Protocol; with != "ESMTPS" {
		t.Errorf("protocol %s, want ESMTPS", with)
	}
	if asked := h.ledger.questions(); len(asked) != 1 {
		t.Errorf("lists were asked about %q", asked)
	}
}

func TestHostile31TwiceAndGarbage(t *testing.T) {
	t.Parallel()
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{TLS: certificate(t)}, nil)
		v := h.visit(t, "127.0.0.2")
		v.play("S 220\nC EHLO client.example.org\nS 250\nC STARTTLS now\nS 501\nC STARTTLS\nS 220")
		s := v.secure()
		s.play("C EHLO client.example.org")
		if got := s.answer(); strings.Contains(got, "STARTTLS") {
			t.Errorf("STARTTLS is offered inside TLS: %q", got)
		}
		s.play("C STARTTLS\nS 502\nN")
	})
	t.Run("garbage", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{TLS: certificate(t)}, nil)
		v := h.visit(t, "127.0.0.2")
		v.play("S 220\nC EHLO client.example.org\nS 250\nC STARTTLS\nS 220\nC MAIL FROM:<eve@example.org>")
		rest, _ := io.ReadAll(v.r)
		if strings.Contains(string(rest), "50") && strings.Contains(string(rest), "\r\n") {
			t.Errorf("plain text in the TLS stream: %q", rest)
		}
	})
	t.Run("not configured", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{}, nil)
		h.visit(t, "127.0.0.2").play("S 220\nC EHLO client.example.org\nS 250\nC STARTTLS\nS 502\nN")
	})
}

func TestHostile32CloseNotifyInChunk(t *testing.T) {
	t.Parallel()
	h := open(t, Config{TLS: certificate(t)}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("S 220\nC EHLO client.example.org\nS 250\nC STARTTLS\nS 220")
	s := v.secure()
	s.play("C EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nR \"BDAT 50 LAST\\r\\nhello\"")
	s.conn.(interface{ CloseWrite() error }).CloseWrite()
	v.conn.Write([]byte("x"))
	s.play("S 451 4.4.2\nX")
	h.stored(t)
}
