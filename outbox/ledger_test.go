package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"parley/list"
)

// ledger plays the store, in memory.
type ledger struct {
	hold   func([]list.Result) // called by Settle before it commits
	refuse error               // what Settle returns while it is set
	source list.Source
	limit  time.Duration // of wait; 0: a minute

	mu      sync.Mutex
	waiting []row
	taken   map[list.CopyID]bool
	ended   []list.Result // results without a Later in them
	later   []list.Result // results with one
	claims  []int         // copies handed out by each Claim that handed out some
	change  chan struct{}
}

type row struct {
	list.Copy
	due time.Time
}

func newLedger(copies ...list.Copy) *ledger {
	l := &ledger{
		taken:  map[list.CopyID]bool{},
		change: make(chan struct{}, 1),
		source: list.Source{Kind: list.SourcePost, List: list.List{Address: "dev@lists.example.org"}},
	}
	for _, c := range copies {
		l.waiting = append(l.waiting, row{Copy: c})
	}
	return l
}

func (l *ledger) Claim(_ context.Context, c list.Claim) (copies []list.Copy, next time.Time, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keep := l.waiting[:0]
	for _, r := range l.waiting {
		if len(copies) < c.Max && !r.due.After(c.Now) && !slices.Contains(c.Skip, r.Lane) {
			copies = append(copies, r.Copy)
			l.taken[r.ID] = true
			continue
		}
		if next.IsZero() || r.due.Before(next) {
			next = r.due
		}
		keep = append(keep, r)
	}
	l.waiting = keep
	if len(copies) > 0 {
		l.claims = append(l.claims, len(copies))
	}
	return copies, next, nil
}

func (l *ledger) Source(context.Context, list.JobID) (list.Source, error) {
	if l.source.Kind == "" {
		return list.Source{}, errors.New("no such job")
	}
	return l.source, nil
}

func (l *ledger) Settle(_ context.Context, results []list.Result) error {
	if l.hold != nil {
		l.hold(results)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse != nil {
		return l.refuse
	}
	for _, r := range results {
		l.settle(r)
	}
	signal(l.change)
	return nil
}

func (l *ledger) settle(r list.Result) {
	if !l.taken[r.Copy.ID] {
		panic(fmt.Sprintf("copy %d has a result without an attempt", r.Copy.ID))
	}
	delete(l.taken, r.Copy.ID)
	rest := r.Copy
	rest.Rcpts, rest.Tries = nil, rest.Tries+1
	var due time.Time
	for i, a := range r.Answers {
		if a.Outcome == list.Later {
			rest.Rcpts, due = append(rest.Rcpts, r.Copy.Rcpts[i]), a.Due
		}
	}
	if len(rest.Rcpts) == 0 {
		l.ended = append(l.ended, r)
		return
	}
	l.later = append(l.later, r)
	l.waiting = append(l.waiting, row{rest, due})
}

// open is how many copies have not ended.
func (l *ledger) open() (waiting, taken int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting), len(l.taken)
}

func (l *ledger) results() (ended, later []list.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.ended), slices.Clone(l.later)
}

// wait returns when done says so; it is asked after each commit.
func (l *ledger) wait(t testing.TB, done func() bool) {
	t.Helper()
	limit := time.After(cmp.Or(l.limit, time.Minute))
	for !done() {
		select {
		case <-l.change:
		case <-limit:
			waiting, taken := l.open()
			t.Fatalf("still %d copies wait and %d are under way", waiting, taken)
		}
	}
}

// settled says that n copies have ended.
func (l *ledger) settled(n int) func() bool {
	return func() bool {
		ended, _ := l.results()
		return len(ended) >= n
	}
}

// deferred says that n results were Later.
func (l *ledger) deferred(n int) func() bool {
	return func() bool {
		_, later := l.results()
		return len(later) >= n
	}
}

// personal makes n copies to as many members of a domain.
func personal(first, n int, domain string) []list.Copy {
	copies := make([]list.Copy, n)
	for i := range copies {
		id := first + i
		copies[i] = list.Copy{
			ID: list.CopyID(id), Job: 1, List: 1, Lane: domain, Since: time.Now(),
			Rcpts: []list.Rcpt{{Member: list.MemberID(id), Address: fmt.Sprintf("m%05d@%s", id, domain)}},
		}
	}
	return copies
}

// shared makes one copy to n members.
func shared(id, n int) list.Copy {
	c := list.Copy{ID: list.CopyID(id), Job: 1, List: 1, Since: time.Now()}
	for i := range n {
		c.Rcpts = append(c.Rcpts, list.Rcpt{Member: list.MemberID(i + 1), Address: fmt.Sprintf("m%05d@example.org", i+1)})
	}
	return c
}

const testHead = "From: A <a@example.org>\r\nTo: dev@lists.example.org\r\nSubject: Hello\r\n" +
	"Message-ID: <1@example.org>\r\n\r\n"

func dressed(body string) list.Dressed {
	return list.Dressed{Head: []byte(testHead), Body: []byte(body), Seam: -1}
}

func bounceAddress(_ list.List, m list.MemberID) string {
	if m == 0 {
		return "dev-bounces@lists.example.org"
	}
	return fmt.Sprintf("dev+bounce-abcdefghijklmnopqrstu%05d@lists.example.org", m)
}

// config is what a Runner of a test needs, with a mail of one line.
func config(t testing.TB, l *ledger) Config {
	t.Helper()
	return Config{
		Store: l, Relay: Relay{Scheme: SMTP, Host: "127.0.0.1", Port: "25"}, Seed: 1,
		Site:   list.Site{Hostname: "lists.example.org"},
		Dress:  func(list.Source, list.Site) list.Dressed { return dressed("Hello.\r\n") },
		Bounce: bounceAddress,
	}
}

// toSink points cfg at a listening sink.
func toSink(t testing.TB, cfg Config, address string) Config {
	t.Helper()
	r, err := ParseRelay("smtp://"+address, "")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Relay = r
	return cfg
}

// start runs a Runner; stop ends it, and fails the test if it cannot.
func start(t testing.TB, cfg Config) (stop func()) {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}
