package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The whole proof: about two minutes. It runs the binary as it is built for
// people, so that the race detector has nothing to see in it.
func TestCorpora(t *testing.T) {
	t.Parallel()
	corpora := os.Getenv("PARLEY_CORPORA")
	if corpora == "" {
		t.Skip("PARLEY_CORPORA does not name the shared corpora")
	}
	if testing.Short() {
		t.Skip("the corpora take about two minutes")
	}
	ctx := t.Context()
	if deadline, ok := t.Deadline(); ok && time.Until(deadline) < time.Minute {
		t.Skip("less than a minute is left")
	}
	var out strings.Builder
	err := prove(ctx, settings{corpora: corpora, report: filepath.Join(t.ArtifactDir(), "disagreements.tsv"), out: &out})
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
}

func TestMboxrdIsUnquotedOnce(t *testing.T) {
	t.Parallel()
	mails := splitMbox([]byte("From x\nSubject: a\n\n>From here\n>>From there\n> From nowhere\n\nFrom y\nSubject: b\n\nend\n\n"))
	if len(mails) != 2 || string(mails[0]) != "Subject: a\r\n\r\nFrom here\r\n>From there\r\n> From nowhere\r\n" || string(mails[1]) != "Subject: b\r\n\r\nend\r\n" {
		t.Fatalf("%q", mails)
	}
}

func TestWireKeepsBareCRAndNUL(t *testing.T) {
	t.Parallel()
	if got := wire([]byte("a\nb\r\nc\rd\x00\n")); string(got) != "a\r\nb\r\nc\rd\x00\r\n" {
		t.Fatalf("%q", got)
	}
}

func TestIdentityIsPromise3(t *testing.T) {
	t.Parallel()
	base := "Received: a\r\nFrom: x@example.org\r\nSubject: a\r\n b\r\nMessage-ID: <1@x>\r\n\r\nbody\r\n"
	for _, tc := range []struct {
		name, old, new string
		same           bool
	}{
		{"another way here", "Received: a", "Received: b", true},
		{"another fold", "a\r\n b", "a b", true},
		{"another body", "body", "Body", false},
		{"another Message-ID", "1@x", "2@x", false},
		{"another author", "x@example", "y@example", false},
	} {
		if same := identity([]byte(base)) == identity([]byte(strings.Replace(base, tc.old, tc.new, 1))); same != tc.same {
			t.Errorf("%s: the same post: %v", tc.name, same)
		}
	}
}

func theDressing(t *testing.T) *dressing {
	t.Helper()
	path := filepath.Join(t.TempDir(), "headers.md")
	table := "## In every copy\n\n| Field | What is done | Why |\n| --- | --- | --- |\n" +
		"| `Received` | one is put on top; the others stay | x |\n| `List-Id` | replaced by ours | x |\n" +
		"| `Return-Path` | removed | x |\n| `X-Loop` | removed if it is ours | x |\n" +
		"| `Message-ID` | supplied if there is none, or an empty one | x |\n| `Date` | supplied if there is none | x |\n" +
		"\n## Where the list asks for it\n| `Subject` | `subject_prefix` | the prefix is put before |\n"
	if err := os.WriteFile(path, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := readDressing(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDressingSeesEveryOtherByte(t *testing.T) {
	t.Parallel()
	d := theDressing(t)
	post := "Return-Path: <x>\r\nReceived: a\r\nX-Loop: b\r\nDate: now\r\nList-ID: <old>\r\nSubject: s\r\n\r\nbody\r\n"
	good := "Received: ours\r\nList-Id: <ours>\r\nMessage-ID: <new@x>\r\nReceived: a\r\nX-Loop: b\r\nDate: now\r\nSubject: s\r\n\r\nbody\r\n"
	key := d.postKey([]byte(post))
	if !slices.Contains(d.copyKeys([]byte(good)), key) {
		t.Fatal("a good copy is not known as one")
	}
	for _, tc := range []struct{ name, old, new string }{
		{"a body byte", "body", "bodY"},
		{"a fold", "Subject: s", "Subject:\r\n s"},
		{"a field that stays", "X-Loop: b\r\n", ""},
		{"another Received", "Received: a\r\n", ""},
		{"a Received more", "Received: a\r\n", "Received: a\r\nReceived: b\r\n"},
		{"a Date of ours", "Date: now", "Date: then"},
		{"a field of ours that the document does not know", "List-Id", "X-Mine: 1\r\nList-Id"},
		{"an empty line more", "\r\n\r\n", "\r\n\r\n\r\n"},
	} {
		if slices.Contains(d.copyKeys([]byte(strings.Replace(good, tc.old, tc.new, 1))), key) {
			t.Errorf("%s: changed, and the copy passes", tc.name)
		}
	}
}

func TestDressingRefusesWhatItCannotCheck(t *testing.T) {
	t.Parallel()
	if _, err := treated("rewritten in some way"); err == nil {
		t.Error("an unknown treatment was taken")
	}
}

func TestForestIsComparedAsTheJudgeSeesIt(t *testing.T) {
	t.Parallel()
	// 1 is answered by 2; ghost 30 has 3 and 4; ghost 40 below ghost 41 has 5 alone; 6 is elsewhere.
	nodes := []node{{id: 30}, {id: 41}, {id: 40, parent: 41}, {id: 11, number: 1}, {id: 12, number: 2, parent: 11},
		{id: 13, number: 3, parent: 30}, {id: 14, number: 4, parent: 30}, {id: 15, number: 5, parent: 40}, {id: 16, number: 6, parent: 12}}
	distinct := []int{1, 2, 4, 5, 6, 7} // 3 was a repeat of 2
	f, err := grow(nodes, distinct)
	if err != nil {
		t.Fatal(err)
	}
	tree := map[int]place{1: {0, 1}, 2: {1, 1}, 4: {-1, -1}, 5: {-1, -1}, 6: {0, 6}, 7: {3, 1}}
	canon := func(seq int) int {
		if seq == 3 {
			return 2
		}
		return seq
	}
	if all := f.compare(tree, distinct, canon); len(all) != 0 {
		t.Fatalf("disagreements where there are none: %+v", all)
	}
	tree[5] = place{-2, -2}
	tree[7] = place{1, 1}
	all := f.compare(tree, distinct, canon)
	if len(all) != 2 || all[0].seq != 5 || all[1].seq != 7 || all[1].ours.parent != 2 {
		t.Fatalf("another ghost for 5 and another parent for 7: %+v", all)
	}
}

func TestWellFormed(t *testing.T) {
	t.Parallel()
	const head = "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>a &amp; b &middot;</title>"
	for _, tc := range []struct {
		name, page string
		good       bool
	}{
		{"whole", head + "</head><body><p>a<br>b</p><details open><summary>s</summary></details></body></html>", true},
		{"left out ends", head + "<body><ul><li>a<li>b</ul><p>c", true},
		{"crossed", head + "<body><b><i>a</b></i>", false},
		{"open", head + "<body><div>", false},
		{"closed twice", head + "<body><div></div></div>", false},
		{"control", head + "<body>\x01", false},
		{"no UTF-8", head + "<body>\xff", false},
		{"no doctype", "<html></html>", false},
	} {
		if err := wellFormed([]byte(tc.page)); (err == nil) != tc.good {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
