package main

import (
	"database/sql"
	"fmt"

	"parley/bench/rig"
)

// evidence collects, after the drain, what the ledgers and the database say.
func (h *harness) evidence() (*evidence, error) {
	e := &evidence{kills: h.kills, members: h.members(), stored: map[string]map[string]int{}}
	if err := e.readLedgers(h.dir); err != nil {
		return nil, err
	}
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
		h.cries = append(h.cries, cry{broken, "integrity_check: " + answer})
	}
	panics, err := h.house.Panics()
	if err != nil {
		return nil, err
	}
	for _, line := range panics {
		h.cries = append(h.cries, cry{broken, line})
	}
	return e, e.readStored(db)
}

// readStored counts the posts of each list by their Message-ID.
func (e *evidence) readStored(db *sql.DB) error {
	rows, err := db.Query(`SELECT l.address, p.message_id, COUNT(*) FROM posts p JOIN lists l ON l.id = p.list GROUP BY 1, 2`)
	if err != nil {
		return fmt.Errorf("count the stored posts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var list, mid string
		var n int
		if err := rows.Scan(&list, &mid, &n); err != nil {
			return fmt.Errorf("count the stored posts: %w", err)
		}
		if e.stored[list] == nil {
			e.stored[list] = map[string]int{}
		}
		e.stored[list][mid] = n
	}
	return rows.Err()
}
