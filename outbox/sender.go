package outbox

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"time"

	"parley/list"
)

// Transaction is one mail to one or more recipients, as a Sender gets it.
type Transaction struct {
	Sender string // "" is the null sender
	Rcpts  []string
	Mail   *Mail
	// Fields stand at the mail's seam: complete header lines of this one
	// recipient, list.Site.PersonalFields. No line of them begins with a dot, so
	// that they are written as they are. None where the mail has no seam.
	Fields []byte
	// Ready is called right before what makes the mail the server's: the final
	// dot, the rename. It waits until the previous result of this connection
	// is committed, so that a crash doubles at most one transaction of it
	// (RFC 1047). With its error the transaction is given up unfinished.
	Ready func(context.Context) error
}

// size is the number of bytes of the mail with its Fields (RFC 1870, 3).
func (t *Transaction) size() int { return t.Mail.Size() + len(t.Fields) }

// Fault says what a transaction showed about the way out.
type Fault int

// The faults.
const (
	NoFault   Fault = iota // the server answered, whatever it said
	LaneFault              // the transaction broke off: the connection was lost, or an answer never came
	HostFault              // no session could be had; nothing of the mail was sent
)

// Sender is one way out, used by one goroutine. Send returns one answer for
// each recipient, in their order, and never panics; what it does not know is
// Later. A Later with Due set wants to be tried at that time and is no failure
// of its recipient. When ctx ends, Send gives up what has not reached its final
// dot, and waits a last time for the answer of what has.
type Sender interface {
	Send(ctx context.Context, t *Transaction) ([]list.Answer, Fault)
	Close() error
}

// Timeouts of the client side. Zero fields get the value of RFC 5321, 4.5.3.2.
type Timeouts struct {
	Connect time.Duration // 30 s: TCP, and the TLS handshake
	Banner  time.Duration // 5 min: 220
	Command time.Duration // 5 min: EHLO, AUTH, MAIL, RCPT
	Data    time.Duration // 2 min: 354
	Block   time.Duration // 3 min: each 64 KiB of the mail
	Final   time.Duration // 10 min: the answer to the final dot
	Grace   time.Duration // 20 s: the same, once the program stops
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&t.Connect, 30*time.Second)
	set(&t.Banner, 5*time.Minute)
	set(&t.Command, 5*time.Minute)
	set(&t.Data, 2*time.Minute)
	set(&t.Block, 3*time.Minute)
	set(&t.Final, 10*time.Minute)
	set(&t.Grace, 20*time.Second)
	return t
}

// Dial opens a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// Route is how the senders of a relay reach it.
type Route struct {
	Relay    Relay
	Hostname string // EHLO
	Timeouts Timeouts
	RootCAs  *x509.CertPool // nil: those of the system
	Dial     Dial           // nil: net.Dialer
	Now      func() time.Time
}

// Senders returns what makes the senders of a relay, one for each connection.
// They connect when they have something to send.
func (r Route) Senders() (func() Sender, error) {
	r.Timeouts = r.Timeouts.withDefaults()
	if r.Dial == nil {
		r.Dial = (&net.Dialer{Timeout: r.Timeouts.Connect}).DialContext
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	switch r.Relay.Scheme {
	case SMTP, SMTPS, LMTP:
		return func() Sender { return &client{route: &r} }, nil
	case Maildir:
		m, err := openMaildir(r.Relay.Path, r.Now)
		if err != nil {
			return nil, err
		}
		return func() Sender { return m }, nil
	}
	return nil, errors.New("no relay is set")
}

// strict says that a password travels over a network: TLS must be there, and
// its certificate must be right.
func (r *Route) strict() bool { return r.Relay.User != "" && !r.Relay.loopback() }

// dial opens the connection, TLS included where it is there from the start.
func (r *Route) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeouts.Connect)
	defer cancel()
	if r.Relay.Scheme == LMTP {
		return r.Dial(ctx, "unix", r.Relay.Path)
	}
	nc, err := r.Dial(ctx, "tcp", r.Relay.address())
	if err != nil || r.Relay.Scheme == SMTP {
		return nc, err
	}
	tc := tls.Client(nc, r.tls(true))
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

func (r *Route) tls(verify bool) *tls.Config {
	return &tls.Config{
		ServerName:         r.Relay.Host,
		RootCAs:            r.RootCAs,
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: !verify,
	}
}

// answerAll gives every recipient the same answer.
func answerAll(n int, a list.Answer) []list.Answer {
	all := make([]list.Answer, n)
	for i := range all {
		all[i] = a
	}
	return all
}
