package outbox

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What a hook of the sink may answer instead of a reply.
const (
	drop   = "drop"   // close the connection
	rst    = "rst"    // reset it
	silent = "silent" // say nothing more until the client goes
)

// sink plays the relay. Its hooks return a reply line, "" for the usual one,
// or one of the words above.
type sink struct {
	offers   []string // after EHLO
	lmtp     bool
	tls      *tls.Config
	implicit bool   // TLS from the first byte
	inject   string // in clear, in one packet with the answer to STARTTLS
	login    string // base64 of \0user\0password that AUTH takes
	hello    func() string
	banner   func(conn int) string
	mail     func(from string) string
	rcpt     func(to string, accepted int) string // accepted before, in this transaction
	data     func(accepted int) string
	dot      func(m delivery, rcpts string) string // SMTP: once; LMTP: for each
	event    func(what string, conn int)           // MAIL, DATA, DOT, QUIT, ...

	calm atomic.Bool // no hook is asked any more

	mu    sync.Mutex
	got   []delivery
	conns int
	lines []string // commands, as they came
	more  chan struct{}
}

// delivery is a mail that the sink has said yes to.
type delivery struct {
	conn   int
	from   string // with its parameters
	rcpts  []string
	raw    []byte // dots taken off
	secure bool   // it came over TLS
}

func newSink() *sink {
	return &sink{
		offers: []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 52428800"},
		more:   make(chan struct{}, 1),
	}
}

// listen serves on the loopback until the test ends.
func (s *sink) listen(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	open.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer context.AfterFunc(ctx, func() { nc.Close() })()
				s.serve(nc)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		cancel()
		open.Wait()
	})
	return l.Addr().String()
}

// dial connects to the sink without a network, for tests in a synctest bubble.
func (s *sink) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go s.serve(theirs)
	return ours, nil
}

func (s *sink) mails() []delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]delivery(nil), s.got...)
}

func (s *sink) commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.lines...)
}

func (s *sink) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

// talk is one connection of the sink.
type talk struct {
	*sink
	nc   net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
	conn int
	m    delivery
	over bool
}

func (s *sink) serve(nc net.Conn) {
	defer nc.Close()
	s.mu.Lock()
	s.conns++
	c := &talk{sink: s, conn: s.conns}
	s.mu.Unlock()
	if s.implicit {
		nc = tls.Server(nc, s.tls)
	}
	c.on(nc)
	line := "220 sink.example.org ESMTP"
	if s.banner != nil && !s.calm.Load() {
		line = or(s.banner(c.conn), line)
	}
	c.say(line)
	for !c.over {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return
		}
		c.command(strings.TrimRight(line, "\r\n"))
	}
}

func (c *talk) on(nc net.Conn) {
	c.nc, c.in, c.out = nc, bufio.NewReaderSize(nc, 32<<10), bufio.NewWriter(nc)
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// say replies; like most servers it flushes when it has read everything.
func (c *talk) say(line string) {
	switch line {
	case drop:
		c.over = true
	case rst:
		c.over = true
		if tc, ok := c.nc.(*net.TCPConn); ok {
			_ = tc.SetLinger(0)
		}
	case silent:
		c.over = true
		c.out.Flush()
		_, _ = c.in.WriteTo(discard{})
	default:
		fmt.Fprintf(c.out, "%s\r\n", line)
		if strings.HasPrefix(line, "421") {
			c.over = true
		}
		if c.in.Buffered() == 0 || c.over {
			c.out.Flush()
		}
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (c *talk) tell(what string) {
	if c.event != nil {
		c.event(what, c.conn)
	}
}

func (c *talk) command(line string) {
	verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
	c.mu.Lock()
	c.lines = append(c.lines, line)
	c.mu.Unlock()
	c.tell(verb)
	switch verb {
	case "EHLO", "LHLO", "HELO":
		c.greet(verb)
	case "STARTTLS":
		fmt.Fprintf(c.out, "220 2.0.0 go on\r\n%s", c.inject)
		c.out.Flush()
		c.on(tls.Server(c.nc, c.tls))
	case "AUTH":
		c.auth(line)
	case "MAIL":
		c.m = delivery{conn: c.conn, from: strings.TrimPrefix(line, "MAIL FROM:")}
		c.say(or(c.mailHook(), "250 2.1.0 ok"))
	case "RCPT":
		c.recipient(strings.TrimSuffix(strings.TrimPrefix(line, "RCPT TO:<"), ">"))
	case "DATA":
		c.take()
	case "RSET":
		c.m = delivery{}
		c.say("250 2.0.0 ok")
	case "QUIT":
		c.say("221 2.0.0 bye")
		c.over = true
	default:
		c.say("500 5.5.1 what?")
	}
}

func (c *talk) mailHook() string {
	if c.mail == nil || c.calm.Load() {
		return ""
	}
	return c.mail(c.m.from)
}

func (c *talk) greet(verb string) {
	if c.hello != nil && verb != "HELO" {
		if line := c.hello(); line != "" {
			c.say(line)
			return
		}
	}
	offers := append([]string(nil), c.offers...)
	if _, secure := c.nc.(*tls.Conn); c.tls != nil && !secure {
		offers = append(offers, "STARTTLS")
	}
	if verb == "HELO" {
		offers = nil
	}
	for i, o := range append([]string{"sink.example.org"}, offers...) {
		sep := "-"
		if i == len(offers) {
			sep = " "
		}
		fmt.Fprintf(c.out, "250%s%s\r\n", sep, o)
	}
	c.out.Flush()
}

func (c *talk) auth(line string) {
	given := strings.TrimPrefix(line, "AUTH PLAIN ")
	if line == "AUTH LOGIN" {
		c.say("334 VXNlcm5hbWU6")
		user, _ := c.in.ReadString('\n')
		c.say("334 UGFzc3dvcmQ6")
		pass, _ := c.in.ReadString('\n')
		u, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(user))
		p, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(pass))
		given = base64.StdEncoding.EncodeToString([]byte("\x00" + string(u) + "\x00" + string(p)))
	}
	if given == c.login {
		c.say("235 2.7.0 welcome")
	} else {
		c.say("535 5.7.8 who are you?")
	}
}

func (c *talk) recipient(to string) {
	line := ""
	if c.rcpt != nil && !c.calm.Load() {
		line = c.rcpt(to, len(c.m.rcpts))
	}
	if line = or(line, "250 2.1.5 ok"); line[0] == '2' {
		c.m.rcpts = append(c.m.rcpts, to)
	}
	c.say(line)
}

func (c *talk) take() {
	line := ""
	if c.data != nil && !c.calm.Load() {
		line = c.data(len(c.m.rcpts))
	} else if len(c.m.rcpts) == 0 {
		line = "554 5.5.1 no valid recipients"
	}
	c.say(or(line, "354 go on"))
	if line != "" && !strings.HasPrefix(line, "354") {
		return
	}
	c.out.Flush()
	raw, ok := c.readMail()
	if !ok {
		c.over = true
		return
	}
	c.m.raw = raw
	c.tell("DOT")
	replies := 1
	if c.lmtp {
		replies = len(c.m.rcpts)
	}
	for i := 0; i < replies && !c.over; i++ {
		c.verdict(i)
	}
	c.m = delivery{}
}

// verdict answers the final dot; in LMTP once for each recipient.
func (c *talk) verdict(i int) {
	rcpts := c.m.rcpts
	if c.lmtp {
		rcpts = rcpts[i : i+1]
	}
	line := ""
	if c.dot != nil && !c.calm.Load() {
		line = c.dot(c.m, strings.Join(rcpts, " "))
	}
	if line = or(line, "250 2.0.0 taken"); line[0] == '2' {
		m := c.m
		_, m.secure = c.nc.(*tls.Conn)
		m.rcpts = rcpts
		c.mu.Lock()
		c.got = append(c.got, m)
		c.mu.Unlock()
		select {
		case c.more <- struct{}{}:
		default:
		}
	}
	c.say(line)
}

func (c *talk) readMail() (raw []byte, ok bool) {
	for start := true; ; {
		line, err := c.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return nil, false
		}
		if start && bytes.Equal(line, []byte(".\r\n")) {
			return raw, true
		}
		if start && line[0] == '.' {
			line = line[1:]
		}
		raw = append(raw, line...)
		start = err == nil
	}
}

// wait returns when the sink has n mails; the test's own deadline is the limit.
func (s *sink) wait(t testing.TB, n int) []delivery {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		if m := s.mails(); len(m) >= n {
			return m
		}
		select {
		case <-s.more:
		case <-limit:
			t.Fatalf("the sink has %d mails, want %d", len(s.mails()), n)
		}
	}
}
