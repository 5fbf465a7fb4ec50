// Package outbox sends: it claims the copies that are due, hands them to a
// smarthost, a local delivery agent or a maildir, and records what became of
// each. It knows nothing of SQL, of who is subscribed, or of what a copy
// should say; it keeps two promises: a copy leaves at least once, and twice
// only when a crash came between the server's answer and its commit.
package outbox

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"parley/list"
)

// Store is what the outbox needs to remember.
type Store interface {
	// Claim takes up to Max due copies, expanding open jobs as it needs to. The
	// attempt at each is committed when it returns. It also says when something
	// is due next; the zero time when nothing waits.
	Claim(ctx context.Context, c list.Claim) ([]list.Copy, time.Time, error)
	// Source is what the copies of a job are made from.
	Source(ctx context.Context, job list.JobID) (list.Source, error)
	// Settle keeps results in one durable transaction. One of a copy that is
	// gone meanwhile is no error.
	Settle(ctx context.Context, results []list.Result) error
}

// Config is what a Runner needs. Zero values below the line get defaults.
type Config struct {
	Store Store
	Site  list.Site
	Relay Relay
	Bell  <-chan struct{} // rings after a commit that may have made copies due
	Log   *slog.Logger

	Connections int           // 24: open connections at most, not counting those that stall
	Idle        time.Duration // 30 s: an idle connection is closed
	Stall       time.Duration // 10 s: a slower transaction does not count against Connections
	CacheBytes  int           // 4 MiB: dressed mails kept, for posts whose copies do not all fit in hand
	Timeouts    Timeouts
	RootCAs     *x509.CertPool
	Seed        uint64 // of the jitter; 0: from the clock
	Now         func() time.Time
	Dial        Dial
	Dress       func(list.Source, list.Site) list.Dressed
	Bounce      func(list.List, list.MemberID) string // envelope sender
	Sender      func() Sender                         // instead of Relay's
}

// Runner is the outbox at work.
type Runner struct {
	cfg    Config
	sender func() Sender
	board  *board
	rec    *recorder
	shelf  *shelf
	crew   sync.WaitGroup

	mu   sync.Mutex
	rand *rand.Rand
}

// settleGrace is what is left for the last commit after the last answer.
const settleGrace = 4 * time.Second

// New checks cfg and makes a Runner. A maildir is created here.
func New(cfg Config) (*Runner, error) {
	cfg = cfg.withDefaults()
	r := &Runner{cfg: cfg, sender: cfg.Sender, rand: rand.New(rand.NewPCG(cfg.Seed, cfg.Seed))}
	if r.sender == nil {
		route := Route{Relay: cfg.Relay, Hostname: cfg.Site.Hostname, Timeouts: cfg.Timeouts,
			RootCAs: cfg.RootCAs, Dial: cfg.Dial, Now: cfg.Now}
		var err error
		if r.sender, err = route.Senders(); err != nil {
			return nil, fmt.Errorf("open the relay: %w", err)
		}
	}
	r.board = newBoard(cfg.Connections, cfg.Stall)
	r.rec = newRecorder(cfg.Store, cfg.Log, r.recorded)
	r.shelf = newShelf(cfg.CacheBytes, r.load)
	return r, nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Connections <= 0 {
		c.Connections = 24
	}
	if c.Idle <= 0 {
		c.Idle = 30 * time.Second
	}
	if c.Stall <= 0 {
		c.Stall = 10 * time.Second
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = 4 << 20
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Seed == 0 {
		c.Seed = uint64(c.Now().UnixNano())
	}
	if c.Dress == nil {
		c.Dress = list.Dress
	}
	if c.Bounce == nil {
		c.Bounce = c.Site.BounceAddress
	}
	return c
}

// Run sends until ctx ends; call it once. Then it gives transactions whose
// final dot is on the wire Timeouts.Grace for their answers, records
// everything, and returns. It owns every goroutine of the Runner.
func (r *Runner) Run(ctx context.Context) error {
	r.board.hire = func(w *worker) { r.crew.Go(func() { r.work(ctx, w) }) }
	settling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		r.rec.run(settling)
	}()
	r.loop(ctx)
	r.release(r.board.close())
	r.crew.Wait()
	r.rec.close()
	timer := time.AfterFunc(settleGrace, cancel)
	defer timer.Stop()
	<-recorded
	if settling.Err() != nil {
		return errors.New("not every result could be recorded; those copies are tried again at the next start")
	}
	return nil
}

// loop claims until ctx ends.
func (r *Runner) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	bell := r.cfg.Bell
	for ctx.Err() == nil {
		if most, skip, ok := r.board.demand(time.Now()); ok {
			r.claim(ctx, most, skip)
			continue
		}
		timer.Reset(r.board.nap(time.Now()))
		select {
		case <-ctx.Done():
		case <-r.board.wake:
		case <-timer.C:
		case _, ok := <-bell:
			r.board.ring()
			if !ok {
				bell = nil
			}
		}
		r.board.sweep(time.Now())
	}
}

// claimRetry is how long a failing store is left alone.
const claimRetry = 2 * time.Second

func (r *Runner) claim(ctx context.Context, most int, skip []string) {
	now := r.cfg.Now()
	copies, next, err := r.cfg.Store.Claim(ctx, list.Claim{Now: now, Max: most, Skip: skip})
	if err != nil {
		if ctx.Err() == nil {
			r.cfg.Log.Error("copies not claimed", "again_in", claimRetry, "err", err)
		}
		r.board.later(time.Now().Add(claimRetry))
		return
	}
	in := time.Duration(-1)
	if !next.IsZero() {
		in = max(next.Sub(now), 0)
	}
	r.board.claimed(copies, most, in, time.Now())
}

// recorded tells the board when something of what was committed is due again.
func (r *Runner) recorded(results []list.Result) {
	var first time.Time
	for _, res := range results {
		for _, a := range res.Answers {
			if a.Outcome == list.Later && (first.IsZero() || a.Due.Before(first)) {
				first = a.Due
			}
		}
	}
	if !first.IsZero() {
		r.board.due(time.Now().Add(first.Sub(r.cfg.Now())))
	}
}

// load makes a job ready.
func (r *Runner) load(ctx context.Context, id list.JobID) (*job, error) {
	src, err := r.cfg.Store.Source(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the mail of job %d: %w", id, err)
	}
	mail := &Mail{Dressed: r.cfg.Dress(src, r.cfg.Site)}
	return &job{mail: mail, kind: src.Kind, list: src.List, number: src.Number, sender: src.Sender}, nil
}

// release lets copies go that nobody has tried: they are due at once.
func (r *Runner) release(its []item) {
	a := list.Answer{Outcome: list.Later, Text: errStopped.Error(), Due: r.cfg.Now()}
	r.putOff(its, a)
}

// putOff records the same answer for copies that were not tried.
func (r *Runner) putOff(its []item, a list.Answer) {
	if len(its) == 0 {
		return
	}
	results := make([]list.Result, len(its))
	for i, it := range its {
		results[i] = list.Result{Copy: it.Copy, Answers: answerAll(len(it.Rcpts), a)}
		r.schedule(results[i].Answers, it.Copy)
	}
	r.rec.put(results...)
}

// schedule plans the answers of one copy. Recipients that were put off together
// come back together: a shared copy must not fall into a hundred.
func (r *Runner) schedule(answers []list.Answer, c list.Copy) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	var together time.Time
	for i, a := range answers {
		open := a.Outcome == list.Later && a.Due.IsZero()
		if open {
			a.Due = together
		}
		answers[i] = schedule(a, c, now, r.rand)
		if open {
			together = answers[i].Due
		}
	}
}
