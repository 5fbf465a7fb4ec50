package list

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNewList(t *testing.T) {
	t.Parallel()
	l := NewList("dev@lists.example.org")
	if l.ListID != "dev.lists.example.org" || l.Local() != "dev" || l.Domain() != "lists.example.org" {
		t.Errorf("%+v", l)
	}
	want := map[string]string{
		"description": "", "owners": "", "moderators": "", "post": "members", "start": "", "archive": "public",
		"addresses": "masked", "copies": "personal", "max_size": "10MiB", "subject_prefix": "", "footer": "",
		"reply_to": "author", "banned": "", "join": "open", "customs": "", "language": "en", "digest_at": "06:00 UTC", "roster": "nobody",
	}
	for _, name := range OptionNames() {
		value, known := want[name]
		if got := Option(l, name); !known || got != value {
			t.Errorf("%s is %q", name, got)
		}
		if OptionDoc(name) == "" {
			t.Errorf("%s has no doc", name)
		}
	}
	if len(OptionNames()) != len(want) || Option(l, "x") != "" || OptionDoc("x") != "" {
		t.Error(OptionNames())
	}
}

func TestSetOption(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, want string }{
		{"description", "  Grüße, an alle ", "Grüße, an alle"},
		{"owners", "Ann@EXAMPLE.org,, bo@example.org ,Ann@example.org", "Ann@example.org, bo@example.org"},
		{"moderators", " ", ""},
		{"post", "anyone", "anyone"},
		{"start", "moderated", "moderated"},
		{"start", "", ""},
		{"archive", "none", "none"},
		{"addresses", "shown", "shown"},
		{"copies", "shared", "shared"},
		{"max_size", "1024", "1KiB"},
		{"max_size", " 1536 kib", "1536KiB"},
		{"max_size", "100MiB", "100MiB"},
		{"max_size", "1048577", "1048577"},
		{"subject_prefix", " [dev] ", "[dev]"},
		{"footer", "\r\none\t\r\n\r\ntwo  \n", "one\n\ntwo"},
		{"reply_to", "list", "list"},
		{"join", "approval", "approval"},
		{"customs", "Be kind.\r\n\r\nQuote little. ", "Be kind.\n\nQuote little."},
		{"language", "de", "de"},
		{"digest_at", "7:30 europe/berlin", "07:30 Europe/Berlin"},
		{"roster", "members", "members"},
		{"banned", "mallory@example.net, @Spam.Example.net", "mallory@example.net, @spam.example.net"},
	} {
		l := NewList("dev@lists.example.org")
		if err := SetOption(&l, c.name, c.value); err != nil || Option(l, c.name) != c.want {
			t.Errorf("%s = %q: %q, %v", c.name, c.value, Option(l, c.name), err)
		}
	}
}

func TestSetOptionRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, value, text string }{
		{"colour", "red", "the options are description, owners"},
		{"description", "a\r\nBcc: b", "one line of UTF-8 text"},
		{"description", "\xff", "one line of UTF-8 text"},
		{"description", strings.Repeat("x", 201), "at most 200 bytes"},
		{"owners", "ann", "commas between them"},
		{"owners", "ann@example.org; bo@example.org", "commas between them"},
		{"owners", "dev@lists.example.org", "it is an address of this list"},
		{"moderators", "ann@example.org, DEV-owner@lists.example.org", "it is an address of this list"},
		{"moderators", "dev+ok-" + aToken + "@lists.example.org", "it is an address of this list"},
		{"post", "", "allowed are anyone, members, moderated, nobody"},
		{"post", "Anyone", "allowed are anyone, members, moderated, nobody"},
		{"start", "all", "allowed are nothing, anyone, members, moderated, nobody"},
		{"archive", "private", "allowed are public, members, none"},
		{"addresses", "yes", "allowed are masked and shown"},
		{"copies", "", "allowed are shared and personal"},
		{"max_size", "1023", "1KiB to 100MiB"},
		{"max_size", "101MiB", "1KiB to 100MiB"},
		{"max_size", "-1", "1KiB to 100MiB"},
		{"max_size", "9223372036854775807MiB", "1KiB to 100MiB"},
		{"max_size", "10GiB", "1KiB to 100MiB"},
		{"max_size", "", "1KiB to 100MiB"},
		{"subject_prefix", "[dev]\nBcc: x", "one line of UTF-8 text"},
		{"subject_prefix", "=?utf-8?q?dev?=", "encoded word"},
		{"subject_prefix", strings.Repeat("x", 41), "at most 40 bytes"},
		{"footer", "a\x00b", "without control characters"},
		{"footer", "a\rb", "without control characters"},
		{"footer", strings.Repeat("x", 501), "lines of at most 500 bytes"},
		{"footer", strings.Repeat("line\n", 900), "at most 4096 bytes"},
		{"reply_to", "both", "allowed are list and author"},
		{"banned", "@", "commas between them"},
		{"banned", "example.org", "commas between them"},
	} {
		l := NewList("dev@lists.example.org")
		l.Owners, l.Banned = []string{"ann@example.org"}, []string{"@example.net"}
		before := l
		err := SetOption(&l, c.name, c.value)
		if err == nil || !strings.Contains(TextOf(err), c.text) || !strings.Contains(TextOf(err), c.name) || KindOf(err) != Malformed {
			t.Errorf("%s = %q: %v", c.name, c.value, err)
			continue
		}
		checkText(t, TextOf(err))
		if !reflect.DeepEqual(l, before) {
			t.Errorf("%s = %q changed the list", c.name, c.value)
		}
	}
}

// TestOptionsRoundTrip: what an option shows can be set, and shows the same;
// whatever is refused changes nothing.
func TestOptionsRoundTrip(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{
		"anyone", "members", "moderated", "nobody", "public", "none", "masked", "shown", "personal", "shared", "author", "list",
		"", "10MiB", "1KiB", "4097", "[dev]", "a@example.org", "b@Example.org, c@example.org", "@example.org", "one\ntwo",
	})
	rapid.Check(t, func(t *rapid.T) {
		l := NewList("dev@lists.example.org")
		for range 20 {
			name := rapid.SampledFrom(OptionNames()).Draw(t, "name")
			value := rapid.OneOf(word, rapid.String()).Draw(t, "value")
			before := l
			if SetOption(&l, name, value) != nil && !reflect.DeepEqual(before, l) {
				t.Fatalf("%s = %q was refused and changed the list", name, value)
			}
		}
		again := NewList("dev@lists.example.org")
		for _, name := range OptionNames() {
			if err := SetOption(&again, name, Option(l, name)); err != nil {
				t.Fatalf("%s shows %q: %v", name, Option(l, name), err)
			}
		}
		if !reflect.DeepEqual(l, again) {
			t.Fatalf("got %+v, want %+v", again, l)
		}
	})
}

// TestSetOptionOwnsItsSlices: two lists never share the memory of an option.
func TestSetOptionOwnsItsSlices(t *testing.T) {
	t.Parallel()
	a := NewList("dev@lists.example.org")
	if err := SetOption(&a, "owners", "ann@example.org"); err != nil {
		t.Fatal(err)
	}
	b := a
	if err := SetOption(&b, "owners", "bo@example.org"); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Owners, []string{"ann@example.org"}) {
		t.Error(a.Owners)
	}
}
