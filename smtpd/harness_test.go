package smtpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/list"
)

// ledger plays the lists: it knows dev, ops and postmaster of
// lists.example.org, and writes down what it gets.
type ledger struct {
	receive func(env list.Envelope) error
	knows   func(rcpt string) error

	mu     sync.Mutex
	asked  []string
	got    []receipt
	looked bool // the test has asked for receipts
}

type receipt struct {
	env list.Envelope
	raw string
}

func (l *ledger) Knows(_ context.Context, _ list.Envelope, rcpt string) error {
	l.mu.Lock()
	l.asked = append(l.asked, rcpt)
	l.mu.Unlock()
	if l.knows != nil {
		return l.knows(rcpt)
	}
	local, domain, _ := strings.Cut(rcpt, "@")
	switch {
	case rcpt == "postmaster":
		return nil
	case domain != "lists.example.org":
		return list.Errorf(list.Foreign, "Relay denied")
	case local != "dev" && local != "ops":
		return list.Errorf(list.Unknown, "No such list here")
	}
	return nil
}

func (l *ledger) Receive(_ context.Context, env list.Envelope, raw []byte) error {
	if l.receive != nil {
		if err := l.receive(env); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, receipt{env, string(raw)})
	return nil
}

func (l *ledger) ReceiveEach(ctx context.Context, env list.Envelope, raw []byte) []error {
	errs := make([]error, len(env.To))
	for i, rcpt := range env.To {
		one := env
		one.To = []string{rcpt}
		errs[i] = l.Receive(ctx, one, raw)
	}
	return errs
}

func (l *ledger) receipts() []receipt {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looked = true
	return append([]receipt(nil), l.got...)
}

func (l *ledger) questions() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.asked...)
}

// diary keeps the log.
type diary struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (d *diary) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.buf.Write(p)
}

func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.buf.String()
}

// house is a server that listens.
type house struct {
	*Server
	ledger *ledger
	diary  *diary
	addr   string
	panics int64 // that the test wants
}

func open(t testing.TB, cfg Config, desk *ledger) *house { return openAs(t, cfg, desk, SMTP) }

func openAs(t testing.TB, cfg Config, desk *ledger, p Protocol) *house {
	t.Helper()
	if desk == nil {
		desk = &ledger{}
	}
	if cfg.Hostname == "" {
		cfg.Hostname = "mx.lists.example.org"
	}
	if cfg.Limits.Linger == 0 {
		cfg.Limits.Linger = 5 * time.Second
	}
	d := &diary{}
	s := New(cfg, desk, slog.New(slog.NewTextHandler(d, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Server: s, ledger: desk, diary: d, addr: l.Addr().String()}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l, p) }()
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		s.Shutdown(now)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if n := s.Panics(); n != h.panics {
			t.Errorf("%d panics, want %d:\n%s", n, h.panics, d)
		}
		desk.mu.Lock()
		defer desk.mu.Unlock()
		if n := len(desk.got); n > 0 && !desk.looked {
			t.Errorf("the lists got %d messages, and the test expects none", n)
		}
	})
	return h
}

// patience is how long a test waits for an answer that must come.
const patience = 20 * time.Second

// visitor is a client that speaks as it likes.
type visitor struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// visit dials from an address on the loopback net.
func (h *house) visit(t testing.TB, from string) *visitor {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	return guest(t, c)
}

func guest(t testing.TB, c net.Conn) *visitor {
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return &visitor{t: t, conn: c, r: bufio.NewReader(c)}
}

func (v *visitor) send(s string) {
	v.t.Helper()
	if _, err := v.conn.Write([]byte(s)); err != nil {
		v.t.Fatalf("send %.60q: %v", s, err)
	}
}

// answer reads one whole answer.
func (v *visitor) answer() string {
	v.t.Helper()
	var all string
	for {
		line, err := v.r.ReadString('\n')
		all += line
		if err != nil {
			v.t.Fatalf("read answer behind %.200q: %v", all, err)
		}
		if !strings.HasSuffix(line, "\r\n") {
			v.t.Fatalf("answer ends without CRLF: %q", line)
		}
		if len(line) > 3 && line[3] == ' ' {
			return all
		}
	}
}

func (v *visitor) expect(prefix string) string {
	v.t.Helper()
	got := v.answer()
	if !strings.HasPrefix(got, prefix) {
		v.t.Fatalf("got %q, want %q", got, prefix)
	}
	return got
}

// over reads until the server has closed, and wants nothing more but a 421.
func (v *visitor) over() {
	v.t.Helper()
	for {
		line, err := v.r.ReadString('\n')
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			v.t.Fatal("connection is still open")
		}
		if err != nil {
			return // EOF, or reset
		}
		if !strings.HasPrefix(line, "421 ") {
			v.t.Fatalf("connection should be closed, got %q", line)
		}
	}
}

// play runs a transcript. Each line begins with who speaks:
//
//	C text     the client sends a line
//	R "bytes"  the client sends exactly these bytes
//	S prefix   the server answers something that begins so
//	M          greeting, a sender and a recipient, up to before DATA
//	D          the same up to 354
//	N          the connection is open: NOOP is answered 250
//	H          the client closes its half
//	X          the server closes
func (v *visitor) play(script string) {
	v.t.Helper()
	for line := range strings.SplitSeq(script, "\n") {
		line = strings.TrimLeft(line, "\t")
		if line == "" {
			continue
		}
		v.step(line[:1], strings.TrimPrefix(line[1:], " "))
	}
}

// polite is what every client does before a message.
const polite = "S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\n"

func (v *visitor) step(who, text string) {
	v.t.Helper()
	switch who {
	case "C":
		v.send(text + "\r\n")
	case "R":
		raw, err := strconv.Unquote(text)
		if err != nil {
			v.t.Fatalf("bad script %q: %v", text, err)
		}
		v.send(raw)
	case "S":
		v.expect(text)
	case "M":
		v.play(polite)
	case "D":
		v.play(polite + "C DATA\nS 354\n")
	case "N":
		v.play("C NOOP\nS 250\n")
	case "H":
		v.conn.(*net.TCPConn).CloseWrite()
	case "X":
		v.over()
	default:
		v.t.Fatalf("bad script: %q", who)
	}
}

// scene is one transcript with what the lists have got at its end.
type scene struct {
	name   string
	script string
	stored []string // messages; nil: nothing
}

// playAll plays each scene on a server of its own, as a stranger.
func playAll(t *testing.T, cfg Config, scenes []scene) {
	t.Helper()
	for _, sc := range scenes {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			h := open(t, cfg, nil)
			h.visit(t, "127.0.0.2").play(sc.script)
			h.stored(t, sc.stored...)
		})
	}
}

// stored compares what the lists have got.
func (h *house) stored(t *testing.T, want ...string) {
	t.Helper()
	got := h.ledger.receipts()
	if len(got) != len(want) {
		t.Fatalf("lists got %d messages, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i].raw != want[i] {
			t.Errorf("message %d: got %.300q, want %.300q", i, got[i].raw, want[i])
		}
	}
}

// certificate makes one for the test.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		DNSNames:     []string{"mx.lists.example.org"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
}

// secure goes on over TLS.
func (v *visitor) secure() *visitor {
	v.t.Helper()
	c := tls.Client(v.conn, &tls.Config{InsecureSkipVerify: true})
	if err := c.Handshake(); err != nil {
		v.t.Fatalf("TLS handshake: %v", err)
	}
	return &visitor{t: v.t, conn: c, r: bufio.NewReader(c)}
}

func prefixes(all ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(all))
	for i, p := range all {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}
