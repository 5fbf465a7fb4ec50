package store

import (
	"database/sql"
	"fmt"
	"time"

	"parley/list"
)

func (t *tx) ListQueue() ([]list.QueueRow, error) {
	var rows []list.QueueRow
	var columns []string
	err := t.each(`SELECT copies.id, copies.job, COALESCE(lists.address, ''), COALESCE(posts.subject, ''), copies.rcpts,
			copies.tries, copies.since, copies.due, copies.last, copies.waits
		FROM copies JOIN jobs ON jobs.id = copies.job LEFT JOIN lists ON lists.id = jobs.list LEFT JOIN posts ON posts.id = jobs.post
		UNION ALL
		SELECT 0, jobs.id, lists.address, posts.subject, '[]', 0, jobs.at, jobs.at, '', ''
		FROM jobs JOIN lists ON lists.id = jobs.list JOIN posts ON posts.id = jobs.post WHERE jobs.cursor IS NOT NULL
		ORDER BY 2, 1`, nil, func(r *sql.Rows) error {
		var row list.QueueRow
		var column string
		var since, due int64
		if err := r.Scan(&row.ID, &row.Job, &row.List, &row.Subject, &column, &row.Tries, &since, &due, &row.Last, &row.Waits); err != nil {
			return err
		}
		row.Since, row.Due = moment(since), moment(due)
		if due == forever {
			row.Due = time.Time{}
		}
		rows, columns = append(rows, row), append(columns, column)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range rows {
		if rows[i].Rcpts, err = t.rcptAddresses(columns[i]); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func (t *tx) rcptAddresses(column string) ([]string, error) {
	all, err := parseRcpts(column)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range all {
		if r.Member != 0 {
			if _, err := t.one(`SELECT address FROM members WHERE id = $1`, []any{r.Member}, &r.Address); err != nil {
				return nil, err
			}
		}
		found = append(found, r.Address)
	}
	return found, nil
}

func (t *tx) RetryQueue(ids []list.CopyID, now time.Time) (n int, err error) {
	t.group.due = true
	if len(ids) == 0 {
		return affected(t.exec(`UPDATE copies SET due = $1, waits = '' WHERE attempt IS NULL AND due > $1 AND waits = ''`, at(now)))
	}
	for _, id := range ids {
		known, err := t.one(`SELECT 1 FROM copies WHERE id = $1`, []any{id}, new(int))
		if err != nil {
			return n, err
		}
		if !known {
			return n, list.Errorf(list.Unknown, "no copy %d waits", id)
		}
		if _, err := t.exec(`UPDATE copies SET due = $1, waits = '' WHERE id = $2 AND attempt IS NULL`, at(now), id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// DropQueue ends copies. One whose attempt is under way may still be delivered.
func (t *tx) DropQueue(ids []list.CopyID) (n int, err error) {
	for _, id := range ids {
		var job list.JobID
		var column string
		known, err := t.one(`SELECT job, rcpts FROM copies WHERE id = $1`, []any{id}, &job, &column)
		if err != nil {
			return n, err
		}
		if !known {
			return n, list.Errorf(list.Unknown, "no copy %d waits", id)
		}
		all, err := parseRcpts(column)
		if err != nil {
			return n, err
		}
		if err := t.deleteCopies([]any{id}); err != nil {
			return n, err
		}
		if err := t.addSums(job, sums{cancelled: len(all)}); err != nil {
			return n, fmt.Errorf("count: %w", err)
		}
		n++
	}
	return n, nil
}

func affected(res sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
