package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"parley/bench/rig"
)

// Four posts of one list; the second one answers the first.
var posts = []string{"a@x", "b@x", "c@x", "d@x"}

func raw(mid string) string {
	return "From: guest@example.org\r\nSubject: letter " + mid + "\r\nMessage-ID: <" + mid + ">\r\n\r\nWords.\r\n"
}

// wrap is a mail of the server's with these lines in its header and this body.
func wrap(mid, header, body string) []byte {
	return []byte("From: dev list <dev-request@lists.test>\r\nMessage-ID: <" + mid + ">\r\n" + header + "\r\n\r\n" + body)
}

func digestOf(mid string, mids ...string) []byte {
	var b strings.Builder
	b.WriteString("--out\r\nContent-Type: text/plain\r\n\r\nhello\r\n\r\n--out\r\nContent-Type: multipart/digest; boundary=\"in\"\r\n\r\n")
	for _, one := range mids {
		b.WriteString("--in\r\nContent-Type: message/rfc822\r\n\r\n" + raw(one) + "\r\n")
	}
	b.WriteString("--in--\r\n\r\n--out--\r\n")
	return wrap(mid, "Subject: dev: posts\r\nContent-Type: multipart/mixed; boundary=\"out\"", b.String())
}

func linksTo(mids ...string) string {
	var b strings.Builder
	for _, mid := range mids {
		b.WriteString("    Guest\r\n      http://web.test/dev/" + mid + "/\r\n")
	}
	return b.String()
}

func catchUpOf(mid, more string, mids ...string) []byte {
	return wrap(mid, "Subject: dev: what happened since 2 March\r\nContent-Type: text/plain", linksTo(mids...)+more)
}

// honest is the evidence of a run that kept everything: one who gets each post,
// one with a digest and a catch-up, one who gets only what starts a thread, and
// a digest that came again after a kill.
func honest() *evidence {
	e := &evidence{
		kills: []kill{{run: 1, open: 1}}, posts: map[string]post{}, numbers: map[string]int64{},
		commands: map[string]command{"k@daily": {address: "daily@x", text: "pause", sent: 1}},
		acked:    map[string]bool{"k@daily": true},
		people:   map[string]member{"each@x": {"dev", everyPost}, "daily@x": {"dev", everyPost}, "first@x": {"dev", startsAlone}},
		link:     regexp.MustCompile(`http://web\.test/[a-z]+/([^/\s]+)/`),
	}
	for i, mid := range posts {
		e.posts[mid] = post{mid: mid, list: "dev", start: i != 1, data: rig.Sum([]byte(raw(mid))), copy: copySum([]byte(raw(mid)))}
		e.numbers[mid] = int64(i + 1)
		e.acked[mid] = true
		e.got = append(e.got, txn{1, []string{"each@x"}, []byte(raw(mid))})
		if i != 1 {
			e.got = append(e.got, txn{1, []string{"first@x"}, []byte(raw(mid))})
		}
	}
	e.got = append(e.got,
		txn{1, []string{"daily@x"}, digestOf("g1@s", "a@x", "b@x")},
		txn{2, []string{"daily@x"}, digestOf("g1@s", "a@x", "b@x")},
		txn{2, []string{"daily@x"}, catchUpOf("g2@s", "", "c@x", "d@x")},
		txn{2, []string{"daily@x"}, wrap("g3@s", "Subject: dev: your commands\r\nIn-Reply-To: <k@daily>", "done\r\n")})
	return e
}

// The places of the digest, its repetition, the catch-up and the reply among
// honest transactions.
const (
	digestAt  = 7
	againAt   = 8
	catchUpAt = 9
	replyAt   = 10
)

// redo makes another mail of the digest, which came twice.
func (e *evidence) redo(data []byte) { e.got[digestAt].data, e.got[againAt].data = data, data }

func TestJudgeIsSilentOnAnHonestRun(t *testing.T) {
	t.Parallel()
	e := honest()
	if cries := e.judge(); len(cries) != 0 {
		t.Fatalf("cries on an honest run: %v", cries)
	}
	if e.kinds[kindDigest] != 1 || e.again[kindDigest] != 1 || e.kinds[kindCatchUp] != 1 || e.kinds[kindReply] != 1 || e.kinds[kindCopy] != 7 {
		t.Errorf("counted %v, again %v", e.kinds, e.again)
	}
}

func TestJudgeCries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, about, text string
		spoil             func(*evidence)
	}{
		{"an acknowledged post that is nowhere", lost, "<d@x> was acknowledged", func(e *evidence) { delete(e.numbers, "d@x") }},
		{"a copy that never came", skipped, "<a@x> never came to each@x", func(e *evidence) { e.got = e.got[1:] }},
		{"a post that fell between digest and catch-up", skipped, "<c@x> never came to daily@x", func(e *evidence) { e.got[catchUpAt].data = catchUpOf("g2@s", "", "d@x") }},
		{"a post in a digest and in a catch-up", twice, "<b@x> came to daily@x in digest", func(e *evidence) { e.got[catchUpAt].data = catchUpOf("g2@s", "", "b@x", "c@x", "d@x") }},
		{"a copy besides the digest", twice, "<a@x> came to daily@x in", func(e *evidence) { e.got[0].rcpts = []string{"each@x", "daily@x"} }},
		{"a post twice in one digest", twice, "<b@x> came to daily@x in digest", func(e *evidence) {
			e.redo(digestOf("g1@s", "a@x", "b@x", "b@x"))
		}},
		{"the same digest made twice", twice, "in digest <g1@s> and digest <g9@s>", func(e *evidence) { e.got[againAt].data = digestOf("g9@s", "a@x", "b@x") }},
		{"a digest twice within a run", duplicate, "without a kill", func(e *evidence) { e.got[againAt].run = 1 }},
		{"a digest again where no connection was open", duplicate, "with 0 connections", func(e *evidence) { e.kills[0].open = 0 }},
		{"a digest again with other bytes", duplicate, "other bytes", func(e *evidence) { e.got[againAt].data = digestOf("g1@s", "a@x") }},
		{"posts of a digest out of order", disorder, "<b@x> before <a@x>", func(e *evidence) {
			e.redo(digestOf("g1@s", "b@x", "a@x"))
		}},
		{"a post with other bytes in a digest", foreign, "other bytes in a digest", func(e *evidence) {
			e.posts["a@x"] = post{mid: "a@x", list: "dev", start: true, data: "0", copy: e.posts["a@x"].copy}
		}},
		{"a copy with other bytes", foreign, "a copy has other bytes", func(e *evidence) { e.got[0].data = append(e.got[0].data, "more\r\n"...) }},
		{"an answer for who wants only first posts", foreign, "<b@x> is an answer", func(e *evidence) { e.got[2].rcpts = []string{"each@x", "first@x"} }},
		{"a post of another list", foreign, "digest for daily@x has <z@x>", func(e *evidence) { e.redo(digestOf("g1@s", "a@x", "b@x", "z@x")) }},
		{"a command without an answer", lost, "never answered", func(e *evidence) { e.got = e.got[:replyAt] }},
		{"a command carried out twice", twice, "answered 2 times", func(e *evidence) {
			e.got = append(e.got, txn{2, []string{"daily@x"}, wrap("g4@s", "Subject: dev: your commands\r\nIn-Reply-To: <k@daily>", "done\r\n")})
		}},
		{"a digest that is cut off", foreign, "cut off", func(e *evidence) { e.redo(e.got[digestAt].data[:400]) }},
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

func TestWhatACatchUpCountsAsLeftOutIsNotSkipped(t *testing.T) {
	t.Parallel()
	e := honest()
	e.got[catchUpAt].data = catchUpOf("g2@s", "1 more post is left out.\r\n", "d@x")
	if cries := e.judge(); len(cries) != 0 {
		t.Errorf("cries: %v", cries)
	}
	e.got[catchUpAt].data = catchUpOf("g2@s", "2 more posts are left out.\r\n", "d@x")
	if cries := e.judge(); len(cries) != 1 || cries[0].about != twice {
		t.Errorf("a post of the digest is counted as left out: %v", cries)
	}
}

func TestPlainDigestsAreRead(t *testing.T) {
	t.Parallel()
	e := honest()
	body := linksTo("a@x", "b@x") + strings.Repeat("-", 70) + "\r\n\r\nSubject: letter\r\nMessage-ID: <a@x>\r\n\r\nWords.\r\n\r\n" +
		strings.Repeat("-", 30) + "\r\n\r\nMessage-ID: <b@x>\r\n\r\nWords.\r\n"
	m := e.read(wrap("g1@s", "Subject: dev: 2 posts", body))
	if m.kind != kindPlain || fmt.Sprint(m.posts) != "[a@x b@x]" || len(m.faults) != 0 {
		t.Errorf("%+v", m)
	}
	m = e.read(wrap("g1@s", "Subject: dev: 2 posts", strings.Replace(body, "/b@x/", "/c@x/", 1)))
	if len(m.faults) != 1 || !strings.Contains(m.faults[0], "<b@x> is not in the table") {
		t.Errorf("%+v", m)
	}
}
