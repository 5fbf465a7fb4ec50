package smtpd

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"
)

// Limits bound what clients may take. A field that is zero has its value from
// DefaultLimits.
//
// Connections, PerClient, PerMinute, Session, Junk and the three for wrong
// recipients are for strangers only: a client in trust or fronts, a Unix socket
// and every LMTP client is one mail server with everybody's mail.
type Limits struct {
	Connections int // open at one time, in all
	PerClient   int // open at one time, for each IPv4 address or IPv6 /64
	PerMinute   int // new ones in a minute, for each IPv4 address or IPv6 /64

	Recipients int           // of one mail; more get 452 4.5.3 (RFC 5321, 4.5.3.1.8)
	SlowAfter  int           // wrong recipients in a session after which each answer to RCPT is delayed
	SlowBy     time.Duration // by how long
	WrongMax   int           // wrong recipients after which the session is closed
	Junk       int           // commands between two mails that bring no mail nearer; then closed

	Command  time.Duration // from an answer to the end of the next command line
	DataIdle time.Duration // between two reads of a message
	Grace    time.Duration // how long a message may always take, and how long one that is too large is read on
	MinRate  int64         // bytes in a second that a message needs on average after its grace
	Session  time.Duration // of one connection; it ends between two commands, never inside a message
	Write    time.Duration // for one answer
	Linger   time.Duration // for a client that is hung up on to read why

	CommandLine int   // bytes of a command line without its CRLF
	BodyLine    int   // bytes of a line of a message without its CRLF
	Memory      int64 // bytes of messages that are read or being stored, in all sessions
}

// DefaultLimits are good for one small machine in the open internet.
func DefaultLimits() Limits {
	return Limits{
		Connections: 2000,
		PerClient:   20,
		PerMinute:   300,
		Recipients:  100,
		SlowAfter:   3,
		SlowBy:      time.Second,
		WrongMax:    10,
		Junk:        100,
		Command:     5 * time.Minute, // RFC 5321, 4.5.3.2.7
		DataIdle:    5 * time.Minute, // the RFC asks for 3
		Grace:       5 * time.Minute,
		MinRate:     500,
		Session:     time.Hour,
		Write:       time.Minute,
		Linger:      time.Second,
		CommandLine: 2048,
		BodyLine:    1 << 20,
		Memory:      256 << 20,
	}
}

// filled is l with the defaults where it has zeros.
func (l Limits) filled() Limits {
	d := DefaultLimits()
	fill(&l.Connections, d.Connections)
	fill(&l.PerClient, d.PerClient)
	fill(&l.PerMinute, d.PerMinute)
	fill(&l.Recipients, d.Recipients)
	fill(&l.SlowAfter, d.SlowAfter)
	fill(&l.SlowBy, d.SlowBy)
	fill(&l.WrongMax, d.WrongMax)
	fill(&l.Junk, d.Junk)
	fill(&l.Command, d.Command)
	fill(&l.DataIdle, d.DataIdle)
	fill(&l.Grace, d.Grace)
	fill(&l.MinRate, d.MinRate)
	fill(&l.Session, d.Session)
	fill(&l.Write, d.Write)
	fill(&l.Linger, d.Linger)
	fill(&l.CommandLine, d.CommandLine)
	fill(&l.BodyLine, d.BodyLine)
	fill(&l.Memory, d.Memory)
	return l
}

func fill[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// budget counts the bytes of messages in memory.
type budget struct{ used atomic.Int64 }

// take reserves n bytes, or says that they are not there.
func (b *budget) take(n, limit int64) bool {
	if b.used.Add(n) > limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// turnstile counts the connections of each client. Its owner locks it.
type turnstile struct {
	open   int
	of     map[netip.Addr]int // open ones
	minute time.Time          // of recent
	recent map[netip.Addr]int // new ones in this minute
}

func newTurnstile() turnstile {
	return turnstile{of: map[netip.Addr]int{}, recent: map[netip.Addr]int{}}
}

// block is what counts as one client: an IPv4 address, or an IPv6 /64, since
// that is what one customer gets.
func block(a netip.Addr) netip.Addr {
	if a = a.Unmap(); a.Is6() {
		p, _ := a.Prefix(64)
		return p.Addr()
	}
	return a
}

// admits counts a new connection of a stranger, and says why it may not come
// in, or "".
func (t *turnstile) admits(a netip.Addr, now time.Time, l Limits) string {
	if m := now.Truncate(time.Minute); !m.Equal(t.minute) {
		t.minute = m
		clear(t.recent)
	}
	a = block(a)
	t.recent[a]++
	switch {
	case t.open >= l.Connections:
		return sayBusy
	case t.of[a] >= l.PerClient:
		return sayCrowd
	case t.recent[a] > l.PerMinute:
		return sayRush
	}
	return ""
}

func (t *turnstile) enter(a netip.Addr) {
	t.open++
	if a.IsValid() {
		t.of[block(a)]++
	}
}

func (t *turnstile) leave(a netip.Addr) {
	t.open--
	if !a.IsValid() {
		return
	}
	if a = block(a); t.of[a] > 1 {
		t.of[a]--
	} else {
		delete(t.of, a)
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
