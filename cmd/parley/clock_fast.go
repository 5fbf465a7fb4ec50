//go:build fastclock

package main

import (
	"os"
	"strconv"
	"time"
)

// In this binary a day passes in PARLEY_DAY, such as "10s", counted from
// PARLEY_FROM, a time in seconds since 1970, at which it was as late as it is
// in the world. Both stay the same over restarts.
const tickEvery = 100 * time.Millisecond

func now() time.Time {
	day, err := time.ParseDuration(os.Getenv("PARLEY_DAY"))
	if err != nil || day <= 0 {
		day = 24 * time.Hour
	}
	from, err := strconv.ParseInt(os.Getenv("PARLEY_FROM"), 10, 64)
	if err != nil {
		return time.Now()
	}
	start := time.Unix(from, 0)
	factor := float64(24*time.Hour) / float64(day)
	return start.Add(time.Duration(float64(time.Since(start)) * factor))
}
