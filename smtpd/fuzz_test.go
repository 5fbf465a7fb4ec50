package smtpd

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"parley/list"
)

// tape is a connection that plays what a client sent and forgets the answers.
type tape struct {
	net.Conn
	r io.Reader
}

func (c *tape) Read(p []byte) (int, error)       { return c.r.Read(p) }
func (c *tape) Write(p []byte) (int, error)      { return len(p), nil }
func (c *tape) SetReadDeadline(time.Time) error  { return nil }
func (c *tape) SetWriteDeadline(time.Time) error { return nil }
func (c *tape) Close() error                     { return nil }
func (c *tape) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)} }

// FuzzMessage looks for two readings of one DATA: its end must be the first
// CRLF . CRLF, and what is kept must have only CRLF.
func FuzzMessage(f *testing.F) {
	for _, s := range []string{"a\r\n.\r\n", "\r\n..\r\n.\r\n", ".\r\n", "a\n.\r\nb\r\n.\r\n", "a\r\r\n.\r\n", ".\r\r\n.\r\nx", "\x00\r\n.\r\n"} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	pool := newBuffers()
	f.Fuzz(func(t *testing.T, sent []byte, normalize bool) {
		c := &tape{r: bytes.NewReader(sent)}
		w := &wire{Conn: c, top: c, in: newInbuf(pool)}
		b := &body{max: 1 << 20, limits: DefaultLimits(), budget: &budget{}, begin: time.Now()}
		err := w.readData(b, normalize)
		end := bytes.Index(append([]byte("\r\n"), sent...), []byte("\r\n.\r\n"))
		if (err == nil) != (end >= 0) {
			t.Fatalf("end at %d, but %v", end, err)
		}
		if err != nil {
			return
		}
		if left := w.in.len() + c.r.(*bytes.Reader).Len(); left != len(sent)-end-3 {
			t.Fatalf("%d bytes are left for commands, want %d", left, len(sent)-end-3)
		}
		if raw, err := inspect(b.text(), 1<<20, normalize); err == nil {
			checkLines(t, raw)
		}
	})
}

func checkLines(t *testing.T, raw []byte) {
	t.Helper()
	if bytes.ContainsAny(bytes.ReplaceAll(raw, []byte("\r\n"), nil), "\r\n\x00") {
		t.Fatalf("kept %q", raw)
	}
	if len(raw) > 0 && !bytes.HasSuffix(raw, []byte("\r\n")) {
		t.Fatalf("kept %q", raw)
	}
}

// FuzzSession plays anything at all: it must not panic, ask the lists about an
// address with control bytes, or keep such a message.
func FuzzSession(f *testing.F) {
	f.Add([]byte("EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<dev@lists.example.org>\r\nDATA\r\nhello\r\n.\r\nQUIT\r\n"))
	f.Add([]byte("EHLO a\r\nMAIL FROM:<> SIZE=5\r\nRCPT TO:<\"a b\"@lists.example.org>\r\nRCPT TO:<dev@lists.example.org>\r\nBDAT 3\r\na\r\nBDAT 2 LAST\r\n\r\nRSET\r\n"))
	f.Add([]byte("EHLO a\r\nMAIL FROM:<a@example.org> SMTPUTF8\r\nRCPT TO:<\u00e9@lists.example.org>\r\nSTARTTLS\r\nBDAT 1\r\nxMAIL FROM:<>\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		desk := &ledger{}
		desk.knows = func(rcpt string) error {
			if strings.ContainsAny(rcpt, "\r\n\x00\x7f") || rcpt == "" {
				t.Errorf("asked about %q", rcpt)
			}
			return nil
		}
		desk.receive = func(env list.Envelope) error {
			if len(env.To) == 0 || strings.ContainsAny(env.From+env.Helo, "\r\n\x00\x7f") {
				t.Errorf("envelope %+v", env)
			}
			return nil
		}
		s := New(Config{Limits: Limits{SlowBy: time.Nanosecond}}, desk, slog.New(slog.DiscardHandler))
		l := newLane()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l, SMTP) }()
		l.conns <- &tape{r: bytes.NewReader(sent)}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		<-served
		if s.Panics() != 0 {
			t.Error("a session panicked")
		}
		for _, got := range desk.receipts() {
			checkLines(t, []byte(got.raw))
		}
	})
}
