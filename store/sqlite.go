package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"parley/list"
)

// The files in the data folder. The database's name is not for others: they
// come through the store.
const (
	fileName = "parley.db"
	LockName = "serve.lock" // held by a running serve
)

// applicationID marks our files: "Prly" (PRAGMA application_id).
const applicationID = 0x50726c79

// logMax is the size of the write-ahead log, in bytes, at which the writer
// itself cuts it, so that neither a slow reader nor a slow disk lets it fill the disk.
const logMax = 64 << 20

// BadFile is the error of a database that must not be touched: a newer
// schema, another program's file, a broken one. Its text says what to do.
type BadFile struct {
	Path   string
	Reason string
	Err    error
}

func (e *BadFile) Error() string { return e.Path + ": " + e.Reason }
func (e *BadFile) Unwrap() error { return e.Err }

// openFiles opens the writer, brings the schema up to date, opens the readers.
func (s *Store) openFiles() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(s.dir, fileName)
	// The file holds mail and keys. SQLite gives its -wal the same mode.
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	s.write, err = openSQLite(path, "rw", 1,
		"journal_mode(WAL)", "synchronous("+synchronous+")", "foreign_keys(1)", "wal_autocheckpoint(0)", "cache_size(-16384)")
	if err != nil {
		return err
	}
	if err := migrate(context.Background(), s.write, path); err != nil {
		return errors.Join(err, s.write.Close())
	}
	if s.copier, err = openSQLite(path, "rw", 1, "synchronous("+synchronous+")", "wal_autocheckpoint(0)"); err != nil {
		return errors.Join(err, s.write.Close())
	}
	s.read, err = openSQLite(path, "ro", readers, "query_only(1)", "cache_size(-4096)")
	if err != nil {
		return errors.Join(err, s.write.Close())
	}
	for range readers {
		s.readers <- &reader{}
	}
	return nil
}

func openSQLite(path, mode string, conns int, pragmas ...string) (*sql.DB, error) {
	q := url.Values{"mode": {mode}, "_pragma": append([]string{"busy_timeout(5000)"}, pragmas...), "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// LockServe takes the lock that keeps a second serve from this folder. It is
// held until the process ends, however it ends.
func (s *Store) LockServe() error {
	path := filepath.Join(s.dir, LockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the lock: %w", err)
	}
	// Commands that ask whether a serve runs hold the lock for an instant.
	for tries := 0; ; tries++ {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			s.lock = f
			return nil
		}
		if tries == 10 {
			_ = f.Close()
			return fmt.Errorf("another `parley serve` runs on %s: stop it first, or give this one another data folder", s.dir)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// foreignVersion changes when another connection, so another process, commits.
func (t *tx) foreignVersion() (v int64, err error) {
	_, err = t.one(`PRAGMA data_version`, nil, &v)
	return v, err
}

// insert runs an INSERT and returns the id of its row. (Where a database has
// no such answer, RETURNING id is added here; in SQLite it costs twice as much.)
func (t *tx) insert(query string, args ...any) (int64, error) {
	res, err := t.exec(query, args...)
	if err != nil {
		return 0, classify(err)
	}
	return res.LastInsertId()
}

// classify turns an error of the database into one of the domain, where it
// has a meaning there. All others stay unknown, which is temporary.
func classify(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch {
	case e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE, e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return &list.Error{Kind: list.Conflict, Text: "it is there already", Err: err}
	case e.Code()&0xff == sqlite3.SQLITE_FULL:
		return &list.Error{Kind: list.Full, Text: "out of disk space for now", Err: err}
	}
	return err
}

// lostWith is why a whole transaction is gone: after a full disk or a failed
// read SQLite has rolled it back, and says of the savepoint only that it is missing.
func lostWith(err, endErr error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff != sqlite3.SQLITE_CONSTRAINT {
		return classify(e)
	}
	return endErr
}

// broken tells whether err means that the file is damaged or not a database.
func broken(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB)
}

// limitLog keeps the write-ahead log small. Copying in the background
// (PASSIVE) waits for nobody and makes nobody wait; cutting does both, so it
// is kept for the case that copying cannot keep up. It waits for a copy that
// is under way: SQLite would give up at once.
func (w *tx) limitLog() {
	info, err := os.Stat(filepath.Join(w.store.dir, fileName+"-wal"))
	if err != nil {
		return
	}
	g := w.group
	switch {
	case info.Size() > logMax && time.Since(g.uncut) > time.Second:
		w.store.copying.Lock()
		if !w.checkpoint(w.conn, "TRUNCATE") {
			g.uncut = time.Now() // a long reader kept us waiting: the next second is for writing
		}
		w.store.copying.Unlock()
	case time.Since(g.copied) > time.Second && w.store.copying.TryLock():
		g.copied = time.Now()
		w.store.background.Add(1)
		go func() {
			defer w.store.background.Done()
			defer w.store.copying.Unlock()
			w.checkpoint(w.store.copier, "PASSIVE")
		}()
	}
}

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// checkpoint copies the write-ahead log into the database; false when that
// failed or something stood in its way.
func (w *tx) checkpoint(on rowQuerier, mode string) bool {
	var busy, pages, copied int
	err := on.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &copied)
	if err != nil {
		w.store.log.Warn("checkpoint failed", "mode", mode, "err", err)
	}
	return err == nil && busy == 0
}

// padded is the next of a few sizes: 1, 2, 4, 8 and so on, so that lists of
// any length make few different statements.
func padded(n int) int {
	size := 1
	for size < n {
		size *= 2
	}
	return size
}

// pad repeats the last of args up to a padded length; empty stays empty.
func pad(args []any) []any {
	if len(args) == 0 {
		return nil
	}
	all := append(make([]any, 0, padded(len(args))), args...)
	for len(all) < cap(all) {
		all = append(all, args[len(args)-1])
	}
	return all[:padded(len(args))]
}

// in is a list of n placeholders after the first ones: ($3, $4).
func in(from, n int) string {
	var b strings.Builder
	b.WriteByte('(')
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", from+i)
	}
	b.WriteByte(')')
	return b.String()
}
