package main

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestWelch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{1, 2, 3, 4, 5}, []float64{1, 2, 3, 4, 5}, 0},
		{[]float64{2, 4, 6}, []float64{1, 2, 3}, 2 / math.Sqrt(4.0/3+1.0/3)},
		{[]float64{1, 2, 3}, []float64{2, 4, 6}, -2 / math.Sqrt(4.0/3+1.0/3)},
		{[]float64{1, 1}, []float64{2, 2}, math.Inf(-1)},
		{[]float64{1}, []float64{2, 3}, 0},
	} {
		if got := welch(c.a, c.b); got != c.want {
			t.Errorf("%v, %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// noise are times as a busy machine has them, with something added.
func noise(r *rand.Rand, n int, more time.Duration) (p pair) {
	for i := range 2 * n {
		took := 2*time.Millisecond + time.Duration(r.ExpFloat64()*float64(100*time.Microsecond))
		if r.IntN(20) == 0 {
			took += time.Duration(r.IntN(int(20 * time.Millisecond)))
		}
		if i%2 == 1 {
			took += more
		}
		p.add(i%2, took)
	}
	return p
}

func TestADifferenceIsSeenThroughTheNoise(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	if p := noise(r, 1000, 0); p.usable() {
		t.Errorf("%s", p)
	}
	if p := noise(r, 1000, 50*time.Microsecond); !p.usable() {
		t.Errorf("%s", p)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if a, b, c := median(nil), median([]float64{3, 1, 2}), median([]float64{4, 1, 3, 2}); a != 0 || b != 2 || c != 2.5 {
		t.Error(a, b, c)
	}
}
