package store

import (
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/list"
)

func TestASecondServeIsRefused(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	first, second := reopen(t, c), reopen(t, c)
	if err := first.LockServe(); err != nil {
		t.Fatal(err)
	}
	if err := second.LockServe(); err == nil {
		t.Error("two hold the lock")
	}
}

func TestChangesOfAnotherProcessAreSeen(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	serve, command := reopen(t, c), reopen(t, c) // two connections are two processes to SQLite
	bell := serve.Bell()
	if lists, err := serve.Lists(context.Background()); err != nil || len(lists) != 0 {
		t.Fatalf("%v, %v", lists, err)
	}
	addList(t, command, "dev@lists.example.org")
	<-bell
	if lists, err := serve.Lists(context.Background()); err != nil || len(lists) != 1 {
		t.Errorf("after the bell: %v, %v", lists, err)
	}
}

// foreign runs statements on a database file behind the store's back.
func foreign(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesThatMustNotBeTouched(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, dir string){
		"newer schema":     func(t *testing.T, dir string) { foreign(t, dir, "PRAGMA user_version = 999") },
		"foreign database": func(t *testing.T, dir string) { foreign(t, dir, "PRAGMA application_id = 7") },
		"not a database": func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, fileName), []byte("this is not a database, it is a text of some length, as one may lie around\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a damaged first page": func(t *testing.T, dir string) {
			f, err := os.OpenFile(filepath.Join(dir, fileName), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteAt(make([]byte, 50), 0); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testConfig()
			c.Dir = t.TempDir()
			s, err := Open(c)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, c.Dir)
			before, err := os.ReadFile(filepath.Join(c.Dir, fileName))
			if err != nil {
				t.Fatal(err)
			}
			s, err = Open(c)
			if err == nil {
				_ = s.Close()
			}
			if !errors.As(err, new(*BadFile)) {
				t.Errorf("opened with %v", err)
			}
			if after, _ := os.ReadFile(filepath.Join(c.Dir, fileName)); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

func TestFullDiskIsFull(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	s := reopen(t, c)
	l := addList(t, s, "dev@lists.example.org")
	err := s.writing(context.Background(), func(t *tx) error {
		_, err := t.conn.ExecContext(t.ctx, "PRAGMA max_page_count = 1") // as small as it is now
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	raw := noise(1 << 20) // no room for it
	err = s.Write(context.Background(), func(tx list.Tx) error { return tx.AddBounce(list.NewBounce{List: l.ID, At: noon, Report: Pack(raw)}) })
	if list.KindOf(err) != list.Full {
		t.Errorf("a full disk is %v", err)
	}
	write(t, s, func(tx list.Tx) error { return tx.SetNoticed(l.ID, noon) })
}

func TestAnOldFileMigratedEqualsAFreshOne(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/schema-*.db.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("no frozen files: %v", err)
	}
	fresh := testConfig()
	fresh.Dir = t.TempDir()
	want := schemaOf(t, reopen(t, fresh))
	for _, file := range files {
		c := testConfig()
		c.Dir = t.TempDir()
		thaw(t, file, filepath.Join(c.Dir, fileName))
		s := reopen(t, c)
		if got := schemaOf(t, s); got != want {
			t.Errorf("%s migrated:\n%s\na fresh one:\n%s", file, got, want)
		}
		if row, err := s.FindPost(context.Background(), 1, "frozen@example.org"); err != nil || row.FromAddr != "ann@example.org" {
			t.Errorf("%s: its post is %+v, %v", file, row, err)
		}
	}
}

func schemaOf(t *testing.T, s *Store) (text string) {
	t.Helper()
	read(t, s, func(x list.Tx) error {
		return x.(*tx).each(`SELECT COALESCE(sql, name) FROM sqlite_master ORDER BY name`, nil, func(rows *sql.Rows) error {
			var one string
			err := rows.Scan(&one)
			text += one + ";\n"
			return err
		})
	})
	return text
}

func thaw(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestClassifyRealErrors(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		addList(t, s, "dev@lists.example.org")
		write(t, s, func(x list.Tx) error {
			_, err := x.(*tx).exec(`INSERT INTO lists (address, list_id, removed, noticed, version) VALUES ('dev@lists.example.org', 'x', 0, 0, 0)`)
			if got := list.KindOf(classify(err)); got != list.Conflict {
				t.Errorf("UNIQUE (%v) is %v", err, got)
			}
			_, err = x.(*tx).exec(`INSERT INTO lists (id, address, list_id, removed, noticed, version) VALUES (1, 'y@lists.example.org', 'x', 0, 0, 0)`)
			if got := list.KindOf(classify(err)); got != list.Conflict {
				t.Errorf("PRIMARY KEY (%v) is %v", err, got)
			}
			_, err = x.(*tx).exec(`INSERT INTO members (list, fold, address, name, delivery, own, state, since) VALUES (99, '', '', '', '', 0, '', 0)`)
			if got := list.KindOf(classify(err)); err == nil || got != list.Temporary {
				t.Errorf("FOREIGN KEY (%v) is %v", err, got)
			}
			return nil
		})
	})
}

// TestFreeze makes the frozen file of the newest schema, once, before its
// release: PARLEY_FREEZE=1 go test ./store -run TestFreeze.
func TestFreeze(t *testing.T) {
	if os.Getenv("PARLEY_FREEZE") == "" {
		t.Skip("makes a fixture; only asked for with PARLEY_FREEZE=1")
	}
	c := testConfig()
	c.Dir = t.TempDir()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	l := addList(t, s, "dev@lists.example.org")
	addMember(t, s, l, "ann@example.org")
	addPost(t, s, l, "frozen@example.org")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(c.Dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := schemaSteps()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(fmt.Sprintf("testdata/schema-%04d.db.gz", len(steps)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z := gzip.NewWriter(f)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
}

// The queries that run for every post or copy find their rows by an index and
// sort nothing, so that their cost does not grow with the archive.
func TestHotQueriesUseTheirIndexes(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	s := reopen(t, c)
	for _, query := range []string{
		`SELECT hash FROM posts WHERE list = 1 AND message_id = 'x' AND taken = 1`,
		`SELECT id FROM members WHERE list = 1 AND fold = 'x'`,
		`SELECT id FROM nodes WHERE list = 1 AND message_id IN ('x', 'y')`,
		`SELECT id FROM nodes WHERE list = 1 AND parent IN (1, 2)`,
		`SELECT 1 FROM nodes WHERE post = 1 AND message_id IS NULL`,
		`SELECT COALESCE(MAX(number), 0) + 1 FROM posts WHERE list = 1`,
		`SELECT id, address FROM members WHERE list = 1 AND id > 5 AND state = 'active' AND delivery IN ('each', 'first', 'followed') AND owed = '' ORDER BY id`,
		`SELECT marks.member, marks.mark FROM nodes JOIN marks ON marks.node = nodes.id WHERE nodes.thread = (SELECT thread FROM nodes WHERE id = 1)`,
		`SELECT lane, state FROM unwanted WHERE job = 1 AND state IN ('waits', 'drop')`,
		`SELECT id FROM bounces WHERE judged = 0 ORDER BY id`,
		`SELECT id FROM refusals WHERE judged = 0 ORDER BY id`,
		`SELECT id FROM requests WHERE id > 5 ORDER BY id`,
		`SELECT id FROM members WHERE owed <> '' AND paused_until <= 9`,
		`SELECT id FROM members WHERE list = 1 AND id > 5 AND delivery = 'daily' AND delivery IN ('daily', 'weekly', 'summary') AND state = 'active' AND owed = '' AND seen < 9 ORDER BY id`,
		`SELECT id FROM members WHERE leave_key = x'00'`,
		`SELECT id FROM members WHERE probed > 0 AND probed < 9`,
		`SELECT COUNT(*) FROM tallies WHERE what = 'x' AND name = 'y' AND at > 9`,
		`SELECT posts.id FROM posts WHERE posts.list = 1 AND posts.number > 5 ORDER BY posts.number`,
		`SELECT COALESCE(MAX(id), 0) FROM jobs WHERE list = 1 AND post = 5`,
		bareColumns + `WHERE posts.list = 1 AND posts.number > 5 ORDER BY posts.number`,
		bareColumns + `WHERE posts.id = (SELECT post FROM jobs WHERE id = 1)`,
		fanOutQuery + ` WHERE posts.list = 1 AND posts.number > 5 AND jobs.list = 1 ORDER BY posts.number`,
		`SELECT job, lane FROM unwanted WHERE state = 'waits' AND asked < 9`,
		`SELECT jobs.id FROM jobs JOIN posts ON posts.id = jobs.post WHERE jobs.cursor IS NOT NULL ORDER BY jobs.id`,
		`SELECT copies.id FROM copies JOIN jobs ON jobs.id = copies.job WHERE copies.attempt IS NULL AND copies.due <= 9 AND copies.lane NOT IN ('x') ORDER BY copies.due`,
		`SELECT MIN(due) FROM copies WHERE attempt IS NULL AND due > 9`,
		`SELECT threads.id FROM threads JOIN posts ON posts.id = threads.first_post WHERE threads.list = 1 AND threads.posts > 0 AND (threads.last_at, threads.id) < (9, 9) ORDER BY threads.last_at DESC, threads.id DESC`,
	} {
		read(t, s, func(x list.Tx) error {
			return x.(*tx).each("EXPLAIN QUERY PLAN "+query, nil, func(rows *sql.Rows) error {
				var id, parent, zero int
				var step string
				if err := rows.Scan(&id, &parent, &zero, &step); err != nil {
					return err
				}
				if strings.HasPrefix(step, "SCAN") && !strings.Contains(step, "_open") || strings.Contains(step, "TEMP B-TREE") {
					t.Errorf("%s: %s", query, step)
				}
				return nil
			})
		})
	}
}

// However much is written, the write-ahead log does not fill the disk.
func TestTheWriteAheadLogIsLimited(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	s := reopen(t, c)
	l := addList(t, s, "dev@lists.example.org")
	raw := noise(4 << 20)
	largest := int64(0)
	for range 40 { // 160 MiB
		write(t, s, func(tx list.Tx) error { return tx.AddBounce(list.NewBounce{List: l.ID, At: noon, Report: Pack(raw)}) })
		info, err := os.Stat(filepath.Join(c.Dir, fileName+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		largest = max(largest, info.Size())
	}
	if limit := int64(logMax + 16<<20); largest > limit {
		t.Errorf("the log grew to %d bytes, over %d", largest, limit)
	}
}

// noise is n bytes that do not compress.
func noise(n int) []byte {
	raw := make([]byte, n)
	x := uint32(1)
	for i := range raw {
		x = x*1664525 + 1013904223
		raw[i] = byte(x >> 24)
	}
	return raw
}

// SQLite refuses to cut the log, without waiting, while it is copied.
func TestCuttingTheLogWaitsForACopy(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	s := reopen(t, c)
	l := addList(t, s, "dev@lists.example.org")
	s.copying.Lock() // a copy is under way
	raw := noise(logMax + 1)
	write(t, s, func(tx list.Tx) error { return tx.AddBounce(list.NewBounce{List: l.ID, At: noon, Report: Pack(raw)}) })
	var copied atomic.Bool
	time.AfterFunc(time.Second, func() { copied.Store(true); s.copying.Unlock() })
	write(t, s, func(list.Tx) error { return nil }) // the cut came before
	if !copied.Load() {
		t.Error("the writer did not wait for the copy")
	}
	info, err := os.Stat(filepath.Join(c.Dir, fileName+"-wal"))
	if err != nil || info.Size() > logMax {
		t.Errorf("the log was not cut: %v, %v", info, err)
	}
}
