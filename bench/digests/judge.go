package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"parley/bench/rig"
)

// The sorts of violation.
const (
	lost      = "lost"      // acknowledged, and not stored, or a command never answered
	skipped   = "skipped"   // a post that somebody should have got by some way
	twice     = "twice"     // a post that somebody got by two mails, or twice in one
	foreign   = "foreign"   // a mail or a post of the wrong list, unknown, or with other bytes
	duplicate = "duplicate" // a mail twice that no kill explains, or more of them than connections
	disorder  = "disorder"  // posts of a digest out of their order
	broken    = "broken"    // the server did not start, stop, finish or keep its database whole
)

// cry is one violation.
type cry struct{ about, text string }

// kill is what was seen of one SIGKILL.
type kill struct {
	run  int // the run of the server that it ended, from 1
	open int // outgoing connections that were open, at most
}

// post is one that was handed in.
type post struct {
	mid, list string
	start     bool // of a thread
	data      string
	copy      string // the sum of what a copy must not change
}

// command is a mail with commands that was handed in.
type command struct {
	address, text string
	sent          int // how often, because no answer came
}

// txn is one transaction at the sink.
type txn struct {
	run   int
	rcpts []string
	data  []byte
}

// member is where somebody stands.
type member struct {
	list string
	due  due
}

// evidence is all that is known at the end.
type evidence struct {
	kills    []kill
	posts    map[string]post
	commands map[string]command
	acked    map[string]bool // of posts and commands
	numbers  map[string]int64
	people   map[string]member
	got      []txn
	link     *regexp.Regexp // to the page of a post; its group is the Message-ID, escaped

	kinds map[string]int // filled in by judge: mails of each kind, each counted once
	again map[string]int // and those that came again after a kill
	opens int
}

// box is what one member got: each mail once.
type box map[string]mail

// judge compares what was posted with what came.
func (e *evidence) judge() []cry {
	boxes, cries := e.open()
	for _, mid := range slices.Sorted(maps.Keys(e.posts)) {
		if e.acked[mid] && e.numbers[mid] == 0 {
			cries = append(cries, cry{lost, fmt.Sprintf("<%s> was acknowledged, and is not stored", mid)})
		}
	}
	for _, address := range slices.Sorted(maps.Keys(e.people)) {
		cries = append(cries, e.judgeMember(address, boxes[address])...)
	}
	return append(cries, e.judgeCommands(boxes)...)
}

// open sorts the transactions into boxes. A mail comes again only after a kill,
// with the same bytes, and at most once for each connection that was open.
func (e *evidence) open() (map[string]box, []cry) {
	e.kinds, e.again, e.opens = map[string]int{}, map[string]int{}, 0
	var cries []cry
	boxes := map[string]box{}
	before := map[[2]string]txn{}
	byRun := map[int]int{}
	for _, t := range e.got {
		m := e.read(t.data)
		sum, last := rig.Sum(t.data), 0
		for _, rcpt := range t.rcpts {
			key := [2]string{rcpt, m.mid}
			if earlier, seen := before[key]; seen {
				last = max(last, earlier.run)
				if rig.Sum(earlier.data) != sum {
					cries = append(cries, cry{duplicate, fmt.Sprintf("%s <%s> came to %s again with other bytes", m.kind, m.mid, rcpt)})
				}
			}
			before[key] = t
			if boxes[rcpt] == nil {
				boxes[rcpt] = box{}
			}
			boxes[rcpt][m.mid] = m
		}
		switch {
		case last == 0:
			e.kinds[m.kind]++
			continue
		case last == t.run:
			cries = append(cries, cry{duplicate, fmt.Sprintf("%s <%s> went to %s twice in run %d, without a kill between", m.kind, m.mid, t.rcpts, t.run)})
		}
		e.again[m.kind]++
		byRun[last]++
	}
	return boxes, append(cries, e.judgeAgain(byRun)...)
}

func (e *evidence) judgeAgain(byRun map[int]int) (cries []cry) {
	for _, k := range e.kills {
		e.opens += k.open
		if byRun[k.run] > k.open {
			cries = append(cries, cry{duplicate, fmt.Sprintf("%d transactions again after the kill of run %d, with %d connections open", byRun[k.run], k.run, k.open)})
		}
	}
	return cries
}

// judgeMember looks for what one member missed or got twice.
func (e *evidence) judgeMember(address string, b box) (cries []cry) {
	who := e.people[address]
	came := map[string][]mail{}
	excused := map[int64]bool{} // numbers of posts that a catch-up counts without naming them
	for _, mid := range slices.Sorted(maps.Keys(b)) {
		m := b[mid]
		for _, fault := range m.faults {
			cries = append(cries, cry{foreign, fmt.Sprintf("%s <%s> for %s: %s", m.kind, m.mid, address, fault)})
		}
		cries = append(cries, e.judgeOrder(address, m)...)
		for _, post := range m.posts {
			came[post] = append(came[post], m)
			if p, known := e.posts[post]; !known || p.list != who.list {
				cries = append(cries, cry{foreign, fmt.Sprintf("%s for %s has <%s>", m.kind, address, post)})
			}
		}
		if m.more > 0 && len(m.posts) > 0 {
			first := e.lowest(m.posts)
			for n := first - int64(m.more); n < first; n++ {
				excused[n] = true
			}
		}
	}
	for mid, number := range e.numbers {
		if p := e.posts[mid]; p.list == who.list {
			cries = append(cries, judgePost(address, who.due, p, came[mid], excused[number])...)
		}
	}
	return cries
}

// judgeOrder wants the posts of a digest by their numbers. Others put them
// together by threads.
func (e *evidence) judgeOrder(address string, m mail) []cry {
	if m.kind != kindDigest && m.kind != kindPlain {
		return nil
	}
	for i := 1; i < len(m.posts); i++ {
		if e.numbers[m.posts[i-1]] > e.numbers[m.posts[i]] {
			return []cry{{disorder, fmt.Sprintf("%s <%s> for %s: <%s> before <%s>", m.kind, m.mid, address, m.posts[i-1], m.posts[i])}}
		}
	}
	return nil
}

func (e *evidence) lowest(mids []string) int64 {
	low := e.numbers[mids[0]]
	for _, mid := range mids {
		low = min(low, e.numbers[mid])
	}
	return low
}

// judgePost says what is wrong with how one post came to one member.
func judgePost(address string, d due, p post, came []mail, excused bool) []cry {
	var kinds []string
	for _, m := range came {
		kinds = append(kinds, m.kind+" <"+m.mid+">")
	}
	switch {
	case len(came) > 1:
		return []cry{{twice, fmt.Sprintf("<%s> came to %s in %s", p.mid, address, strings.Join(kinds, " and "))}}
	case len(came) == 1 && excused:
		return []cry{{twice, fmt.Sprintf("<%s> came to %s in %s, and is counted as left out", p.mid, address, kinds[0])}}
	case len(came) == 1 && d == startsAlone && !p.start:
		return []cry{{foreign, fmt.Sprintf("<%s> is an answer and came to %s in %s", p.mid, address, kinds[0])}}
	case len(came) == 0 && !excused && (d == everyPost || p.start):
		return []cry{{skipped, fmt.Sprintf("<%s> never came to %s", p.mid, address)}}
	}
	return nil
}

// judgeCommands wants an answer for every mail with commands that was
// acknowledged, and no more answers than it was sent times.
func (e *evidence) judgeCommands(boxes map[string]box) (cries []cry) {
	answers := map[string]int{}
	for address, b := range boxes {
		for _, m := range b {
			if m.kind == kindReply && e.commands[m.answers].address == address {
				answers[m.answers]++
			}
		}
	}
	for _, mid := range slices.Sorted(maps.Keys(e.commands)) {
		c := e.commands[mid]
		switch n := answers[mid]; {
		case n == 0 && e.acked[mid]:
			cries = append(cries, cry{lost, fmt.Sprintf("%q of %s, <%s>, was acknowledged and never answered", c.text, c.address, mid)})
		case n > c.sent:
			cries = append(cries, cry{twice, fmt.Sprintf("%q of %s, <%s>, was sent %d times and answered %d times", c.text, c.address, mid, c.sent, n)})
		}
	}
	return cries
}

func (e *evidence) summary() string {
	count := func(kinds map[string]int) string {
		var parts []string
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			parts = append(parts, fmt.Sprintf("%s %d", kind, kinds[kind]))
		}
		return strings.Join(parts, ", ")
	}
	again := 0
	for _, n := range e.again {
		again += n
	}
	return fmt.Sprintf("in all: %d kills, %d posts, %d mails with commands; %d transactions out (%s); %d again for %d open connections (%s)",
		len(e.kills), len(e.numbers), len(e.commands), len(e.got), count(e.kinds), again, e.opens, count(e.again))
}
