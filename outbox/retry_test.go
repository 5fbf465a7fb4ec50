package outbox

import (
	"math/rand/v2"
	"testing"
	"time"

	"parley/list"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for tries, want := range []time.Duration{
		5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 4 * time.Hour,
	} {
		least, most := 1000*time.Hour, time.Duration(0)
		for range 1000 {
			d := backoff(tries, r)
			least, most = min(least, d), max(most, d)
		}
		if least < want*8/10 || most > min(want*12/10, MaxBackoff) {
			t.Errorf("after %d failures: between %s and %s, want about %s", tries, least, most, want)
		}
		if most-least < want/10 {
			t.Errorf("after %d failures: between %s and %s is no jitter", tries, least, most)
		}
	}
	if d := backoff(-1, r); d > MaxBackoff {
		t.Errorf("backoff(-1) = %s", d)
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 29, 2, 30, 0, 0, time.UTC)
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		tries  int
		since  time.Time
		in     list.Answer
		out    list.Outcome
		lo, hi time.Duration // of Due, from now
	}{
		"first":             {0, now, list.Answer{Outcome: list.Later}, list.Later, 4 * time.Minute, 6 * time.Minute},
		"fifth day":         {30, now.Add(-5*day + time.Minute), list.Answer{Outcome: list.Later}, list.Later, 3 * time.Hour, 4 * time.Hour},
		"given up":          {30, now.Add(-5 * day), list.Answer{Outcome: list.Later}, list.Bounced, 0, 0},
		"off for a week":    {0, now.Add(-7 * day), list.Answer{Outcome: list.Later}, list.Later, 4 * time.Minute, 6 * time.Minute},
		"third, after 2106": {2, now.Add(-80 * 365 * day), list.Answer{Outcome: list.Later}, list.Bounced, 0, 0},
		"clock set back":    {3, now.Add(day), list.Answer{Outcome: list.Later}, list.Later, 48 * time.Minute, 72 * time.Minute},
		"at once":           {2, now, list.Answer{Outcome: list.Later, Due: now}, list.Later, 0, 0},
		"due in 2106":       {2, now, list.Answer{Outcome: list.Later, Due: now.Add(80 * 365 * day)}, list.Later, MaxBackoff, MaxBackoff},
		"delivered":         {30, now.Add(-9 * day), list.Answer{Outcome: list.Delivered}, list.Delivered, 0, 0},
		"bounced":           {0, now, list.Answer{Outcome: list.Bounced, Code: 550}, list.Bounced, 0, 0},
	} {
		got := schedule(c.in, list.Copy{Tries: c.tries, Since: c.since}, now, rand.New(rand.NewPCG(1, 2)))
		if got.Outcome != c.out || got.Code != c.in.Code {
			t.Errorf("%s: %+v", name, got)
		}
		if d := got.Due.Sub(now); got.Outcome == list.Later && (d < c.lo || d > c.hi) {
			t.Errorf("%s: due in %s, want %s to %s", name, d, c.lo, c.hi)
		}
	}
}
