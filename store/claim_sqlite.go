package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"parley/list"
)

// openJobs is how many fan-outs expand side by side, so that a post to a small
// list does not wait for the whole of a large one.
const openJobs = 16

// Claim hands out copies that are due, their attempt committed: it picks
// waiting ones, and expands open fan-outs. next is when something is due after
// that, now while fan-outs are open, zero when nothing waits. See outbox.Store.
func (s *Store) Claim(ctx context.Context, what list.Claim) (copies []list.Copy, next time.Time, err error) {
	err = s.submit(ctx, s.behind, func(t *tx) (err error) {
		c := claim{tx: t, now: what.Now, most: what.Max, skip: what.Skip}
		if err := c.takeWaiting(); err != nil {
			return fmt.Errorf("take waiting copies: %w", err)
		}
		if err := c.expandJobs(); err != nil {
			return fmt.Errorf("expand fan-outs: %w", err)
		}
		copies = c.copies
		if c.open {
			next = what.Now
			return nil
		}
		next, err = t.nextDue(what.Now)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return copies, next, nil
}

// nextDue is when the next copy that waits is due after now; zero when none is.
func (t *tx) nextDue(now time.Time) (time.Time, error) {
	var next int64
	_, err := t.one(`SELECT COALESCE(MIN(due), 0) FROM copies WHERE attempt IS NULL AND due > $1`, []any{at(now)}, &next)
	return moment(next), err
}

// claim is one taking of copies, within the writer's transaction.
type claim struct {
	*tx
	now    time.Time
	most   int
	skip   []string
	copies []list.Copy
	rows   int  // of copies made, those of full lanes included
	open   bool // a fan-out has more than there was room for
}

func (c *claim) takeWaiting() error {
	args := []any{at(c.now)}
	for _, lane := range c.skip {
		args = append(args, lane)
	}
	args = append(args[:1], pad(args[1:])...)
	var found []list.Copy
	var columns []string
	err := c.upTo(c.most, `SELECT copies.id, copies.job, COALESCE(jobs.list, 0), copies.lane, copies.rcpts, copies.tries, copies.since
		FROM copies JOIN jobs ON jobs.id = copies.job
		WHERE copies.attempt IS NULL AND copies.due <= $1 AND copies.lane NOT IN `+in(2, len(args)-1)+`
		ORDER BY copies.due`, args, func(rows *sql.Rows) error {
		var one list.Copy
		var column string
		var since int64
		if err := rows.Scan(&one.ID, &one.Job, &one.List, &one.Lane, &column, &one.Tries, &since); err != nil {
			return err
		}
		one.Since = moment(since)
		found, columns = append(found, one), append(columns, column)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range found {
		if err := c.takeOne(found[i], columns[i]); err != nil {
			return err
		}
	}
	return nil
}

// takeOne takes a waiting copy, less those of its recipients who have left.
func (c *claim) takeOne(one list.Copy, column string) error {
	all, err := parseRcpts(column)
	if err != nil {
		return err
	}
	if one.Rcpts, err = c.stillMembers(one.List, all); err != nil {
		return err
	}
	if gone := len(all) - len(one.Rcpts); gone > 0 {
		if err := c.addSums(one.Job, sums{cancelled: gone}); err != nil {
			return err
		}
	}
	if len(one.Rcpts) == 0 {
		return c.deleteCopies([]any{one.ID})
	}
	if _, err := c.exec(`UPDATE copies SET attempt = $1, rcpts = $2 WHERE id = $3`, at(c.now), rcptsOf(one.Rcpts).String(), one.ID); err != nil {
		return err
	}
	c.copies = append(c.copies, one)
	return nil
}

// stillMembers fills in the addresses of members and leaves out who left.
func (c *claim) stillMembers(l list.ListID, all []list.Rcpt) ([]list.Rcpt, error) {
	kept := all[:0:0]
	for _, r := range all {
		if r.Member != 0 {
			ok, err := c.one(`SELECT address FROM members WHERE list = $1 AND id = $2 AND state = $3`, []any{l, r.Member, list.Active}, &r.Address)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept, nil
}

// fanOut is a job that still expands.
type fanOut struct {
	job    list.JobID
	list   list.List
	cursor int64
	at     int64
	author string // in lower case
}

// rowsMax is how many copies one claim makes for each that it may hand out:
// those of full lanes are made to wait, and a large list is not worth more than
// a few milliseconds of the writer's time at once.
const rowsMax = 4

// expandJobs makes copies from open fan-outs, an equal share of the room from
// each, until the room is used or none is open.
func (c *claim) expandJobs() error {
	for c.room() > 0 {
		jobs, err := c.fanOuts()
		if err != nil {
			return err
		}
		c.open = len(jobs) == openJobs // there may be more
		share := max(c.room()/max(len(jobs), 1), 1)
		for _, j := range jobs {
			if c.room() <= 0 {
				c.open = true
				return nil
			}
			ended, err := c.expand(j, min(share, c.room()))
			if err != nil {
				return err
			}
			c.open = c.open || !ended
		}
		if !c.open {
			return nil
		}
	}
	c.open = true
	return nil
}

func (c *claim) room() int { return min(c.most-len(c.copies), rowsMax*c.most-c.rows) }

func (c *claim) fanOuts() ([]fanOut, error) {
	var jobs []fanOut
	var ids []list.ListID
	err := c.upTo(openJobs, `SELECT jobs.id, jobs.list, jobs.cursor, jobs.at, posts.from_addr FROM jobs JOIN posts ON posts.id = jobs.post
		WHERE jobs.cursor IS NOT NULL ORDER BY jobs.id`, nil, func(rows *sql.Rows) error {
		var j fanOut
		var l list.ListID
		if err := rows.Scan(&j.job, &l, &j.cursor, &j.at, &j.author); err != nil {
			return err
		}
		j.author = strings.ToLower(j.author)
		jobs, ids = append(jobs, j), append(ids, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		if jobs[i].list, err = c.listOf(ids[i]); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// expand makes up to n copies of a fan-out, moves its cursor, and tells whether
// that was the end.
func (c *claim) expand(j fanOut, n int) (bool, error) {
	if j.list.Removed {
		_, err := c.exec(`UPDATE jobs SET cursor = NULL WHERE id = $1`, j.job)
		return true, err
	}
	per := 1
	if j.list.Shared {
		per = sharedMax
	}
	members, cursor, err := c.nextMembers(j, n*per)
	if err != nil {
		return false, err
	}
	var next any // NULL: no more
	if cursor >= 0 {
		next = cursor
	}
	if _, err := c.exec(`UPDATE jobs SET cursor = $1 WHERE id = $2`, next, j.job); err != nil {
		return false, err
	}
	if len(members) == 0 && cursor < 0 {
		c.store.fresh.take(j.job) // nobody is going to ask for it
	}
	for len(members) > 0 {
		part := members[:min(per, len(members))]
		members = members[len(part):]
		if err := c.handOut(j, part); err != nil {
			return false, err
		}
	}
	return cursor < 0, nil
}

// nextMembers is who gets a copy, up to n members further than the cursor: the
// active ones who were it when the post came. The cursor is -1 at the end.
func (c *claim) nextMembers(j fanOut, n int) (members []list.Rcpt, cursor int64, err error) {
	seen := 0
	cursor = j.cursor
	err = c.upTo(n, `SELECT id, address, fold, own FROM members
		WHERE list = $1 AND id > $2 AND state = $3 AND delivery = $4 AND since <= $5 ORDER BY id`,
		[]any{j.list.ID, j.cursor, list.Active, list.DeliverEach, j.at}, func(rows *sql.Rows) error {
			var r list.Rcpt
			var fold string
			var own bool
			if err := rows.Scan(&r.Member, &r.Address, &fold, &own); err != nil {
				return err
			}
			seen++
			cursor = int64(r.Member)
			if own || fold != j.author {
				members = append(members, r)
			}
			return nil
		})
	if seen < n {
		cursor = -1
	}
	return members, cursor, err
}

// handOut makes one copy with its attempt, or a waiting one where its lane is full.
func (c *claim) handOut(j fanOut, rcpts []list.Rcpt) error {
	one := list.Copy{Job: j.job, List: j.list.ID, Rcpts: rcpts, Since: c.now}
	if !j.list.Shared {
		one.Lane = laneOf(rcpts[0].Address)
	}
	row := newCopy{job: j.job, lane: one.Lane, rcpts: rcptsOf(rcpts), since: at(c.now), due: at(c.now), attempt: at(c.now)}
	for _, lane := range c.skip {
		if lane == one.Lane {
			row.attempt = nil
		}
	}
	id, err := c.addCopy(row)
	if err != nil {
		return err
	}
	c.rows++
	if row.attempt != nil {
		one.ID = id
		c.copies = append(c.copies, one)
	}
	return nil
}
