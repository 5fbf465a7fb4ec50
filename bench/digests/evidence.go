package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"parley/bench/rig"
)

// open is what the database has yet to do, "" for nothing.
func (h *harness) open() (string, error) {
	db, err := h.house.OpenDatabase()
	if err != nil {
		return "", err
	}
	defer db.Close()
	var requests, copies, fanouts, owed, waiting int
	err = db.QueryRow(`SELECT (SELECT COUNT(*) FROM requests), (SELECT COUNT(*) FROM copies), (SELECT COUNT(*) FROM jobs WHERE cursor IS NOT NULL),
		(SELECT COUNT(*) FROM members WHERE owed <> ''),
		(SELECT COUNT(*) FROM members m WHERE delivery IN ('daily', 'weekly', 'summary')
			AND seen < (SELECT COALESCE(MAX(number), 0) FROM posts WHERE posts.list = m.list))`).Scan(&requests, &copies, &fanouts, &owed, &waiting)
	if err != nil {
		return "", fmt.Errorf("look at what is open: %w", err)
	}
	if requests+copies+fanouts+owed+waiting == 0 {
		return "", nil
	}
	return fmt.Sprintf("%d requests, %d copies, %d fan-outs, %d mails owed, %d members behind", requests, copies, fanouts, owed, waiting), nil
}

// evidence collects, after the end, what the harness and the database know.
func (h *harness) evidence() (*evidence, error) {
	e := &evidence{kills: h.kills, posts: h.posts, commands: h.commands, acked: h.acked, got: h.got, numbers: map[string]int64{}, people: map[string]member{}}
	for _, list := range h.house.Lists {
		for _, p := range cast() {
			e.people[p.at(list.Address)] = member{list.Address, p.due}
		}
	}
	e.link = regexp.MustCompile(regexp.QuoteMeta("http://"+h.house.Web) + `/[a-z]+/([^/\s]+)/`)
	db, err := h.house.OpenDatabase()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	answer, err := rig.Integrity(db)
	if err != nil {
		return nil, err
	}
	if answer != "ok" {
		h.cry(broken, "integrity_check: %s", answer)
	}
	panics, err := h.house.Panics()
	if err != nil {
		return nil, err
	}
	for _, line := range panics {
		h.cry(broken, "%s", line)
	}
	return e, e.readNumbers(db)
}

// readNumbers reads which posts are stored.
func (e *evidence) readNumbers(db *sql.DB) error {
	rows, err := db.Query(`SELECT message_id, number FROM posts`)
	if err != nil {
		return fmt.Errorf("read the stored posts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var mid string
		var number int64
		if err := rows.Scan(&mid, &number); err != nil {
			return fmt.Errorf("read the stored posts: %w", err)
		}
		e.numbers[mid] = number
	}
	return rows.Err()
}

// write keeps all mails for people who look for a cause.
func (e *evidence) write(dir string) error {
	var b bytes.Buffer
	for _, t := range e.got {
		fmt.Fprintf(&b, "From run%d Mon Jan  2 15:04:05 2006\nX-Rcpts: %s\n", t.run, t.rcpts)
		b.Write(bytes.ReplaceAll(bytes.ReplaceAll(t.data, []byte("\r\n"), []byte("\n")), []byte("\nFrom "), []byte("\n>From ")))
		b.WriteString("\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "mails.mbox"), b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the mails: %w", err)
	}
	return nil
}
