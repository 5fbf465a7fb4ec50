package store

import (
	"database/sql"
	"strings"

	"parley/list"
)

const memberColumns = `id, list, address, name, delivery, plain, own, ack, hours, state, since, paused_until, seen, owed, probed`

// memberScan reads memberColumns.
type memberScan struct {
	m                     list.Member
	since, paused, probed int64
}

func (s *memberScan) dest() []any {
	m := &s.m
	return []any{&m.ID, &m.List, &m.Address, &m.Name, &m.Delivery, &m.Plain, &m.Own, &m.Ack, &m.Hours, &m.State,
		&s.since, &s.paused, &m.Seen, &m.Owed, &s.probed}
}

func (s *memberScan) member() list.Member {
	m := s.m
	m.Since, m.PausedUntil, m.Probed = moment(s.since), moment(s.paused), moment(s.probed)
	return m
}

// members is up to n members of a query for memberColumns; all of them for n < 0.
func (t *tx) members(n int, query string, args ...any) ([]list.Member, error) {
	var members []list.Member
	scan := func(rows *sql.Rows) error {
		var s memberScan
		if err := rows.Scan(s.dest()...); err != nil {
			return err
		}
		members = append(members, s.member())
		return nil
	}
	if n < 0 {
		n = 1 << 62
	}
	err := t.upTo(n, query, args, scan)
	return members, err
}

func (t *tx) oneMember(where string, args ...any) (list.Member, bool, error) {
	var s memberScan
	ok, err := t.one(`SELECT `+memberColumns+` FROM members WHERE `+where, args, s.dest()...)
	return s.member(), ok, err
}

func (t *tx) ListMembers(l list.ListID) ([]list.Member, error) {
	return t.members(-1, `SELECT `+memberColumns+` FROM members WHERE list = $1 ORDER BY fold`, l)
}

func (t *tx) Member(l list.ListID, id list.MemberID) (list.Member, error) {
	m, ok, err := t.oneMember(`list = $1 AND id = $2`, l, id)
	if err == nil && !ok {
		err = list.Errorf(list.Unknown, "no such member")
	}
	return m, err
}

func (t *tx) FindMember(l list.ListID, address string) (m list.Member, ok bool, err error) {
	return t.oneMember(`list = $1 AND fold = $2`, l, strings.ToLower(address))
}

func (t *tx) Memberships(address string) ([]list.Member, error) {
	lists, err := t.Lists()
	if err != nil {
		return nil, err
	}
	var all []list.Member
	for _, l := range lists {
		m, ok, err := t.FindMember(l.ID, address)
		if err != nil {
			return nil, err
		}
		if ok && !l.Removed && (m.State == list.Active || m.State == list.Suspended) {
			all = append(all, m)
		}
	}
	return all, nil
}

func (t *tx) AddMember(m list.Member) (list.MemberID, error) {
	id, err := t.insert(`INSERT INTO members (list, fold, address, name, delivery, plain, own, ack, hours, state, since, paused_until, seen, owed, probed, lane)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		m.List, strings.ToLower(m.Address), m.Address, m.Name, m.Delivery, m.Plain, m.Own, m.Ack, m.Hours, m.State,
		at(m.Since), at(m.PausedUntil), m.Seen, m.Owed, at(m.Probed), laneOf(m.Address))
	return list.MemberID(id), err
}

func (t *tx) SetMember(m list.Member) error {
	_, err := t.exec(`UPDATE members SET name = $1, delivery = $2, plain = $3, own = $4, ack = $5, hours = $6, state = $7, since = $8,
			paused_until = $9, seen = $10, owed = $11, probed = $12
		WHERE list = $13 AND id = $14`,
		m.Name, m.Delivery, m.Plain, m.Own, m.Ack, m.Hours, m.State, at(m.Since),
		at(m.PausedUntil), m.Seen, m.Owed, at(m.Probed), m.List, m.ID)
	t.group.due = true // a mail may be owed now
	return err
}

func (t *tx) SetKeys(l list.ListID, m list.MemberID, k list.Keys) error {
	_, err := t.exec(`UPDATE members SET bounce_key = $1, leave_key = $2, self_key = $3 WHERE list = $4 AND id = $5`, k.Bounce, k.Leave, k.Self, l, m)
	return err
}

func (t *tx) WithoutKeys(n int) ([]list.Member, error) {
	return t.members(n, `SELECT `+memberColumns+` FROM members WHERE leave_key IS NULL`)
}

func (t *tx) FindBounceKey(l list.ListID, key []byte) (m list.MemberID, ok bool, err error) {
	ok, err = t.one(`SELECT id FROM members WHERE list = $1 AND bounce_key = $2`, []any{l, key}, &m)
	return m, ok, err
}

func (t *tx) FindSelfKey(l list.ListID, key []byte) (m list.MemberID, ok bool, err error) {
	ok, err = t.one(`SELECT id FROM members WHERE list = $1 AND self_key = $2`, []any{l, key}, &m)
	return m, ok, err
}

func (t *tx) FindLeaveKey(key []byte) (l list.ListID, m list.MemberID, ok bool, err error) {
	ok, err = t.one(`SELECT list, id FROM members WHERE leave_key = $1`, []any{key}, &l, &m)
	return l, m, ok, err
}

// none is NULL for 0, which no row has as its id.
func none(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}
