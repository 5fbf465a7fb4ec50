// Command load measures Parley under the shared load, and mlmmj behind Postfix
// in the same run where they are installed: rates, CPU, memory, the ratio. With
// -idle it measures the memory of a server that has nothing to do. It needs
// PARLEY_BENCH. See bench/README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"parley/bench/rig"
)

// allWait bounds everything; five runs of both sides take about 15 minutes.
const allWait = 45 * time.Minute

type options struct {
	runs   int
	posts  int
	pairs  int
	peers  bool
	idle   bool
	binary string
	json   string
}

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 5, "runs of each work; the medians are of these")
	flag.IntVar(&o.posts, "posts", 2000, "posts of the work posts-in")
	flag.IntVar(&o.pairs, "pairs", 10, "posts to the list of 10,000, and to the list of one, whose time to 250 is taken in each run")
	flag.BoolVar(&o.peers, "peers", true, "measure mlmmj too, where peers-up.sh has installed it")
	flag.BoolVar(&o.idle, "idle", false, "measure memory at rest and with idle connections instead")
	flag.StringVar(&o.binary, "binary", "", "the parley to measure; none: built from the tree")
	flag.StringVar(&o.json, "json", "", "where all numbers go as JSON; none: to the output")
	flag.Parse()
	if flag.NArg() > 0 || o.runs < 1 || o.posts < 1 || o.pairs < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, allWait)
	err := o.run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "parley-load-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if o.binary == "" {
		if o.binary, err = rig.Build(ctx, dir); err != nil {
			return err
		}
	}
	if o.idle {
		return measureIdle(ctx, o.binary, dir)
	}
	return o.measureLoad(ctx, dir)
}
