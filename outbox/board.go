package outbox

import (
	"sync"
	"time"

	"parley/list"
)

const (
	claimBatch = 400             // copies for one Claim
	claimBelow = 200             // copies that could go at once, below which the next Claim comes
	handMax    = 5000            // copies in hand, those of full lanes included; about 1 MiB
	lanesKept  = 4096            // lanes remembered with their speed
	stuckTimes = 3               // hard limit of connections, in pools
	outageWait = 5 * time.Second // first pause when the relay is down; each further one is twice as long
	outageMax  = 5 * time.Minute
	poolGrowth = 15 * time.Second // for one connection more, after the relay has refused some
	idlePoll   = time.Minute      // longest time between two looks at the store, in case a bell was lost
)

// board says which copy goes next and on which connection. Its times are the
// monotonic ones of package time: a clock that is set does not disturb it.
type board struct {
	most  int           // connections in the pool
	keep  int           // lanes remembered
	stall time.Duration // a transaction that takes longer does not count against the pool
	wake  chan struct{} // capacity 1: there may be a reason to claim
	quit  chan struct{} // closed by close

	hire    func(*worker) // starts a worker that has a flight; set before anything is dealt
	mu      sync.Mutex
	lanes   map[string]*lane
	paused  map[*lane]struct{}
	ready   []*lane
	waiting int // copies in hand that no worker has
	held    int // those of them in full lanes
	crew    map[*worker]struct{}
	parked  []*worker // have a connection and nothing to do; the last to come goes first
	stuck   int       // flights that stall
	pool    int       // connections that may be busy without stalling
	growAt  time.Time // when pool may grow again
	dirty   bool      // the store may have something that is due
	nextDue time.Time // when it will have; zero: not known
	closed  bool

	probing   bool // the relay was down: one copy first
	outages   int  // in a row
	downUntil time.Time
}

// worker is one connection with its goroutine. Its flight is guarded by the
// board's mutex until it is dealt, and then the worker's.
type worker struct {
	flight flight
	turn   chan struct{} // capacity 1: a flight was dealt
	open   bool          // its last transaction was answered. Guarded by board.mu

	last, older *batch // results of this connection
}

// flight is a copy on its way.
type flight struct {
	item
	lane  *lane
	began time.Time
	stuck bool
}

func newBoard(connections int, stall time.Duration) *board {
	return &board{
		most: connections, pool: connections, keep: lanesKept, stall: stall, dirty: true,
		wake: make(chan struct{}, 1), quit: make(chan struct{}),
		lanes: map[string]*lane{}, paused: map[*lane]struct{}{}, crew: map[*worker]struct{}{},
	}
}

// ring says that the store may have something.
func (b *board) ring() {
	b.mu.Lock()
	b.dirty = true
	b.mu.Unlock()
}

// due says that the store will have something at a time.
func (b *board) due(at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.nextDue.IsZero() || at.Before(b.nextDue) {
		b.nextDue = at
		signal(b.wake)
	}
}

// demand says what to claim now, if anything.
func (b *board) demand(now time.Time) (most int, skip []string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	due := b.dirty || !b.nextDue.IsZero() && !now.Before(b.nextDue)
	most = b.room()
	if b.closed || !due || most == 0 || now.Before(b.downUntil) {
		return 0, nil, false
	}
	b.dirty, b.nextDue = false, time.Time{}
	return most, b.skipped(), true
}

// room is how many copies may be taken in hand. After an outage one goes first.
func (b *board) room() int {
	switch {
	case b.probing && b.busy()+b.waiting > 0:
		return 0
	case b.probing:
		return 1
	case b.waiting-b.held >= claimBelow || b.waiting >= handMax:
		return 0
	}
	return claimBatch
}

// claimed takes what a Claim for most copies returned; in is the time until
// something else is due, negative when nothing waits.
func (b *board) claimed(copies []list.Copy, most int, in time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range copies {
		b.push(b.lane(c.Lane), item{Copy: c}, false)
	}
	if len(copies) >= most || in == 0 && len(copies) > 0 {
		b.dirty = true
	}
	if in < 0 || in > idlePoll {
		in = idlePoll
	}
	// What is due and was not handed out is of a lane that was skipped: ask
	// again when that has room, or after a second, but do not spin.
	at := now.Add(max(in, time.Second))
	if b.nextDue.IsZero() || at.Before(b.nextDue) { // else a result came in between
		b.nextDue = at
	}
	b.deal(now)
}

// later puts the next Claim off after one that failed.
func (b *board) later(at time.Time) {
	b.mu.Lock()
	b.dirty, b.nextDue = false, at
	b.mu.Unlock()
}

// busy counts the workers that have a flight.
func (b *board) busy() int { return len(b.crew) - len(b.parked) }

// deal gives copies to connections while there are both.
func (b *board) deal(now time.Time) {
	for !b.closed && b.busy()-b.stuck < b.pool && (len(b.parked) > 0 || len(b.crew) < stuckTimes*b.most) {
		l := b.turn()
		if l == nil {
			return
		}
		f := flight{item: b.pop(l), lane: l, began: now}
		l.active++
		b.enqueue(l)
		if n := len(b.parked); n > 0 {
			w := b.parked[n-1]
			b.parked = b.parked[:n-1]
			w.flight = f
			w.turn <- struct{}{}
			continue
		}
		w := &worker{flight: f, turn: make(chan struct{}, 1)}
		w.turn <- struct{}{}
		b.crew[w] = struct{}{}
		b.hire(w)
	}
}

// untried is the fault of a transaction that ended before the relay was asked.
const untried Fault = -1

// verdict is what a transaction showed.
type verdict struct {
	fault               Fault
	delivered, deferred bool
}

// finish ends w's flight and parks it, perhaps with the next flight dealt
// already. It returns the copies of a lane that pauses from now on.
func (b *board) finish(w *worker, v verdict, now time.Time) (flushed []item) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.land(w)
	switch {
	case v.fault == untried:
	case v.fault != NoFault:
		w.open = false
		if l.broke() {
			l.pause(now)
			b.paused[l] = struct{}{}
			flushed = b.flush(l)
		}
	default:
		w.open = true
		b.recovered()
		l.answered(v, b.most)
	}
	b.parked = append(b.parked, w)
	b.enqueue(l)
	b.deal(now)
	if b.dirty && b.room() > 0 {
		signal(b.wake)
	}
	return flushed
}

// land takes w's flight off the books.
func (b *board) land(w *worker) *lane {
	l := w.flight.lane
	l.active--
	if w.flight.stuck {
		b.stuck--
	}
	w.flight = flight{}
	return l
}

// recovered ends an outage: the relay answers.
func (b *board) recovered() {
	if b.probing {
		b.probing, b.outages, b.downUntil = false, 0, time.Time{}
		b.pool, b.dirty = b.most, true
	}
}

// noSession ends w's flight and w itself after a HostFault. Where others have
// sessions, the relay only wants fewer of them: the copy goes back, once, and
// the pool shrinks. Else the relay is down: everything in hand is returned,
// and nothing is claimed for wait.
func (b *board) noSession(w *worker, now time.Time) (flushed []item, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	it := w.flight.item
	l := b.land(w)
	delete(b.crew, w)
	open := 0
	for other := range b.crew {
		if other.open {
			open++
		}
	}
	switch {
	case open > 0 && !it.again:
		it.again = true
		b.pool, b.growAt = open, now.Add(poolGrowth)
		b.push(l, it, true)
		b.deal(now)
		return nil, 0
	case open > 0:
		b.enqueue(l)
		b.deal(now)
		return []item{it}, 0
	case !now.Before(b.downUntil): // and not one of several that found out at once
		b.downUntil = now.Add(min(outageWait<<min(b.outages, 10), outageMax))
		b.outages++
		b.probing, b.dirty, b.pool = true, true, 1
	}
	signal(b.wake)
	return append(b.flushAll(), it), b.downUntil.Sub(now)
}

// sweep does what time brings: stalls, the ends of pauses, a pool that grows back.
func (b *board) sweep(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for w := range b.crew {
		if f := &w.flight; f.lane != nil && !f.stuck && now.Sub(f.began) >= b.stall {
			f.stuck = true
			b.stuck++
			f.lane.stalled()
		}
	}
	if !b.probing && b.pool < b.most && !now.Before(b.growAt) {
		b.pool++
		b.growAt = now.Add(poolGrowth)
	}
	b.resume(now)
	b.prune()
	b.deal(now)
}

// nap is how long nothing happens by itself.
func (b *board) nap(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := idlePoll
	sooner := func(t time.Time) {
		if !t.IsZero() {
			d = max(min(d, t.Sub(now)), 0)
		}
	}
	switch {
	case now.Before(b.downUntil):
		sooner(b.downUntil)
	case b.room() > 0:
		sooner(b.nextDue)
	}
	for l := range b.paused {
		sooner(l.until)
	}
	if b.busy() > 0 {
		d = min(d, max(b.stall/4, time.Millisecond))
	}
	if b.pool < b.most && !b.probing {
		sooner(b.growAt)
	}
	return d
}

// leave lets a worker go that has had nothing to do; not when it has a flight.
func (b *board) leave(w *worker) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, p := range b.parked {
		if p == w {
			b.parked = append(b.parked[:i], b.parked[i+1:]...)
			delete(b.crew, w)
			return true
		}
	}
	return false
}

// close ends the dealing, and returns what no worker has.
func (b *board) close() []item {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	close(b.quit)
	return b.flushAll()
}
