package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/list"
)

// sample is one real bounce, and whether its table calls it hard.
type sample struct {
	file, reason string
	hard         bool
}

// samples are the real bounces about one recipient.
func samples(t *testing.T) (dir string, all []sample) {
	t.Helper()
	root := os.Getenv("PARLEY_CORPORA")
	if root == "" {
		t.Skip("PARLEY_CORPORA is not set: no bounces to judge")
	}
	dir = filepath.Join(root, "bounces")
	table, err := os.ReadFile(filepath.Join(dir, "sisimai.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for line := range strings.Lines(string(table)) {
		if c := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(c) == 8 && !strings.HasPrefix(line, "#") {
			rows[c[0]]++
			all = append(all, sample{c[0], c[4], c[5] == "true"})
		}
	}
	return dir, slices.DeleteFunc(all, func(s sample) bool { return rows[s.file] > 1 })
}

// Each real bounce comes to the address of a member of its own: a dead address
// is counted, nothing else is. Disabled and filtered mailboxes are called soft
// there, and count here.
func TestRealBouncesAreJudged(t *testing.T) {
	t.Parallel()
	dir, all := samples(t)
	o := openOffice(t)
	o.members(people(len(all), "example.org")...)
	for i, s := range all {
		raw, err := os.ReadFile(filepath.Join(dir, "sisimai", s.file))
		if err != nil {
			t.Fatal(err)
		}
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		env := list.Envelope{To: []string{o.bounceAddress(fmt.Sprintf("p%02d@example.org", i))}, Session: "s", Received: o.clock.time()}
		if err := o.desk.Receive(t.Context(), env, raw); err != nil {
			t.Errorf("%s: %v", s.file, err)
		}
	}
	o.work()
	o.judged(all)
}

// closed are the reasons of soft bounces that count nevertheless: a mailbox that
// is there, but takes nothing from anybody, or a name that is refused late.
var closed = []string{"filtered", "suspend", "rejected"}

// judged compares what was counted with the table. Nobody is probed or
// suspended after one day.
func (o *office) judged(all []sample) {
	o.Helper()
	hard, right, soft, wrong := 0, 0, 0, 0
	for i, s := range all {
		m := fmt.Sprintf("p%02d@example.org", i)
		n := o.strikes(m)
		switch {
		case s.hard:
			hard, right = hard+1, right+n
		case slices.Contains(closed, s.reason):
		default:
			soft, wrong = soft+1, wrong+n
			if n != 0 {
				o.Errorf("%s (%s) was counted", s.file, s.reason)
			}
		}
		if state := o.member(m).State; state != list.Active && s.reason != "feedback" {
			o.Errorf("%s (%s): %s", s.file, s.reason, state)
		}
	}
	o.Logf("%d of %d hard ones were counted, and %d of %d soft ones", right, hard, wrong, soft)
	if right*100 < hard*95 || hard < 50 || soft < 100 {
		o.Errorf("%d of %d hard ones were counted, among %d soft ones", right, hard, soft)
	}
	for who, letters := range o.boxes {
		if subjects := subjects(letters); !strings.Contains(subjects, "goodbye") && !strings.Contains(subjects, "reported as spam") {
			o.Errorf("%s has mail: %s", who, subjects)
		}
	}
}
