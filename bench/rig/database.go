package rig

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver
)

// OpenDatabase opens the house's SQLite file for reading only.
func (h House) OpenDatabase() (*sql.DB, error) {
	path, err := sqliteFile(h.Data())
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=query_only(1)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// sqliteFile is the one file of the folder that begins like an SQLite database.
func sqliteFile(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("look for the database: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Type().IsRegular() && isSQLite(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("look for the database: no SQLite file in %s", dir)
}

func isSQLite(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, 16)
	_, err = io.ReadFull(file, head)
	return err == nil && bytes.Equal(head, []byte("SQLite format 3\x00"))
}

// Integrity is the answer of PRAGMA integrity_check: "ok", or what is broken.
func Integrity(db *sql.DB) (string, error) {
	var answer string
	if err := db.QueryRow("PRAGMA integrity_check(1)").Scan(&answer); err != nil {
		return "", fmt.Errorf("check the integrity: %w", err)
	}
	return answer, nil
}
