package store

import (
	"database/sql"
	"strings"
	"time"

	"parley/list"
)

const memberColumns = `id, list, address, name, delivery, own, state, since`

func scanMember(m *list.Member, since *int64) []any {
	return []any{&m.ID, &m.List, &m.Address, &m.Name, &m.Delivery, &m.Own, &m.State, since}
}

func (t *tx) ListMembers(l list.ListID) ([]list.Member, error) {
	var members []list.Member
	err := t.each(`SELECT `+memberColumns+` FROM members WHERE list = $1 ORDER BY fold`, []any{l}, func(rows *sql.Rows) error {
		var m list.Member
		var since int64
		if err := rows.Scan(scanMember(&m, &since)...); err != nil {
			return err
		}
		m.Since = moment(since)
		members = append(members, m)
		return nil
	})
	return members, err
}

func (t *tx) FindMember(l list.ListID, address string) (m list.Member, ok bool, err error) {
	var since int64
	ok, err = t.one(`SELECT `+memberColumns+` FROM members WHERE list = $1 AND fold = $2`,
		[]any{l, strings.ToLower(address)}, scanMember(&m, &since)...)
	m.Since = moment(since)
	return m, ok, err
}

func (t *tx) AddMember(m list.Member) (list.MemberID, error) {
	id, err := t.insert(`INSERT INTO members (list, fold, address, name, delivery, own, state, since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		m.List, strings.ToLower(m.Address), m.Address, m.Name, m.Delivery, m.Own, m.State, at(m.Since))
	return list.MemberID(id), err
}

func (t *tx) SetMember(m list.Member) error {
	_, err := t.exec(`UPDATE members SET name = $1, delivery = $2, own = $3, state = $4, since = $5 WHERE list = $6 AND id = $7`,
		m.Name, m.Delivery, m.Own, m.State, at(m.Since), m.List, m.ID)
	return err
}

func (t *tx) SetBounceKey(l list.ListID, m list.MemberID, key []byte) error {
	_, err := t.exec(`UPDATE members SET bounce_key = $1 WHERE list = $2 AND id = $3`, key, l, m)
	return err
}

func (t *tx) FindBounceKey(l list.ListID, key []byte) (m list.MemberID, ok bool, err error) {
	ok, err = t.one(`SELECT id FROM members WHERE list = $1 AND bounce_key = $2`, []any{l, key}, &m)
	return m, ok, err
}

func (t *tx) AddBounce(l list.ListID, m list.MemberID, when time.Time, report list.Packed) error {
	_, err := t.exec(`INSERT INTO bounces (list, member, received, zstd) VALUES ($1, $2, $3, $4)`,
		l, none(int64(m)), at(when), report.Bytes)
	return err
}

// none is NULL for 0, which no row has as its id.
func none(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}
