package outbox

import (
	"context"
	"errors"
	"fmt"
	"os"

	"parley/list"
)

// maxUses is how many transactions a connection carries. Some servers count,
// and a fresh one now and then finds a relay that has moved.
const maxUses = 1000

// client sends over SMTP or LMTP, on one connection that it keeps.
type client struct {
	route *Route
	s     *session // nil when there is no connection
	clear bool     // STARTTLS broke: without a login to protect, in clear from now on (RFC 7435)
}

// Send makes one transaction, on the kept connection if there is one.
func (c *client) Send(ctx context.Context, t *Transaction) ([]list.Answer, Fault) {
	for again := false; ; again = true {
		if err := c.connect(ctx); err != nil {
			return answerAll(len(t.Rcpts), later(err)), HostFault
		}
		answers, err := c.s.transact(ctx, t)
		if err == nil {
			c.tidy()
			return answers, NoFault
		}
		if again || ctx.Err() != nil || !c.stale(err) {
			c.drop()
			return answers, faultOf(err)
		}
		c.drop()
	}
}

// stale says whether a kept connection was closed on us between two mails,
// which is the server's right and no reason to wait: no final dot was sent, so
// the transaction starts over on a fresh one.
func (c *client) stale(err error) bool {
	var b *broken
	return c.s.uses > 0 && errors.As(err, &b) && b.stage < atFinal && !errors.Is(err, os.ErrDeadlineExceeded)
}

// faultOf blames the server for a refusal before MAIL was answered. A silence
// there may be about a recipient: many servers hold the answers to a pipelined
// group back until they have the last.
func faultOf(err error) Fault {
	var b *broken
	if errors.As(err, &b) && b.stage == atMail && !errors.Is(err, os.ErrDeadlineExceeded) {
		return HostFault
	}
	return LaneFault
}

// tidy closes a connection that has carried enough.
func (c *client) tidy() {
	if c.s.uses >= maxUses {
		_ = c.Close()
	}
}

func (c *client) drop() {
	c.s.nc.Close()
	c.s = nil
}

// Close says QUIT and does not wait for the answer: nothing depends on it.
func (c *client) Close() error {
	if c.s == nil {
		return nil
	}
	c.s.quit()
	c.drop()
	return nil
}

// connect makes a session when there is none.
func (c *client) connect(ctx context.Context) error {
	if c.s != nil {
		return nil
	}
	s, err := c.open(ctx)
	if errors.Is(err, errHandshake) && !c.route.strict() && ctx.Err() == nil {
		c.clear = true
		s, err = c.open(ctx)
	}
	if err != nil {
		return fmt.Errorf("connect to the relay %s: %w", c.route.Relay, err)
	}
	c.s = s
	return nil
}

func (c *client) open(ctx context.Context) (*session, error) {
	nc, err := c.route.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := newSession(nc, c.route)
	stop := context.AfterFunc(ctx, s.abort)
	defer stop()
	if err := s.start(ctx, !c.clear); err != nil {
		s.nc.Close()
		return nil, err
	}
	return s, nil
}

// replyError is a reply that ends what was attempted.
type replyError struct {
	what string
	reply
}

func (e *replyError) Error() string {
	return fmt.Sprintf("%s: the server said %d %s", e.what, e.code, clip(e.text))
}

// stage is how far a transaction came before it broke off.
type stage int

const (
	atMail  stage = iota // MAIL has no answer: this says something about the server, not about the mail
	atBody               // MAIL was answered, the final dot is not sent
	atFinal              // the final dot may be on the wire: what became of the mail is not known
)

// broken is a transaction after which its connection cannot be used.
type broken struct {
	stage stage
	err   error
}

func (b *broken) Error() string { return b.err.Error() }
func (b *broken) Unwrap() error { return b.err }

// later is the answer that err is for a recipient.
func later(err error) list.Answer {
	a := list.Answer{Outcome: list.Later, Text: clip(err.Error())}
	var r *replyError
	if errors.As(err, &r) {
		a.Code = r.code
		a.Enhanced, _ = r.enhanced()
	}
	return a
}
