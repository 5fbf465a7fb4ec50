package list

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// heldNoticeEvery is how often the owners of a list hear that posts wait.
const heldNoticeEvery = 24 * time.Hour

// HeldNoticeDue tells whether the owners of a list are told, now, that posts
// wait: once a day, while any wait. It is pure. A clock that was set back
// delays a notice by at most a day.
func HeldNoticeDue(last, now time.Time, waiting int) bool {
	if waiting == 0 {
		return false
	}
	age := now.Sub(last)
	return age >= heldNoticeEvery || age < -heldNoticeEvery
}

// Tick does what time alone makes due. The clock that calls it stands in cmd.
func (d *Desk) Tick(ctx context.Context) error {
	lists, err := d.Lists(ctx)
	if err != nil {
		return err
	}
	var failed error
	for _, l := range lists {
		if err := d.remindOfHeld(ctx, l); err != nil {
			failed = errors.Join(failed, fmt.Errorf("remind of held posts on %s: %w", l.Address, err))
		}
		failed = errors.Join(failed, d.sendCollected(ctx, l))
	}
	return errors.Join(failed, d.endProbes(ctx), d.dropUndecided(ctx), d.expire(ctx))
}

// tallyLife is longer than any limit looks back.
const tallyLife = 3 * 24 * time.Hour

// reportLife is how long bounces and refusals are kept for the operator to look at.
const reportLife = 90 * 24 * time.Hour

// answerLife is how long what was waited for is kept after its end: an answer
// that came in time is carried out, however long that takes.
const answerLife = 3 * 24 * time.Hour

func (d *Desk) expire(ctx context.Context) error {
	return d.store.WriteBehind(ctx, func(tx Tx) error {
		return tx.Expire(d.now(), d.now().Add(-answerLife), d.now().Add(-tallyLife), d.now().Add(-reportLife))
	})
}

func (d *Desk) remindOfHeld(ctx context.Context, l List) error {
	due := func(tx Tx) (int, bool, error) {
		last, err := tx.Noticed(l.ID)
		if err != nil {
			return 0, false, err
		}
		waiting, err := tx.CountHeld(l.ID)
		return waiting, err == nil && HeldNoticeDue(last, d.now(), waiting), err
	}
	var yes bool
	err := d.store.Read(ctx, func(tx Tx) (err error) { _, yes, err = due(tx); return err })
	if err != nil || !yes {
		return err
	}
	return d.store.Write(ctx, func(tx Tx) error {
		waiting, yes, err := due(tx)
		if err != nil || !yes {
			return err
		}
		if err := tx.SetNoticed(l.ID, d.now()); err != nil {
			return err
		}
		_, err = d.mail(tx, notice{List: l, To: d.owners(l), Template: "held",
			FromOwner: true,
			Data:      map[string]any{"Count": waiting}})
		return err
	})
}
