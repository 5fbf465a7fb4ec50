package store

import "parley/list"

// index puts a post into the full-text index (FTS5, contentless).
func (t *tx) index(p list.PostText) error {
	if _, err := t.exec(`DELETE FROM search WHERE rowid = $1`, p.Post); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO search (rowid, subject, author, body)
		SELECT id, subject, from_name, $1 FROM posts WHERE id = $2`, p.Index, p.Post)
	return err
}
