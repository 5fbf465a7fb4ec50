package list

import (
	"strings"
	"testing"
)

const aToken = "abcdefghijklmnopqrstuvwxy2"

func TestParseTarget(t *testing.T) {
	t.Parallel()
	const at = "@lists.example.org"
	target := func(v Verb, local, token string) Target {
		return Target{Verb: v, Local: local, Domain: "lists.example.org", Token: token}
	}
	for rcpt, want := range map[string]Target{
		"dev" + at:                   target(ToPosts, "dev", ""),
		"DEV@Lists.Example.ORG":      target(ToPosts, "dev", ""),
		"dev@lists.example.org.":     target(ToPosts, "dev", ""),
		"dev@other.example.org":      {Local: "dev", Domain: "other.example.org"},
		"foo-dev" + at:               target(ToPosts, "foo-dev", ""),
		"foo-dev-request" + at:       target(ToRequest, "foo-dev", ""),
		"foo.b_r-9+Request" + at:     target(ToRequest, "foo.b_r-9", ""),
		"dev-request" + at:           target(ToRequest, "dev", ""),
		"dev-subscribe" + at:         target(ToSubscribe, "dev", ""),
		"dev-join" + at:              target(ToSubscribe, "dev", ""),
		"dev+JOIN" + at:              target(ToSubscribe, "dev", ""),
		"dev-unsubscribe" + at:       target(ToUnsubscribe, "dev", ""),
		"dev-leave" + at:             target(ToUnsubscribe, "dev", ""),
		"dev+leave" + at:             target(ToUnsubscribe, "dev", ""),
		"dev-owner" + at:             target(ToOwner, "dev", ""),
		"dev-help" + at:              target(ToHelp, "dev", ""),
		"dev+bounces" + at:           target(ToBounces, "dev", ""),
		"dev-owner-request" + at:     target(ToRequest, "dev-owner", ""),
		"request" + at:               target(ToPosts, "request", ""),
		"-request" + at:              target(ToPosts, "-request", ""),
		"dev-bounce-" + aToken + at:  target(ToPosts, "dev-bounce-"+aToken, ""),
		"dev+leave-" + aToken + at:   target(ToLeave, "dev", aToken),
		"dev+bounce-" + aToken + at:  target(ToBounce, "dev", aToken),
		"Dev+Confirm-" + aToken + at: target(ToConfirm, "dev", aToken),
		"a-b+ok-" + aToken + at:      target(ToOK, "a-b", aToken),
		"postmaster":                 {Verb: ToPostmaster},
		"PostMaster":                 {Verb: ToPostmaster},
		"POSTMASTER@Other.example.org": {
			Verb: ToPostmaster, Domain: "other.example.org"},
		"Abuse" + at:      {Verb: ToAbuse, Domain: "lists.example.org"},
		"ann o'hara" + at: target(ToPosts, "ann o'hara", ""), // no such list, but no relay
		"\u212aevin" + at: target(ToPosts, "\u212aevin", ""), // a Kelvin sign is no k
	} {
		got, err := ParseTarget(rcpt, aSite())
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v", rcpt, got, err)
		}
	}
	for _, verb := range []Verb{ToConfirm, ToOK, ToNo, ToDiscard, ToTrust, ToBan, ToMod, ToLeave, ToBounce} {
		rcpt := "dev+" + string(verb) + "-" + strings.ToUpper(aToken) + at
		if got, err := ParseTarget(rcpt, aSite()); err != nil || got != target(verb, "dev", aToken) {
			t.Errorf("%s: got %+v, %v", rcpt, got, err)
		}
	}
}

func TestParseTargetRefuses(t *testing.T) {
	t.Parallel()
	for rcpt, want := range map[string]Kind{
		"dev@example.org":                    Foreign,
		"dev@xlists.example.org":             Foreign,
		"dev@sub.lists.example.org":          Foreign,
		"dev@[127.0.0.1]":                    Foreign,
		"dev@lists.example.org..":            Foreign,
		"dev@li\u017fts.example.org.example": Foreign,
		"a%b@lists.example.org":              Foreign,
		"a!b@lists.example.org":              Foreign,
		"a@b@lists.example.org":              Foreign, // "a@b"@..., unquoted
		`"a@b"@lists.example.org`:            Foreign,
		"@lists.example.org,@x:y@z":          Foreign,
		"@x.example:dev@lists.example.org":   Foreign,
		"dev%example.org":                    BadAddress,
		"postmaster@example.org":             Foreign,
		"abuse":                              BadAddress,
		"":                                   BadAddress,
		"@":                                  BadAddress,
		"dev":                                BadAddress,
		"dev@":                               BadAddress,
		"@lists.example.org":                 BadAddress,
		"dev\r\n@lists.example.org":          BadAddress,
		"dev\x00@lists.example.org":          BadAddress,
		"dev\u0085@lists.example.org":        BadAddress,
		"dev\xff@lists.example.org":          BadAddress,
		strings.Repeat("x", 65) + "@lists.example.org":    BadAddress,
		"dev@" + strings.Repeat("x.", 130):                BadAddress,
		"dev+@lists.example.org":                          Unknown,
		"dev+bounce@lists.example.org":                    Unknown,
		"dev+bounce-" + aToken[1:] + "@lists.example.org": Unknown,
		"dev+request-" + aToken + "@lists.example.org":    Unknown,
		"dev+ok-" + aToken + "a@lists.example.org":        Unknown,
		"+ok-" + aToken + "@lists.example.org":            Unknown,
		"+owner@lists.example.org":                        Unknown,
	} {
		got, err := ParseTarget(rcpt, aSite())
		if err == nil || KindOf(err) != want || got != (Target{}) {
			t.Errorf("%q: got %+v, %v of kind %d", rcpt, got, err, KindOf(err))
			continue
		}
		checkText(t, TextOf(err))
		if want == Foreign && TextOf(err) != "relay denied" {
			t.Errorf("%q: %q", rcpt, TextOf(err))
		}
	}
}

// checkText fails for what an Error may not say to a stranger.
func checkText(t *testing.T, text string) {
	t.Helper()
	printable := func(r rune) bool { return r >= ' ' && r < 127 }
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return !printable(r) }) {
		t.Errorf("error text %q", text)
	}
}

func TestParseTargetIDN(t *testing.T) {
	t.Parallel()
	site := Site{Domains: []string{"xn--grn-ioa.example.org"}}
	got, err := ParseTarget("dev-owner@gr\u00fcn.example.org", site)
	if want := (Target{Verb: ToOwner, Local: "dev", Domain: "xn--grn-ioa.example.org"}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestValidListAddress(t *testing.T) {
	t.Parallel()
	domains := []string{"lists.example.org", "Other.Example.org"}
	for _, good := range []string{
		"dev@lists.example.org", "dev@other.example.org", "foo-dev@lists.example.org", "a.b_c-9@lists.example.org",
		"9@lists.example.org", strings.Repeat("x", 28) + "@lists.example.org", "owners@lists.example.org",
		"say-no@lists.example.org", "owner-dev@lists.example.org",
	} {
		if err := ValidListAddress(good, domains); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, reason := range map[string]string{
		"dev":                  "the form name@domain",
		"@lists.example.org":   "the form name@domain",
		"dev@":                 "the form name@domain",
		"dev@example.org":      "none of the configured domains",
		"dev@x@lists.example":  "none of the configured domains",
		"dev@lists.example.or": "none of the configured domains",
		strings.Repeat("x", 29) + "@lists.example.org": "longer than 28 bytes",
		"Dev@lists.example.org":                        "may only have a-z",
		"d v@lists.example.org":                        "may only have a-z",
		"d+v@lists.example.org":                        "may only have a-z",
		"dév@lists.example.org":                        "may only have a-z",
		"-dev@lists.example.org":                       "begin and end with a letter or a digit",
		"dev.@lists.example.org":                       "begin and end with a letter or a digit",
		"d..v@lists.example.org":                       "two dots",
		"dev-owner@lists.example.org":                  "-owner is an address of another list",
		"dev-join@lists.example.org":                   "-join is an address of another list",
		"x-request@lists.example.org":                  "-request is an address of another list",
	} {
		err := ValidListAddress(bad, domains)
		if err == nil || !strings.Contains(TextOf(err), reason) || KindOf(err) != Malformed {
			t.Errorf("%s: %v", bad, err)
			continue
		}
		checkText(t, TextOf(err))
	}
	for _, name := range strings.Fields("u healthz metrics robots.txt sitemap.xml style.css favicon.ico search postmaster abuse" +
		" request subscribe join unsubscribe leave owner help bounces") {
		if err := ValidListAddress(name+"@lists.example.org", domains); !strings.Contains(TextOf(err), "reserved") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParseTarget: nothing panics, error texts are fit for strangers, and an
// address written from a target reads as the same one.
func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{
		"dev@lists.example.org", "dev-request@lists.example.org", "dev+ok-" + aToken + "@lists.example.org", "postmaster",
		"abuse@OTHER.example.org", "@a,@b:c@lists.example.org", "a%b@lists.example.org", "\xff@x", "x-leave+leave@lists.example.org",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rcpt string) {
		target, err := ParseTarget(rcpt, aSite())
		if err != nil {
			checkText(t, TextOf(err))
			return
		}
		again, err := ParseTarget(target.String(), aSite())
		if err != nil || again != target {
			t.Errorf("%q is %+v, written as %q, which is %+v, %v", rcpt, target, target, again, err)
		}
		if ValidListAddress(target.Local+"@"+target.Domain, aSite().Domains) == nil && target.Verb == ToPosts &&
			lowerASCII(strings.TrimSuffix(rcpt, ".")) != target.String() {
			t.Errorf("%q is taken for the list %s", rcpt, target)
		}
	})
}
