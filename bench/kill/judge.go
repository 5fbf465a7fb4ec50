package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"parley/bench/rig"
)

// The sorts of violation.
const (
	lost      = "lost"      // acknowledged, and not stored
	unsent    = "unsent"    // acknowledged, and never at a member
	twice     = "twice"     // stored more than once, or stored though nobody posted it
	foreign   = "foreign"   // a copy that nobody posted, or not for this recipient, or not these bytes
	duplicate = "duplicate" // more copies than promise 5 allows
	refused   = "refused"   // a good post got 5xx
	broken    = "broken"    // the server did not start, stop, drain or keep its database whole
)

// cry is one violation.
type cry struct{ about, text string }

// kill is what was seen of one SIGKILL.
type kill struct {
	run  int // the run of the server that it ended, from 1
	open int // outgoing connections that were open, at most
}

// post is what the ledger of posts knows.
type post struct {
	lists []string
	sum   string // of subject and body
}

// txn is one transaction at the sink.
type txn struct {
	run   int
	conn  string
	rcpts []string
	mid   string
	sum   string
}

// ackd is one acknowledgement: the lists of the post, and who saw it.
type ackd struct{ mid, client string }

// evidence is all that is known after the last cycle.
type evidence struct {
	posted  map[string]post
	acked   []ackd
	got     []txn
	kills   []kill
	members map[string][]string       // of each list
	stored  map[string]map[string]int // list, Message-ID: how often
}

// readLedgers fills in what the files outside the server say.
func (e *evidence) readLedgers(dir string) error {
	posts, err := rig.ReadLedger(filepath.Join(dir, postsLedger), 3)
	if err != nil {
		return err
	}
	acks, err := rig.ReadLedger(filepath.Join(dir, acksLedger), 2)
	if err != nil {
		return err
	}
	copies, err := rig.ReadLedger(filepath.Join(dir, copiesLedger), 5)
	if err != nil {
		return err
	}
	e.posted = map[string]post{}
	for _, f := range posts {
		e.posted[f[0]] = post{lists: strings.Split(f[1], ","), sum: f[2]}
	}
	for _, f := range acks {
		e.acked = append(e.acked, ackd{mid: f[0], client: f[1]})
	}
	for _, f := range copies {
		run, err := strconv.Atoi(f[0])
		if err != nil {
			return fmt.Errorf("read the ledger of copies: %w", err)
		}
		e.got = append(e.got, txn{run: run, conn: f[1], rcpts: strings.Split(f[2], ","), mid: f[3], sum: f[4]})
	}
	return nil
}

// judge compares the evidence with the promises.
func (e *evidence) judge() []cry {
	var cries []cry
	for _, check := range []func() []cry{e.nothingLost, e.nothingForeign, e.nothingTwice, e.fewDuplicates} {
		cries = append(cries, check()...)
	}
	return cries
}

type delivery struct{ rcpt, mid string }

// nothingLost: promise 1 and 4, every acknowledged post reached every member.
func (e *evidence) nothingLost() []cry {
	there := map[delivery]bool{}
	for _, t := range e.got {
		for _, rcpt := range t.rcpts {
			there[delivery{rcpt, t.mid}] = true
		}
	}
	var cries []cry
	for _, a := range e.acked {
		for _, list := range e.posted[a.mid].lists {
			if n := e.stored[list][a.mid]; n == 0 {
				cries = append(cries, cry{lost, fmt.Sprintf("<%s>, acknowledged to client %s, is not stored on %s", a.mid, a.client, list)})
			}
			for _, rcpt := range e.members[list] {
				if !there[delivery{rcpt, a.mid}] {
					cries = append(cries, cry{unsent, fmt.Sprintf("<%s>, acknowledged to client %s, never reached %s", a.mid, a.client, rcpt)})
				}
			}
		}
	}
	return cries
}

// nothingForeign: every copy was posted, with these bytes, to a list of its recipient.
func (e *evidence) nothingForeign() []cry {
	var cries []cry
	for _, t := range e.got {
		p, known := e.posted[t.mid]
		switch {
		case !known:
			cries = append(cries, cry{foreign, fmt.Sprintf("nobody posted <%s>, which went to %s", t.mid, t.rcpts)})
		case p.sum != t.sum:
			cries = append(cries, cry{foreign, fmt.Sprintf("<%s> went to %s with other bytes than were posted", t.mid, t.rcpts)})
		}
		for _, rcpt := range t.rcpts {
			if known && !e.entitled(rcpt, p.lists) {
				cries = append(cries, cry{foreign, fmt.Sprintf("<%s> went to %s, who is on none of %s", t.mid, rcpt, p.lists)})
			}
		}
	}
	return cries
}

func (e *evidence) entitled(rcpt string, lists []string) bool {
	for _, list := range lists {
		for _, m := range e.members[list] {
			if m == rcpt {
				return true
			}
		}
	}
	return false
}

// nothingTwice: promise 3, and promise 2 for what was never whole.
func (e *evidence) nothingTwice() []cry {
	var cries []cry
	for list, mids := range e.stored {
		for mid, n := range mids {
			if n > 1 {
				cries = append(cries, cry{twice, fmt.Sprintf("<%s> is stored %d times on %s", mid, n, list)})
			}
			if _, known := e.posted[mid]; !known {
				cries = append(cries, cry{twice, fmt.Sprintf("<%s> is stored on %s, and nobody posted it", mid, list)})
			}
		}
	}
	return cries
}

// repeats counts the transactions that gave somebody a copy again, by the run
// whose end explains them. Those that no end of a run explains are cries.
func (e *evidence) repeats() (map[int]int, []cry) {
	last := map[delivery]txn{}
	byRun := map[int]int{}
	var cries []cry
	for _, t := range e.got {
		again, explained := false, true
		var before txn
		for _, rcpt := range t.rcpts {
			key := delivery{rcpt, t.mid}
			if earlier, seen := last[key]; seen {
				again, before = true, earlier
				explained = explained && earlier.run < t.run
			}
			last[key] = t
		}
		if again && explained {
			byRun[before.run]++
		} else if again {
			cries = append(cries, cry{duplicate, fmt.Sprintf("<%s> went to %s twice in run %d, without a kill between", t.mid, t.rcpts, t.run)})
		}
	}
	return byRun, cries
}

// fewDuplicates: promise 5, at most one transaction again for each outgoing
// connection that was open at a kill, and under half of that on average.
func (e *evidence) fewDuplicates() []cry {
	byRun, cries := e.repeats()
	again, open := 0, 0
	for _, k := range e.kills {
		again += byRun[k.run]
		open += k.open
		if byRun[k.run] > k.open {
			cries = append(cries, cry{duplicate, fmt.Sprintf("%d transactions again after the kill of run %d, with %d connections open", byRun[k.run], k.run, k.open)})
		}
	}
	if open > 0 && 2*again >= open {
		cries = append(cries, cry{duplicate, fmt.Sprintf("%d transactions again for %d open connections: half of them or more", again, open)})
	}
	return cries
}

func (e *evidence) summary() string {
	byRun, _ := e.repeats()
	again, open, copies := 0, 0, 0
	for _, k := range e.kills {
		again += byRun[k.run]
		open += k.open
	}
	for _, t := range e.got {
		copies += len(t.rcpts)
	}
	return fmt.Sprintf("in all: %d kills, %d posts, %d acknowledgements, %d transactions out with %d copies, %d transactions again for %d open connections",
		len(e.kills), len(e.posted), len(e.acked), len(e.got), copies, again, open)
}
