package outbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parley/list"
)

// exchange is one transaction on a session.
type exchange struct {
	*session
	t       *Transaction
	answers []list.Answer
	open    []int // places of the recipients that go on the wire, then of those that were accepted
	utf8    bool
}

// transact makes one transaction. With an error, the session must be closed;
// the answers stand nevertheless.
func (s *session) transact(ctx context.Context, t *Transaction) ([]list.Answer, error) {
	x := &exchange{session: s, t: t, answers: answerAll(len(t.Rcpts), list.Answer{Outcome: list.Later})}
	x.screen()
	if len(x.open) == 0 {
		return x.answers, nil
	}
	stop := context.AfterFunc(ctx, s.abort)
	defer stop()
	err := x.run(ctx)
	if err == nil {
		s.uses++
	}
	return x.answers, err
}

func (x *exchange) run(ctx context.Context) error {
	goAhead, err := x.envelope()
	switch {
	case err != nil:
		return err
	case len(x.open) > 0 && goAhead:
		return x.body(ctx)
	case goAhead:
		return x.pointless(ctx)
	}
	x.reset = true
	return nil
}

// screen answers for the recipients that cannot go on the wire.
func (x *exchange) screen() {
	sender := screenPath(x.t.Sender, x.ext.utf8)
	x.utf8 = x.ext.utf8 && (x.t.Mail.UTF8 || !isPlain(x.t.Sender))
	for i, rcpt := range x.t.Rcpts {
		bad := sender
		if bad == nil {
			bad = screenPath(rcpt, x.ext.utf8)
		}
		if bad == nil && rcpt == "" {
			bad = &reply{553, "5.1.3 a recipient needs an address"}
		}
		if bad != nil {
			x.answers[i] = bad.answer()
			continue
		}
		x.open = append(x.open, i)
		x.utf8 = x.utf8 || !isPlain(rcpt)
	}
}

// envelope sends MAIL, RCPT and DATA, leaves in open who was accepted, and
// says whether the server now waits for a mail.
func (x *exchange) envelope() (goAhead bool, err error) {
	if !x.ext.pipelining {
		return x.stepwise()
	}
	// RFC 2920, 3.1: everything up to DATA in one go. A hundred recipients and
	// their replies fit into the TCP buffers of both sides, so that nobody
	// blocks on writing while the other does too.
	x.writeReset()
	x.writeMail()
	for _, i := range x.open {
		x.writeRcpt(i)
	}
	x.writeLine("DATA")
	if err := x.flush(); err != nil {
		return false, err
	}
	if err := x.readReset(); err != nil {
		return false, err
	}
	mailed, err := x.readMail()
	if err != nil {
		return false, err
	}
	if err := x.readRcpts(mailed); err != nil {
		return false, err
	}
	goAhead, err = x.readData()
	if goAhead && !mailed {
		// Whom it would go to nobody knows: the connection is not to be trusted.
		return false, x.fail(atBody, errors.New("DATA: the server wants a mail that it has refused"))
	}
	return goAhead, err
}

// stepwise is the envelope for servers without PIPELINING.
func (x *exchange) stepwise() (goAhead bool, err error) {
	x.writeReset()
	if err := x.flush(); err != nil {
		return false, err
	}
	if err := x.readReset(); err != nil {
		return false, err
	}
	x.writeMail()
	if err := x.flush(); err != nil {
		return false, err
	}
	if ok, err := x.readMail(); !ok || err != nil {
		x.open = nil
		return false, err
	}
	asked := x.open
	x.open = nil
	for _, i := range asked {
		x.writeRcpt(i)
		if err := x.readRcpt(i, true); err != nil {
			x.giveUp(asked, err)
			return false, err
		}
	}
	if len(x.open) == 0 {
		return false, nil
	}
	x.writeLine("DATA")
	return x.readData()
}

func (x *exchange) writeLine(line string) {
	_, _ = x.out.WriteString(line) // a bufio.Writer keeps its error until Flush
	_, _ = x.out.WriteString("\r\n")
}

func (x *exchange) writeReset() {
	if x.reset {
		x.writeLine("RSET")
	}
}

// writeMail says what is known of the mail, as far as the server asked to hear
// it. To a server without 8BITMIME a mail with 8-bit text goes unchanged and
// unannounced: RFC 6152, 3 asks to re-encode or to bounce it, but re-encoding
// breaks the author's signature, and servers that strip the eighth bit have
// died out. Header fields in UTF-8 are treated alike (see screen for addresses).
func (x *exchange) writeMail() {
	_, _ = x.out.WriteString("MAIL FROM:<")
	_, _ = x.out.WriteString(quotePath(x.t.Sender))
	_ = x.out.WriteByte('>')
	if x.ext.size {
		_, _ = x.out.WriteString(" SIZE=")
		_, _ = x.out.WriteString(strconv.Itoa(x.t.size()))
	}
	if x.ext.eightBit && (x.t.Mail.EightBit || x.utf8) {
		_, _ = x.out.WriteString(" BODY=8BITMIME")
	}
	if x.utf8 {
		_, _ = x.out.WriteString(" SMTPUTF8")
	}
	_, _ = x.out.WriteString("\r\n")
}

func (x *exchange) writeRcpt(i int) {
	_, _ = x.out.WriteString("RCPT TO:<")
	_, _ = x.out.WriteString(quotePath(x.t.Rcpts[i]))
	_, _ = x.out.WriteString(">\r\n")
}

func (x *exchange) flush() error {
	if err := x.out.Flush(); err != nil {
		return x.fail(atMail, fmt.Errorf("MAIL: %w", err))
	}
	return nil
}

func (x *exchange) readReset() error {
	if !x.reset {
		return nil
	}
	if _, err := x.read(x.times.Command, "RSET"); err != nil {
		return x.fail(atMail, err)
	}
	x.reset = false
	return nil
}

// readMail says whether MAIL was accepted. A no to the sender is one to all
// recipients, but for those that speak of our login or of a muddled session.
func (x *exchange) readMail() (bool, error) {
	rep, err := x.read(x.times.Command, "MAIL")
	if err != nil {
		return false, x.fail(atMail, err)
	}
	switch rep.code {
	case 503, 530, 534, 535, 538:
		return false, x.fail(atMail, &replyError{"MAIL", rep})
	}
	if rep.code/100 == 2 {
		return true, nil
	}
	for _, i := range x.open {
		x.answers[i] = rep.answer()
	}
	return false, nil
}

func (x *exchange) readRcpts(mailed bool) error {
	asked := x.open
	x.open = make([]int, 0, len(asked))
	for _, i := range asked {
		if err := x.readRcpt(i, mailed); err != nil {
			x.giveUp(asked, err)
			return err
		}
	}
	return nil
}

// readRcpt reads the answer for one recipient. Without an accepted MAIL it
// means nothing: that one's answer stands.
func (x *exchange) readRcpt(i int, mailed bool) error {
	if err := x.out.Flush(); err != nil {
		return &broken{atBody, fmt.Errorf("RCPT: %w", err)}
	}
	rep, err := x.read(x.times.Command, "RCPT")
	switch {
	case err != nil:
		return &broken{atBody, err}
	case !mailed:
	case rep.code/100 == 2: // 251: it will forward, 252: it does not know but tries
		x.open = append(x.open, i)
	case rep.code == 552 && len(x.open) > 0: // meant as 452 (RFC 5321, 4.5.3.1.10)
		rep.code = 452
		x.answers[i] = rep.answer()
	default:
		x.answers[i] = rep.answer()
	}
	return nil
}

func (x *exchange) readData() (goAhead bool, err error) {
	if err := x.out.Flush(); err != nil {
		return false, x.fail(atBody, fmt.Errorf("DATA: %w", err))
	}
	rep, err := x.read(x.times.Data, "DATA")
	switch {
	case err != nil:
		return false, x.fail(atBody, err)
	case rep.code == 354:
		return true, nil
	case rep.code < 400:
		return false, x.fail(atBody, &replyError{"DATA", rep})
	}
	for _, i := range x.open {
		x.answers[i] = rep.answer()
	}
	x.open = x.open[:0]
	return false, nil
}

// pointless ends a DATA that the server let begin although it has refused
// every recipient: with an empty mail that goes to nobody (RFC 2920, 3.1).
func (x *exchange) pointless(ctx context.Context) error {
	if err := x.t.Ready(ctx); err != nil {
		return &broken{atBody, err}
	}
	x.writeLine(".")
	if err := x.out.Flush(); err != nil {
		return &broken{atBody, fmt.Errorf("DATA: %w", err)}
	}
	if _, err := x.read(x.times.Final, "DATA"); err != nil {
		return &broken{atBody, err}
	}
	x.reset = true
	return nil
}

// body sends the mail to who was accepted. A small one waits in the buffer for
// its final dot; of a large one everything else leaves before Ready.
func (x *exchange) body(ctx context.Context) error {
	p := x.t.Mail.wire()
	for _, part := range [...][]byte{p.top, x.t.Fields, p.rest, p.body} {
		if _, err := x.out.Write(part); err != nil {
			return x.interrupted(err)
		}
	}
	if err := x.t.Ready(ctx); err != nil {
		return x.fail(atBody, fmt.Errorf("wait for the last result: %w", err))
	}
	if err := x.enterFinal(); err != nil {
		return x.fail(atBody, err)
	}
	defer x.leaveFinal()
	x.writeLine(".")
	if err := x.out.Flush(); err != nil {
		return x.fail(atFinal, fmt.Errorf("send the mail: %w", err))
	}
	return x.verdict()
}

// interrupted looks for the reason that a server may give before it closes a
// connection on a mail that it does not want (552, say).
func (x *exchange) interrupted(err error) error {
	broke := &broken{atBody, fmt.Errorf("send the mail: %w", err)}
	rep, readErr := x.read(time.Second, "DATA")
	if readErr == nil && rep.code >= 400 {
		for _, i := range x.open {
			x.answers[i] = rep.answer()
		}
		return broke
	}
	return x.fail(atBody, broke.err)
}

// verdict reads what became of the mail: one reply in SMTP, one for each
// accepted recipient in LMTP (RFC 2033, 4.2).
func (x *exchange) verdict() error {
	var rep reply
	var err error
	taken := false
	for n, i := range x.open {
		if n == 0 || x.route.Relay.Scheme == LMTP {
			rep, err = x.read(x.times.Final, "final dot")
		}
		if err != nil {
			x.open = x.open[n:]
			return x.fail(atFinal, err)
		}
		x.answers[i] = rep.answer()
		taken = taken || x.answers[i].Outcome == list.Delivered
	}
	if taken {
		x.again()
	}
	return nil
}

// again sends those who were one too many for this transaction into the next
// one, at once: 452 after others were accepted is no failure (RFC 5321,
// 4.5.3.1.10). Each round carries somebody, so there is an end to it.
func (x *exchange) again() {
	for i, a := range x.answers {
		if a.Outcome == list.Later && (a.Code == 452 || a.Enhanced == "4.5.3") {
			x.answers[i].Due = x.route.Now()
		}
	}
}

// fail gives everybody who is still open err as the answer.
func (x *exchange) fail(at stage, err error) error {
	x.giveUp(x.open, err)
	return &broken{at, err}
}

// giveUp answers for those among places who have no answer yet.
func (x *exchange) giveUp(places []int, err error) {
	for _, i := range places {
		if a := x.answers[i]; a.Outcome == list.Later && a.Code == 0 && a.Text == "" {
			x.answers[i] = later(err)
		}
	}
}
