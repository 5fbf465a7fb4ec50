package outbox

import (
	"math/rand/v2"
	"time"

	"parley/list"
)

// MaxBackoff is the longest time between two attempts. No copy is ever due
// later than that from now; one that says so was written before the clock was
// set back, and is due.
const MaxBackoff = 4 * time.Hour

const (
	// giveUpAfter counts from when the copy was first due (RFC 5321, 4.5.4.1).
	giveUpAfter = 5 * 24 * time.Hour
	// minAttempts are made however old a copy is: a machine that was off for a
	// week, or a clock that jumped ahead, must not turn one 4xx into a bounce.
	minAttempts = 3
)

// backoff is how long to wait after an attempt that failed for now; tries
// counts the failures before it. RFC 5321, 4.5.4.1 wants 30 minutes or more
// after two quick attempts. Up to a fifth is taken off or added by r, so that
// copies that failed together do not come back together.
func backoff(tries int, r *rand.Rand) time.Duration {
	steps := [...]time.Duration{5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour}
	wait := MaxBackoff
	if tries >= 0 && tries < len(steps) {
		wait = steps[tries]
	}
	wait += time.Duration((r.Float64() - 0.5) * 0.4 * float64(wait))
	return min(wait, MaxBackoff)
}

// schedule gives a Later answer its due time, or turns it into a Bounced one
// when c is too old. A Due that the sender has set already stays, but for what
// lies beyond MaxBackoff.
func schedule(a list.Answer, c list.Copy, now time.Time, r *rand.Rand) list.Answer {
	if a.Outcome != list.Later {
		return a
	}
	if now.Sub(c.Since) >= giveUpAfter && c.Tries+1 >= minAttempts {
		a.Outcome, a.Due = list.Bounced, time.Time{}
		a.Text = clip("given up after 5 days: " + a.Text)
		return a
	}
	if a.Due.IsZero() {
		a.Due = now.Add(backoff(c.Tries, r))
	}
	if limit := now.Add(MaxBackoff); a.Due.After(limit) {
		a.Due = limit
	}
	return a
}
