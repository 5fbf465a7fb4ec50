//go:build !fastclock

package main

import "time"

// tickEvery is how often the clock looks for what time alone makes due.
const tickEvery = time.Minute

// now is the time. The build tag fastclock makes a binary in which it runs
// fast, so that tests of digests and pauses need not wait for days.
func now() time.Time { return time.Now() }
