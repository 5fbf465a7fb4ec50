// Command digests proves by kill -9 that nobody misses a post or gets it
// twice, whatever their rhythm. It runs the real binary with a clock that runs
// fast, while posts flow and members change delivery, pause and come back by
// mail, kills it at random moments and in the middle of digests, and compares
// at the end what was posted with what each member got. See bench/README.md.
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

// A proof that takes longer than this has hung.
const (
	cycleTime = 10 * time.Second
	spareTime = 5 * time.Minute
)

type options struct {
	cycles int
	day    time.Duration
	pause  time.Duration
	seed   uint64
	binary string
	keep   bool
}

func main() {
	var o options
	flag.IntVar(&o.cycles, "cycles", 50, "how many times to kill")
	flag.DurationVar(&o.day, "day", 4*time.Second, "how long a day of the server's clock takes, at least 2s")
	flag.DurationVar(&o.pause, "pause", 250*time.Millisecond, "longest pause of a client between two posts")
	flag.Uint64Var(&o.seed, "seed", 0, "of all that is random; 0 takes one and names it")
	flag.StringVar(&o.binary, "binary", "", "the parley to kill, built with the tag fastclock; none: built from the tree")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with mails, log and database")
	flag.Parse()
	if flag.NArg() > 0 || o.cycles < 1 || o.day < 2*time.Second || o.pause < time.Millisecond {
		flag.Usage()
		os.Exit(2)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, spareTime+time.Duration(o.cycles)*cycleTime)
	code := o.run(ctx)
	cancel()
	stop()
	os.Exit(code)
}

// run does everything and returns the exit status: 0 when nothing was skipped
// and nothing came twice that no kill explains, else 1.
func (o options) run(ctx context.Context) int {
	dir, err := os.MkdirTemp("", "parley-digests-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "digests:", err)
		return 1
	}
	cries, err := o.prove(ctx, dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "digests:", err)
	}
	failed := err != nil || len(cries) > 0 || ctx.Err() != nil
	if o.keep || failed {
		fmt.Println("mails, log and database are in", dir)
	} else if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, "digests:", err)
	}
	if failed {
		return 1
	}
	fmt.Println("kept: no post was skipped, none came two ways, and no mail twice but after a kill")
	return 0
}

func (o options) prove(ctx context.Context, dir string) ([]cry, error) {
	binary, err := o.theBinary(ctx, dir)
	if err != nil {
		return nil, err
	}
	fmt.Printf("digests: %d cycles, a day takes %s, seed %d\n", o.cycles, o.day, o.seed)
	h, err := newHarness(o, binary, dir)
	if err != nil {
		return nil, err
	}
	defer h.sink.Close()
	if err := h.proceed(ctx); err != nil {
		return nil, err
	}
	e, err := h.evidence()
	if err != nil {
		return nil, err
	}
	cries := append(h.cries, e.judge()...)
	tell(cries)
	if len(cries) > 0 || o.keep {
		if err := e.write(dir); err != nil {
			return cries, err
		}
	}
	fmt.Println(e.summary())
	return cries, nil
}

func (o options) theBinary(ctx context.Context, dir string) (string, error) {
	if o.binary != "" {
		return filepath.Abs(o.binary)
	}
	return rig.Build(ctx, dir, "fastclock")
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
