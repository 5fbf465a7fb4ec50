package smtpd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"parley/list"
)

func TestReply(t *testing.T) {
	t.Parallel()
	const tail = " (session abc)"
	kinds := map[list.Kind]string{
		list.Temporary:  "451 4.3.0 ",
		list.Unknown:    "550 5.1.1 ",
		list.Foreign:    "550 5.7.1 ",
		list.Refused:    "550 5.7.1 ",
		list.Malformed:  "550 5.6.0 ",
		list.BadAddress: "553 5.1.3 ",
		list.TooLarge:   "552 5.3.4 ",
		list.Loop:       "554 5.4.6 ",
		list.Full:       "452 4.3.1 ",
		list.Conflict:   "451 4.3.0 ", // two at once: the second comes again
	}
	for kind := list.Temporary; kind <= list.Conflict; kind++ {
		if _, ok := kinds[kind]; !ok {
			t.Errorf("kind %d has no reply here", kind)
		}
	}
	kinds[list.Kind(99)] = "451 4.3.0 "
	for kind, want := range kinds {
		own := &list.Error{Kind: kind, Text: "Some reason", Err: errors.New("secret")}
		for _, err := range []error{own, fmt.Errorf("receive: %w", own), errors.Join(errors.New("secret"), own)} {
			if got := line(reply(err, "abc")); got != want+"Some reason"+tail {
				t.Errorf("kind %d: %q", kind, got)
			}
		}
		if got := line(reply(&list.Error{Kind: kind, Err: errors.New("secret")}, "abc")); !strings.HasPrefix(got, want) || strings.Contains(got, "secret") {
			t.Errorf("kind %d without a text: %q", kind, got)
		}
	}
	for _, err := range []error{errors.New("database is locked"), context.Canceled, fmt.Errorf("x: %w", context.DeadlineExceeded)} {
		if got := line(reply(err, "abc")); got != "451 4.3.0 Try again later"+tail {
			t.Errorf("unknown error %v: %q", err, got)
		}
	}
}

func TestReplyIsOneSafeLine(t *testing.T) {
	t.Parallel()
	got := line(reply(list.Errorf(list.Refused, "a\r\n250 2.0.0 queued\x00\x1b\u00e9%s", strings.Repeat("x", 1000)), "abc"))
	if strings.ContainsAny(got, "\r\n\x00\x1b") || len(got) > 510 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{sayRelay, sayCrowded, saySize, sayStalled, sayCut, sayFault} {
		if got := line(reply(&answer{text}, "abc")); got != signed(text, "abc") {
			t.Errorf("%q became %q", text, got)
		}
	}
	if got := line(queued("abc.1")); got != "250 2.0.0 queued as abc.1" {
		t.Errorf("queued: %q", got)
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"dev@lists.example.org":            "dev@lists.example.org",
		"dev+bounce-abc234@lists.example":  "dev+bounce-…@lists.example",
		"dev+confirm-a-b-c@lists.example":  "dev+confirm-…@lists.example",
		"dev+help@lists.example.org":       "dev+help@lists.example.org",
		"dev-request@lists.example.org":    "dev-request@lists.example.org",
		`"dev+ok-abc@x"@lists.example.org`: `"dev+ok-…@lists.example.org`,
		"postmaster":                       "postmaster",
		"":                                 "",
	} {
		if got := mask(address); got != want {
			t.Errorf("mask(%q) = %q, want %q", address, got, want)
		}
	}
}

func TestParsePath(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<dev@lists.example.org>":                 "dev@lists.example.org",
		"dev@lists.example.org SIZE=1":            "dev@lists.example.org",
		`<"dev"@lists.example.org>`:               "dev@lists.example.org",
		`<"d\ev"@lists.example.org>`:              "dev@lists.example.org",
		`<"a b"@example.org>`:                     `"a b"@example.org`,
		`<"a@b"@example.org>`:                     `"a@b"@example.org`,
		`<"a\"b>c"@example.org>`:                  `"a\"b>c"@example.org`,
		"<dev@lists.example.org.>":                "dev@lists.example.org",
		"<@a.example,@b.example:dev@example.org>": "dev@example.org",
		"<a..b@example.org>":                      "a..b@example.org",
		"<>":                                      "",
		"<postmaster>":                            "postmaster",
		"<x@[IPv6:2001:db8::1]>":                  "x@[IPv6:2001:db8::1]",
	} {
		p, _, wrong := parsePath(in)
		if wrong != "" || p.String() != want {
			t.Errorf("parsePath(%q) = %q, %q", in, p, wrong)
		}
	}
	for _, in := range []string{"", " ", "<", "<dev@example.org", "dev@", "<dev@>", "<@>", "<@a>", "<a@b@c>", "<a@.>", "<a@b..c>", `<"a@b>`, `<""@b>`, `<"a"b@c>`, "<a@b>c", "<a@b c>", "<a@b;c>", "<a@[x y]>", "<a@-é>\xff"} {
		if p, _, wrong := parsePath(in); wrong == "" {
			t.Errorf("parsePath(%q) = %q, want an error", in, p)
		}
	}
}
