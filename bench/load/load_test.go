package main

import "testing"

func TestMedianIsTheMiddleOfTheRuns(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		all  []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := middle(tc.all); got != tc.want {
			t.Errorf("middle of %v: %v, want %v", tc.all, got, tc.want)
		}
	}
}

func TestRatioIsOfTheMedians(t *testing.T) {
	t.Parallel()
	w := work{name: "in"}
	r := &report{Lines: []line{
		{Side: "parley", Work: "in", Rate: 100, PeakMiB: 40}, {Side: "mlmmj", Work: "in", Rate: 10},
		{Side: "parley", Work: "in", Rate: 300, PeakMiB: 60}, {Side: "mlmmj", Work: "in", Rate: 20},
		{Side: "parley", Work: "in", Rate: 200, PeakMiB: 50}, {Side: "mlmmj", Work: "in", Rate: 40},
		{Side: "parley", Work: "out", Rate: 9000},
	}}
	r.finish([]work{w})
	if len(r.Median) != 2 || r.Median[0].Rate != 200 || r.Median[0].Ratio != 10 || r.Median[0].PeakMiB != 50 || r.Median[1].Rate != 20 {
		t.Fatalf("%+v", r.Median)
	}
}
