package list

import "time"

// Subscription is what the page of a mail's link shows: the membership whose
// token the link has.
type Subscription struct {
	List        List
	Address     string
	State       State
	Delivery    Delivery
	PausedUntil time.Time // zero, or past: no pause
	Subject     string    // of the thread that the link names, "" for none
	Muted       bool      // that thread is muted
}

// Wish is what the page of a mail's link can do.
type Wish string

// The wishes. Each can be made again without harm.
const (
	WishLeave  Wish = "leave"
	WishJoin   Wish = "join"   // after leaving: back again
	WishPause  Wish = "pause"  // for a week
	WishResume Wish = "resume" // end the pause
	WishDaily  Wish = "daily"  // a daily digest instead
	WishEach   Wish = "each"   // each post again
	WishMute   Wish = "mute"   // the thread that the link names
	WishUnmute Wish = "unmute"
)
