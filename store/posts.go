package store

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"parley/list"
)

func (t *tx) FindRepeat(l list.ListID, messageID string, hash [32]byte) (bool, error) {
	found := false
	err := t.each(`SELECT posts.hash FROM nodes JOIN posts ON posts.id = nodes.post WHERE nodes.list = $1 AND nodes.message_id = $2
		UNION ALL SELECT hash FROM posts WHERE list = $1 AND message_id = $2 AND taken = 1
		UNION ALL SELECT hash FROM held WHERE list = $1 AND message_id = $2`, []any{l, messageID}, func(rows *sql.Rows) error {
		var known []byte
		if err := rows.Scan(&known); err != nil {
			return err
		}
		found = found || bytes.Equal(known, hash[:])
		return nil
	})
	return found, err
}

func (t *tx) AddPost(p list.NewPost) (list.PostID, error) {
	auth, err := json.Marshal(p.Auth)
	if err != nil {
		return 0, err
	}
	var number int64
	if _, err := t.one(`SELECT COALESCE(MAX(number), 0) + 1 FROM posts WHERE list = $1`, []any{p.List}, &number); err != nil {
		return 0, fmt.Errorf("take a number: %w", err)
	}
	page := pageOf(p, number)
	id, err := t.insert(`INSERT INTO posts (list, number, message_id, hash, from_name, from_addr, subject, date, received, size, trace, session, auth, taken, page)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		p.List, number, p.MessageID, p.Hash[:], p.FromName, p.FromAddr, p.Subject, at(p.Date), at(p.Received), p.Packed.Size, p.Trace, p.Session, string(auth), p.Taken, page)
	if err != nil {
		return 0, err
	}
	if _, err := t.exec(`INSERT INTO raws (post, zstd) VALUES ($1, $2)`, id, p.Packed.Bytes); err != nil {
		return 0, fmt.Errorf("keep the bytes: %w", err)
	}
	t.group.due = true
	t.group.dirty[p.List] = true
	t.group.fresh[list.PostID(id)] = freshPost{NewPost: p, page: page, number: number}
	return list.PostID(id), nil
}

// pageOf is the path segment of a post's page: its Message-ID, or ~ and its
// number where the id has no @ or is another post's.
func pageOf(p list.NewPost, number int64) string {
	if !p.Taken && strings.Contains(p.MessageID, "@") && !strings.HasPrefix(p.MessageID, "~") {
		return p.MessageID
	}
	return "~" + strconv.FormatInt(number, 10)
}

func (t *tx) RawPost(p list.PostID) (l list.ListID, raw []byte, err error) {
	var frame []byte
	ok, err := t.one(`SELECT posts.list, raws.zstd FROM raws JOIN posts ON posts.id = raws.post WHERE raws.post = $1`, []any{p}, &l, &frame)
	if err != nil {
		return 0, nil, err
	}
	if !ok {
		return 0, nil, list.Errorf(list.Unknown, "no such post")
	}
	raw, err = unpack(frame)
	return l, raw, err
}

// textCursor is the setting that says up to which post texts are made.
const textCursor = "texts made up to"

func (t *tx) NextTexts(n int) ([]list.PostID, error) {
	var cursor int64
	if _, err := t.one(`SELECT value FROM settings WHERE name = $1`, []any{textCursor}, &cursor); err != nil {
		return nil, err
	}
	var posts []list.PostID
	err := t.upTo(n, `SELECT id FROM posts WHERE id > $1 ORDER BY id`, []any{cursor}, func(rows *sql.Rows) error {
		var id list.PostID
		if err := rows.Scan(&id); err != nil {
			return err
		}
		posts = append(posts, id)
		return nil
	})
	return posts, err
}

// SetText keeps a post's text, puts it into the search index and moves the
// cursor, in one transaction: a crash neither skips nor doubles it.
func (t *tx) SetText(p list.PostText) error {
	if _, err := t.exec(`INSERT INTO texts (post, body, attachments) VALUES ($1, $2, $3)
		ON CONFLICT (post) DO UPDATE SET body = excluded.body, attachments = excluded.attachments`, p.Post, p.Text, p.Attachments); err != nil {
		return err
	}
	if err := t.index(p); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	_, err := t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, textCursor, int64(p.Post))
	t.group.dirty[p.List] = true
	return err
}
