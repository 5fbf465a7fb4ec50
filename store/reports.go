package store

import (
	"database/sql"
	"fmt"
	"time"

	"parley/list"
)

func (t *tx) AddBounce(b list.NewBounce) error {
	_, err := t.exec(`INSERT INTO bounces (list, member, probe, received, zstd) VALUES ($1, $2, $3, $4, $5)`,
		b.List, none(int64(b.Member)), b.Probe, at(b.At), b.Report.Bytes)
	t.group.due = true
	return err
}

func (t *tx) NextBounces(after int64, n int) ([]list.Bounce, error) {
	var bounces []list.Bounce
	err := t.upTo(n, `SELECT id, list, COALESCE(member, 0), probe, received, zstd FROM bounces WHERE judged = 0 AND id > $1 ORDER BY id`, []any{after}, func(rows *sql.Rows) error {
		var b list.Bounce
		var received int64
		var frame []byte
		if err := rows.Scan(&b.ID, &b.List, &b.Member, &b.Probe, &received, &frame); err != nil {
			return err
		}
		b.Received = moment(received)
		var err error
		if b.Raw, err = unpack(frame); list.KindOf(err) == list.Malformed {
			err = nil // damaged: it says nothing, and is not looked at again
		}
		bounces = append(bounces, b)
		return err
	})
	return bounces, err
}

func (t *tx) NextRefusals(after int64, n int) ([]list.Refusal, error) {
	var refusals []list.Refusal
	err := t.upTo(n, `SELECT refusals.id, COALESCE(refusals.list, 0), COALESCE(refusals.member, 0), refusals.address, refusals.job,
			COALESCE(jobs.post, 0), COALESCE(jobs.sender, ''), refusals.at, refusals.code, refusals.enhanced, refusals.text
		FROM refusals LEFT JOIN jobs ON jobs.id = refusals.job WHERE refusals.judged = 0 AND refusals.id > $1 ORDER BY refusals.id`, []any{after}, func(rows *sql.Rows) error {
		var r list.Refusal
		var when int64
		if err := rows.Scan(&r.ID, &r.List, &r.Member, &r.Address, &r.Job, &r.Post, &r.Sender, &when, &r.Code, &r.Enhanced, &r.Text); err != nil {
			return err
		}
		r.At = moment(when)
		refusals = append(refusals, r)
		return nil
	})
	return refusals, err
}

func (t *tx) BounceJudged(id int64) error {
	_, err := t.exec(`UPDATE bounces SET judged = 1 WHERE id = $1`, id)
	return err
}

func (t *tx) RefusalJudged(id int64) error {
	_, err := t.exec(`UPDATE refusals SET judged = 1 WHERE id = $1`, id)
	return err
}

func (t *tx) AddStrike(l list.ListID, m list.MemberID, day time.Time, why string) error {
	_, err := t.exec(`INSERT INTO strikes (list, member, day, why) VALUES ($1, $2, $3, $4)
		ON CONFLICT (member, day) DO UPDATE SET why = excluded.why`, l, m, at(day), why)
	return err
}

func (t *tx) Strikes(l list.ListID, m list.MemberID, since time.Time) (days []time.Time, why string, err error) {
	err = t.each(`SELECT day, why FROM strikes WHERE list = $1 AND member = $2 AND day >= $3 ORDER BY day`, []any{l, m, at(since)}, func(rows *sql.Rows) error {
		var day int64
		if err := rows.Scan(&day, &why); err != nil {
			return err
		}
		days = append(days, moment(day))
		return nil
	})
	return days, why, err
}

func (t *tx) ClearStrikes(l list.ListID, m list.MemberID) error {
	_, err := t.exec(`DELETE FROM strikes WHERE list = $1 AND member = $2`, l, m)
	return err
}

func (t *tx) ListProbed(before time.Time, n int) ([]list.Member, error) {
	return t.members(n, `SELECT `+memberColumns+` FROM members WHERE probed > 0 AND probed < $1`, at(before))
}

func (t *tx) AddUnwanted(j list.JobID, lane string) (refused int, state list.UnwantedState, err error) {
	if _, err := t.exec(`INSERT INTO unwanted (job, lane, refused, state, asked) VALUES ($1, $2, 1, '', 0)
		ON CONFLICT (job, lane) DO UPDATE SET refused = refused + 1`, j, lane); err != nil {
		return 0, "", err
	}
	_, err = t.one(`SELECT refused, state FROM unwanted WHERE job = $1 AND lane = $2`, []any{j, lane}, &refused, &state)
	return refused, state, err
}

// laneMost is how far members of a destination are counted: more do not matter.
const laneMost = 10

func (t *tx) LaneSums(l list.ListID, j list.JobID, lane string) (sums list.LaneSums, err error) {
	err = t.upTo(laneMost, `SELECT id FROM members WHERE list = $1 AND lane = $2 AND state = 'active'
		AND delivery IN ('each', 'first', 'followed') AND owed = ''`, []any{l, lane}, func(*sql.Rows) error {
		sums.Members++
		return nil
	})
	if err != nil {
		return sums, fmt.Errorf("count members: %w", err)
	}
	if _, err = t.one(`SELECT COUNT(*) FROM copies WHERE job = $1 AND lane = $2 AND attempt IS NULL`, []any{j, lane}, &sums.Waiting); err != nil {
		return sums, fmt.Errorf("count copies: %w", err)
	}
	sums.Open, err = t.one(`SELECT 1 FROM jobs WHERE id = $1 AND cursor IS NOT NULL`, []any{j}, new(int))
	return sums, err
}

// forever is when a copy is due that waits for its owners.
const forever = 1 << 62

func (t *tx) SetUnwanted(j list.JobID, lane string, state list.UnwantedState, now time.Time) error {
	if _, err := t.exec(`UPDATE unwanted SET state = $1, asked = $2 WHERE job = $3 AND lane = $4`, state, at(now), j, lane); err != nil {
		return err
	}
	switch state {
	case list.UnwantedWaits:
		_, err := t.exec(`UPDATE copies SET due = $1, waits = 'owners' WHERE job = $2 AND lane = $3 AND attempt IS NULL`, forever, j, lane)
		return err
	case list.UnwantedGo:
		t.group.due = true
		_, err := t.exec(`UPDATE copies SET due = $1, since = $1, waits = '' WHERE job = $2 AND lane = $3 AND attempt IS NULL AND waits = 'owners'`, at(now), j, lane)
		return err
	case list.UnwantedDrop:
		return t.dropLane(j, lane)
	}
	return nil
}

// dropLane ends the copies of a job that wait for the owners.
func (t *tx) dropLane(j list.JobID, lane string) error {
	var ids []list.CopyID
	err := t.each(`SELECT id FROM copies WHERE job = $1 AND lane = $2 AND attempt IS NULL AND waits = 'owners'`, []any{j, lane}, func(rows *sql.Rows) error {
		var id list.CopyID
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return err
	}
	_, err = t.DropQueue(ids)
	return err
}

func (t *tx) ListUnwanted(before time.Time) ([]list.Unwanted, error) {
	var all []list.Unwanted
	err := t.each(`SELECT job, lane FROM unwanted WHERE state = 'waits' AND asked < $1`, []any{at(before)}, func(rows *sql.Rows) error {
		var u list.Unwanted
		err := rows.Scan(&u.Job, &u.Lane)
		all = append(all, u)
		return err
	})
	return all, err
}

func (t *tx) JobOf(l list.ListID, p list.PostID) (j list.JobID, err error) {
	_, err = t.one(`SELECT COALESCE(MAX(id), 0) FROM jobs WHERE list = $1 AND post = $2`, []any{l, p}, &j)
	return j, err
}

func (t *tx) JobPost(l list.ListID, j list.JobID) (list.PostRow, error) {
	posts, err := t.posts(1, bareColumns+`WHERE posts.list = $1 AND posts.id = (SELECT post FROM jobs WHERE id = $2)`, l, j)
	if err != nil || len(posts) == 0 {
		return list.PostRow{}, err
	}
	return posts[0], nil
}
