package outbox

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"parley/list"
)

// work is the life of one connection.
func (r *Runner) work(ctx context.Context, w *worker) {
	s := r.sender()
	defer func() { _ = s.Close() }()
	idle := time.NewTimer(r.cfg.Idle)
	defer idle.Stop()
	for {
		select {
		case <-w.turn:
			if !r.carry(ctx, w, s) {
				return
			}
			idle.Reset(r.cfg.Idle)
			continue
		case <-idle.C:
		case <-r.board.quit:
		}
		if r.board.leave(w) {
			return
		}
	}
}

// carry sends w's copy and hands the result to the recorder. It says whether w
// goes on.
func (r *Runner) carry(ctx context.Context, w *worker, s Sender) bool {
	it := w.flight.item
	// At most two results of a connection wait for their commit. What the
	// context ends here ends the transaction, too.
	_ = w.older.wait(ctx)
	answers, fault := r.try(ctx, w, s, it.Copy)
	stopped := ctx.Err() != nil
	if fault == HostFault && !stopped {
		r.noSession(w, answers)
		return false
	}
	v := verdict{fault: fault}
	for i, a := range answers {
		if stopped && a.Outcome == list.Later && a.Code == 0 {
			a.Due = r.cfg.Now()
		}
		v.delivered = v.delivered || a.Outcome == list.Delivered
		v.deferred = v.deferred || a.Outcome == list.Later && a.Due.IsZero()
		answers[i] = a
	}
	r.schedule(answers, it.Copy)
	r.logAnswers(it.Copy, answers)
	w.older, w.last = w.last, r.rec.put(list.Result{Copy: it.Copy, Answers: answers})
	flushed := r.board.finish(w, v, time.Now())
	if len(flushed) > 0 {
		r.cfg.Log.Warn("lane paused", "lane", it.Lane, "copies", len(flushed), "text", answers[0].Text)
		r.putOff(flushed, list.Answer{Outcome: list.Later, Text: answers[0].Text})
	}
	return true
}

// noSession does what follows when no session with the relay could be had.
func (r *Runner) noSession(w *worker, answers []list.Answer) {
	flushed, wait := r.board.noSession(w, time.Now())
	if len(flushed) == 0 {
		return
	}
	a := answers[0]
	if wait > 0 {
		r.cfg.Log.Warn("relay unavailable", "relay", r.cfg.Relay, "copies", len(flushed), "again_in", wait, "text", a.Text)
		a.Due = r.cfg.Now().Add(wait)
	}
	r.putOff(flushed, a)
}

// try makes one transaction. Whatever goes wrong becomes an answer.
func (r *Runner) try(ctx context.Context, w *worker, s Sender, c list.Copy) (answers []list.Answer, fault Fault) {
	defer func() {
		if p := recover(); p != nil {
			r.cfg.Log.Error("panic while sending", "job", c.Job, "panic", p)
			_ = s.Close()
			answers, fault = answerAll(len(c.Rcpts), later(fmt.Errorf("internal error: %v", p))), LaneFault
		}
	}()
	j, err := r.shelf.get(ctx, c.Job)
	if err != nil {
		return answerAll(len(c.Rcpts), later(err)), untried
	}
	t := r.transaction(c, j)
	t.Ready = w.last.wait
	answers, fault = s.Send(ctx, t)
	for i := range answers {
		answers[i].Text = mask(answers[i].Text, t)
	}
	return answers, fault
}

// transaction writes the envelope of a copy. A personal copy has its own
// sender, so that its bounces say whose they are, and its own way to leave.
func (r *Runner) transaction(c list.Copy, j *job) *Transaction {
	t := &Transaction{Sender: j.sender, Mail: j.mail, Rcpts: make([]string, len(c.Rcpts))}
	for i, rcpt := range c.Rcpts {
		t.Rcpts[i] = rcpt.Address
	}
	if j.kind == list.SourceMail {
		return t
	}
	var m list.MemberID
	if c.Lane != "" && len(c.Rcpts) == 1 {
		m = c.Rcpts[0].Member
	}
	t.Sender = r.cfg.Bounce(j.list, m)
	if j.mail.Seam >= 0 {
		// A copy that is not personal has a seam, too, when the list's copies
		// became personal after it was made.
		t.Fields = r.cfg.Site.PersonalFields(j.list, m, j.number)
	}
	return t
}

// minToken is the length from which the last word of an address is taken for a
// secret; list names are shorter or have no hyphen before them.
const minToken = 16

// mask takes the tokens of a transaction out of what a server said: its words
// are kept, shown and logged, and servers repeat senders and links.
func mask(text string, t *Transaction) string {
	local, _ := cutAddress(t.Sender)
	_, fields, _ := bytes.Cut(t.Fields, []byte("<mailto:"))
	leave, _, _ := bytes.Cut(fields, []byte("@"))
	return maskToken(maskToken(text, local), string(leave))
}

// maskToken masks the token in a local part.
func maskToken(text, local string) string {
	_, token, _ := strings.Cut(local, "+")
	token = token[strings.LastIndexByte(token, '-')+1:]
	if len(token) < minToken || text == "" {
		return text
	}
	return strings.ReplaceAll(text, token, "...")
}

// logAnswers writes a line for each recipient who did not get the copy.
func (r *Runner) logAnswers(c list.Copy, answers []list.Answer) {
	for i, a := range answers {
		event := "copy refused"
		switch a.Outcome {
		case list.Delivered:
			continue
		case list.Later:
			event = "copy deferred"
		}
		r.cfg.Log.LogAttrs(context.Background(), slog.LevelInfo, event,
			slog.Int64("list", int64(c.List)), slog.Int64("job", int64(c.Job)),
			slog.String("rcpt", c.Rcpts[i].Address), slog.Int("code", a.Code), slog.String("text", a.Text))
	}
}
