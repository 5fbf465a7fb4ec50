package list

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"parley/message"
)

// reportPatience is how long a report that cannot be judged is tried again.
const reportPatience = 24 * time.Hour

// judgeReports judges the bounces and refusals that came since. Both say why a
// copy did not arrive, in a report or directly, and count the same. Each has a
// transaction of its own, so that neither the mail waits for many of them nor
// one that fails stops the others.
func (d *Desk) judgeReports(ctx context.Context) (int, error) {
	bounces, err := d.judgeBounces(ctx)
	refusals, failed := d.judgeRefusals(ctx)
	return bounces + refusals, errors.Join(err, failed)
}

func (d *Desk) judgeBounces(ctx context.Context) (done int, failed error) {
	for after := int64(0); ; {
		var bounces []Bounce
		err := d.store.Read(ctx, func(tx Tx) (err error) { bounces, err = tx.NextBounces(after, followBatch); return err })
		if err != nil || len(bounces) == 0 {
			return done, errors.Join(failed, err)
		}
		for _, b := range bounces {
			after = b.ID
			report := d.readReport(b.Raw)
			err := d.judgeOne(ctx, b.Received, func(tx Tx) error { return d.judgeBounce(tx, b, report) }, func(tx Tx) error { return tx.BounceJudged(b.ID) })
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("judge bounce %d: %w", b.ID, err))
				continue
			}
			done++
		}
	}
}

func (d *Desk) judgeRefusals(ctx context.Context) (done int, failed error) {
	for after := int64(0); ; {
		var refusals []Refusal
		err := d.store.Read(ctx, func(tx Tx) (err error) { refusals, err = tx.NextRefusals(after, followBatch); return err })
		if err != nil || len(refusals) == 0 {
			return done, errors.Join(failed, err)
		}
		for _, r := range refusals {
			after = r.ID
			err := d.judgeOne(ctx, r.At, func(tx Tx) error { return d.judgeRefusal(tx, r) }, func(tx Tx) error { return tx.RefusalJudged(r.ID) })
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("judge refusal %d: %w", r.ID, err))
				continue
			}
			done++
		}
	}
}

// judgeOne judges and marks it judged, both or neither; one that could not be
// judged for a day is only marked.
func (d *Desk) judgeOne(ctx context.Context, at time.Time, judge, mark func(Tx) error) error {
	err := d.store.WriteBehind(ctx, func(tx Tx) error {
		if err := judge(tx); err != nil {
			return err
		}
		return mark(tx)
	})
	if err != nil && ctx.Err() == nil && d.now().Sub(at) > reportPatience {
		d.log.Error("a report cannot be judged and is left", "err", err)
		return d.store.WriteBehind(ctx, mark)
	}
	return err
}

// readReport reads a stranger's MIME. Should the reader ever panic, the report
// says nothing, and those behind it are read.
func (d *Desk) readReport(raw []byte) (r message.Report) {
	defer func() {
		if p := recover(); p != nil {
			d.log.Error("panic while reading a bounce", "panic", p)
			r = message.Report{}
		}
	}()
	return message.ReadReport(raw)
}

// judgeBounce does what follows from a report. The address that it came to says
// whom it is about: a report to one that names nobody moves nothing, whatever
// stands in it.
func (d *Desk) judgeBounce(tx Tx, b Bounce, r message.Report) error {
	l, err := listByID(tx, b.List)
	if err != nil || b.Member == 0 {
		return ifKnown(err)
	}
	m, err := tx.Member(l.ID, b.Member)
	if err != nil || m.State != Active {
		return ifKnown(err)
	}
	if r.Kind == message.ComplaintReport {
		return d.complained(tx, l, m, r)
	}
	for _, f := range r.Failed() {
		// One address of ours has one recipient: other names in the report are
		// where the mail went on to.
		why := refusalText(f.Code, f.Status, f.Diagnostic)
		switch cause := Judge(f.Status, f.Code, f.Diagnostic); {
		case cause.AgainstMember():
			return d.strike(tx, l, m, b.Received, why, b.Probe)
		case cause.AgainstPost():
			return d.unwantedByReport(tx, l, m, r, why)
		}
	}
	return nil
}

// ifKnown takes an error away that says only that something is gone.
func ifKnown(err error) error {
	if KindOf(err) == Unknown {
		return nil
	}
	return err
}

// refusalText is what a server said, in one line. The words of a report often
// begin with the codes.
func refusalText(code int, status, words string) string {
	said := strings.TrimSpace(words)
	if status != "" && !strings.Contains(said, status) {
		said = status + " " + said
	}
	if number := fmt.Sprint(code); code != 0 && !strings.HasPrefix(said, number) {
		said = number + " " + said
	}
	return clip(strings.TrimSpace(said), 300)
}

// judgeRefusal does what follows from an answer that our own sending saw.
func (d *Desk) judgeRefusal(tx Tx, r Refusal) error {
	if r.List == 0 {
		return nil // mail of the operator's addresses
	}
	l, err := listByID(tx, r.List)
	if err != nil {
		return ifKnown(err)
	}
	probe := r.Member == 0
	if probe {
		if r.Member, err = d.probed(tx, l, r.Sender); err != nil || r.Member == 0 {
			return err // 0: mail to somebody who is no member
		}
	}
	m, err := tx.Member(l.ID, r.Member)
	if err != nil || m.State != Active {
		return ifKnown(err)
	}
	why := refusalText(r.Code, r.Enhanced, r.Text)
	cause := Judge(r.Enhanced, r.Code, r.Text)
	switch {
	case cause.AgainstMember():
		return d.strike(tx, l, m, r.At, why, probe)
	case cause.AgainstPost() && r.Post != 0:
		return d.unwanted(tx, l, r.Job, domainOf(strings.ToLower(m.Address)), why)
	}
	return nil
}

// probed is the member whom a mail of ours with this envelope sender probes;
// 0 when it is no probe.
func (d *Desk) probed(tx Tx, l List, sender string) (MemberID, error) {
	target, err := ParseTarget(sender, d.site)
	if err != nil || target.Verb != ToBounce {
		return 0, nil
	}
	to := delivery{Target: target, list: l}
	ok, err := d.resolveProbe(tx, &to, TokenHash(target.Token))
	if err != nil || !ok {
		return 0, err
	}
	return to.member, nil
}

// strike counts a day on which the address was dead. Enough of them bring a
// probe, and only its bounce suspends: so neither one bad day of a server nor
// forged reports end a membership.
func (d *Desk) strike(tx Tx, l List, m Member, at time.Time, why string, probe bool) error {
	if probe && !m.Probed.IsZero() { // else it was judged before: a second report, or one that came too late
		return d.suspend(tx, l, m, why)
	}
	day := at.UTC().Truncate(24 * time.Hour)
	if err := tx.AddStrike(l.ID, m.ID, day, why); err != nil {
		return err
	}
	days, _, err := tx.Strikes(l.ID, m.ID, day.Add(-strikeWindow))
	if err != nil || !m.Probed.IsZero() || !ProbeDue(days, d.now()) {
		return err
	}
	return d.probe(tx, l, m)
}

// probe sends one mail whose envelope sender stands nowhere else.
func (d *Desk) probe(tx Tx, l List, m Member) error {
	sender, _, err := d.ask(tx, l, PendingProbe, m.Address, wish{Member: m.ID}, probeTime+24*time.Hour)
	if err != nil {
		return err
	}
	m.Probed = d.now()
	if err := tx.SetMember(m); err != nil {
		return err
	}
	d.note(l, m, "probe sent")
	_, err = d.mail(tx, notice{List: l, To: []string{m.Address}, Template: "probe", Sender: sender, ReplyTo: d.replyTo(l, m),
		Data: map[string]any{"Address": m.Address}})
	return err
}

func (d *Desk) note(l List, m Member, event string) {
	d.log.Info(event, "list", l.Address, "member", m.ID)
}

// suspend stops the mail to an address that is dead. Its owner and the owners of
// the list are told, and either brings it back by one reply.
func (d *Desk) suspend(tx Tx, l List, m Member, why string) error {
	m.State, m.Since, m.Probed, m.Owed = Suspended, d.now(), time.Time{}, OwedNothing
	if err := tx.SetMember(m); err != nil {
		return err
	}
	back, _, err := d.ask(tx, l, PendingReturn, m.Address, wish{Name: m.Name}, returnTime)
	if err != nil {
		return err
	}
	d.note(l, m, "member suspended")
	_, err = d.mail(tx, notice{List: l, To: []string{m.Address}, Template: "suspended", ReplyTo: back,
		Data: map[string]any{"Address": m.Address, "Why": why, "Days": daysOf(returnTime)}})
	if err != nil {
		return err
	}
	back, _, err = d.ask(tx, l, PendingReturn, m.Address, wish{Name: m.Name}, returnTime)
	if err != nil {
		return err
	}
	_, err = d.mail(tx, notice{List: l, To: d.owners(l), Template: "suspended-owner", ReplyTo: back,
		Data: map[string]any{"Address": m.Address, "Why": why}})
	return err
}

// endProbes forgives those whose probe did not come back.
func (d *Desk) endProbes(ctx context.Context) error {
	var alive []Member
	err := d.store.Read(ctx, func(tx Tx) (err error) { alive, err = tx.ListProbed(d.now().Add(-probeTime), collectBatch); return err })
	for _, m := range alive {
		err = errors.Join(err, d.store.WriteBehind(ctx, func(tx Tx) error {
			now, err := tx.Member(m.List, m.ID)
			if err != nil || now.Probed != m.Probed {
				return err
			}
			now.Probed = time.Time{}
			return errors.Join(tx.SetMember(now), tx.ClearStrikes(m.List, m.ID))
		}))
	}
	return err
}

// complained unsubscribes who reported a post as spam (RFC 5965, RFC 6650): they
// want no more of it, and their provider counts what comes nevertheless.
func (d *Desk) complained(tx Tx, l List, m Member, r message.Report) error {
	switch r.Feedback {
	case "abuse", "opt-out", "opt-out-list":
	default:
		return nil // fraud: not a wish of the member
	}
	if err := d.endMembership(tx, m); err != nil { // without a goodbye: that would be one more
		return err
	}
	d.note(l, m, "member left by a complaint")
	_, err := d.mail(tx, notice{List: l, To: d.owners(l), Template: "complaint", FromOwner: true, Data: map[string]any{"Address": m.Address}})
	return err
}

// unwantedMost is how many refusals of one destination stop a post's copies there.
const unwantedMost = 10

// unwantedByReport finds the post that a report returned.
func (d *Desk) unwantedByReport(tx Tx, l List, m Member, r message.Report, why string) error {
	if r.OriginalID == "" {
		return nil
	}
	p, ok, err := tx.FindPost(l.ID, r.OriginalID)
	if err != nil || !ok {
		return err
	}
	job, err := tx.JobOf(l.ID, p.ID)
	if err != nil || job == 0 {
		return err
	}
	// Each member counts once: whoever has one token must not speak for all.
	once := limit{"unwanted", fmt.Sprint(job, " ", m.ID), 1, tallyLife}
	if ok, err := d.within(tx, []limit{once}); err != nil || !ok {
		return err
	}
	return d.unwanted(tx, l, job, domainOf(strings.ToLower(m.Address)), why)
}

// unwanted counts the refusal of a post at a destination. After ten, or when all
// of its members were refused, the copies that still wait for it stay here until
// the owners have said what is to be done: more of the same would only teach
// that destination to refuse the next post, too.
func (d *Desk) unwanted(tx Tx, l List, job JobID, lane, why string) error {
	destination := lane
	if l.Shared { // its copies are for all destinations at once
		lane = ""
	}
	refused, state, err := tx.AddUnwanted(job, lane)
	if err != nil || state != UnwantedNone {
		return err
	}
	if refused < 2 { // one alone says more about a member than about the post
		return nil
	}
	sums, err := tx.LaneSums(l.ID, job, lane)
	all := lane != "" && refused >= sums.Members
	if err != nil || refused < unwantedMost && !all {
		return err
	}
	next := UnwantedWaits
	if sums.Waiting == 0 && !sums.Open {
		next = UnwantedGo // nothing is left to decide about
	}
	if err := tx.SetUnwanted(job, lane, next, d.now()); err != nil {
		return err
	}
	post, err := tx.JobPost(l.ID, job)
	if err != nil {
		return err
	}
	d.log.Warn("post refused as unwanted", "list", l.Address, "post", post.ID, "lane", destination, "state", string(next))
	data := map[string]any{"Subject": post.Subject, "Destination": destination, "Refused": refused, "Waiting": sums.Waiting,
		"Why": why, "Go": "", "Drop": ""}
	n := notice{List: l, To: d.owners(l), Template: "unwanted", FromOwner: true, Data: data}
	if next == UnwantedWaits {
		going, drop, err := d.askEither(tx, l, PendingGo, PendingDrop, l.Address, wish{Job: job, Lane: lane})
		if err != nil {
			return err
		}
		data["Go"], data["Drop"], n.ReplyTo, n.FromOwner = going, drop, going, false
	}
	_, err = d.mail(tx, n)
	return err
}

// dropUndecided ends copies that the owners said nothing about: a copy that
// waits for ever is one that nobody knows of.
func (d *Desk) dropUndecided(ctx context.Context) error {
	return d.store.WriteBehind(ctx, func(tx Tx) error {
		old, err := tx.ListUnwanted(d.now().Add(-decideTime))
		if err != nil {
			return err
		}
		for _, u := range old {
			d.log.Warn("copies of an unwanted post dropped, nobody decided", "job", u.Job, "lane", u.Lane)
			if err := tx.SetUnwanted(u.Job, u.Lane, UnwantedDrop, d.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// decideUnwanted does what the owners chose.
func (c *caller) decideUnwanted(p Pending, w wish) (note, error) {
	state := UnwantedGo
	if p.Kind == PendingDrop {
		state = UnwantedDrop
	}
	err := c.tx.SetUnwanted(w.Job, w.Lane, state, c.now())
	return note{event: "copies of an unwanted post decided", about: []any{"job", w.Job, "lane", w.Lane, "state", string(state)}}, err
}
