package smtpd

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/list"
)

func TestEnvelope(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play(`
		S 220 mx.lists.example.org
		C EHLO Client.example.org
		S 250-mx.lists.example.org
		C mail from:<"anna"@example.org> body=8bitmime size=100
		S 250
		C rcpt to: <PostMaster>
		S 250
		C RCPT TO:<"dev"@lists.example.org>
		S 250
		C data
		S 354
		R "Subject: \xff\r\n\r\n..\r\n.\r\n"
		S 250 2.0.0 queued as `)
	got := h.ledger.receipts()[0]
	env := got.env
	if env.From != "anna@example.org" || strings.Join(env.To, " ") != "postmaster dev@lists.example.org" {
		t.Errorf("from %q to %q", env.From, env.To)
	}
	if env.Client != netip.MustParseAddr("127.0.0.2") || env.Helo != "Client.example.org" || env.Protocol != "ESMTP" {
		t.Errorf("client %v, helo %q, with %s", env.Client, env.Helo, env.Protocol)
	}
	if len(env.Session) != 8 || time.Since(env.Received) > time.Hour || env.Received.Location() != time.UTC || env.UTF8 {
		t.Errorf("session %q, received %v, utf8 %v", env.Session, env.Received, env.UTF8)
	}
	if got.raw != "Subject: \xff\r\n\r\n.\r\n" {
		t.Errorf("message %q", got.raw)
	}
	if asked := strings.Join(h.ledger.questions(), " "); asked != "postmaster dev@lists.example.org" {
		t.Errorf("asked about %q", asked)
	}
}

func TestQuotedRecipientCannotBeMisread(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play(greeted + `C MAIL FROM:<"a@b"@example.org>
		S 250
		C RCPT TO:<"dev "@lists.example.org>
		S 550 5.1.1
		C RCPT TO:<"dev@lists.example.org> <x"@lists.example.org>
		S 550 5.7.1
		N`)
	if asked := h.ledger.questions(); len(asked) != 1 || asked[0] != `"dev "@lists.example.org` {
		t.Errorf("asked about %q", asked)
	}
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	h := open(t, Config{MaxSize: func() int64 { return 12345 }, TLS: certificate(t)}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("S 220\nC EHLO client.example.org")
	got := v.answer()
	for _, want := range []string{"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING", "SMTPUTF8", "SIZE 12345", "LIMITS RCPTMAX=100", "STARTTLS"} {
		if !strings.Contains(got, want+"\r\n") {
			t.Errorf("%s is missing in %q", want, got)
		}
	}
	for _, no := range []string{"AUTH", "DSN", "BINARYMIME"} {
		if strings.Contains(got, no) {
			t.Errorf("%s in %q", no, got)
		}
	}
}

func TestAcknowledgedAfterReceive(t *testing.T) {
	t.Parallel()
	arrived, kept := make(chan bool), make(chan bool)
	h := open(t, Config{}, &ledger{receive: func(list.Envelope) error {
		arrived <- true
		<-kept
		return nil
	}})
	v := h.visit(t, "127.0.0.2")
	v.play("D\nR \"hello\\r\\n.\\r\\nNOOP\\r\\n\"")
	<-arrived
	v.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if line, err := v.r.ReadString('\n'); err == nil {
		t.Errorf("answered before the mail was kept: %q", line)
	}
	v.conn.SetReadDeadline(time.Now().Add(patience))
	kept <- true
	v.play("S 250 2.0.0 queued as\nS 250")
	h.stored(t, "hello\r\n")
}

func TestErrorsOfTheDesk(t *testing.T) {
	t.Parallel()
	for code, err := range map[string]error{
		"451 4.3.0 Try again later (session ": errors.New("database is locked"),
		"550 5.7.1 Too young (session ":       fmt.Errorf("post: %w", list.Errorf(list.Refused, "Too young")),
		"452 4.3.1 ":                          &list.Error{Kind: list.Full},
	} {
		for _, how := range []string{"DATA\r\nhello\r\n.\r\n", "BDAT 7 LAST\r\nhello\r\n"} {
			h := open(t, Config{}, &ledger{receive: func(list.Envelope) error { return err }})
			v := h.visit(t, "127.0.0.2")
			v.play("M")
			v.send(how)
			if strings.HasPrefix(how, "DATA") {
				v.expect("354")
			}
			v.play("S " + code + "\nN")
			h.stored(t)
		}
	}
}

// tap counts the writes of a server.
type tap struct {
	net.Listener
	mu     sync.Mutex
	writes []string
}

type tapped struct {
	net.Conn
	tap *tap
}

func (l *tap) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tapped{c, l}, nil
}

func (c *tapped) Write(p []byte) (int, error) {
	c.tap.mu.Lock()
	c.tap.writes = append(c.tap.writes, string(p))
	c.tap.mu.Unlock()
	return c.Conn.Write(p)
}

func TestOneWriteForAGroup(t *testing.T) {
	t.Parallel()
	s := New(Config{Hostname: "mx.lists.example.org"}, &ledger{}, open(t, Config{}, nil).log)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tp := &tap{Listener: l}
	served := make(chan error, 1)
	go func() { served <- s.Serve(tp, SMTP) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	v := guest(t, c)
	v.play("S 220\nC EHLO client.example.org\nS 250")
	v.play(`R "MAIL FROM:<anna@example.org>\r\nRCPT TO:<dev@lists.example.org>\r\nRCPT TO:<ops@lists.example.org>\r\nDATA\r\n"` + "\nS 250\nS 250\nS 250\nS 354")
	v.play(`R "hello\r\n.\r\n"` + "\nS 250 2.0.0 queued\nC QUIT\nS 221\nX")
	c.Close()
	s.Shutdown(t.Context())
	<-served
	var heads []string
	for _, w := range tp.writes {
		heads = append(heads, fmt.Sprintf("%s*%d", w[:3], strings.Count(w, "\r\n")))
	}
	if got := strings.Join(heads, " "); got != "220*1 250*8 250*3 354*1 250*1 221*1" {
		t.Errorf("writes: %s", got)
	}
}

func TestLMTP(t *testing.T) {
	t.Parallel()
	h := openAs(t, Config{}, &ledger{receive: func(env list.Envelope) error {
		if env.To[0] == "ops@lists.example.org" {
			return list.Errorf(list.Refused, "Not on ops")
		}
		return nil
	}}, LMTP)
	script := `
		C MAIL FROM:<anna@example.org>
		S 250
		C RCPT TO:<dev@lists.example.org>
		S 250
		C RCPT TO:<ops@lists.example.org>
		S 250
		C RCPT TO:<nobody@lists.example.org>
		S 550 5.1.1
		C RCPT TO:<dev@lists.example.org>
		S 250
		%s
		S 250 2.0.0 <dev@lists.example.org> queued as
		S 550 5.7.1 <ops@lists.example.org> Not on ops
		S 250 2.0.0 <dev@lists.example.org> queued as
		N`
	v := h.visit(t, "127.0.0.2")
	v.play("S 220 mx.lists.example.org LMTP\nC EHLO client.example.org\nS 500\nC LHLO client.example.org\nS 250-mx")
	v.play(fmt.Sprintf(script, "C DATA\nS 354\nR \"hello\\r\\n.\\r\\n\""))
	v.play(fmt.Sprintf(script, "R \"BDAT 7 LAST\\r\\nhello\\r\\n\""))
	h.stored(t, "hello\r\n", "hello\r\n", "hello\r\n", "hello\r\n")
	if with := h.ledger.receipts()[0].env.Protocol; with != "LMTP" {
		t.Errorf("with %s", with)
	}
	v.play("C MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC RCPT TO:<ops@lists.example.org>\nS 250\nC DATA\nS 354\nR \"a\\nb\\r\\n.\\r\\n\"\nS 550 5.6.0\nS 550 5.6.0\nN")
}

func TestLMTPMissingAnswerIsTemporary(t *testing.T) {
	t.Parallel()
	o := &session{id: "abc"}
	all, code := o.outcomes([]error{nil, errMissing})
	if all[0].Code != 250 || all[1].Code != 451 || code != 451 {
		t.Errorf("%v, %d", all, code)
	}
}

func TestUnixSocket(t *testing.T) {
	t.Parallel()
	desk := &ledger{}
	s := New(Config{Hostname: "mx.lists.example.org", Limits: Limits{Connections: 1, PerClient: 1, Junk: 3}, LMTPTrust: true}, desk, open(t, Config{}, nil).log)
	socket := filepath.Join(t.TempDir(), "lmtp.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, LMTP) }()
	for range 5 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		v := guest(t, c)
		v.play("S 220\nC LHLO client.example.org\nS 250" + strings.Repeat("\nN", 10))
		v.play("C MAIL FROM:<>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354\nR \"hello\\r\\n.\\r\\n\"\nS 250 2.0.0")
		defer c.Close()
	}
	for _, got := range desk.receipts() {
		if got.env.Client.IsValid() || !got.env.Auth.Trusted || got.env.From != "" {
			t.Errorf("envelope %+v", got.env)
		}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Errorf("Shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	h := open(t, Config{Limits: Limits{Memory: 100_000}}, nil)
	a, b := h.visit(t, "127.0.0.2"), h.visit(t, "127.0.0.3")
	a.play("M")
	a.send("BDAT 90000\r\n" + sized(90000))
	a.play("S 250")
	b.play("D")
	b.send(sized(50000) + ".\r\n")
	b.play("S 452 4.3.1\nN")
	a.play("C BDAT 0 LAST\nS 250 2.0.0 queued\nN")
	b.play("C MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354")
	b.send(sized(50000) + ".\r\n")
	b.play("S 250 2.0.0 queued\nN")
	h.stored(t, sized(90000), sized(50000))
	if n := h.memory.used.Load(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

func TestLogHasNoToken(t *testing.T) {
	t.Parallel()
	h := open(t, Config{}, &ledger{knows: func(rcpt string) error {
		if strings.Contains(rcpt, "leave") {
			return list.Errorf(list.Unknown, "No such token")
		}
		return nil
	}})
	v := h.visit(t, "127.0.0.2")
	v.play(greeted + "C MAIL FROM:<x+y-secretsecret@example.org>\nS 250\nC RCPT TO:<dev+leave-secretsecret@lists.example.org>\nS 550\nC RCPT TO:<dev+bounce-secretsecret@lists.example.org>\nS 250\nC DATA\nS 354\nR \"Subject: secretsecret\\r\\n.\\r\\n\"\nS 250\nC QUIT\nS 221\nX")
	h.stored(t, "Subject: secretsecret\r\n")
	log := h.diary.String()
	for _, want := range []string{"mail taken", "recipient refused", "dev+bounce-", "size=23", "code=250", "rcpts=1"} {
		if !strings.Contains(log, want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
	if strings.Contains(log, "secret") {
		t.Errorf("a token or a text is in the log:\n%s", log)
	}
}

func TestTurnstile(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	turns, limits := newTurnstile(), Limits{Connections: 100, PerClient: 50, PerMinute: 2}
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:2")
	for i, step := range []struct {
		who  netip.Addr
		at   time.Duration
		want string
	}{
		{a, 0, ""}, {b, 0, ""}, {a, 59 * time.Second, sayRush},
		{netip.MustParseAddr("2001:db8:1::1"), 59 * time.Second, ""},
		{a, 60 * time.Second, ""}, {a, 61 * time.Second, ""}, {b, 62 * time.Second, sayRush},
	} {
		if got := turns.admits(step.who, now.Add(step.at), limits); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}
