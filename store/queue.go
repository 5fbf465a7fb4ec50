package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"parley/list"
)

// A shared copy has at most sharedMax recipients: every server takes that many
// in one transaction (RFC 5321, 4.5.3.1.8).
const sharedMax = 100

func (t *tx) AddJob(j list.NewJob) (list.JobID, error) {
	var cursor, frame any
	if j.Post != 0 {
		cursor = 0
	} else {
		frame = j.Mail.Bytes
	}
	id, err := t.insert(`INSERT INTO jobs (list, post, at, cursor, sender, zstd, rcpts, delivered, bounced, cancelled, node, first, members)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, $8, $9, $10)`, none(int64(j.List)), none(int64(j.Post)), at(j.At), cursor, j.Sender, frame,
		len(j.Rcpts)+len(j.Members), none(int64(j.Node)), j.First, len(j.Members) > 0)
	if err != nil {
		return 0, err
	}
	t.group.due = true
	if p, ok := t.group.fresh[j.Post]; ok {
		p.job = list.JobID(id)
		t.group.fresh[j.Post] = p
	}
	for _, rcpt := range j.Rcpts {
		c := newCopy{job: list.JobID(id), lane: laneOf(rcpt), rcpts: addresses([]string{rcpt}), since: at(j.At), due: at(j.At)}
		if _, err := t.addCopy(c); err != nil {
			return 0, fmt.Errorf("add copy: %w", err)
		}
	}
	for _, m := range j.Members {
		due, waits := j.At, ""
		if open := t.opens(m.Hours, j.At); open.After(due) {
			due, waits = open, "hours"
		}
		c := newCopy{job: list.JobID(id), lane: laneOf(m.Address), rcpts: rcpts{int64(m.ID)}, since: at(j.At), due: at(due), waits: waits}
		if _, err := t.addCopy(c); err != nil {
			return 0, fmt.Errorf("add copy: %w", err)
		}
	}
	return list.JobID(id), nil
}

// laneOf is the recipient's domain: what shares one destination's fate.
func laneOf(address string) string {
	return strings.ToLower(address[strings.LastIndexByte(address, '@')+1:])
}

// newCopy is a row of copies, times in microseconds.
type newCopy struct {
	job        list.JobID
	lane       string
	rcpts      rcpts
	tries      int
	since, due int64
	attempt    any // nil: it waits
	last       string
	waits      string // for what besides its turn: hours, owners
}

func (t *tx) addCopy(c newCopy) (list.CopyID, error) {
	id, err := t.insert(`INSERT INTO copies (job, lane, rcpts, tries, since, due, attempt, last, waits) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.job, c.lane, c.rcpts.String(), c.tries, c.since, c.due, c.attempt, c.last, c.waits)
	return list.CopyID(id), err
}

// rcpts is the recipients column of a copy: ids of members (numbers), or
// addresses (strings), as JSON.
type rcpts []any

func addresses(list []string) rcpts {
	r := make(rcpts, len(list))
	for i, a := range list {
		r[i] = a
	}
	return r
}

func rcptsOf(list []list.Rcpt) rcpts {
	r := make(rcpts, len(list))
	for i, one := range list {
		if one.Member != 0 {
			r[i] = int64(one.Member)
		} else {
			r[i] = one.Address
		}
	}
	return r
}

func (r rcpts) String() string {
	text, _ := json.Marshal([]any(r)) // numbers and strings always marshal
	return string(text)
}

// parseRcpts is the recipients of a column; of members only the ids are known.
func parseRcpts(column string) ([]list.Rcpt, error) {
	var items []any
	d := json.NewDecoder(strings.NewReader(column))
	d.UseNumber()
	if err := d.Decode(&items); err != nil {
		return nil, fmt.Errorf("read recipients of a copy: %w", err)
	}
	var all []list.Rcpt
	for _, item := range items {
		switch v := item.(type) {
		case json.Number:
			id, err := v.Int64()
			if err != nil {
				return nil, err
			}
			all = append(all, list.Rcpt{Member: list.MemberID(id)})
		case string:
			all = append(all, list.Rcpt{Address: v})
		}
	}
	return all, nil
}

// Source is what the copies of a job are made from. See outbox.Store.
func (s *Store) Source(ctx context.Context, job list.JobID) (src list.Source, err error) {
	err = s.reading(ctx, func(t *tx) error {
		if fresh, ok := s.fresh.take(job); ok {
			src, err = t.freshSource(fresh)
		} else {
			src, err = t.source(job)
		}
		return err
	})
	return src, err
}

// freshSource makes it of a post that is still in memory, without a query.
func (t *tx) freshSource(p freshPost) (src list.Source, err error) {
	src = list.Source{Kind: list.SourcePost, Trace: p.Trace, MessageID: p.MessageID, Received: p.Received, Key: p.page, Number: p.number}
	if src.Raw, err = unpack(p.Packed.Bytes); err != nil {
		return src, err
	}
	src.List, err = t.listOf(p.List)
	return src, err
}

func (t *tx) source(job list.JobID) (list.Source, error) {
	var src list.Source
	var l list.ListID
	var frame []byte
	var post, jobAt, received int64
	var members bool
	ok, err := t.one(`SELECT COALESCE(jobs.list, 0), COALESCE(jobs.post, 0), jobs.at, jobs.sender, COALESCE(raws.zstd, jobs.zstd),
			COALESCE(posts.trace, ''), COALESCE(posts.message_id, ''), COALESCE(posts.received, 0), COALESCE(posts.page, ''),
			COALESCE(posts.number, 0), jobs.members
		FROM jobs LEFT JOIN posts ON posts.id = jobs.post LEFT JOIN raws ON raws.post = jobs.post
		WHERE jobs.id = $1`, []any{job}, &l, &post, &jobAt, &src.Sender, &frame, &src.Trace, &src.MessageID, &received, &src.Key, &src.Number, &members)
	if err != nil {
		return src, fmt.Errorf("read job: %w", err)
	}
	if !ok || frame == nil {
		return src, errNoJob
	}
	if src.Raw, err = unpack(frame); err != nil {
		return src, err
	}
	src.Kind, src.Received = list.SourceMail, moment(jobAt)
	if members {
		src.Kind = list.SourceDigest
	}
	if post != 0 {
		src.Kind, src.Received = list.SourcePost, moment(received)
	}
	src.List, err = t.listOf(l)
	return src, err
}

var errNoJob = list.Errorf(list.Unknown, "no such job")

// listOf is the list of this id; zero for 0.
func (t *tx) listOf(id list.ListID) (list.List, error) {
	lists, err := t.Lists()
	if err != nil {
		return list.List{}, err
	}
	for _, l := range lists {
		if l.ID == id {
			return l, nil
		}
	}
	return list.List{}, nil
}

// Settle records what became of copies, all in one transaction. See outbox.Store.
func (s *Store) Settle(ctx context.Context, results []list.Result) error {
	return s.submit(ctx, s.behind, func(t *tx) error { return t.settle(results, s.now()) })
}

// sums is what a settlement adds to a job.
type sums struct{ delivered, bounced, cancelled int }

func (t *tx) settle(results []list.Result, now time.Time) error {
	perJob := map[list.JobID]*sums{}
	var ended []any
	there, err := t.copiesThere(results)
	if err != nil {
		return err
	}
	for _, r := range results {
		if !there[r.Copy.ID] {
			continue // the operator dropped it meanwhile, and it is counted
		}
		sum := perJob[r.Copy.Job]
		if sum == nil {
			sum = &sums{}
			perJob[r.Copy.Job] = sum
		}
		waits, err := t.settleCopy(r, sum, now)
		if err != nil {
			return err
		}
		if !waits {
			ended = append(ended, r.Copy.ID)
		}
	}
	if err := t.deleteCopies(ended); err != nil {
		return err
	}
	for job, sum := range perJob {
		if err := t.addSums(job, *sum); err != nil {
			return err
		}
	}
	return nil
}

// copiesThere tells which of the copies have not ended.
func (t *tx) copiesThere(results []list.Result) (map[list.CopyID]bool, error) {
	there := make(map[list.CopyID]bool, len(results))
	for len(results) > 0 {
		part := results[:min(len(results), argsMax)]
		results = results[len(part):]
		args := make([]any, len(part))
		for i, r := range part {
			args[i] = r.Copy.ID
		}
		err := t.each(`SELECT id FROM copies WHERE id IN `+in(1, padded(len(args))), pad(args), func(rows *sql.Rows) error {
			var id list.CopyID
			err := rows.Scan(&id)
			there[id] = true
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("look for copies: %w", err)
		}
	}
	return there, nil
}

func (t *tx) deleteCopies(ids []any) error {
	for len(ids) > 0 {
		part := ids[:min(len(ids), argsMax)]
		ids = ids[len(part):]
		if _, err := t.exec(`DELETE FROM copies WHERE id IN `+in(1, padded(len(part))), pad(part)...); err != nil {
			return fmt.Errorf("end copies: %w", err)
		}
	}
	return nil
}

// addSums counts. Mail that is no post is not needed any more when it has
// ended for all of its recipients.
func (t *tx) addSums(job list.JobID, s sums) error {
	_, err := t.exec(`UPDATE jobs SET delivered = delivered + $1, bounced = bounced + $2, cancelled = cancelled + $3,
			zstd = CASE WHEN delivered + $1 + bounced + $2 + cancelled + $3 < rcpts THEN zstd END
		WHERE id = $4`, s.delivered, s.bounced, s.cancelled, job)
	return err
}

// settleCopy records one copy and tells whether some of it waits: those that
// are due at the same time stay together, the others get rows of their own.
func (t *tx) settleCopy(r list.Result, sum *sums, now time.Time) (waits bool, err error) {
	later := map[int64][]list.Rcpt{}
	var dues []int64
	last := ""
	for i, a := range r.Answers {
		switch a.Outcome {
		case list.Delivered:
			sum.delivered++
		case list.Cancelled:
			sum.cancelled++
		case list.Bounced:
			sum.bounced++
			if err := t.addRefusal(r.Copy, r.Copy.Rcpts[i], a, now); err != nil {
				return false, fmt.Errorf("keep refusal: %w", err)
			}
		default:
			due := at(a.Due)
			if later[due] == nil {
				dues = append(dues, due)
			}
			later[due] = append(later[due], r.Copy.Rcpts[i])
			last = answerText(a)
		}
	}
	for i, due := range dues {
		tries := r.Copy.Tries
		if due > at(now) {
			tries++
		}
		if err := t.postpone(r.Copy, i == 0, newCopy{job: r.Copy.Job, lane: r.Copy.Lane, rcpts: rcptsOf(later[due]),
			tries: tries, since: at(r.Copy.Since), due: due, last: last}); err != nil {
			return false, fmt.Errorf("postpone copy: %w", err)
		}
	}
	if len(dues) > 0 {
		t.group.due = true
	}
	return len(dues) > 0, nil
}

func (t *tx) postpone(c list.Copy, same bool, n newCopy) error {
	if !same {
		_, err := t.addCopy(n)
		return err
	}
	_, err := t.exec(`UPDATE copies SET rcpts = $1, tries = $2, due = $3, attempt = NULL, waits = $4,
			last = CASE WHEN $5 = '' THEN last ELSE $5 END WHERE id = $6`, n.rcpts.String(), n.tries, n.due, n.waits, n.last, c.ID)
	return err
}

func answerText(a list.Answer) string {
	var parts []string
	if a.Code != 0 {
		parts = append(parts, fmt.Sprint(a.Code))
	}
	if a.Enhanced != "" {
		parts = append(parts, a.Enhanced)
	}
	return strings.Join(append(parts, a.Text), " ")
}

func (t *tx) addRefusal(c list.Copy, r list.Rcpt, a list.Answer, now time.Time) error {
	_, err := t.exec(`INSERT INTO refusals (list, member, address, job, at, code, enhanced, text) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		none(int64(c.List)), none(int64(r.Member)), r.Address, c.Job, at(now), a.Code, a.Enhanced, a.Text)
	return err
}

// hoursMax is the longest that a copy waits for its reader's hours: a day, and
// an hour more when the clocks change.
const hoursMax = 25 * time.Hour

// ClampQueue makes copies due now that wait for a time after latest: no retry
// is that far away, so the clock was set back after it was planned. A copy that
// waits for its reader's hours may be due later; one that waits for the owners
// is left alone.
func (s *Store) ClampQueue(ctx context.Context, latest time.Time) error {
	return s.writing(ctx, func(t *tx) error {
		now := s.now()
		n, err := affected(t.exec(`UPDATE copies SET due = $1 WHERE attempt IS NULL AND (waits = '' AND due > $2 OR waits = 'hours' AND due > $3)`,
			at(now), at(latest), at(now.Add(hoursMax))))
		t.group.due = t.group.due || n > 0
		return err
	})
}

// ResetAttempts makes every copy whose attempt has no result due at once: its
// server may or may not have taken it (RFC 1047). Only a starting serve, which
// holds the lock, may ask for it.
func (s *Store) ResetAttempts(ctx context.Context) error {
	return s.writing(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE copies SET attempt = NULL, due = $1 WHERE attempt IS NOT NULL`, at(s.now()))
		if err != nil {
			return err
		}
		// Who joined while the clock was ahead is a member now.
		_, err = t.exec(`UPDATE members SET since = $1 WHERE since > $1`, at(s.now()))
		t.group.due = true
		return err
	})
}
