package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/bench/rig"
)

// Times of the harness.
const (
	killFirst  = 300 * time.Millisecond // a kill comes so long after the banner
	killLast   = 3 * time.Second        // or later, up to this
	aroundDay  = 250 * time.Millisecond // a kill at midnight comes within this, before or after
	allClosed  = 10 * time.Second       // longest wait for the connections of a dead server to end
	quietDays  = 10                     // of the fast clock, and then
	quietMore  = time.Minute            // until all must be out: weekly digests wait seven days
	lookEvery  = 200 * time.Millisecond
	knockEvery = time.Second
	posters    = 2
)

// harness is one proof while it runs. What it knows survives the kills: it is
// another process.
type harness struct {
	options
	house  rig.House
	binary string
	clock  clock
	rand   *rand.Rand
	sink   *rig.Sink

	run       atomic.Int64 // number of the server's run, from 1
	finishing atomic.Bool
	armed     atomic.Pointer[rig.Shot] // for the next digest that the sink gets
	kills     []kill

	mu       sync.Mutex // protects what follows
	posts    map[string]post
	commands map[string]command
	acked    map[string]bool
	got      []txn
	cries    []cry
}

func newHarness(o options, binary, dir string) (*harness, error) {
	h := &harness{options: o, binary: binary, clock: clock{from: time.Unix(time.Now().Unix(), 0), day: o.day},
		rand: rand.New(rand.NewPCG(o.seed, 0)), posts: map[string]post{}, commands: map[string]command{}, acked: map[string]bool{}}
	var err error
	if h.sink, err = rig.NewSink(h.receive); err != nil {
		return nil, err
	}
	return h, h.furnish(dir)
}

// furnish writes the config: one list with personal copies, one with shared
// ones, the same cast on each.
func (h *harness) furnish(dir string) error {
	smtp, err := rig.FreeAddr()
	if err != nil {
		return err
	}
	web, err := rig.FreeAddr()
	if err != nil {
		return err
	}
	h.house = rig.House{Dir: dir, SMTP: smtp, Web: web, Relay: "smtp://" + h.sink.Addr(), Trust: []string{"127.0.0.0/8"}}
	for _, copies := range []string{"personal", "shared"} {
		list := rig.List{Address: copies + "@lists.test", Options: map[string]string{"post": "anyone", "copies": copies}}
		for _, p := range cast() {
			list.Members = append(list.Members, p.at(list.Address))
		}
		h.house.Lists = append(h.house.Lists, list)
	}
	return h.house.Write()
}

func (h *harness) receive(d rig.Delivery) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, txn{run: int(h.run.Load()), rcpts: d.Rcpts, data: d.Data})
	if s := h.armed.Load(); s != nil && collects(d.Data) {
		s.Fire()
	}
	return nil
}

// collects knows a digest, a summary or a catch-up at a glance.
func collects(raw []byte) bool {
	fields, _ := rig.Split(raw[:min(len(raw), 2048)])
	return rig.Value(fields, "auto-submitted") == "auto-generated" && strings.Contains(rig.Value(fields, "list-unsubscribe"), "leave-")
}

func (h *harness) posted(p post) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.posts[p.mid] = p
}

func (h *harness) commanded(mid, address, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.commands[mid]
	c.address, c.text, c.sent = address, text, c.sent+1
	h.commands[mid] = c
}

func (h *harness) accepted(mid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acked[mid] = true
}

func (h *harness) cry(about, format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cries = append(h.cries, cry{about, fmt.Sprintf(format, args...)})
}

// proceed runs the whole: everybody chooses a rhythm, posts and moves begin,
// kills, and then peace until all is out.
func (h *harness) proceed(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := h.start(ctx)
	if err != nil {
		return err
	}
	movers := h.movers()
	if err := h.begin(ctx, movers); err != nil {
		server.Kill()
		return err
	}
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for n := range posters {
		p := &poster{h: h, n: n + 1, rand: rand.New(rand.NewPCG(h.seed, uint64(1+n))), last: map[string]string{}}
		all.Go(func() { p.run(ctx) })
	}
	for _, m := range movers {
		if len(m.moves) > 0 {
			all.Go(func() { m.run(ctx) })
		}
	}
	if server, err = h.killAll(ctx, server); err != nil {
		return err
	}
	defer server.Kill()
	h.finishing.Store(true)
	all.Wait()
	return h.end(ctx, server)
}

func (h *harness) movers() []*mover {
	var all []*mover
	for _, list := range h.house.Lists {
		for _, p := range cast() {
			all = append(all, &mover{h: h, list: list.Address, address: p.at(list.Address), moves: p.moves,
				rand: rand.New(rand.NewPCG(h.seed, uint64(1000+len(all))))})
		}
	}
	return all
}

// begin lets everybody choose their rhythm, and waits until they have it.
func (h *harness) begin(ctx context.Context, movers []*mover) error {
	everybody := slices.Concat(cast(), cast())
	for i, m := range movers {
		if text := everybody[i].begin; text != "" {
			m.say(ctx, text)
		}
	}
	return h.quiet(ctx)
}

func (h *harness) start(ctx context.Context) (*rig.Process, error) {
	h.run.Add(1)
	server, err := h.house.Serve(h.binary, h.clock.env()...)
	if err != nil {
		return nil, err
	}
	if err := server.Ready(ctx); err != nil {
		server.Kill()
		return nil, err
	}
	return server, nil
}

// killAll kills and starts again, as often as it is to; the server that it
// returns is not killed.
func (h *harness) killAll(ctx context.Context, server *rig.Process) (*rig.Process, error) {
	for n := 1; n <= h.options.cycles; n++ {
		began := time.Now()
		open := h.shoot(ctx, server)
		if err := h.sinkSettles(ctx); err != nil {
			return nil, err
		}
		h.kills = append(h.kills, kill{run: int(h.run.Load()), open: open})
		fmt.Printf("cycle %3d: killed after %5d ms, %s\n", n, time.Since(began).Milliseconds(), h.count())
		var err error
		if server, err = h.start(ctx); err != nil {
			return nil, fmt.Errorf("cycle %d: %w", n, err)
		}
	}
	return server, ctx.Err()
}

// shoot kills at a random moment, around the next midnight, when digests are
// made and pauses end, or when the next digest is at the sink and not answered.
func (h *harness) shoot(ctx context.Context, server *rig.Process) int {
	s := rig.NewShot(server, h.sink)
	switch h.rand.IntN(3) {
	case 0:
		s.Wait(ctx, killFirst+time.Duration(h.rand.Int64N(int64(killLast-killFirst))))
	case 1:
		s.Wait(ctx, h.nearMidnight())
	default:
		s.Wait(ctx, killFirst)
		h.armed.Store(s)
		s.Wait(ctx, h.day+killLast)
		h.armed.Store(nil)
	}
	return s.End()
}

func (h *harness) nearMidnight() time.Duration {
	midnight := h.clock.midnight(time.Now())
	if midnight > killLast {
		midnight -= h.day
	}
	if midnight < killFirst {
		midnight += h.day
	}
	return midnight + time.Duration(h.rand.Int64N(int64(2*aroundDay))) - aroundDay
}

func (h *harness) count() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.kills[len(h.kills)-1]
	return fmt.Sprintf("posts %5d, commands %4d, transactions %6d, open %2d", len(h.posts), len(h.commands), len(h.got), last.open)
}

// sinkSettles waits until the sink has read all that a dead server had sent,
// so that every transaction is booked on the run that sent it.
func (h *harness) sinkSettles(ctx context.Context) error {
	deadline := time.Now().Add(allClosed)
	for h.sink.Closed() < h.sink.Opened() {
		if time.Now().After(deadline) {
			return errors.New("connections of the killed server stay open at the sink")
		}
		if pause(ctx, time.Millisecond); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// end waits until every pause has ended and every digest is out, and stops the
// server as an operator does.
func (h *harness) end(ctx context.Context, server *rig.Process) error {
	began := time.Now()
	if err := h.quiet(ctx); err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		h.cry(broken, "%v", err)
	}
	fmt.Printf("all out after %.1f s\n", time.Since(began).Seconds())
	return nil
}

// quiet waits until nothing is to be done. What never ends is a cry; the judge
// then says what is missing.
func (h *harness) quiet(ctx context.Context) error {
	deadline := time.Now().Add(quietDays*h.day + quietMore)
	knocked := time.Now()
	for ctx.Err() == nil {
		open, err := h.open()
		if err != nil || open == "" {
			return err
		}
		if time.Now().After(deadline) {
			h.cry(broken, "never done: %s", open)
			return nil
		}
		if time.Since(knocked) > knockEvery {
			h.knock(ctx)
			knocked = time.Now()
		}
		pause(ctx, lookEvery)
	}
	return ctx.Err()
}

// knock gives the server something to do. Its outbox looks by itself once a
// minute of the world, in which the fast clock goes past the hours of members.
func (h *harness) knock(ctx context.Context) {
	const from = "guest@example.org"
	to := strings.Replace(h.house.Lists[0].Address, "@", "-request@", 1)
	h.deliver(ctx, rig.Mail{From: from, To: []string{to}, Data: []byte("From: " + from + "\r\nTo: " + to + "\r\n\r\nhelp\r\n")}, func() {})
}
