package outbox

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/list"
)

// maildir writes copies into files, to try the rest without sending anything:
// DIR/new holds one for each recipient, with Return-Path and Delivered-To on
// top and everything below as it would go over the wire, line ends included.
// All connections share one.
type maildir struct {
	dir  string
	host string
	now  func() time.Time
	n    atomic.Uint64
	news dirSync
}

func openMaildir(dir string, now func() time.Time) (*maildir, error) {
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("make the maildir: %w", err)
		}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	host = strings.NewReplacer("/", `\057`, ":", `\072`).Replace(host)
	return &maildir{dir: dir, host: host, now: now, news: dirSync{dir: filepath.Join(dir, "new")}}, nil
}

// Send writes a file for each recipient. A full or broken disk is Later for
// all, and a fault of the way out.
func (m *maildir) Send(ctx context.Context, t *Transaction) ([]list.Answer, Fault) {
	names, err := m.writeAll(ctx, t)
	if err == nil {
		err = t.Ready(ctx)
	}
	if err == nil {
		err = m.publish(names)
	}
	if err != nil {
		m.discard(names)
		return answerAll(len(t.Rcpts), later(fmt.Errorf("write into the maildir: %w", err))), HostFault
	}
	return answerAll(len(t.Rcpts), list.Answer{Outcome: list.Delivered, Text: "written"}), NoFault
}

// publish moves files from tmp to new, where they count as delivered.
func (m *maildir) publish(names []string) error {
	for _, name := range names {
		if err := os.Rename(filepath.Join(m.dir, "tmp", name), filepath.Join(m.dir, "new", name)); err != nil {
			return err
		}
	}
	return m.news.sync()
}

func (m *maildir) discard(names []string) {
	for _, name := range names {
		_ = os.Remove(filepath.Join(m.dir, "tmp", name)) // not there when it was published
	}
}

// Close has nothing to close: a maildir is shared.
func (m *maildir) Close() error { return nil }

// writeAll leaves synced files in tmp, and on an error those it had begun.
func (m *maildir) writeAll(ctx context.Context, t *Transaction) (names []string, err error) {
	for _, rcpt := range t.Rcpts {
		if err := ctx.Err(); err != nil {
			return names, err
		}
		name := m.name()
		names = append(names, name)
		if err := m.write(name, rcpt, t); err != nil {
			return names, err
		}
	}
	return names, nil
}

// name is unique on this machine for ever: time, process, counter.
func (m *maildir) name() string {
	now := m.now()
	return fmt.Sprintf("%d.M%06dP%dQ%d.%s", now.Unix(), now.Nanosecond()/1000, os.Getpid(), m.n.Add(1), m.host)
}

func (m *maildir) write(name, rcpt string, t *Transaction) error {
	f, err := os.OpenFile(filepath.Join(m.dir, "tmp", name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintf(w, "Return-Path: <%s>\r\nDelivered-To: %s\r\n", clip(t.Sender), clip(rcpt))
	p := t.Mail.parts()
	for _, part := range [...][]byte{p.top, t.Fields, p.rest, p.body} {
		_, _ = w.Write(part) // a bufio.Writer keeps its error until Flush
	}
	err = w.Flush()
	if err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// dirSync makes renames into a directory durable; callers that come while one
// fsync runs share the next.
type dirSync struct {
	dir  string
	turn sync.Mutex // held while an fsync runs

	mu   sync.Mutex
	next *syncRound // nil: nobody waits
}

type syncRound struct {
	done chan struct{}
	err  error
}

func (d *dirSync) sync() error {
	round, first := d.join()
	if !first {
		<-round.done
		return round.err
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	d.mu.Lock()
	d.next = nil // whoever comes now may have renamed too late for this fsync
	d.mu.Unlock()
	round.err = syncDir(d.dir)
	close(round.done)
	return round.err
}

// join returns the round that waits for its turn; the first of it runs it.
func (d *dirSync) join() (round *syncRound, first bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next == nil {
		d.next = &syncRound{done: make(chan struct{})}
		return d.next, true
	}
	return d.next, false
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
