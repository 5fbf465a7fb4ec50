// Package store remembers: lists, members, posts, threads, what waits and what
// is to be sent, in one SQLite file. It carries out what package list decided
// and decides nothing itself: no policy is in its SQL.
//
// There is one writer, a goroutine that commits the waiting transactions of
// all callers as a group, and a few readers that can write nothing. The files:
//
//	store.go    Open, Read, Write
//	writer.go   the group commit
//	sqlite.go   opening, settings, the lock, errors: what another database does differently
//	migrate.go  schema versions
//	the others  one kind of thing each, with the queries beside the methods
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"parley/list"
)

// readers is how many queries may read at once. More of them would not be
// faster on small machines, and four busy ones starve the writer on two cores.
const readers = 3

// readLimit is how long one snapshot may be held: a reader that stays keeps
// the write-ahead log from shrinking.
const readLimit = 15 * time.Second

// Config says how to open a store.
type Config struct {
	Dir string // the folder of the database; made when it is not there, mode 0700
	Log *slog.Logger
	Now func() time.Time
}

// Store is an open database. It is safe for concurrent use.
type Store struct {
	log   *slog.Logger
	now   func() time.Time
	dir   string
	lock  *os.File
	write *sql.DB // one connection, the writer's
	read  *sql.DB

	readers chan *reader // those that nobody uses: it caps the reads

	copier     *sql.DB // copies the write-ahead log into the database
	copying    sync.Mutex
	background sync.WaitGroup

	jobs    chan *job // somebody waits for them
	behind  chan *job // nobody does
	stop    chan struct{}
	stopped chan struct{}
	closing sync.Once

	lists      atomic.Pointer[listsSnapshot]
	generation atomic.Int64 // rises when lists or their options change

	fresh freshPosts

	bellsMu sync.Mutex
	bells   []chan struct{}
}

// Open opens the database in c.Dir, makes it when there is none, and brings
// its schema up to date. Errors name the file and the next step; BadFile tells
// those that a newer Parley, another program or a broken disk left.
func Open(c Config) (*Store, error) {
	s := &Store{
		log: c.Log, now: c.Now, dir: c.Dir,
		readers: make(chan *reader, readers),
		jobs:    make(chan *job, groupMax),
		behind:  make(chan *job, groupMax),
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
		fresh:   freshPosts{posts: map[list.JobID]freshPost{}},
	}
	if err := s.openFiles(); err != nil {
		return nil, err
	}
	go s.runWriter()
	return s, nil
}

// Close ends the writer after the transactions that wait, and closes the files.
func (s *Store) Close() error {
	s.closing.Do(func() { close(s.stop) })
	<-s.stopped
	s.background.Wait()
	for range readers {
		if r := <-s.readers; r.conn != nil {
			_ = r.conn.Close()
		}
	}
	err := errors.Join(s.read.Close(), s.copier.Close(), s.write.Close())
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close()) // last: the next serve finds the files closed
	}
	return err
}

// Read runs fn on one snapshot. See list.Store.
func (s *Store) Read(ctx context.Context, fn func(list.Tx) error) error {
	return s.reading(ctx, func(t *tx) error { return fn(t) })
}

func (s *Store) reading(ctx context.Context, fn func(*tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	t := &tx{store: s, ctx: ctx}
	defer t.release()
	return fn(t)
}

// reader is one reading connection with the statements prepared on it.
type reader struct {
	conn  *sql.Conn // nil until it is first used
	stmts map[string]*sql.Stmt
}

// snapshot takes a reader and starts its transaction, at the first query of a
// Read: what is answered from memory costs no reader.
func (t *tx) snapshot() error {
	select {
	case t.reader = <-t.store.readers:
	case <-t.ctx.Done():
		return &list.Error{Kind: list.Temporary, Text: "the database is busy", Err: t.ctx.Err()}
	}
	r := t.reader
	if r.conn == nil {
		conn, err := t.store.read.Conn(t.ctx)
		if err != nil {
			return fmt.Errorf("take a reader: %w", err)
		}
		r.conn, r.stmts = conn, map[string]*sql.Stmt{}
	}
	t.conn, t.stmts = r.conn, r.stmts
	t.generation = t.store.generation.Load() // before what it is read from
	_, err := t.conn.ExecContext(t.ctx, "BEGIN")
	return err
}

// release ends a snapshot. A connection that cannot end it is given up.
func (t *tx) release() {
	if t.reader == nil {
		return
	}
	if t.conn != nil {
		// The context may have ended: the snapshot must end all the same.
		if _, err := t.conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.store.log.Warn("end of a read failed", "err", err)
			t.reader.drop()
		}
	}
	t.store.readers <- t.reader
}

func (r *reader) drop() {
	for _, stmt := range r.stmts {
		_ = stmt.Close()
	}
	_ = r.conn.Raw(func(any) error { return driver.ErrBadConn }) // not back into the pool
	_ = r.conn.Close()
	r.conn, r.stmts = nil, nil
}

// Bell returns a channel that is rung after commits that may have made
// something due, here or in another process. It carries no data: look at the
// store again.
func (s *Store) Bell() <-chan struct{} {
	bell := make(chan struct{}, 1)
	s.bellsMu.Lock()
	defer s.bellsMu.Unlock()
	s.bells = append(s.bells, bell)
	return bell
}

func (s *Store) ring() {
	s.bellsMu.Lock()
	defer s.bellsMu.Unlock()
	for _, bell := range s.bells {
		select {
		case bell <- struct{}{}:
		default:
		}
	}
}

// tx is a transaction: the writer's, or a reader's snapshot. It has the
// methods of list.Tx.
type tx struct {
	store  *Store
	ctx    context.Context
	conn   *sql.Conn // nil for a reader that has not asked yet
	stmts  map[string]*sql.Stmt
	reader *reader // nil for the writer
	group  *group  // nil for a reader

	generation int64 // of the lists, when the reader's snapshot began

	windows map[list.Hours]list.Window // of the writer: to read one is to load its zone
}

// windowsMost is how many of them are kept.
const windowsMost = 1000

// opens is from when a reader with these hours takes copies.
func (t *tx) opens(h list.Hours, now time.Time) time.Time {
	w, known := t.windows[h]
	if !known {
		if len(t.windows) >= windowsMost || t.windows == nil {
			t.windows = map[list.Hours]list.Window{}
		}
		w = h.Window()
		t.windows[h] = w
	}
	return w.Next(now)
}

// stamp is the one form that times have in the database.
type stamp struct{ time.Time }

func (s stamp) micros() int64 {
	if s.IsZero() {
		return 0
	}
	return s.UnixMicro()
}

func at(t time.Time) int64 { return stamp{t}.micros() }

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}
