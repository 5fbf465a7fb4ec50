package main

import (
	"context"
	"fmt"
	"time"
)

// clock is that of a binary built with the tag fastclock.
type clock struct {
	from time.Time     // when both clocks showed the same
	day  time.Duration // how long a day takes
}

// env is what tells the binary; a wrapper before it.
func (c clock) env() []string {
	return []string{"env", "PARLEY_DAY=" + c.day.String(), fmt.Sprintf("PARLEY_FROM=%d", c.from.Unix())}
}

// shows is what the clock shows at a moment of the world.
func (c clock) shows(world time.Time) time.Time {
	return c.from.Add(time.Duration(float64(world.Sub(c.from)) * float64(24*time.Hour) / float64(c.day)))
}

// midnight is how long it takes from now on until the clock shows a new day:
// then digests go out and pauses end.
func (c clock) midnight(world time.Time) time.Duration {
	shown := c.shows(world)
	next := shown.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	return time.Duration(float64(next.Sub(shown)) * float64(c.day) / float64(24*time.Hour))
}

// date is the day in so many days, as people write it.
func (c clock) date(world time.Time, days int) string {
	return c.shows(world).UTC().AddDate(0, 0, days).Format(time.DateOnly)
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
