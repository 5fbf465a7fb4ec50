// Command kill proves the promises by kill -9. It runs the real binary under
// load, kills it at random moments, starts it again on the same data, and
// compares at the end what its clients saw acknowledged and what its relay
// received. See bench/README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"parley/bench/rig"
)

// plantedFault is the build tag of a store that answers before its commit.
const plantedFault = "ackbeforecommit"

// A proof that takes longer than this has hung.
const (
	cycleTime = 10 * time.Second
	drainTime = 5 * time.Minute
)

type options struct {
	cycles  int
	clients int
	pause   time.Duration
	// transactions that are acknowledged and not yet out when clients stop to post
	outstanding int
	seed        uint64
	binary      string
	keep        bool
	fault       bool
}

func main() {
	var o options
	flag.IntVar(&o.cycles, "cycles", 50, "how many times to kill")
	flag.IntVar(&o.clients, "clients", 16, "connections that post, at least 10")
	flag.DurationVar(&o.pause, "pause", 100*time.Millisecond, "longest pause of a client between two posts")
	flag.IntVar(&o.outstanding, "outstanding", 24, "clients stop to post while so many acknowledged transactions are not yet out")
	flag.Uint64Var(&o.seed, "seed", 0, "of all that is random; 0 takes one and names it")
	flag.StringVar(&o.binary, "binary", "", "the parley to kill; none: built from the tree")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with ledgers, log and database")
	flag.BoolVar(&o.fault, "fault", false, "build with the planted fault; done when a loss was seen")
	flag.Parse()
	if flag.NArg() > 0 || o.clients < 10 || o.cycles < 1 || (o.fault && o.binary != "") {
		flag.Usage()
		os.Exit(2)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, drainTime+time.Duration(o.cycles)*cycleTime)
	code := o.run(ctx)
	cancel()
	stop()
	os.Exit(code)
}

// run does everything and returns the exit status: 0 when the promises held
// (or, with the planted fault, when they were seen to break), else 1.
func (o options) run(ctx context.Context) int {
	dir, err := os.MkdirTemp("", "parley-kill-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		return 1
	}
	cries, err := o.prove(ctx, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
		cries = append(cries, cry{"broken", err.Error()})
	}
	o.tidy(dir, len(cries) > 0 && !o.fault)
	switch {
	case err != nil || ctx.Err() != nil:
		return 1
	case o.fault:
		return verdictOnFault(cries)
	case len(cries) > 0:
		return 1
	}
	fmt.Println("kept: nothing acknowledged was lost, nothing stored twice, no copy that nobody posted, few duplicates, database whole")
	return 0
}

// tidy removes the folder, unless someone wants to look at it.
func (o options) tidy(dir string, failed bool) {
	if o.keep || failed {
		fmt.Println("ledgers, log and database are in", dir)
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "kill:", err)
	}
}

// verdictOnFault demands that the planted fault was seen as what it is: a loss.
func verdictOnFault(cries []cry) int {
	for _, c := range cries {
		if c.about == lost {
			fmt.Println("the planted fault was found, as it must be")
			return 0
		}
	}
	fmt.Println("CRIES: the planted fault was NOT found: this harness proves nothing")
	return 1
}

func (o options) prove(ctx context.Context, dir string) ([]cry, error) {
	binary, err := o.theBinary(ctx, dir)
	if err != nil {
		return nil, err
	}
	fmt.Printf("kill: %d cycles, %d clients, seed %d\n", o.cycles, o.clients, o.seed)
	h, err := newHarness(o, binary, dir)
	if err != nil {
		return nil, err
	}
	defer h.close()
	if err := h.cycles(ctx); err != nil {
		return nil, err
	}
	e, err := h.evidence()
	if err != nil {
		return nil, err
	}
	cries := append(h.cries, e.judge()...)
	tell(cries)
	fmt.Println(e.summary())
	return cries, nil
}

func (o options) theBinary(ctx context.Context, dir string) (string, error) {
	if o.binary != "" {
		return filepath.Abs(o.binary)
	}
	if o.fault {
		return rig.Build(ctx, dir, plantedFault)
	}
	return rig.Build(ctx, dir)
}

// told is how many violations of one sort are printed; the rest is counted.
const told = 20

func tell(cries []cry) {
	count := map[string]int{}
	for _, c := range cries {
		count[c.about]++
		if count[c.about] <= told {
			fmt.Printf("CRIES: %s: %s\n", c.about, c.text)
		}
	}
	for about, n := range count {
		if n > told {
			fmt.Printf("CRIES: %s: %d in all\n", about, n)
		}
	}
}
