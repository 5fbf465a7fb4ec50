package store

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"parley/list"
)

func (t *tx) AddHeld(h list.NewHeld) (list.HeldID, error) {
	envelope, err := json.Marshal(h.Envelope)
	if err != nil {
		return 0, fmt.Errorf("write envelope: %w", err)
	}
	author := h.Post.FromAddr
	if h.Post.FromName != "" {
		author = h.Post.FromName + " <" + h.Post.FromAddr + ">"
	}
	p := h.Post
	id, err := t.insert(`INSERT INTO held (list, message_id, hash, author, subject, reason, received, size, envelope, zstd)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		p.List, p.MessageID, p.Hash[:], author, p.Subject, h.Reason, at(p.Received), p.Packed.Size, string(envelope), p.Packed.Bytes)
	return list.HeldID(id), err
}

const heldColumns = `held.id, held.list, lists.address, held.author, held.subject, held.reason, held.received, held.size, held.envelope`

func scanHeld(row *list.HeldRow, received *int64, envelope *string) []any {
	return []any{&row.ID, &row.List, &row.Address, &row.From, &row.Subject, &row.Reason, received, &row.Size, envelope}
}

func fillHeld(row *list.HeldRow, received int64, envelope string) (list.Envelope, error) {
	var env list.Envelope
	if err := json.Unmarshal([]byte(envelope), &env); err != nil {
		return env, fmt.Errorf("read envelope: %w", err)
	}
	row.Received, row.Auth = moment(received), env.Auth
	return env, nil
}

func (t *tx) ListHeld(l list.ListID) ([]list.HeldRow, error) {
	var held []list.HeldRow
	err := t.each(`SELECT `+heldColumns+` FROM held JOIN lists ON lists.id = held.list WHERE held.list = $1 OR $1 = 0 ORDER BY held.id`, []any{l},
		func(rows *sql.Rows) error {
			var row list.HeldRow
			var received int64
			var envelope string
			if err := rows.Scan(scanHeld(&row, &received, &envelope)...); err != nil {
				return err
			}
			_, err := fillHeld(&row, received, envelope)
			held = append(held, row)
			return err
		})
	return held, err
}

func (t *tx) FindHeld(id list.HeldID) (row list.HeldRow, env list.Envelope, err error) {
	var received int64
	var envelope string
	var frame []byte
	ok, err := t.one(`SELECT `+heldColumns+`, held.zstd FROM held JOIN lists ON lists.id = held.list WHERE held.id = $1`, []any{id},
		append(scanHeld(&row, &received, &envelope), &frame)...)
	if err != nil {
		return row, env, err
	}
	if !ok {
		return row, env, notWaiting(id)
	}
	if row.Raw, err = unpack(frame); err != nil {
		return row, env, err
	}
	env, err = fillHeld(&row, received, envelope)
	return row, env, err
}

func (t *tx) DeleteHeld(l list.ListID, id list.HeldID) error {
	n, err := affected(t.exec(`DELETE FROM held WHERE list = $1 AND id = $2`, l, id))
	if err == nil && n == 0 {
		return notWaiting(id)
	}
	return err
}

func notWaiting(id list.HeldID) error {
	return list.Errorf(list.Unknown, "no post %d waits: it was decided already, or never there", id)
}

func (t *tx) CountHeld(l list.ListID) (n int, err error) {
	_, err = t.one(`SELECT COUNT(*) FROM held WHERE list = $1`, []any{l}, &n)
	return n, err
}
