package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parley/bench/rig"
)

// The ledgers, in the folder of the proof.
const (
	postsLedger  = "posts.ledger"  // Message-ID, lists, sum: what was ever posted
	acksLedger   = "acks.ledger"   // Message-ID, client: what was seen acknowledged
	copiesLedger = "copies.ledger" // run, connection, recipients, Message-ID, sum: what the sink received
)

// Times of the harness.
const (
	within    = 2 * time.Second  // a kill comes so soon after the clients are there
	gather    = 5 * time.Second  // longest wait for the clients to be connected
	allClosed = 10 * time.Second // longest wait for the connections of a dead server to end
	noMove    = 60 * time.Second // a queue that is not empty and sends nothing so long has lost something
)

// harness is one proof while it runs.
type harness struct {
	options
	house  rig.House
	binary string
	dir    string
	rand   *rand.Rand
	sink   *rig.Sink
	posts  *rig.Ledger
	acks   *rig.Ledger
	copies *rig.Ledger
	brake  brake

	run       atomic.Int64 // number of the server's run, from 1
	connected atomic.Int64 // clients that have a connection
	acked     atomic.Int64
	repeats   atomic.Int64 // posts sent again because no answer came
	deferred  atomic.Int64 // 4xx
	finishing atomic.Bool
	armed     atomic.Pointer[rig.Shot] // for the client that sees the next acknowledgement
	kills     []kill
	cries     []cry

	mu        sync.Mutex // protects what the sink counts
	seen      map[delivery]bool
	delivered int
	again     int
}

func newHarness(o options, binary, dir string) (*harness, error) {
	h := &harness{options: o, binary: binary, dir: dir, seen: map[delivery]bool{},
		rand: rand.New(rand.NewPCG(o.seed, 0)), brake: brake{limit: o.outstanding}}
	for path, ledger := range map[string]**rig.Ledger{postsLedger: &h.posts, acksLedger: &h.acks, copiesLedger: &h.copies} {
		var err error
		if *ledger, err = rig.OpenLedger(filepath.Join(dir, path)); err != nil {
			return nil, err
		}
	}
	var err error
	if h.sink, err = rig.NewSink(h.receive); err != nil {
		return nil, err
	}
	return h, h.furnish()
}

// furnish writes the config: lists of 1, 3 and 12 members and one with shared
// copies. No address is on two lists, so that a copy tells its list.
func (h *harness) furnish() error {
	smtp, err := rig.FreeAddr()
	if err != nil {
		return err
	}
	web, err := rig.FreeAddr()
	if err != nil {
		return err
	}
	h.house = rig.House{Dir: h.dir, SMTP: smtp, Web: web, Relay: "smtp://" + h.sink.Addr(), Trust: []string{"127.0.0.0/8"}}
	for _, l := range []struct {
		name, post, copies string
		members            int
	}{{"one", "members", "personal", 1}, {"three", "anyone", "personal", 3}, {"dozen", "members", "personal", 12}, {"shared", "anyone", "shared", 12}} {
		list := rig.List{Address: l.name + "@lists.test", Options: map[string]string{"post": l.post, "copies": l.copies}}
		for i := range l.members {
			list.Members = append(list.Members, fmt.Sprintf("m%d@%s.example.org", i+1, l.name))
		}
		h.house.Lists = append(h.house.Lists, list)
	}
	return h.house.Write()
}

// targets are the lists that clients post to, each alone, and two in one mail;
// the small ones more often.
func (h *harness) targets() []target {
	one, three, dozen, shared := h.house.Lists[0], h.house.Lists[1], h.house.Lists[2], h.house.Lists[3]
	both := target{lists: []string{three.Address, shared.Address}, author: "guest@example.org", txns: 4}
	alone := func(l rig.List, txns int) target {
		return target{lists: []string{l.Address}, author: l.Members[0], txns: txns}
	}
	return []target{alone(one, 1), alone(one, 1), alone(one, 1), alone(three, 3), alone(three, 3),
		alone(dozen, 12), alone(shared, 1), alone(shared, 1), both}
}

func (h *harness) members() map[string][]string {
	m := map[string][]string{}
	for _, l := range h.house.Lists {
		m[l.Address] = l.Members
	}
	return m
}

// receive is the sink's side: the copy is in the ledger, on the disk, before
// the 250.
func (h *harness) receive(d rig.Delivery) error {
	fields, _ := rig.Split(d.Data)
	mid := strings.Trim(rig.Value(fields, "message-id"), "<>")
	again := h.count(d.Rcpts, mid)
	err := h.copies.Add(fmt.Sprint(h.run.Load()), fmt.Sprint(d.Conn), strings.Join(d.Rcpts, ","), mid, sumOf(d.Data))
	if !again {
		h.brake.arrived(1)
	}
	return err
}

// count counts a transaction, and says whether it repeats an earlier one.
func (h *harness) count(rcpts []string, mid string) (again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, rcpt := range rcpts {
		key := delivery{rcpt, mid}
		again = again || h.seen[key]
		h.seen[key] = true
	}
	h.delivered += len(rcpts)
	if again {
		h.again++
	}
	return again
}

// cycles runs the clients through all kills, and then drains.
func (h *harness) cycles(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var clients sync.WaitGroup
	posters := h.posters()
	for _, p := range posters {
		clients.Go(func() { p.run(ctx) })
	}
	err := h.killAll(ctx)
	if err == nil {
		err = h.drain(ctx, &clients)
	}
	cancel()
	clients.Wait()
	for _, p := range posters {
		h.cries = append(h.cries, p.cries...)
	}
	return err
}

func (h *harness) posters() []*poster {
	var all []*poster
	for n := 1; n <= h.clients; n++ {
		all = append(all, &poster{h: h, n: n, rand: rand.New(rand.NewPCG(h.seed, uint64(n))), targets: h.targets()})
	}
	return all
}

func (h *harness) killAll(ctx context.Context) error {
	for n := 1; n <= h.options.cycles; n++ {
		if err := h.cycle(ctx, n); err != nil {
			return fmt.Errorf("cycle %d: %w", n, err)
		}
	}
	return nil
}

// cycle starts the server, kills it at a random moment, and prints its line.
// One cycle in ten counts the moment from the start itself, so that recovery
// is killed too; the others wait until all clients are connected. One in six
// kills when, after its moment, a client sees the next acknowledgement; with
// the planted fault every one does.
func (h *harness) cycle(ctx context.Context, n int) error {
	acked, repeats, deferred := h.acked.Load(), h.repeats.Load(), h.deferred.Load()
	delivered, again := h.counts()
	server, err := h.start(ctx, n%10 != 0)
	if err != nil {
		return err
	}
	moment := time.Duration(h.rand.Int64N(int64(within)))
	pause(ctx, moment)
	connected := h.connected.Load()
	open := h.shoot(ctx, server, h.fault || n%6 == 0)
	if err := h.sinkSettles(ctx); err != nil {
		return err
	}
	h.kills = append(h.kills, kill{run: int(h.run.Load()), open: open})
	nowDelivered, nowAgain := h.counts()
	fmt.Printf("cycle %3d: killed after %5d ms, clients %2d, acked %4d, repeats %2d, deferred %d, copies %5d, duplicates %2d, open %2d\n",
		n, moment.Milliseconds(), connected, h.acked.Load()-acked, h.repeats.Load()-repeats, h.deferred.Load()-deferred,
		nowDelivered-delivered, nowAgain-again, open)
	return ctx.Err()
}

// start begins the next run of the server and waits, if it should, until it
// greets and all clients are connected.
func (h *harness) start(ctx context.Context, wait bool) (*rig.Process, error) {
	h.run.Add(1)
	server, err := h.house.Serve(h.binary)
	if err != nil || !wait {
		return server, err
	}
	if err := server.Ready(ctx); err != nil {
		server.Kill()
		return nil, err
	}
	deadline := time.Now().Add(gather)
	for h.connected.Load() < int64(h.clients) && time.Now().Before(deadline) && ctx.Err() == nil {
		pause(ctx, brakePoll)
	}
	if n := h.connected.Load(); n < 10 {
		server.Kill()
		return nil, fmt.Errorf("only %d clients could connect within %s", n, gather)
	}
	return server, nil
}

func (h *harness) counts() (delivered, again int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.delivered, h.again
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

// drain starts the server once more, lets the clients finish, waits until the
// queue is empty, and stops it as an operator does.
func (h *harness) drain(ctx context.Context, clients *sync.WaitGroup) error {
	began := time.Now()
	server, err := h.start(ctx, true)
	if err != nil {
		return fmt.Errorf("start to drain: %w", err)
	}
	defer server.Kill()
	h.finishing.Store(true)
	clients.Wait()
	if err := h.emptied(ctx); err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		h.cries = append(h.cries, cry{broken, err.Error()})
	}
	fmt.Printf("drained in %.1f s\n", time.Since(began).Seconds())
	return nil
}

// emptied waits until `parley queue ls` is empty. A queue that stands still is
// a cry; the judge then says what is missing.
func (h *harness) emptied(ctx context.Context) error {
	began := time.Now()
	for ctx.Err() == nil {
		rows, err := h.queue(ctx)
		if err != nil {
			return err
		}
		if rows == 0 {
			return nil
		}
		if patience := h.patience(); h.brake.silence() > patience && time.Since(began) > patience {
			h.cries = append(h.cries, cry{broken, fmt.Sprintf("%d entries stay in the queue, and nothing moved for %s", rows, patience)})
			return nil
		}
		pause(ctx, 500*time.Millisecond)
	}
	return ctx.Err()
}

// patience is short with the planted fault, which breaks the queue as well.
func (h *harness) patience() time.Duration {
	if h.fault {
		return noMove / 12
	}
	return noMove
}

func (h *harness) queue(ctx context.Context) (int, error) {
	out, err := h.house.Command(ctx, h.binary, "queue", "ls", "--json")
	if err != nil {
		return 0, err
	}
	var rows []json.RawMessage
	if trimmed := bytes.TrimSpace(out); len(trimmed) > 0 {
		if err := json.Unmarshal(trimmed, &rows); err != nil {
			return 0, fmt.Errorf("read the queue: %w: %.200s", err, trimmed)
		}
	}
	return len(rows), nil
}

func (h *harness) close() {
	_ = h.sink.Close()
	for _, l := range []*rig.Ledger{h.posts, h.acks, h.copies} {
		_ = l.Close()
	}
}
