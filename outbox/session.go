package outbox

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	writeBuffer = 16 << 10 // a small mail leaves in one write, with its envelope or its final dot
	writeBlock  = 64 << 10 // what has Timeouts.Block to leave
)

var (
	errHandshake = errors.New("STARTTLS failed")
	errStopped   = errors.New("stopped before the mail was handed over")
	errNoTLS     = errors.New("the relay offers no STARTTLS, and the password is not sent in clear: use smtps://, or a relay on this machine")
	errNoAuth    = errors.New("the relay url has a user, but the relay offers neither AUTH PLAIN nor AUTH LOGIN")
)

// session is one connection to a server.
type session struct {
	route *Route
	times Timeouts
	in    *bufio.Reader
	out   *bufio.Writer
	ext   extensions
	uses  int  // transactions that were answered to their end
	reset bool // the next transaction starts with RSET: the last one was left open

	mu       sync.Mutex
	nc       net.Conn // only its deadlines are set under mu
	final    bool     // the final dot is, or may be, on the wire
	stopping bool     // the program stops: the deadline is the last one
	aborted  bool
}

// extensions is what EHLO offered.
type extensions struct {
	pipelining, size, eightBit, utf8, startTLS, plain, login bool
}

func newSession(nc net.Conn, route *Route) *session {
	s := &session{route: route, times: route.Timeouts}
	s.attach(nc)
	return s
}

// attach starts over on nc. Whatever was read before is thrown away, so that
// nothing said in clear can count inside TLS (RFC 3207, 4.2).
func (s *session) attach(nc net.Conn) {
	s.mu.Lock()
	s.nc = nc
	s.mu.Unlock()
	s.in = bufio.NewReaderSize(nc, readBuffer)
	s.out = bufio.NewWriterSize(blocks{s}, writeBuffer)
}

// blocks writes in pieces that have a deadline each.
type blocks struct{ s *session }

func (b blocks) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		if err = b.s.arm(b.s.times.Block, true); err != nil {
			return n, err
		}
		var m int
		m, err = b.s.nc.Write(p[n:min(n+writeBlock, len(p))])
		n += m
	}
	return n, err
}

// arm sets the deadline of the next read or write, unless the session is to stop.
func (s *session) arm(d time.Duration, write bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.aborted:
		return errStopped
	case s.stopping:
		return nil
	case write:
		return s.nc.SetWriteDeadline(time.Now().Add(d))
	}
	return s.nc.SetReadDeadline(time.Now().Add(d))
}

// abort makes what goes on fail now; the answer to a final dot gets its grace.
func (s *session) abort() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final {
		s.stopping = true
		_ = s.nc.SetDeadline(time.Now().Add(s.times.Grace))
		return
	}
	s.aborted = true
	_ = s.nc.SetDeadline(time.Unix(1, 0))
}

// enterFinal marks that the final dot leaves now; too late when aborted.
func (s *session) enterFinal() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted {
		return errStopped
	}
	s.final = true
	return nil
}

func (s *session) leaveFinal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.final = false
	s.aborted = s.stopping
}

// read reads one reply. 421 ends the session wherever it comes (RFC 5321, 3.8).
func (s *session) read(d time.Duration, what string) (reply, error) {
	if s.in.Buffered() == 0 {
		if err := s.arm(d, false); err != nil {
			return reply{}, err
		}
	}
	rep, err := readReply(s.in)
	if err != nil {
		return rep, fmt.Errorf("%s: %w", what, err)
	}
	if rep.code == 421 {
		return rep, &replyError{what, rep}
	}
	return rep, nil
}

// ask sends one line and reads its reply, which must be want.
func (s *session) ask(line, what string, want int) (reply, error) {
	_, _ = s.out.WriteString(line + "\r\n")
	if err := s.out.Flush(); err != nil {
		return reply{}, fmt.Errorf("%s: %w", what, err)
	}
	rep, err := s.read(s.times.Command, what)
	if err == nil && rep.code != want {
		err = &replyError{what, rep}
	}
	return rep, err
}

// start greets: banner, EHLO, STARTTLS, AUTH. A refusal here is never a
// bounce: it says something about the relay, and nothing about a recipient.
func (s *session) start(ctx context.Context, withTLS bool) error {
	rep, err := s.read(s.times.Banner, "greeting")
	if err != nil {
		return err
	}
	if rep.code != 220 {
		return &replyError{"greeting", rep}
	}
	if err := s.hello(); err != nil {
		return err
	}
	if s.route.Relay.Scheme == SMTP && withTLS && s.ext.startTLS {
		if err := s.startTLS(ctx); err != nil {
			return err
		}
	}
	return s.login()
}

// hello says EHLO, to an old server HELO (RFC 5321, 3.2), to LMTP LHLO.
func (s *session) hello() error {
	verb, name := "EHLO", s.route.Hostname
	if s.route.Relay.Scheme == LMTP {
		verb = "LHLO" // RFC 2033, 4.1
	}
	if name == "" {
		name = "localhost"
	}
	rep, err := s.ask(verb+" "+name, verb, 250)
	var refused *replyError
	if errors.As(err, &refused) && refused.code/100 == 5 && verb == "EHLO" {
		s.ext = extensions{}
		_, err = s.ask("HELO "+name, "HELO", 250)
		return err
	}
	s.ext = parseExtensions(rep.text)
	return err
}

func parseExtensions(text string) (e extensions) {
	_, text, _ = strings.Cut(text, "\n")
	for line := range strings.SplitSeq(text, "\n") {
		words := strings.Fields(strings.ToUpper(line))
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "PIPELINING":
			e.pipelining = true
		case "SIZE":
			e.size = true
		case "8BITMIME":
			e.eightBit = true
		case "SMTPUTF8":
			e.utf8 = true
		case "STARTTLS":
			e.startTLS = true
		case "AUTH":
			e.addAuth(words[1:])
		}
	}
	return e
}

func (e *extensions) addAuth(mechanisms []string) {
	for _, m := range mechanisms {
		e.plain = e.plain || m == "PLAIN"
		e.login = e.login || m == "LOGIN"
	}
}

// startTLS (RFC 3207). The certificate counts where a password depends on it;
// elsewhere TLS without proof is better than none.
func (s *session) startTLS(ctx context.Context) error {
	if _, err := s.ask("STARTTLS", "STARTTLS", 220); err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	if s.in.Buffered() > 0 {
		return fmt.Errorf("%w: the server talks on in clear", errHandshake)
	}
	tc := tls.Client(s.nc, s.route.tls(s.route.strict()))
	ctx, cancel := context.WithTimeout(ctx, s.times.Connect)
	defer cancel()
	if err := tc.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%w: %w", errHandshake, err)
	}
	s.attach(tc)
	return s.hello()
}

// login authenticates when the relay has a user (RFC 4954).
func (s *session) login() error {
	r := s.route.Relay
	if r.User == "" {
		return nil
	}
	if _, secure := s.nc.(*tls.Conn); !secure && s.route.strict() {
		return errNoTLS
	}
	encode := base64.StdEncoding.EncodeToString
	switch {
	case s.ext.plain: // RFC 4616
		_, err := s.ask("AUTH PLAIN "+encode([]byte("\x00"+r.User+"\x00"+r.password)), "AUTH PLAIN", 235)
		return err
	case s.ext.login:
		return s.authLogin(encode([]byte(r.User)), encode([]byte(r.password)))
	}
	return errNoAuth
}

func (s *session) authLogin(user, password string) error {
	if _, err := s.ask("AUTH LOGIN", "AUTH LOGIN", 334); err != nil {
		return err
	}
	if _, err := s.ask(user, "AUTH LOGIN", 334); err != nil {
		return err
	}
	_, err := s.ask(password, "AUTH LOGIN", 235)
	return err
}

// quit says goodbye without waiting for the answer; a server that does not
// take even these bytes gets one second.
func (s *session) quit() {
	if s.arm(time.Second, true) == nil {
		_, _ = s.nc.Write([]byte("QUIT\r\n"))
	}
}
