package list

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// sendOwed writes the mails that members get before any further copy: the
// catch-up after a pause, the last digest.
func (d *Desk) sendOwed(ctx context.Context) (done int, failed error) {
	for after := MemberID(0); ; {
		var owed []Member
		err := d.store.Read(ctx, func(tx Tx) (err error) { owed, err = tx.ListOwed(d.now(), after, followBatch); return err })
		if err != nil || len(owed) == 0 {
			return done, errors.Join(failed, err)
		}
		for _, m := range owed {
			after = m.ID
			if err := d.payOwed(ctx, m); err != nil {
				failed = errors.Join(failed, fmt.Errorf("mail owed to member %d: %w", m.ID, err))
				continue
			}
			done++
		}
	}
}

// payOwed writes one of them, and lets copies go to the member again from the
// next post on. Posts that came while it was written go out as copies with it.
func (d *Desk) payOwed(ctx context.Context, m Member) error {
	var l List
	var c collection
	var last int64
	more := 0
	err := d.store.Read(ctx, func(tx Tx) (err error) {
		if l, err = listByID(tx, m.List); err != nil {
			return err
		}
		if last, err = tx.LastNumber(l.ID); err != nil {
			return err
		}
		if m.Owed == OwedCatchUp {
			c, more, err = d.collectAway(tx, l, m, last)
		} else {
			c, err = d.collect(tx, l, m.Seen, last, m.Owed == OwedSummary)
		}
		if err == nil {
			c.posts, err = unmuted(tx, m, c.posts)
		}
		return err
	})
	if err != nil {
		return err
	}
	mail, err := d.writeOwed(l, m, c, more)
	if err != nil {
		return err
	}
	return d.store.WriteBehind(ctx, func(tx Tx) error {
		now, err := tx.Member(l.ID, m.ID)
		if err != nil || now.State != Active || now.Owed != m.Owed || now.Seen != m.Seen || now.PausedUntil != m.PausedUntil {
			return err // it changed meanwhile: the next look begins anew
		}
		if mail != nil {
			if _, err := d.queue(tx, notice{List: l, Template: string(m.Owed), Members: []Member{now}}, d.pack(mail)); err != nil {
				return err
			}
		}
		return d.endOwed(tx, now, c.to, c.to == last)
	})
}

// collectAway is the posts of a pause, the newest ones where there are many.
func (d *Desk) collectAway(tx Tx, l List, m Member, last int64) (c collection, more int, err error) {
	from := max(m.Seen, last-catchUpMost)
	more = int(from - m.Seen)
	rows, err := tx.PostsAfter(l.ID, from, catchUpMost)
	if err != nil {
		return c, 0, err
	}
	texts, err := firstTexts(tx, l.ID, rows)
	return collection{from: m.Seen, to: last, rows: rows, posts: digestRows(rows, texts)}, more, err
}

// unmuted is the posts without those of threads that the member mutes.
func unmuted(tx Tx, m Member, posts []DigestPost) ([]DigestPost, error) {
	marks, err := tx.Marks(m.List, m.ID)
	return slices.DeleteFunc(posts, func(p DigestPost) bool { return marks[p.Thread] == Mute }), err
}

// writeOwed makes the mail; nil when there is nothing to tell.
func (d *Desk) writeOwed(l List, m Member, c collection, more int) ([]byte, error) {
	n := notice{List: l, Members: []Member{m}}
	if m.Owed == OwedCatchUp {
		since := m.PausedUntil
		if len(c.posts) > 0 {
			since = c.posts[0].Received
		}
		n.Template, n.Data = "catchup", d.catchUpData(l, c.posts, since, m.PausedUntil, more)
		// Its answers are commands: "reply to all" must not post them.
		n.To, n.ReplyTo = []string{m.Address}, d.replyTo(l, m)
		return d.write(n)
	}
	if len(c.posts) == 0 {
		return nil, nil
	}
	kind := string(DeliverDaily)
	if m.Owed == OwedSummary {
		kind = string(DeliverSummary)
	}
	return d.write(d.collected(n, kind, c.posts))
}

// endOwed moves a member past what a mail told. When that was all, copies go
// out again, beginning with posts that came since it was read.
func (d *Desk) endOwed(tx Tx, m Member, to int64, all bool) error {
	m.Seen = to
	if !all {
		return tx.SetMember(m)
	}
	m.Owed, m.PausedUntil = OwedNothing, time.Time{}
	if m.Delivery.immediate() {
		if err := tx.SendSince(m, to, d.now()); err != nil {
			return err
		}
		last, err := tx.LastNumber(m.List)
		if err != nil {
			return err
		}
		m.Seen = last
	}
	return tx.SetMember(m)
}
