package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"parley/list"
)

const (
	groupMax    = 512                    // transactions in one commit
	groupTime   = 20 * time.Millisecond  // after this a group takes no more
	groupLinger = time.Millisecond       // and as long it waits for more, where there was more before
	ackTime     = 3 * time.Millisecond   // in which an answer is out after its commit
	lookEvery   = 250 * time.Millisecond // how often an idle writer looks for changes of other processes
)

// job is one transaction that waits for the writer.
type job struct {
	ctx  context.Context
	fn   func(*tx) error
	done chan error
}

// group is the transactions that share one commit.
type group struct {
	dirty   map[list.ListID]bool      // lists whose pages change
	lists   bool                      // lists or options change
	due     bool                      // something to send or to index
	foreign int64                     // PRAGMA data_version that was last seen
	spoilt  bool                      // an error that took the whole transaction with it
	size    int                       // transactions in the last group
	acked   time.Time                 // the last commit that somebody waited for
	fresh   map[list.PostID]freshPost // posts of this group
	copied  time.Time                 // the last copy of the write-ahead log
	uncut   time.Time                 // the last time it could not be cut
}

// Write runs fn in a transaction that is fsynced when Write returns nil. See
// list.Store. A caller whose context ends before its turn leaves no trace.
func (s *Store) Write(ctx context.Context, fn func(list.Tx) error) error {
	return s.writing(ctx, func(t *tx) error { return fn(t) })
}

// WriteBehind is Write for work that nobody waits for. See list.Store.
func (s *Store) WriteBehind(ctx context.Context, fn func(list.Tx) error) error {
	return s.submit(ctx, s.behind, func(t *tx) error { return fn(t) })
}

func (s *Store) writing(ctx context.Context, fn func(*tx) error) error {
	return s.submit(ctx, s.jobs, fn)
}

func (s *Store) submit(ctx context.Context, queue chan<- *job, fn func(*tx) error) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan error, 1)}
	select {
	case queue <- j:
	case <-s.stop:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	// No way out from here: the answer must be that of the commit.
	select {
	case err := <-j.done:
		return err
	case <-s.stopped:
		select {
		case err := <-j.done:
			return err
		default:
			return errClosed
		}
	}
}

var errClosed = &list.Error{Kind: list.Temporary, Text: "shutting down"}

// runWriter owns the writing connection. It takes what waits, runs each
// transaction behind a savepoint, commits all at once, and only then answers.
func (s *Store) runWriter() {
	defer close(s.stopped)
	conn, err := s.write.Conn(context.Background())
	if err != nil {
		s.log.Error("writer without a connection", "err", err)
		return
	}
	w := &tx{store: s, ctx: context.Background(), conn: conn, stmts: map[string]*sql.Stmt{}, group: &group{dirty: map[list.ListID]bool{}, fresh: map[list.PostID]freshPost{}}}
	defer w.closeWriter()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case j := <-s.jobs:
			s.commitGroup(w, j)
			w.group.acked = time.Now()
		case j := <-s.behind:
			s.giveWay(w, j)
		case <-look.C:
			w.lookForOthers()
		case <-s.stop:
			s.drain(w)
			return
		}
	}
}

// giveWay commits work that nobody waits for: with the next group that somebody
// waits for, or alone once the answers to the last one are out. So nothing comes
// between a commit and its 250, and busy times have fewer commits.
func (s *Store) giveWay(w *tx, behind *job) {
	timer := time.NewTimer(ackTime - time.Since(w.group.acked))
	defer timer.Stop()
	select {
	case j := <-s.jobs:
		s.commitGroup(w, j, behind)
		w.group.acked = time.Now()
	case <-timer.C:
		s.commitGroup(w, behind)
	case <-s.stop:
		s.commitGroup(w, behind)
	}
}

// drain commits what was waiting when the store was told to close.
func (s *Store) drain(w *tx) {
	for {
		select {
		case j := <-s.jobs:
			s.commitGroup(w, j)
		case j := <-s.behind:
			s.commitGroup(w, j)
		default:
			return
		}
	}
}

func (s *Store) commitGroup(w *tx, first ...*job) {
	waiting := first
	answers := []error{}
	err := w.begin()
	if err == nil {
		waiting, answers, err = s.runGroup(w, first)
	}
	if err == nil && ackBeforeCommit {
		answer(waiting, answers, nil)
		time.Sleep(ackTime) // long enough to be seen
	}
	if err == nil {
		err = w.commit()
	}
	if err != nil {
		w.rollback()
		err = fmt.Errorf("commit: %w", classify(err))
		s.log.Error("transactions lost, their senders try again", "count", len(waiting), "err", err)
	}
	w.announceLists(err == nil)
	answer(waiting, answers, err)
	w.afterCommit(err == nil)
}

// runGroup runs first and what else waits, until the group is full. Where
// several callers are at work it lingers a moment for those who are about to
// come: each commit costs as much as several transactions.
func (s *Store) runGroup(w *tx, first []*job) (waiting []*job, answers []error, err error) {
	start := time.Now()
	for next := first; len(next) > 0; {
		j := next[0]
		next = next[1:]
		waiting = append(waiting, j)
		answers = append(answers, w.runJob(j))
		if w.group.spoilt {
			return append(waiting, next...), answers, answers[len(answers)-1]
		}
		if len(next) == 0 && len(waiting) < groupMax && time.Since(start) < groupTime {
			next = s.nextJob(start, w.group.size > 1 || len(waiting) > 1)
		}
	}
	w.group.size = len(waiting)
	return waiting, answers, nil
}

// nextJob is a transaction that waits, or comes while the group that began at
// start lingers; none when there is none.
func (s *Store) nextJob(start time.Time, linger bool) []*job {
	select {
	case j := <-s.jobs:
		return []*job{j}
	case j := <-s.behind:
		return []*job{j}
	default:
	}
	left := groupLinger - time.Since(start)
	if !linger || left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case j := <-s.jobs:
		return []*job{j}
	case j := <-s.behind:
		return []*job{j}
	case <-timer.C:
		return nil
	}
}

// answer tells each caller: its own error, or that of the whole group.
func answer(waiting []*job, answers []error, err error) {
	for i, j := range waiting {
		own := err
		if own == nil && i < len(answers) {
			own = answers[i]
		}
		select {
		case j.done <- own:
		default:
		}
	}
}

// runJob runs one transaction behind a savepoint, so that its failure leaves
// the others of the group alone. A panic in it is an error of its own.
func (w *tx) runJob(j *job) (err error) {
	if j.ctx.Err() != nil {
		return j.ctx.Err()
	}
	if _, err := w.exec("SAVEPOINT job"); err != nil {
		w.group.spoilt = true
		return err
	}
	defer func() {
		if r := recover(); r != nil {
			w.store.log.Error("panic in a transaction", "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic in a transaction: %v", r)
		}
		if endErr := w.endJob(err); endErr != nil {
			// The whole group is lost, for a reason that is not this job's.
			w.group.spoilt = true
			err = lostWith(err, endErr)
		}
	}()
	return j.fn(w)
}

func (w *tx) endJob(err error) error {
	if err != nil {
		// It is only a cache, and the ids that were undone are given out again.
		clear(w.group.fresh)
		if _, err := w.exec("ROLLBACK TO job"); err != nil {
			return err
		}
	}
	_, err = w.exec("RELEASE job")
	return err
}

func (w *tx) begin() error {
	w.group.spoilt = false
	if _, err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return w.seeOthers()
}

func (w *tx) commit() error {
	for l := range w.group.dirty {
		if _, err := w.exec(`UPDATE lists SET version = version + 1 WHERE id = $1`, l); err != nil {
			return err
		}
	}
	_, err := w.exec("COMMIT")
	return err
}

func (w *tx) rollback() {
	// After some errors SQLite has rolled back already; then this one fails.
	_, _ = w.exec("ROLLBACK")
}

// announceLists makes readers see the lists as the group left them. It comes
// before the answers: who was told of a change finds it.
func (w *tx) announceLists(ok bool) {
	if w.group.lists || !ok { // what a failed group read of its own changes is void
		w.store.generation.Add(1)
	}
}

// afterCommit tells the others of what the group changed, and keeps the
// write-ahead log small.
func (w *tx) afterCommit(ok bool) {
	g := w.group
	if ok && g.due {
		w.store.ring()
	}
	if ok {
		for _, p := range g.fresh {
			w.store.fresh.put(p)
		}
	}
	clear(g.dirty)
	clear(g.fresh)
	g.lists, g.due = false, false
	w.limitLog()
}

// lookForOthers notices, between groups, that another process has written.
func (w *tx) lookForOthers() {
	if err := w.seeOthers(); err != nil {
		w.store.log.Warn("look for changes failed", "err", err)
	}
}

func (w *tx) seeOthers() error {
	v, err := w.foreignVersion()
	if err != nil || v == w.group.foreign {
		return err
	}
	w.group.foreign = v
	w.store.generation.Add(1)
	w.store.ring()
	return nil
}

func (w *tx) closeWriter() {
	for _, stmt := range w.stmts {
		_ = stmt.Close()
	}
	_ = w.conn.Close()
}

// exec runs a statement. Statements are prepared once for each connection.
func (t *tx) exec(query string, args ...any) (sql.Result, error) {
	stmt, err := t.prepared(query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(t.ctx, args...)
}

func (t *tx) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := t.prepared(query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(t.ctx, args...)
}

// one reads the single row of a query into dest; false when there is none.
func (t *tx) one(query string, args []any, dest ...any) (bool, error) {
	rows, err := t.query(query, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return false, rows.Err()
	}
	if err := rows.Scan(dest...); err != nil {
		return false, err
	}
	return true, rows.Close()
}

// each calls scan for every row of a query.
func (t *tx) each(query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := t.query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// upTo calls scan for the first n rows of a query. It stands for a LIMIT $n:
// SQLite compiles a statement anew each time that such a limit is bound.
func (t *tx) upTo(n int, query string, args []any, scan func(*sql.Rows) error) error {
	if n <= 0 {
		return nil
	}
	seen := 0
	err := t.each(query, args, func(rows *sql.Rows) error {
		if err := scan(rows); err != nil {
			return err
		}
		if seen++; seen == n {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

var errEnough = errors.New("enough rows")

// prepared is the statement of a query, made once for each connection.
func (t *tx) prepared(query string) (*sql.Stmt, error) {
	if t.conn == nil {
		if err := t.snapshot(); err != nil {
			return nil, err
		}
	}
	if stmt := t.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := t.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	t.stmts[query] = stmt
	return stmt, nil
}
