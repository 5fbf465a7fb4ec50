package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"parley/list"
)

// recorder commits results: those that come while one commit runs share the
// next. While the store fails it tries again and again, and because every
// connection waits for its last result before its next final dot, a full disk
// stops the sending by itself.
type recorder struct {
	store Store
	log   *slog.Logger
	wake  chan struct{}       // capacity 1
	after func([]list.Result) // is told what was committed

	mu   sync.Mutex
	next *batch // results that wait
	last bool   // nothing more comes
}

// batch is a group of results with one commit. err is set before done is closed.
type batch struct {
	results []list.Result
	done    chan struct{}
	err     error
}

func newRecorder(s Store, log *slog.Logger, after func([]list.Result)) *recorder {
	return &recorder{store: s, log: log, after: after, wake: make(chan struct{}, 1), next: newBatch()}
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// put hands results over and returns the batch that will commit them.
func (r *recorder) put(results ...list.Result) *batch {
	r.mu.Lock()
	b := r.next
	b.results = append(b.results, results...)
	r.mu.Unlock()
	signal(r.wake)
	return b
}

// close lets run return once everything is committed.
func (r *recorder) close() {
	r.mu.Lock()
	r.last = true
	r.mu.Unlock()
	signal(r.wake)
}

func (r *recorder) take() (b *batch, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.next.results) == 0 {
		return nil, r.last
	}
	b = r.next
	r.next = newBatch()
	return b, false
}

// run commits until close. When ctx ends, what cannot be committed is let go:
// those copies have an attempt without a result, and are due at the next start.
func (r *recorder) run(ctx context.Context) {
	for {
		b, last := r.take()
		if last {
			return
		}
		if b == nil {
			<-r.wake
			continue
		}
		b.err = r.settle(ctx, b.results)
		close(b.done)
	}
}

func (r *recorder) settle(ctx context.Context, results []list.Result) error {
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := r.store.Settle(ctx, results)
		if err == nil {
			r.log.Debug("results settled", "copies", len(results))
			r.after(results)
			return nil
		}
		r.log.Error("results not settled", "copies", len(results), "again_in", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// wait returns when the batch is committed. A nil batch is.
func (b *batch) wait(ctx context.Context) error {
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// signal says "look" on a channel of capacity 1; one that was not heard yet is enough.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
