// Package smtpd hears mail: SMTP and LMTP sessions, their limits, and what a
// front server proves about a sender. It hands each mail to the lists in one
// piece and gives their answer back; it knows nothing of posts, members or
// policy.
package smtpd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"

	"parley/list"
)

// Desk is what smtpd needs of the lists; *list.Desk is one.
type Desk interface {
	// Knows is asked at RCPT, with the envelope as far as it is there.
	Knows(ctx context.Context, env list.Envelope, rcpt string) error
	// Receive takes a mail for all its recipients, or for none. When it returns
	// nil the mail must be safe: 250 goes out next. raw is the desk's to keep.
	Receive(ctx context.Context, env list.Envelope, raw []byte) error
	// ReceiveEach takes a mail that came over LMTP, with one answer for each
	// recipient in the order of env.To (RFC 2033, 4.2).
	ReceiveEach(ctx context.Context, env list.Envelope, raw []byte) []error
}

// Protocol is what a listener speaks.
type Protocol int

// The protocols.
const (
	SMTP Protocol = iota
	LMTP
)

// DefaultMaxSize is the size limit where the config has none, in bytes.
const DefaultMaxSize = 10 << 20

// Config is what the operator decides.
type Config struct {
	Hostname  string         // for the banner and EHLO; fixed by New
	MaxSize   func() int64   // largest message in bytes, asked at the first EHLO of a session; nil: DefaultMaxSize
	Trust     []netip.Prefix // clients whose From is taken at its word
	Fronts    []netip.Prefix // front servers, whose Authentication-Results count
	Believe   []string       // authserv-ids whose results count, from Fronts and over LMTP
	TLS       *tls.Config    // nil: no STARTTLS
	Normalize bool           // lone CR and LF become CRLF instead of being refused
	LMTPTrust bool           // LMTP clients are in Trust
	Limits    Limits
}

func (c *Config) maxSize() int64 {
	if c.MaxSize != nil {
		if n := c.MaxSize(); n > 0 {
			return n
		}
	}
	return DefaultMaxSize
}

// Server hears mail on any number of listeners.
type Server struct {
	desk    Desk
	log     *slog.Logger
	config  atomic.Pointer[Config]
	engines [2]*smtp.Server // by Protocol
	buffers *sync.Pool
	memory  budget
	panics  atomic.Int64
	pause   func(context.Context, time.Duration)

	closing atomic.Bool
	ended   chan struct{} // closed when closing and no session is left

	mu        sync.Mutex
	listeners []net.Listener
	sessions  map[*session]struct{}
	turns     turnstile
}

// New makes a server that gives its mail to desk. It listens nowhere yet.
func New(cfg Config, desk Desk, log *slog.Logger) *Server {
	s := &Server{
		desk:     desk,
		log:      log,
		buffers:  newBuffers(),
		pause:    pause,
		ended:    make(chan struct{}),
		sessions: map[*session]struct{}{},
		turns:    newTurnstile(),
	}
	if cfg.Hostname == "" {
		cfg.Hostname = "localhost"
	}
	for p := range s.engines {
		s.engines[p] = s.engine(Protocol(p), cfg.Hostname)
	}
	s.Reconfigure(cfg)
	return s
}

// engine is the go-smtp server of one protocol. All limits and deadlines are the
// wire's and the session's, so that they can change and cannot be forgotten.
func (s *Server) engine(p Protocol, hostname string) *smtp.Server {
	e := smtp.NewServer(smtp.BackendFunc(newSession))
	e.Domain = hostname
	e.LMTP = p == LMTP
	e.MaxLineLength = 0
	e.EnableSMTPUTF8 = true
	e.ErrorLog = &engineLog{s}
	return e
}

// Reconfigure replaces the config for the sessions that come; those that are
// open keep theirs.
func (s *Server) Reconfigure(cfg Config) {
	if old := s.config.Load(); old != nil {
		cfg.Hostname = old.Hostname
	}
	cfg.Limits = cfg.Limits.filled()
	s.config.Store(&cfg)
}

// Panics counts the panics that sessions recovered from.
func (s *Server) Panics() int64 { return s.panics.Load() }

// ErrClosed is returned by Serve after Shutdown.
var ErrClosed = errors.New("smtpd: server is closed")

// Serve hears mail on l until Shutdown, which makes it return nil. It may be
// called for several listeners.
func (s *Server) Serve(l net.Listener, p Protocol) error {
	defer l.Close()
	if !s.listen(l) {
		return ErrClosed
	}
	err := s.engines[p].Serve(&door{Listener: l, server: s, protocol: p})
	if err != nil && !s.closing.Load() {
		return fmt.Errorf("serve mail on %s: %w", l.Addr(), err)
	}
	return nil
}

// listen keeps a listener for Shutdown to close.
func (s *Server) listen(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.listeners = append(s.listeners, l)
	return true
}

// Shutdown stops listening, says 421 to the sessions outside of a transaction
// and waits for the others. When ctx ends first, it closes everything and
// returns ctx's error: what had no 250 by then will be sent again.
//
// It does without go-smtp's Shutdown, whose idle clients would go on being
// served, and whose wait races with clients that are just coming in.
func (s *Server) Shutdown(ctx context.Context) error {
	open := s.close()
	for _, o := range open {
		o.wire.drain()
	}
	if len(open) == 0 {
		return nil
	}
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
	}
	for _, o := range s.open() {
		o.cancel()
		o.wire.kill()
	}
	return ctx.Err()
}

// close lets nobody in any more, and lists the sessions.
func (s *Server) close() []*session {
	s.mu.Lock()
	s.closing.Store(true)
	for _, l := range s.listeners {
		l.Close()
	}
	s.listeners = nil
	s.mu.Unlock()
	return s.open()
}

// open lists the sessions.
func (s *Server) open() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.sessions))
	for o := range s.sessions {
		all = append(all, o)
	}
	return all
}

// door lets clients in.
type door struct {
	net.Listener
	server   *Server
	protocol Protocol
}

// Accept waits for a client that may come in. The others get one line: no
// session, no goroutine.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		o, refusal := d.server.admit(c, d.protocol)
		if refusal == "" {
			return o.wire, nil
		}
		c.SetWriteDeadline(time.Now().Add(time.Second))
		c.Write([]byte(refusal + "\r\n"))
		c.Close()
	}
}

// admit makes the session of a connection, or says why there is none.
func (s *Server) admit(c net.Conn, p Protocol) (*session, string) {
	cfg := s.config.Load()
	client := clientAddr(c)
	free := p == LMTP || !client.IsValid() || within(cfg.Trust, client) || within(cfg.Fronts, client)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return nil, sayClosing
	}
	if !free {
		if no := s.turns.admits(client, time.Now(), cfg.Limits); no != "" {
			s.log.Debug("connection refused", "client", client, "reason", no)
			return nil, no
		}
	}
	s.turns.enter(client)
	o := s.session(c, cfg, p)
	o.client, o.free = client, free
	s.sessions[o] = struct{}{}
	return o, ""
}

// gone takes a session out of the books.
func (s *Server) gone(o *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.sessions[o]; !ok {
		return
	}
	delete(s.sessions, o)
	s.turns.leave(o.client)
	if s.closing.Load() && len(s.sessions) == 0 {
		close(s.ended)
	}
}

// clientAddr is the client's address, zero on a Unix socket.
func clientAddr(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

func within(all []netip.Prefix, a netip.Addr) bool {
	for _, p := range all {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// newID is the id of a session: 8 characters that nobody misreads.
func newID() string {
	const letters = "abcdefghjkmnpqrstuvwxyz23456789x"
	var id [8]byte
	for i, n := 0, rand.Uint64(); i < len(id); i++ {
		id[i] = letters[n&31]
		n >>= 5
	}
	return string(id[:])
}

// engineLog is where go-smtp writes what it cannot tell anybody.
type engineLog struct{ server *Server }

func (l *engineLog) Printf(format string, v ...any) {
	if strings.HasPrefix(format, "panic") {
		l.server.panics.Add(1)
	}
	l.server.log.Warn("smtp engine", "text", fmt.Sprintf(format, v...))
}

func (l *engineLog) Println(v ...any) { l.server.log.Warn("smtp engine", "text", fmt.Sprintln(v...)) }
