package store

import (
	"sync"

	"parley/list"
)

// freshMax is how many compressed bytes of posts are kept in memory between
// their acceptance and their fan-out, which mostly follows at once: reading
// them back would cost as much as keeping them did.
const freshMax = 4 << 20

// freshPost is a post that was just committed.
type freshPost struct {
	list.NewPost
	page   string
	number int64
	job    list.JobID
}

// freshPosts holds posts by their fan-out, until it takes them. One that does
// not fit, or was forgotten in a restart, is read from the database instead.
type freshPosts struct {
	mu    sync.Mutex
	posts map[list.JobID]freshPost
	bytes int
}

func (f *freshPosts) put(p freshPost) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(p.job)
	if size := len(p.Packed.Bytes); p.job != 0 && f.bytes+size <= freshMax {
		f.posts[p.job] = p
		f.bytes += size
	}
}

// drop forgets a post. f.mu is held.
func (f *freshPosts) drop(job list.JobID) {
	if p, ok := f.posts[job]; ok {
		delete(f.posts, job)
		f.bytes -= len(p.Packed.Bytes)
	}
}

func (f *freshPosts) take(job list.JobID) (freshPost, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.posts[job]
	f.drop(job)
	return p, ok
}
