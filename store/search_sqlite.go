package store

import (
	"strings"

	"parley/list"
)

// index puts a post into the full-text index (FTS5, contentless).
func (t *tx) index(p list.PostText) error {
	if _, err := t.exec(`DELETE FROM search WHERE rowid = $1`, p.Post); err != nil {
		return err
	}
	_, err := t.exec(`INSERT INTO search (rowid, subject, author, body)
		SELECT id, subject, from_name, $1 FROM posts WHERE id = $2`, p.Index, p.Post)
	return err
}

// Search finds the newest posts of a list that have all of the words, whatever
// stands in them: each is quoted, so that none is an operator of FTS5.
func (t *tx) Search(l list.ListID, words string, n int) ([]list.PostRow, error) {
	var quoted []string
	for _, w := range strings.Fields(words) {
		quoted = append(quoted, `"`+strings.ReplaceAll(w, `"`, `""`)+`"`)
	}
	if len(quoted) == 0 {
		return nil, nil
	}
	return t.posts(n, bareColumns+`JOIN search ON search.rowid = posts.id WHERE search MATCH $1 AND posts.list = $2 ORDER BY search.rowid DESC`,
		strings.Join(quoted, " "), l)
}
