package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// report is all that was measured.
type report struct {
	Lines  []line   `json:"lines"`
	Acks   acks     `json:"time_to_250"`
	Median []median `json:"medians"`
}

// median is the middle of all runs of one work on one side, with the ratio of
// Parley's rate to the peer's.
type median struct {
	Side    string  `json:"side"`
	Work    string  `json:"work"`
	Rate    float64 `json:"rate_per_s"`
	Process float64 `json:"process_cpu_ms"`
	Machine float64 `json:"machine_cpu_ms"`
	PeakMiB float64 `json:"peak_mib"`
	Ratio   float64 `json:"ratio,omitempty"`
}

func (o options) measureLoad(ctx context.Context, dir string) error {
	bench := os.Getenv("PARLEY_BENCH")
	if bench == "" {
		return errors.New("PARLEY_BENCH does not name the shared bench, which has the load and the sink")
	}
	sink, err := startSink(ctx, bench, dir)
	if err != nil {
		return err
	}
	defer func() { _ = sink.Process.Kill(); _ = sink.Wait() }()
	server, parley, err := startParley(ctx, o.binary, filepath.Join(dir, "house"))
	if err != nil {
		return err
	}
	defer server.Kill()
	sides := []side{parley}
	if o.peers {
		peer, stop, err := startPeer(ctx)
		if err != nil {
			fmt.Println("load: Parley alone:", err)
		} else {
			defer stop()
			sides = append(sides, peer)
		}
	}
	r := &report{}
	if err := o.interleave(ctx, r, bench, sides, sink.Process.Pid); err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		return err
	}
	r.finish(o.works())
	return o.write(r)
}

// interleave interleaves the sides, so that what disturbs the machine disturbs both.
func (o options) interleave(ctx context.Context, r *report, bench string, sides []side, sink int) error {
	for run := 1; run <= o.runs; run++ {
		for _, w := range o.works() {
			for _, s := range sides {
				l, err := w.measure(ctx, bench, s, sink)
				if err != nil {
					return err
				}
				l.Run = run
				r.Lines = append(r.Lines, l)
				l.print()
			}
		}
		if err := r.Acks.measure(ctx, sides[0], run, o.pairs); err != nil {
			return err
		}
	}
	return nil
}

func (l line) print() {
	fmt.Printf("run %d  %-6s  %-28s  %8.1f/s  process %6.3f ms, machine %6.3f ms each  peak %5.1f MiB  first %.3f s, last %.3f s  %d messages, %d connections\n",
		l.Run, l.Side, l.Work, l.Rate, l.Process, l.Machine, l.PeakMiB, l.FirstCopyS, l.LastCopyS, l.Messages, l.Conns)
}

// finish takes the medians and the ratios.
func (r *report) finish(works []work) {
	for _, w := range works {
		ours, peer := r.middle("parley", w.name), r.middle("mlmmj", w.name)
		if peer.Rate > 0 {
			ours.Ratio = ours.Rate / peer.Rate
		}
		r.Median = append(r.Median, ours)
		if peer.Rate > 0 {
			r.Median = append(r.Median, peer)
		}
	}
}

func (r *report) middle(side, work string) median {
	of := func(value func(line) float64) float64 {
		var all []float64
		for _, l := range r.Lines {
			if l.Side == side && l.Work == work {
				all = append(all, value(l))
			}
		}
		return middle(all)
	}
	return median{Side: side, Work: work,
		Rate:    of(func(l line) float64 { return l.Rate }),
		Process: of(func(l line) float64 { return l.Process }),
		Machine: of(func(l line) float64 { return l.Machine }),
		PeakMiB: of(func(l line) float64 { return l.PeakMiB })}
}

// middle is the median; 0 of nothing.
func middle(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	n := len(all)
	return (all[(n-1)/2] + all[n/2]) / 2
}

// write prints the medians, and all numbers as JSON.
func (o options) write(r *report) error {
	for _, m := range r.Median {
		fmt.Printf("median %-6s  %-28s  %8.1f/s  process %6.3f ms, machine %6.3f ms each  peak %5.1f MiB", m.Side, m.Work, m.Rate, m.Process, m.Machine, m.PeakMiB)
		if m.Ratio > 0 {
			fmt.Printf("  %.1f times the peer", m.Ratio)
		}
		fmt.Println()
	}
	one, ten := middle(r.Acks.One), middle(r.Acks.Ten)
	fmt.Printf("median time to 250: list of 1 %.2f ms, list of 10,000 %.2f ms (of %d each): %+.2f ms\n", one, ten, len(r.Acks.One), ten-one)
	text, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write the numbers: %w", err)
	}
	if o.json == "" {
		fmt.Println(string(text))
		return nil
	}
	if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the numbers: %w", err)
	}
	return nil
}
