package list

import (
	"fmt"
	"strings"
	"testing"
)

func TestProves(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, from string
		auth       Auth
		want       bool
	}{
		{"nothing", "example.org", Auth{}, false},
		{"trusted", "example.org", Auth{Trusted: true}, true},
		{"trusted, no From", "", Auth{Trusted: true}, true},
		{"DMARC", "example.org", Auth{DMARC: "Example.ORG"}, true},
		{"DMARC for another", "example.org", Auth{DMARC: "example.net"}, false},
		{"DKIM", "Example.org", Auth{DKIM: []string{"example.net", "example.org"}}, true},
		{"DKIM of the parent", "sub.example.org", Auth{DKIM: []string{"example.org"}}, false},
		{"DKIM of a child", "example.org", Auth{DKIM: []string{"sub.example.org"}}, false},
		{"DKIM of a public suffix", "example.org", Auth{DKIM: []string{"org"}}, false},
		{"no From", "", Auth{DKIM: []string{""}}, false},
		{"a word without a result", "example.org", Auth{By: "mx.example.org"}, false},
	} {
		if got := c.auth.Proves(c.from); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestDecideOrder walks the order of the rules: each case meets all the rules
// behind the one that decides.
func TestDecideOrder(t *testing.T) {
	t.Parallel()
	moderator := Sender{Address: "ann@example.org", Proven: true, Member: true, Moderator: true}
	for _, c := range []struct {
		name   string
		change func(*List)
		post   Post
		want   Verdict
	}{
		{"banned", func(l *List) { l.Banned = []string{"bo@example.net", "ANN@example.org"}; l.Post = Nobody },
			Post{Size: 2000, AutoReply: true}, Verdict{Refuse, Refused, "the sender is banned from this list"}},
		{"banned domain", func(l *List) { l.Banned = []string{"@example.org"} },
			Post{}, Verdict{Refuse, Refused, "the sender is banned from this list"}},
		{"other banned domain", func(l *List) { l.Banned = []string{"@xample.org", "@sub.example.org", "example.org"} },
			Post{}, Verdict{Action: Accept}},
		{"too large", func(l *List) { l.Post = Nobody }, Post{Size: 1001, AutoReply: true},
			Verdict{Refuse, TooLarge, "the post is larger than this list takes"}},
		{"as large as allowed", nil, Post{Size: 1000}, Verdict{Action: Accept}},
		{"no limit", func(l *List) { l.MaxSize = 0 }, Post{Size: 1 << 40}, Verdict{Action: Accept}},
		{"an automatic reply", func(l *List) { l.Post = Nobody }, Post{Automatic: true, AutoReply: true},
			Verdict{Action: Discard, Reason: "automatic replies are not redistributed"}},
		{"a machine", nil, Post{Automatic: true}, Verdict{Action: Hold, Reason: "a machine wrote the mail"}},
		{"a machine, nobody", func(l *List) { l.Post = Nobody }, Post{Automatic: true},
			Verdict{Refuse, Refused, "nobody may post to this list"}},
		{"nobody", func(l *List) { l.Post, l.Start = Nobody, Anyone }, Post{}, Verdict{Refuse, Refused, "nobody may post to this list"}},
		{"nobody starts", func(l *List) { l.Start = Nobody }, Post{}, Verdict{Refuse, Refused, "nobody may start a thread on this list"}},
		{"nobody starts, a reply", func(l *List) { l.Start = Nobody }, Post{Reply: true}, Verdict{Action: Accept}},
		{"moderated", func(l *List) { l.Post = Moderated }, Post{}, Verdict{Action: Accept}},
	} {
		l := NewList("dev@lists.example.org")
		l.MaxSize = 1000
		if c.change != nil {
			c.change(&l)
		}
		if got := Decide(l, moderator, c.post); got != c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestDecideEvery goes through every sender, rule and kind of post. The expected
// table has a row for each rule and a column for each sender.
func TestDecideEvery(t *testing.T) {
	t.Parallel()
	const (
		ok       = "ok"
		unproven = "the sender is not authenticated"
		stranger = "the sender is not a member"
		every    = "every post is moderated here"
		nobody   = "nobody may post to this list"
	)
	senders := []Sender{ // stranger, proven stranger, member, proven member, moderator, proven moderator
		{}, {Proven: true}, {Member: true}, {Member: true, Proven: true}, {Moderator: true}, {Moderator: true, Proven: true},
	}
	table := map[Access][]string{
		Anyone:    {ok, ok, ok, ok, ok, ok},
		Members:   {stranger, stranger, unproven, ok, unproven, ok},
		Moderated: {every, every, every, every, every, ok},
		Nobody:    {nobody, nobody, nobody, nobody, nobody, nobody},
		"misread": {every, every, every, every, every, ok},
	}
	for post := range table {
		for _, start := range []Access{"", Anyone, Members, Moderated, Nobody} {
			for _, reply := range []bool{true, false} {
				rule := post
				if start != "" && !reply && post != Nobody {
					rule = start
				}
				for i, s := range senders {
					s.Address = "ann@example.org"
					l := NewList("dev@lists.example.org")
					l.Post, l.Start = post, start
					got := Decide(l, s, Post{Size: 1, Reply: reply})
					want := table[rule][i]
					if rule == Nobody && post != Nobody {
						want = "nobody may start a thread on this list"
					}
					checkVerdict(t, fmt.Sprintf("post=%s start=%s reply=%v %+v", post, start, reply, s), got, want)
				}
			}
		}
	}
}

func checkVerdict(t *testing.T, name string, got Verdict, want string) {
	t.Helper()
	expect := Verdict{Action: Hold, Reason: want}
	switch {
	case want == "ok":
		expect = Verdict{Action: Accept}
	case strings.HasPrefix(want, "nobody"):
		expect = Verdict{Refuse, Refused, want}
	}
	if got != expect {
		t.Errorf("%s: %+v, want %+v", name, got, expect)
	}
}
