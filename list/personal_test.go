package list

import (
	"net/url"
	"strings"
	"testing"

	"parley/message"
)

// TestPersonalFields shows every form of them. {T} is the member's token.
func TestPersonalFields(t *testing.T) {
	t.Parallel()
	const mailto = "<mailto:dev+leave-{T}@lists.example.org>\r\n"
	for _, c := range []struct {
		name, url string
		member    MemberID
		post      int64
		want      string
	}{
		{"a post", "https://lists.example.org", 42, 123,
			"List-Unsubscribe: <https://lists.example.org/u/{T}?post=123>,\r\n " + mailto +
				"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"},
		{"no post", "https://lists.example.org", 42, 0,
			"List-Unsubscribe: <https://lists.example.org/u/{T}>,\r\n " + mailto +
				"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"},
		{"capitals", "HTTPS://lists.example.org:8443", 42, 0,
			"List-Unsubscribe: <HTTPS://lists.example.org:8443/u/{T}>,\r\n " + mailto +
				"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"},
		{"http", "http://127.0.0.1:8080", 42, 123,
			"List-Unsubscribe: <http://127.0.0.1:8080/u/{T}?post=123>,\r\n " + mailto},
		{"no site", "", 42, 123, "List-Unsubscribe: " + mailto},
		{"no member", "https://lists.example.org", 0, 123,
			"List-Unsubscribe: <mailto:dev-unsubscribe@lists.example.org>\r\n"},
	} {
		s, l := aSite(), aList(nil)
		s.URL = c.url
		want := strings.ReplaceAll(c.want, "{T}", s.LeaveToken(l.ID, c.member))
		if got := string(s.PersonalFields(l, c.member, c.post)); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, want)
		}
	}
}

// TestLeaveTokenKept: tokens stand in mails that people keep for years.
func TestLeaveTokenKept(t *testing.T) {
	t.Parallel()
	s := aSite()
	if got := s.LeaveToken(7, 42); got != "fmhhozztp5vrrw2h4x7p3jfcea" {
		t.Errorf("got %s", got)
	}
	seen := map[string]string{s.LeaveToken(7, 42): "7 42", s.bounceToken(7, 42): "the bounce address"}
	for name, token := range map[string]string{"7 43": s.LeaveToken(7, 43), "8 42": s.LeaveToken(8, 42), "42 7": s.LeaveToken(42, 7)} {
		if was, ok := seen[token]; ok {
			t.Errorf("%s has the token of %s", name, was)
		}
		seen[token] = name
	}
}

// TestPersonalFieldsRead: what we write reads as a link and as an address of
// ours, within the limits, for the longest names too.
func TestPersonalFieldsRead(t *testing.T) {
	t.Parallel()
	s := aSite()
	for _, name := range []string{"d", "dev-x.y_z", strings.Repeat("x", maxName)} {
		l := NewList(name + "@lists.example.org")
		l.ID = 1 << 62
		raw := s.PersonalFields(l, 1<<62, 1<<62)
		m := message.Parse(append(raw, "\r\n"...))
		if len(m.Fields) != 2 || m.Get("List-Unsubscribe-Post") != "List-Unsubscribe=One-Click" {
			t.Fatalf("%s reads as %d fields", raw, len(m.Fields))
		}
		web, mail, _ := strings.Cut(m.Get("List-Unsubscribe"), ", ")
		token := s.LeaveToken(l.ID, 1<<62)
		u, err := url.Parse(strings.Trim(web, "<>"))
		if err != nil || u.Path != "/u/"+token || u.Query().Get("post") != "4611686018427387904" {
			t.Errorf("the link is %s: %v", web, err)
		}
		address := strings.TrimPrefix(strings.Trim(mail, "<>"), "mailto:")
		if target, err := ParseTarget(address, s); err != nil || target != (Target{ToLeave, name, "lists.example.org", token}) {
			t.Errorf("the address is %s: %+v, %v", address, target, err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(string(raw), "\r\n"), "\r\n") {
			// One link cannot be folded.
			if len(line) > wantedLine && strings.Count(line, " ") > 1 || len(line) > longestLine || line[0] == '.' {
				t.Errorf("line %q", line)
			}
		}
	}
}

// TestPersonalFieldsOfTwo: nobody gets the link of another.
func TestPersonalFieldsOfTwo(t *testing.T) {
	t.Parallel()
	s, l := aSite(), aList(nil)
	ann, bo := string(s.PersonalFields(l, 42, 1)), string(s.PersonalFields(l, 43, 1))
	if strings.Contains(bo, s.LeaveToken(l.ID, 42)) || ann == bo || ann != string(s.PersonalFields(l, 42, 1)) {
		t.Errorf("one has\n%s\nthe other\n%s", ann, bo)
	}
}

func BenchmarkPersonalFields(b *testing.B) {
	s, l := aSite(), aList(nil)
	b.ReportAllocs()
	for b.Loop() {
		s.PersonalFields(l, 42, 123)
	}
}

// BenchmarkBounceAddress is what a personal copy costs anyway.
func BenchmarkBounceAddress(b *testing.B) {
	s, l := aSite(), aList(nil)
	b.ReportAllocs()
	for b.Loop() {
		s.BounceAddress(l, 42)
	}
}
