package outbox

import (
	"slices"
	"time"

	"parley/list"
)

const (
	laneStart    = 4           // transactions at once that a new lane may have
	laneFailures = 3           // broken transactions in a row that pause a lane
	lanePause    = time.Minute // first pause of a lane; each further one is twice as long
	lanePauseMax = 30 * time.Minute
	laneDepth    = 8 // copies in hand for each transaction a lane may have, before Claim skips it
)

// lane is what is slow together: the copies to one recipient domain, or all
// shared ones. It starts small, grows with what it delivers and shrinks with
// what breaks, so that a dead domain holds a few connections and not all.
// A board's mutex guards it.
type lane struct {
	name    string
	waiting []item
	active  int // transactions under way
	limit   int // of active
	fails   int // broken transactions since the last answer
	pauses  int // since the last delivery
	until   time.Time
	queued  bool // is among the ready
	full    bool // Claim skips it
}

// item is a copy in hand.
type item struct {
	list.Copy
	again bool // was put back once: no session could be had for it
}

func (l *lane) runnable() bool {
	return len(l.waiting) > 0 && l.active < l.limit && l.until.IsZero()
}

func (l *lane) depth() int { return max(laneDepth*l.limit, 32) }

// answered lets a lane grow by one for a delivery: 4, 8, 16 with each round of
// answers. A 4xx means that the server is there, and wants less.
func (l *lane) answered(v verdict, most int) {
	l.fails = 0
	switch {
	case v.delivered:
		l.pauses = 0
		l.limit = min(l.limit+1, most)
	case v.deferred:
		l.limit = max(l.limit-1, 2)
	}
}

// broke says whether the lane is now to pause.
func (l *lane) broke() bool {
	l.limit = max(l.limit/2, 1)
	l.fails++
	return l.fails >= laneFailures
}

// stalled halves a lane, not below its start: a relay that is slow for
// everybody must keep some parallel work.
func (l *lane) stalled() {
	l.limit = min(l.limit, max(l.limit/2, laneStart))
}

// pause grows with each further one, and ends with a probe of one transaction.
func (l *lane) pause(now time.Time) {
	l.until = now.Add(min(lanePause<<min(l.pauses, 10), lanePauseMax))
	l.pauses++
	l.fails = laneFailures - 1
	l.limit = 1
}

// lane finds or makes a lane.
func (b *board) lane(name string) *lane {
	l := b.lanes[name]
	if l == nil {
		l = &lane{name: name, limit: min(laneStart, b.most)}
		b.lanes[name] = l
	}
	return l
}

// push puts a copy into its lane; first: before the others.
func (b *board) push(l *lane, it item, first bool) {
	if first {
		l.waiting = slices.Insert(l.waiting, 0, it)
	} else {
		l.waiting = append(l.waiting, it)
	}
	b.waiting++
	switch {
	case l.full:
		b.held++
	case len(l.waiting) >= l.depth():
		l.full = true
		b.held += len(l.waiting)
	}
	b.enqueue(l)
}

// pop takes the first copy out. A lane that was full and has room again is a
// reason to claim.
func (b *board) pop(l *lane) item {
	it := l.waiting[0]
	l.waiting[0] = item{}
	l.waiting = l.waiting[1:]
	b.waiting--
	if !l.full {
		return it
	}
	b.held--
	if len(l.waiting) < l.depth()/2 {
		l.full = false
		b.held -= len(l.waiting)
		b.dirty = true
	}
	return it
}

// flush takes everything out of a lane.
func (b *board) flush(l *lane) []item {
	its := l.waiting
	b.waiting -= len(its)
	if l.full {
		b.held -= len(its)
		l.full = false
		b.dirty = true
	}
	l.waiting = nil
	return its
}

// flushAll takes everything out of all lanes.
func (b *board) flushAll() (its []item) {
	for _, l := range b.lanes {
		its = append(its, b.flush(l)...)
	}
	return its
}

// enqueue gives a lane its turn, once; lanes take turns in that order.
func (b *board) enqueue(l *lane) {
	if !l.queued && l.runnable() {
		l.queued = true
		b.ready = append(b.ready, l)
	}
}

// turn is the next lane with something to do, nil if there is none.
func (b *board) turn() *lane {
	for len(b.ready) > 0 {
		l := b.ready[0]
		b.ready = b.ready[1:]
		l.queued = false
		if l.runnable() {
			return l
		}
	}
	return nil
}

// resume ends pauses that are over.
func (b *board) resume(now time.Time) {
	for l := range b.paused {
		if !now.Before(l.until) {
			l.until = time.Time{}
			delete(b.paused, l)
			b.dirty = true
			b.enqueue(l)
		}
	}
}

// prune forgets lanes that have nothing to say.
func (b *board) prune() {
	if len(b.lanes) <= b.keep {
		return
	}
	for name, l := range b.lanes {
		if l.active == 0 && len(l.waiting) == 0 && !l.queued && l.until.IsZero() {
			delete(b.lanes, name)
		}
	}
}

// skipped are the lanes that Claim is to leave alone.
func (b *board) skipped() (names []string) {
	for l := range b.paused {
		names = append(names, l.name)
	}
	for _, l := range b.lanes {
		if l.full && l.until.IsZero() {
			names = append(names, l.name)
		}
	}
	slices.Sort(names)
	return names
}
