package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// usableT is the |t| from which a difference counts as one: with a thousand
// tries each, chance alone goes so far once in a hundred thousand runs. It is
// the bound that tests of constant time use.
const usableT = 4.5

// cropped is the share of the slowest tries that the second test leaves out:
// they are the scheduler's and the disk's, and would hide a small difference.
const cropped = 0.1

// pair is the times of two classes that must not differ.
type pair struct {
	name    string
	classes [2]string
	times   [2][]float64 // microseconds
}

func (p *pair) add(class int, took time.Duration) {
	p.times[class] = append(p.times[class], float64(took.Nanoseconds())/1e3)
}

const heading = "                                             mean µs            median µs     difference of       t   t of the\n" +
	"what                                    first      second    first   second      medians µs          fastest 90 %"

// String is a line of the table.
func (p pair) String() string {
	a, b := p.times[0], p.times[1]
	verdict := "no usable difference"
	if p.usable() {
		verdict = "DIFFERENT"
	}
	return fmt.Sprintf("%-37s %8.1f %11.1f %8.1f %8.1f %15.1f %7.2f %9.2f  %s and %s: %s", p.name, mean(a), mean(b), median(a), median(b),
		median(a)-median(b), welch(a, b), p.fastest(), p.classes[0], p.classes[1], verdict)
}

func (p pair) usable() bool {
	return math.Abs(welch(p.times[0], p.times[1])) >= usableT || math.Abs(p.fastest()) >= usableT
}

// fastest is t of the tries that are faster than the slowest tenth of all.
func (p pair) fastest() float64 {
	all := slices.Sorted(slices.Values(slices.Concat(p.times[0], p.times[1])))
	if len(all) == 0 {
		return 0
	}
	limit := all[int(float64(len(all)-1)*(1-cropped))]
	var kept [2][]float64
	for i, times := range p.times {
		for _, t := range times {
			if t <= limit {
				kept[i] = append(kept[i], t)
			}
		}
	}
	return welch(kept[0], kept[1])
}

// welch is Welch's t of two samples: the difference of their means in units of
// its standard error. It is 0 where nothing varies, or there is too little.
func welch(a, b []float64) float64 {
	if len(a) < 2 || len(b) < 2 {
		return 0
	}
	err := math.Sqrt(variance(a)/float64(len(a)) + variance(b)/float64(len(b)))
	diff := mean(a) - mean(b)
	if diff == 0 {
		return 0
	}
	return diff / err // infinite where nothing varies: always different
}

func mean(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v
	}
	return sum / float64(max(len(x), 1))
}

// variance is that of the population that x is a sample of.
func variance(x []float64) float64 {
	m, sum := mean(x), 0.0
	for _, v := range x {
		sum += (v - m) * (v - m)
	}
	return sum / float64(len(x)-1)
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(x))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}
