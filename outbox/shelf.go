package outbox

import (
	lru "container/list"
	"context"
	"fmt"
	"sync"

	"parley/list"
)

// job is a source made ready: the mail, and what its envelope needs.
type job struct {
	mail   *Mail
	kind   list.SourceKind
	list   list.List
	number int64  // of the post
	sender string // of a SourceMail
}

// shelf keeps the jobs that were used last, bounded by the bytes of their
// mails, so that a post is read and dressed once and not for each copy. A mail
// in use stays alive beyond the bound: at worst one for each open connection.
type shelf struct {
	load func(context.Context, list.JobID) (*job, error)
	max  int

	mu    sync.Mutex
	slots map[list.JobID]*lru.Element // of *slot
	order *lru.List                   // newest first
	bytes int
}

type slot struct {
	id   list.JobID
	done chan struct{} // closed when job and err are there
	job  *job
	err  error
	size int // bytes it is counted with; 0 while it loads. Guarded by shelf.mu
}

func newShelf(max int, load func(context.Context, list.JobID) (*job, error)) *shelf {
	return &shelf{load: load, max: max, slots: map[list.JobID]*lru.Element{}, order: lru.New()}
}

// jobSize is what a job takes besides its mail, in bytes: small mails are many.
const jobSize = 4 << 10

// get returns a job; many that ask at once share one load. A failed load is
// not kept.
func (s *shelf) get(ctx context.Context, id list.JobID) (*job, error) {
	sl, first := s.find(id)
	if first {
		sl.job, sl.err = s.tryLoad(ctx, id)
		s.keep(sl)
		close(sl.done)
	}
	select {
	case <-sl.done:
		return sl.job, sl.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *shelf) find(id list.JobID) (sl *slot, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if el, ok := s.slots[id]; ok {
		s.order.MoveToFront(el)
		return el.Value.(*slot), false
	}
	sl = &slot{id: id, done: make(chan struct{})}
	s.slots[id] = s.order.PushFront(sl)
	return sl, true
}

// tryLoad turns a panic over a stranger's bytes into an error: the copy waits,
// everything else goes on.
func (s *shelf) tryLoad(ctx context.Context, id list.JobID) (j *job, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("dress job %d: panic: %v", id, p)
		}
	}()
	return s.load(ctx, id)
}

// keep counts a loaded slot and lets the oldest go; a failed one goes at once.
func (s *shelf) keep(sl *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl.err != nil {
		s.drop(s.slots[sl.id])
		return
	}
	sl.size = sl.job.mail.Size() + jobSize
	s.bytes += sl.size
	for el := s.order.Back(); el != nil && s.bytes > s.max; {
		older := el.Prev()
		if old := el.Value.(*slot); old != sl && old.size > 0 {
			s.bytes -= old.size
			s.drop(el)
		}
		el = older
	}
}

func (s *shelf) drop(el *lru.Element) {
	delete(s.slots, el.Value.(*slot).id)
	s.order.Remove(el)
}
