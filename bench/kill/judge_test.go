package main

import (
	"path/filepath"
	"strings"
	"testing"

	"parley/bench/rig"
)

// honest is the evidence of a run that kept every promise: two posts, one kill
// that explains one repeated transaction.
func honest() *evidence {
	return &evidence{
		posted: map[string]post{
			"a@x": {lists: []string{"one@lists.test"}, sum: "s1"},
			"b@x": {lists: []string{"one@lists.test", "two@lists.test"}, sum: "s2"},
		},
		acked: []ackd{{"a@x", "1"}, {"b@x", "2"}, {"b@x", "2"}},
		got: []txn{
			{run: 1, conn: "1", rcpts: []string{"m@one"}, mid: "a@x", sum: "s1"},
			{run: 1, conn: "1", rcpts: []string{"m@one"}, mid: "b@x", sum: "s2"},
			{run: 2, conn: "4", rcpts: []string{"m@one"}, mid: "b@x", sum: "s2"},
			{run: 2, conn: "4", rcpts: []string{"m@two", "n@two"}, mid: "b@x", sum: "s2"},
		},
		kills:   []kill{{run: 1, open: 3}},
		members: map[string][]string{"one@lists.test": {"m@one"}, "two@lists.test": {"m@two", "n@two"}},
		stored:  map[string]map[string]int{"one@lists.test": {"a@x": 1, "b@x": 1}, "two@lists.test": {"b@x": 1}},
	}
}

func TestJudgeIsSilentOnAnHonestRun(t *testing.T) {
	t.Parallel()
	if cries := honest().judge(); len(cries) != 0 {
		t.Fatalf("cries on an honest run: %v", cries)
	}
}

func TestJudgeCries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, about, text string
		spoil             func(*evidence)
	}{
		{"an acknowledged post that is nowhere", lost, "not stored", func(e *evidence) {
			e.acked = append(e.acked, ackd{"c@x", "1"})
			e.posted["c@x"] = post{lists: []string{"one@lists.test"}, sum: "s3"}
		}},
		{"one of two members without a copy", unsent, "never reached n@two", func(e *evidence) { e.got[3].rcpts = []string{"m@two"} }},
		{"a copy that nobody posted", foreign, "nobody posted <z@x>", func(e *evidence) { e.got[0].mid = "z@x" }},
		{"a copy with half its body", foreign, "other bytes", func(e *evidence) { e.got[1].sum = "s9" }},
		{"a copy for a stranger", foreign, "on none of", func(e *evidence) { e.got[0].rcpts = []string{"m@one", "n@two"} }},
		{"a post stored twice", twice, "stored 2 times", func(e *evidence) { e.stored["two@lists.test"]["b@x"] = 2 }},
		{"a post that nobody posted, stored", twice, "nobody posted it", func(e *evidence) { e.stored["two@lists.test"]["z@x"] = 1 }},
		{"a copy twice within a run", duplicate, "without a kill", func(e *evidence) { e.got[2].run = 1 }},
		{"more copies again than connections", duplicate, "with 0 connections", func(e *evidence) { e.kills[0].open = 0 }},
		{"a copy again for every second connection", duplicate, "half of them", func(e *evidence) { e.kills[0].open = 2 }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			e := honest()
			tc.spoil(e)
			cries := e.judge()
			for _, c := range cries {
				if c.about == tc.about && strings.Contains(c.text, tc.text) {
					return
				}
			}
			t.Fatalf("no cry of %q about %q in %v", tc.about, tc.text, cries)
		})
	}
}

func TestSharedCopyAgainIsOneTransaction(t *testing.T) {
	t.Parallel()
	e := honest()
	e.got = append(e.got, txn{run: 3, conn: "9", rcpts: []string{"m@two", "n@two"}, mid: "b@x", sum: "s2"})
	e.kills = append(e.kills, kill{run: 2, open: 3})
	byRun, cries := e.repeats()
	if byRun[1] != 1 || byRun[2] != 1 || len(cries) != 0 {
		t.Fatalf("repeats by run: %v, cries %v; want one for each run", byRun, cries)
	}
}

func TestPlantedFaultMustBeSeenAsLoss(t *testing.T) {
	t.Parallel()
	if verdictOnFault([]cry{{duplicate, "x"}, {lost, "y"}}) != 0 {
		t.Error("a loss was cried, and the fault counts as not found")
	}
	if verdictOnFault([]cry{{duplicate, "x"}, {broken, "y"}, {unsent, "z"}}) == 0 {
		t.Error("no loss was cried, and the fault counts as found")
	}
}

func TestLedgersAreReadBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, fields := range map[string][]string{
		postsLedger:  {"a@x", "one@lists.test,two@lists.test", "s1"},
		acksLedger:   {"a@x", "7"},
		copiesLedger: {"2", "5", "m@one,n@one", "a@x", "s1"},
	} {
		l, err := rig.OpenLedger(filepath.Join(dir, path))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Add(fields...); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var e evidence
	if err := e.readLedgers(dir); err != nil {
		t.Fatal(err)
	}
	if p := e.posted["a@x"]; len(p.lists) != 2 || p.sum != "s1" {
		t.Errorf("post: %+v", p)
	}
	if len(e.acked) != 1 || e.acked[0] != (ackd{"a@x", "7"}) {
		t.Errorf("acks: %+v", e.acked)
	}
	if len(e.got) != 1 || e.got[0].run != 2 || len(e.got[0].rcpts) != 2 || e.got[0].mid != "a@x" {
		t.Errorf("copies: %+v", e.got)
	}
}
