package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
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
		if c.open || c.more {
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
	more   bool // so have the waiting copies
}

// takeWaiting takes copies that are due. Those that end or wait on leave room
// for others, but not for so many that the writer is kept from its other work.
func (c *claim) takeWaiting() error {
	for looked := 0; looked < rowsMax*c.most; {
		n, err := c.takeDue(c.most - len(c.copies))
		if err != nil || n == 0 || len(c.copies) == c.most {
			return err
		}
		looked += n
	}
	c.more = true
	return nil
}

// takeDue looks at up to n copies that are due, and returns how many there were.
// None of them is due afterwards.
func (c *claim) takeDue(n int) (int, error) {
	args := []any{at(c.now)}
	for _, lane := range c.skip {
		args = append(args, lane)
	}
	args = append(args[:1], pad(args[1:])...)
	var found []list.Copy
	var columns []string
	err := c.upTo(n, `SELECT copies.id, copies.job, COALESCE(jobs.list, 0), copies.lane, copies.rcpts, copies.tries, copies.since
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
		return 0, err
	}
	for i := range found {
		if err := c.takeOne(found[i], columns[i]); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}

// takeOne takes a waiting copy, less those of its recipients who have left. Who
// keeps hours that are closed now waits for them alone.
func (c *claim) takeOne(one list.Copy, column string) error {
	all, err := parseRcpts(column)
	if err != nil {
		return err
	}
	if done, err := c.refused(one, len(all)); err != nil || done {
		return err
	}
	var waiting []list.Rcpt
	var opens []time.Time
	if one.Rcpts, waiting, opens, err = c.stillMembers(one.List, all); err != nil {
		return err
	}
	if gone := len(all) - len(one.Rcpts) - len(waiting); gone > 0 {
		if err := c.addSums(one.Job, sums{cancelled: gone}); err != nil {
			return err
		}
	}
	for i, r := range waiting {
		n := newCopy{job: one.Job, lane: one.Lane, rcpts: rcptsOf([]list.Rcpt{r}), tries: one.Tries, since: at(one.Since), due: at(opens[i]), waits: "hours"}
		if err := c.postpone(one, i == 0 && len(one.Rcpts) == 0, n); err != nil {
			return err
		}
	}
	switch {
	case len(one.Rcpts)+len(waiting) == 0:
		return c.deleteCopies([]any{one.ID})
	case len(one.Rcpts) == 0:
		return nil
	}
	if _, err := c.exec(`UPDATE copies SET attempt = $1, rcpts = $2, waits = '' WHERE id = $3`, at(c.now), rcptsOf(one.Rcpts).String(), one.ID); err != nil {
		return err
	}
	c.copies = append(c.copies, one)
	return nil
}

// stillMembers fills in the addresses of members, and leaves out who left. Those
// who take no copies now stand apart, with the moments from when they do.
func (c *claim) stillMembers(l list.ListID, all []list.Rcpt) (kept, waiting []list.Rcpt, opens []time.Time, err error) {
	kept = all[:0:0]
	for _, r := range all {
		if r.Member == 0 {
			kept = append(kept, r)
			continue
		}
		var hours list.Hours
		ok, err := c.one(`SELECT address, hours FROM members WHERE list = $1 AND id = $2 AND state = $3`, []any{l, r.Member, list.Active}, &r.Address, &hours)
		if err != nil {
			return nil, nil, nil, err
		}
		if !ok {
			continue
		}
		if hours != "" {
			if open := c.opens(hours, c.now); open.After(c.now) {
				waiting, opens = append(waiting, r), append(opens, open)
				continue
			}
		}
		kept = append(kept, r)
	}
	return kept, waiting, opens, nil
}

// fanOut is a job that still expands.
type fanOut struct {
	job    list.JobID
	list   list.List
	cursor int64
	number int64  // of the post
	author string // in lower case
	node   list.NodeID
	first  bool // the post starts its thread
	marks  map[list.MemberID]list.Mark
	paused map[string]list.UnwantedState // lanes whose copies wait for the owners, or are dropped
}

const fanOutQuery = `SELECT jobs.id, jobs.list, COALESCE(jobs.cursor, -1), posts.number, posts.from_addr, COALESCE(jobs.node, 0), jobs.first
	FROM jobs JOIN posts ON posts.id = jobs.post`

func scanFanOut(rows *sql.Rows) (fanOut, error) {
	var j fanOut
	err := rows.Scan(&j.job, &j.list.ID, &j.cursor, &j.number, &j.author, &j.node, &j.first)
	j.author = strings.ToLower(j.author)
	return j, err
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
	err := c.upTo(openJobs, fanOutQuery+` WHERE jobs.cursor IS NOT NULL ORDER BY jobs.id`, nil, func(rows *sql.Rows) error {
		j, err := scanFanOut(rows)
		jobs = append(jobs, j)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i := range jobs {
		if jobs[i].list, err = c.listOf(jobs[i].list.ID); err != nil {
			return nil, err
		}
		if err := c.readMarks(&jobs[i]); err != nil {
			return nil, fmt.Errorf("read marks: %w", err)
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
	readers, cursor, err := c.nextReaders(j, n*per)
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
	if len(readers) == 0 && cursor < 0 {
		c.store.fresh.take(j.job) // nobody is going to ask for it
	}
	for len(readers) > 0 {
		n := shareable(readers, per)
		if err := c.handOut(j, readers[:n]); err != nil {
			return false, err
		}
		readers = readers[n:]
	}
	return cursor < 0, nil
}

// oneReader is a member who gets a copy.
type oneReader struct {
	list.Rcpt
	hours list.Hours
}

// shareable is how many of the next readers share a copy: per at most, and who
// keeps hours has one alone.
func shareable(readers []oneReader, per int) int {
	n := 0
	for n < min(per, len(readers)) && readers[n].hours == "" {
		n++
	}
	return max(n, 1)
}

// refused deals with a copy that came back to a destination which refuses its
// post: it waits for the owners like the others, or is dropped with them.
func (c *claim) refused(one list.Copy, rcpts int) (bool, error) {
	var state list.UnwantedState
	_, err := c.one(`SELECT state FROM unwanted WHERE job = $1 AND lane = $2`, []any{one.Job, one.Lane}, &state)
	switch {
	case err != nil:
		return false, err
	case state == list.UnwantedWaits:
		_, err := c.exec(`UPDATE copies SET due = $1, waits = 'owners' WHERE id = $2`, forever, one.ID)
		return true, err
	case state == list.UnwantedDrop:
		if err := c.addSums(one.Job, sums{cancelled: rcpts}); err != nil {
			return false, err
		}
		return true, c.deleteCopies([]any{one.ID})
	}
	return false, nil
}

// nextReaders is who gets a copy, looking up to n members further than the
// cursor: active ones who were it when the post came, which its number says: no
// clock does, because one that is set back makes the next post the older one.
// The cursor is -1 at the end.
func (c *claim) nextReaders(j fanOut, n int) (readers []oneReader, cursor int64, err error) {
	seen := 0
	cursor = j.cursor
	m := list.Member{State: list.Active}
	err = c.upTo(n, `SELECT id, address, own, delivery, hours, seen FROM members
		WHERE list = $1 AND id > $2 AND state = 'active' AND delivery IN ('each', 'first', 'followed') AND owed = '' ORDER BY id`,
		[]any{j.list.ID, j.cursor}, func(rows *sql.Rows) error {
			if err := rows.Scan(&m.ID, &m.Address, &m.Own, &m.Delivery, &m.Hours, &m.Seen); err != nil {
				return err
			}
			seen++
			cursor = int64(m.ID)
			if j.reaches(m) {
				readers = append(readers, oneReader{list.Rcpt{Member: m.ID, Address: m.Address}, m.Hours})
			}
			return nil
		})
	if seen < n {
		cursor = -1
	}
	return readers, cursor, err
}

// handOut makes one copy with its attempt, or a waiting one where its lane is
// full, its reader keeps hours, or its destination refuses the post.
func (c *claim) handOut(j fanOut, readers []oneReader) error {
	one := list.Copy{Job: j.job, List: j.list.ID, Rcpts: make([]list.Rcpt, len(readers)), Since: c.now}
	for i, r := range readers {
		one.Rcpts[i] = r.Rcpt
	}
	if !j.list.Shared {
		one.Lane = laneOf(one.Rcpts[0].Address)
	}
	row := newCopy{job: j.job, lane: one.Lane, rcpts: rcptsOf(one.Rcpts), since: at(c.now), due: at(c.now), attempt: at(c.now)}
	if j.paused[one.Lane] == list.UnwantedDrop {
		return c.addSums(j.job, sums{cancelled: len(readers)})
	}
	row.wait(c, j, readers)
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

// wait says what a new copy waits for, if it does.
func (row *newCopy) wait(c *claim, j fanOut, readers []oneReader) {
	if c.most == 0 || slices.Contains(c.skip, row.lane) {
		row.attempt = nil
	}
	if hours := readers[0].hours; len(readers) == 1 && hours != "" {
		if open := c.opens(hours, c.now); open.After(c.now) {
			row.attempt, row.due, row.waits = nil, at(open), "hours"
		}
	}
	if j.paused[row.lane] == list.UnwantedWaits {
		row.attempt, row.due, row.waits = nil, forever, "owners"
	}
}
