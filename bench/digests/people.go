package main

import (
	"fmt"
	"strings"
)

// due is which posts somebody must get, by whatever way.
type due int

const (
	everyPost   due = iota // each of them exactly once
	starts                 // each that starts a thread exactly once, of the others none twice
	startsAlone            // each that starts a thread exactly once, and no other
)

// person is one kind of member. Each list has one of each, so that an address
// tells its list.
type person struct {
	name  string   // local part of the address
	begin string   // commands of a first mail, before there are posts
	moves []string // what they write while posts flow: one of these at a time; DATE+n is a day to come
	due   due
}

// The moves of those who come and go.
var (
	away  = []string{"pause until DATE+1", "pause until DATE+2", "resume"}
	turns = []string{"set delivery each", "set delivery daily", "set delivery daily plain", "set delivery weekly", "set delivery summary"}
	// Two changes in one mail happen in one moment, in which no post comes.
	jumps = []string{"set delivery none\nset delivery daily", "set delivery none\nset delivery each", "set delivery each\nset delivery summary",
		"pause until DATE+1\nset delivery daily\nresume", "set delivery daily\nset delivery each\npause until DATE+1", "resume\npause until DATE+1"}
	clocks = []string{"set hours 08:00-18:00", "set hours 22:00-04:00", "set hours off"}
)

// cast is everybody.
func cast() []person {
	return []person{
		{name: "each-1"}, {name: "each-2"},
		{name: "first-1", begin: "set delivery first", due: startsAlone},
		{name: "first-2", begin: "set delivery first", due: startsAlone},
		{name: "daily-1", begin: "set delivery daily"}, {name: "daily-2", begin: "set delivery daily"},
		{name: "plain-1", begin: "set delivery daily plain"}, {name: "plain-2", begin: "set delivery daily plain"},
		{name: "weekly-1", begin: "set delivery weekly"}, {name: "weekly-2", begin: "set delivery weekly plain"},
		{name: "summary-1", begin: "set delivery summary"}, {name: "summary-2", begin: "set delivery summary"},
		{name: "hours-1", begin: "set hours 08:00-18:00"},
		{name: "hours-2", begin: "set hours 20:00-04:00\nset delivery daily"},
		{name: "away-1", moves: away}, {name: "away-2", moves: away},
		{name: "away-3", begin: "set delivery daily", moves: away},
		{name: "away-4", begin: "set delivery weekly", moves: away},
		{name: "turns-1", moves: turns[:2]}, {name: "turns-2", moves: turns},
		{name: "wild-1", moves: join(away, turns, jumps, clocks)},
		{name: "wild-2", moves: join(away, turns, jumps, clocks)},
		{name: "wild-3", moves: join(away, turns, jumps, []string{"set delivery first"}), due: starts},
	}
}

func join(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

// at is the person's address on a list.
func (p person) at(list string) string {
	local, _, _ := strings.Cut(list, "@")
	return fmt.Sprintf("%s@%s.example.org", p.name, local)
}
