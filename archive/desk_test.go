package archive

import (
	"context"
	"sync"
	"time"

	"parley/list"
)

// The tokens that the clerk knows, and those that it does not.
const (
	goodToken  = "abcdefghijklmnopqrstuvwx27"
	wrongToken = "abcdefghijklmnopqrstuvwx72"
	oldToken   = "zyxwvutsrqponmlkjihgfedcba" // of a key that the site has no more
)

// clerk plays the list's desk: it knows memberships by their tokens, and does
// what it is asked for.
type clerk struct {
	mu      sync.Mutex
	members map[string]*list.Subscription
	threads map[int64]string // subjects by the numbers of posts
	muted   map[int64]bool
	broken  error // what every call answers
	stuck   bool  // every call panics
	asked   int   // calls of Subscription
	granted []list.Wish
}

func newClerk() *clerk {
	dev := list.List{ID: 1, Address: "dev@lists.example.org", Archive: list.ArchivePublic, Masked: true}
	return &clerk{
		members: map[string]*list.Subscription{goodToken: {List: dev, Address: "ben@example.org", State: list.Active, Delivery: list.DeliverEach}},
		threads: map[int64]string{4: "Re: Should the watering timer trust the weather station?", 5: "Re: "},
		muted:   map[int64]bool{},
	}
}

// today is the clerk's clock, and that of the pages beside it.
func today() time.Time { return time.Date(2026, 11, 22, 13, 27, 0, 0, time.UTC) }

func (c *clerk) Subscription(_ context.Context, token string, post int64) (list.Subscription, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.find(token, post)
}

func (c *clerk) find(token string, post int64) (list.Subscription, error) {
	if c.stuck {
		panic("a planted bug")
	}
	if post < 0 {
		return list.Subscription{}, list.Errorf(list.Malformed, "no post has that number")
	}
	if c.broken != nil {
		return list.Subscription{}, c.broken
	}
	m, ok := c.members[token]
	if !ok {
		return list.Subscription{}, list.Errorf(list.Unknown, "no such token")
	}
	s := *m
	s.Subject, s.Muted = c.threads[post], c.muted[post]
	return s, nil
}

func (c *clerk) Grant(_ context.Context, token string, post int64, wish list.Wish) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, err := c.find(token, post)
	if err != nil {
		return err
	}
	m := c.members[token]
	if m.State != list.Active && wish != list.WishJoin && wish != list.WishLeave {
		return list.Errorf(list.Refused, "The address is not subscribed")
	}
	c.granted = append(c.granted, wish)
	switch wish {
	case list.WishLeave:
		m.State = list.Left
	case list.WishJoin:
		m.State = list.Active
	case list.WishPause:
		m.PausedUntil = today().AddDate(0, 0, 7)
	case list.WishResume:
		m.PausedUntil = today()
	case list.WishDaily:
		m.Delivery = list.DeliverDaily
	case list.WishEach:
		m.Delivery = list.DeliverEach
	case list.WishMute, list.WishUnmute:
		if s.Subject == "" {
			return list.Errorf(list.Malformed, "This link names no thread")
		}
		c.muted[post] = wish == list.WishMute
	}
	return nil
}

// now is the membership of the good token.
func (c *clerk) now() list.Subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.members[goodToken]
}

// done is what was granted so far, and how often the clerk was asked.
func (c *clerk) done() (granted []list.Wish, asked int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]list.Wish(nil), c.granted...), c.asked
}
