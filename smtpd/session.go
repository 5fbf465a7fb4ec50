package smtpd

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/emersion/go-smtp"

	"parley/list"
)

// session is one connection: what go-smtp calls with each command, and the gate
// that looks at the commands before go-smtp.
type session struct {
	server *Server
	config *Config
	wire   *wire
	id     string
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc

	protocol Protocol
	client   netip.Addr
	free     bool // a mail server with everybody's mail: no limits for strangers
	maxSize  int64

	helo     string
	extended bool // EHLO or LHLO
	secure   bool // TLS is on
	greeted  bool // since TLS is on

	junk  int
	wrong int // recipients
	mails int // messages that began

	asked path // what MAIL or RCPT named, as the gate read it
	mail  mail
}

// mail is a transaction.
type mail struct {
	open bool
	from string
	utf8 bool
	size int64    // as the client declared, 0 if it did not
	to   []string // for the desk
	keys []string // the same as go-smtp knows them
	body *body    // of the chunks that are there
}

// session makes the session of a connection.
func (s *Server) session(c net.Conn, cfg *Config, p Protocol) *session {
	ctx, cancel := context.WithCancel(context.Background())
	id := newID()
	o := &session{
		server: s, config: cfg, id: id, protocol: p,
		log: s.log.With("session", id), ctx: ctx, cancel: cancel,
		maxSize: DefaultMaxSize,
	}
	o.wire = &wire{
		Conn: c, top: c, session: o, limits: cfg.Limits,
		in: newInbuf(s.buffers), born: time.Now(),
	}
	return o
}

func (o *session) draining() bool { return o.server.closing.Load() }

// newSession is called by go-smtp at the first EHLO.
func newSession(c *smtp.Conn) (_ smtp.Session, err error) {
	o := c.Conn().(*wire).session
	defer o.rescue(&err)
	o.maxSize = o.config.maxSize() // here, because it may have to ask somebody
	o.log.Debug("session begins", "client", o.client, "helo", o.helo)
	return o, nil
}

// closed is called by the wire at the very end.
func (o *session) closed() {
	o.cancel()
	o.Reset()
	o.server.gone(o)
	o.log.Debug("session ends", "mails", o.mails)
}

// Logout ends the session's context.
func (o *session) Logout() error {
	o.cancel()
	return nil
}

// Reset forgets the transaction.
func (o *session) Reset() {
	if o.mail.body != nil {
		o.mail.body.free()
	}
	o.mail = mail{}
}

// Mail begins a transaction. The gate has read the path already.
func (o *session) Mail(_ string, opts *smtp.MailOptions) error {
	o.mail = mail{open: true, from: o.asked.String(), utf8: opts.UTF8, size: opts.Size}
	return nil
}

// Rcpt adds a recipient if the lists know it.
func (o *session) Rcpt(key string, _ *smtp.RcptOptions) (err error) {
	defer o.rescue(&err)
	o.slow()
	if len(o.mail.to) >= o.config.Limits.Recipients {
		return (&answer{sayCrowded}).reply(o.id)
	}
	rcpt := o.asked.String()
	if err := o.server.desk.Knows(o.ctx, o.envelope(), rcpt); err != nil {
		re := reply(err, o.id)
		o.notRcpt(rcpt, re, err)
		return re
	}
	o.mail.to = append(o.mail.to, rcpt)
	o.mail.keys = append(o.mail.keys, key)
	return nil
}

// notRcpt logs a recipient that was refused, and counts those that were wrong.
func (o *session) notRcpt(rcpt string, re *smtp.SMTPError, err error) {
	o.log.Info("recipient refused", "client", o.client, "rcpt", mask(rcpt), "code", re.Code, "err", err)
	if re.Code/100 == 5 {
		o.wrongRcpt()
	}
}

// wrongRcpt counts a wrong recipient. It parts with a client that guesses.
func (o *session) wrongRcpt() {
	if o.wrong++; o.wrong >= o.config.Limits.WrongMax && !o.free {
		o.wire.part(sayWrong)
	}
}

// slow delays a client that guesses recipients.
func (o *session) slow() {
	if o.wrong >= o.config.Limits.SlowAfter && !o.free {
		o.wire.flush()
		o.server.pause(o.ctx, o.config.Limits.SlowBy)
	}
}

// Data takes the message from the wire; go-smtp's reader is left to go-smtp.
func (o *session) Data(io.Reader) (err error) {
	defer o.rescue(&err)
	begin := time.Now()
	raw, err := o.take()
	if err == nil {
		err = o.server.desk.Receive(o.ctx, o.sealed(raw, begin), raw)
	}
	re := o.outcome(err)
	o.logMail(len(raw), begin, re.Code, err)
	return re
}

// LMTPData is Data with one answer for each recipient (RFC 2033, 4.2).
func (o *session) LMTPData(_ io.Reader, status smtp.StatusCollector) (err error) {
	defer o.rescue(&err)
	begin := time.Now()
	raw, err := o.take()
	if err != nil {
		re := o.outcome(err)
		o.logMail(0, begin, re.Code, err)
		return re
	}
	errs := o.server.desk.ReceiveEach(o.ctx, o.sealed(raw, begin), raw)
	for len(errs) < len(o.mail.keys) {
		errs = append(errs, errMissing)
	}
	answers, code := o.outcomes(errs[:len(o.mail.keys)])
	o.logMail(len(raw), begin, code, errors.Join(errs...))
	for i, key := range o.mail.keys {
		status.SetStatus(key, answers[i])
	}
	return nil
}

// outcomes are the answers to one mail over LMTP, and the highest of their codes.
func (o *session) outcomes(errs []error) (all []*smtp.SMTPError, code int) {
	o.mails++
	for _, err := range errs {
		re := queued(o.mailID())
		if err != nil {
			re = reply(err, o.id)
		} else {
			o.junk = 0
		}
		all = append(all, re)
		code = max(code, re.Code)
	}
	return all, code
}

var errMissing = errors.New("no answer of the lists for a recipient")

// take is the whole message, inspected. When it does not come whole, the session
// ends: its rest must not run as commands.
func (o *session) take() ([]byte, error) {
	o.wire.feed = []byte(endOfData)
	o.wire.prompt = true
	b := o.mail.body
	if b == nil {
		b = o.newBody()
		o.mail.body = b
		if err := o.wire.readData(b, o.config.Normalize); err != nil {
			return nil, o.torn(b, err)
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	return inspect(b.text(), o.config.Limits.BodyLine, o.config.Normalize)
}

func (o *session) newBody() *body {
	hint := int(min(max(o.mail.size+1024, firstBuf), mostHinted))
	return &body{max: o.maxSize, first: hint, begin: time.Now(), limits: o.config.Limits, budget: &o.server.memory}
}

// torn ends the session after a message that did not come whole.
func (o *session) torn(b *body, err error) error {
	o.wire.part("")
	switch {
	case b.err != nil:
		return b.err
	case err == errStalled:
		return &answer{sayStalled}
	}
	return &answer{sayCut}
}

// outcome is the answer to a mail.
func (o *session) outcome(err error) *smtp.SMTPError {
	o.mails++
	if err != nil {
		return reply(err, o.id)
	}
	o.junk = 0
	return queued(o.mailID())
}

// mailID names the mail in hand: the session's id and its number in it.
func (o *session) mailID() string { return o.id + "." + strconv.Itoa(o.mails) }

// envelope is what is known so far.
func (o *session) envelope() list.Envelope {
	return list.Envelope{
		From:     o.mail.from,
		To:       o.mail.to,
		Client:   o.client,
		Helo:     o.helo,
		Protocol: o.with(),
		Session:  o.id,
		Received: time.Now().UTC(),
		UTF8:     o.mail.utf8,
		Auth:     list.Auth{Trusted: o.trusted()},
	}
}

// sealed is the envelope of a message that is all there.
func (o *session) sealed(raw []byte, begin time.Time) list.Envelope {
	env := o.envelope()
	env.Received = begin.UTC()
	if !env.Auth.Trusted && (o.protocol == LMTP || within(o.config.Fronts, o.client)) {
		env.Auth = believed(raw, o.config.Believe, o.config.Hostname)
	}
	return env
}

func (o *session) trusted() bool {
	return within(o.config.Trust, o.client) || o.protocol == LMTP && o.config.LMTPTrust
}

// with is the protocol as a Received field names it (RFC 3848; RFC 6531, 4.3).
func (o *session) with() string {
	name := "SMTP"
	switch {
	case o.protocol == LMTP && o.mail.utf8:
		name = "UTF8LMTP"
	case o.protocol == LMTP:
		name = "LMTP"
	case o.mail.utf8:
		name = "UTF8SMTP"
	case o.extended:
		name = "ESMTP"
	}
	if o.secure {
		name += "S"
	}
	return name
}

// rescue turns a panic of a callback into an answer; the session ends with it.
func (o *session) rescue(err *error) {
	if r := recover(); r != nil {
		o.panicked(r)
		o.wire.part("")
		*err = (&answer{sayFault}).reply(o.id)
	}
}

func (o *session) panicked(r any) {
	o.server.panics.Add(1)
	o.log.Error("panic in a session", "panic", r, "stack", string(debug.Stack()))
}
