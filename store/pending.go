package store

import (
	"database/sql"
	"time"

	"parley/list"
)

func (t *tx) AddPending(p list.Pending) (int64, error) {
	return t.insert(`INSERT INTO pending (kind, list, address, data, expires, used) VALUES ($1, $2, $3, $4, $5, 0)`,
		p.Kind, p.List, p.Address, p.Data, at(p.Expires))
}

func (t *tx) SetPendingKey(id int64, key []byte) error {
	_, err := t.exec(`UPDATE pending SET hash = $1 WHERE id = $2`, key, id)
	return err
}

func (t *tx) FindPending(l list.ListID, key []byte) (p list.Pending, ok bool, err error) {
	return t.onePending(`list = $1 AND hash = $2`, l, key)
}

func (t *tx) FindPendingID(l list.ListID, id int64) (p list.Pending, ok bool, err error) {
	return t.onePending(`list = $1 AND id = $2`, l, id)
}

func (t *tx) IsPending(l list.ListID, kind list.PendingKind, address string, now time.Time) (bool, error) {
	return t.one(`SELECT 1 FROM pending WHERE list = $1 AND address = $2 AND kind = $3 AND used = 0 AND expires > $4`,
		[]any{l, address, kind, at(now)}, new(int))
}

func (t *tx) PairPending(a, b int64) error {
	_, err := t.exec(`UPDATE pending SET pair = $1 WHERE id IN ($1, $2)`, a, b)
	return err
}

func (t *tx) onePending(where string, args ...any) (p list.Pending, ok bool, err error) {
	var expires int64
	ok, err = t.one(`SELECT id, kind, list, address, data, expires, used FROM pending WHERE `+where, args,
		&p.ID, &p.Kind, &p.List, &p.Address, &p.Data, &expires, &p.Used)
	p.Expires = moment(expires)
	return p, ok, err
}

func (t *tx) UsePending(id int64) error {
	_, err := t.exec(`UPDATE pending SET used = 1
		WHERE id = $1 OR pair <> 0 AND pair = (SELECT pair FROM pending WHERE id = $1)`, id)
	return err
}

func (t *tx) AddRequest(l list.ListID, when time.Time, data string) error {
	t.group.due = true
	_, err := t.exec(`INSERT INTO requests (list, received, data) VALUES ($1, $2, $3)`, l, at(when), data)
	return err
}

func (t *tx) NextRequests(after int64, n int) ([]list.Request, error) {
	var requests []list.Request
	err := t.upTo(n, `SELECT id, list, received, data FROM requests WHERE id > $1 ORDER BY id`, []any{after}, func(rows *sql.Rows) error {
		var r list.Request
		var received int64
		err := rows.Scan(&r.ID, &r.List, &received, &r.Data)
		r.Received = moment(received)
		requests = append(requests, r)
		return err
	})
	return requests, err
}

func (t *tx) DeleteRequest(id int64) (bool, error) {
	n, err := affected(t.exec(`DELETE FROM requests WHERE id = $1`, id))
	return n == 1, err
}

func (t *tx) Tally(what, name string, since, now time.Time) (n int, err error) {
	_, err = t.one(`SELECT COUNT(*) FROM tallies WHERE what = $1 AND name = $2 AND at > $3 AND at <= $4`, []any{what, name, at(since), at(now)}, &n)
	return n, err
}

func (t *tx) AddTally(what, name string, when time.Time) error {
	_, err := t.exec(`INSERT INTO tallies (what, name, at) VALUES ($1, $2, $3)`, what, name, at(when))
	return err
}

func (t *tx) Expire(now, pending, tallies, reports time.Time) error {
	for _, drop := range []struct {
		query  string
		before time.Time
	}{
		{`DELETE FROM pending WHERE expires < $1`, pending},
		{`DELETE FROM tallies WHERE at < $1`, tallies},
		{`DELETE FROM tallies WHERE at > $1`, now.Add(time.Hour)},
		{`DELETE FROM bounces WHERE judged = 1 AND received < $1`, reports},
		{`DELETE FROM refusals WHERE judged = 1 AND at < $1`, reports},
		{`DELETE FROM strikes WHERE day < $1`, reports},
	} {
		if _, err := t.exec(drop.query, at(drop.before)); err != nil {
			return err
		}
	}
	return nil
}
