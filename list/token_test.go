package list

import (
	"net/url"
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	t.Parallel()
	s := aSite()
	token := s.Token("ok", 1, 2)
	if !isToken(token) || token != s.Token("ok", 1, 2) {
		t.Errorf("token %q", token)
	}
	other := aSite()
	other.Key = []byte("another key")
	seen := map[string]string{token: "ok 1 2"}
	for name, token := range map[string]string{
		"other purpose": s.Token("no", 1, 2), "other order": s.Token("ok", 2, 1), "one id": s.Token("ok", 1),
		"three ids": s.Token("ok", 1, 2, 0), "no id": s.Token("ok"), "negative id": s.Token("ok", -1, 2),
		"longer purpose": s.Token("ok\x00\x00\x00\x00\x00\x00\x00\x01", 2), "other key": other.Token("ok", 1, 2),
	} {
		if was, ok := seen[token]; ok || !isToken(token) {
			t.Errorf("%s: %q, as %s", name, token, was)
		}
		seen[token] = name
	}
}

// TestTokenKept: tokens stand in mails that people keep; an upgrade must not
// change them.
func TestTokenKept(t *testing.T) {
	t.Parallel()
	if got := aSite().Token("bounce", 7, 42); got != "jsmlzu5jgijnbmsp3c2ah3df6a" {
		t.Errorf("got %s", got)
	}
}

func TestIsToken(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("a2", 13)
	for token, want := range map[string]bool{
		good: true, strings.ToUpper(good): false, good[1:]: false, good + "a": false, "": false,
		good[:25] + "1": false, good[:12] + "-" + good[13:]: false, good[:24] + "é": false,
	} {
		if isToken(token) != want {
			t.Errorf("%q: %v", token, !want)
		}
	}
}

func TestTokenHash(t *testing.T) {
	t.Parallel()
	s := aSite()
	a, b := TokenHash(s.Token("ok", 1)), TokenHash(s.Token("ok", 2))
	if len(a) != 16 || string(a) == string(b) || string(a) != string(TokenHash(s.Token("ok", 1))) {
		t.Errorf("%x %x", a, b)
	}
}

func TestBounceAddress(t *testing.T) {
	t.Parallel()
	s, l := aSite(), aList(nil)
	if got := s.BounceAddress(l, 0); got != "dev-bounces@lists.example.org" {
		t.Error(got)
	}
	got := s.BounceAddress(l, 42)
	target, err := ParseTarget(strings.ToUpper(got), s)
	if err != nil || target.Verb != ToBounce || target.Local != "dev" || target.Token != s.bounceToken(l.ID, 42) {
		t.Errorf("%s: %+v, %v", got, target, err)
	}
	long := NewList(strings.Repeat("x", maxName) + "@lists.example.org")
	if local, _, _ := strings.Cut(s.BounceAddress(long, 1<<62), "@"); len(local) > maxLocal {
		t.Errorf("%s has %d bytes", local, len(local))
	}
	if s.BounceAddress(l, 42) == s.BounceAddress(l, 43) {
		t.Error("two members share an address")
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	s, l := aSite(), aList(nil)
	for key, want := range map[string]string{
		"a@example.org":     "a@example.org",
		"a/../b@example":    "a%2F..%2Fb@example",
		"..":                "%2E%2E",
		".":                 "%2E",
		"~17":               "~17",
		"100%?#;@e":         "100%25%3F%23%3B@e",
		"a b\x00\"<>@e":     "a%20b%00%22%3C%3E@e",
		"gr\xc3\xbcn\xff@e": "gr%C3%BCn%FF@e",
		"a+b=c&d:e@e":       "a+b=c&d:e@e",
	} {
		got := s.PostURL(l, key)
		if got != "https://lists.example.org/dev/"+want+"/" {
			t.Errorf("%q: got %s", key, got)
		}
		u, err := url.Parse(got)
		if err != nil || u.Path != "/dev/"+key+"/" || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q: %s reads as %+v, %v", key, got, u, err)
		}
	}
	if got := s.ListURL(NewList("dev@other.example.org")); got != "https://lists.example.org/dev@other.example.org/" {
		t.Error(got)
	}
	s.URL = ""
	if s.ListURL(l) != "" || s.PostURL(l, "a@b") != "" {
		t.Error("a link without a URL")
	}
}
