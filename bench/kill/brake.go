package main

import (
	"context"
	"sync"
	"time"
)

// Times of the brake.
const (
	brakeStale = 500 * time.Millisecond // a sink that is silent so long waits for no transaction that we count
	brakePoll  = 10 * time.Millisecond
)

// brake counts the transactions between acknowledgement and sink, and holds
// the clients back while there are too many: a server whose outgoing
// connections are all busy all the time repeats, at a kill, a transaction on
// each of them (RFC 1047), and its queue would grow for ever.
type brake struct {
	limit int

	mu          sync.Mutex // protects what follows
	outstanding int
	last        time.Time // when the sink got a copy
}

func (b *brake) expect(txns int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outstanding += txns
}

func (b *brake) arrived(txns int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outstanding -= txns
	b.last = time.Now()
}

// silence is how long ago the sink got its last copy.
func (b *brake) silence() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.last)
}

func (b *brake) open() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.outstanding < b.limit || time.Since(b.last) > brakeStale
}

// wait returns when the client may post again, or ctx has ended.
func (b *brake) wait(ctx context.Context) {
	for ctx.Err() == nil && !b.open() {
		pause(ctx, brakePoll)
	}
}
