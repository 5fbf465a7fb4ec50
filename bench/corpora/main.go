// Command corpora posts real lists and malformed mail through the real binary
// and compares what comes out with what went in: the copies byte for byte, the
// threads with those of an independent judge, the pages with what HTML is. It
// needs PARLEY_CORPORA. See bench/README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"parley/bench/rig"
)

// allWait bounds the whole proof.
const allWait = 15 * time.Minute

// realLists are the lists that are posted whole, with the posts of each.
var realLists = []struct {
	name, corpus string
	posts        int
}{
	{"util", "util-linux.vger.kernel.org", 3509},
	{"openwrt", "openwrt-devel.lists.openwrt.org", 7233},
}

func main() {
	report := flag.String("report", filepath.Join(os.TempDir(), "parley-disagreements.tsv"), "where the disagreements about threads go")
	binary := flag.String("binary", "", "the parley to run; none: built from the tree")
	real := flag.Bool("real", true, "post the real lists too, not only the malformed mail")
	flag.Parse()
	corpora := os.Getenv("PARLEY_CORPORA")
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if corpora == "" {
		fmt.Println("corpora: skipped: PARLEY_CORPORA does not name the corpora")
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, allWait)
	err := prove(ctx, settings{corpora: corpora, binary: *binary, hardOnly: !*real, report: *report, out: os.Stdout})
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpora:", err)
		os.Exit(1)
	}
}

type settings struct {
	corpora string
	binary  string // "" is built
	report  string
	out     io.Writer
	// only the malformed mail
	hardOnly bool
}

// prove runs everything and returns all violations, joined.
func prove(ctx context.Context, s settings) (err error) {
	dir, err := os.MkdirTemp("", "parley-corpora-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if s.binary == "" {
		if s.binary, err = rig.Build(ctx, dir); err != nil {
			return err
		}
	}
	p, err := open(ctx, s, dir)
	if err != nil {
		return err
	}
	defer p.close()
	for _, l := range realLists {
		if s.hardOnly {
			break
		}
		if err := p.real(ctx, l.name, l.corpus, l.posts); err != nil {
			return fmt.Errorf("%s: %w", l.corpus, err)
		}
	}
	if err := p.hard(ctx); err != nil {
		return fmt.Errorf("hard mail: %w", err)
	}
	if err := p.finish(); err != nil {
		return err
	}
	return p.verdict()
}
