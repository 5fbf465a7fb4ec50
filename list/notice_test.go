package list

import (
	"strings"
	"testing"
	"time"
)

// A name with a dot is no phrase as it is (RFC 5322, 3.2.5).
func TestNoticesOfAListWithADotInItsName(t *testing.T) {
	t.Parallel()
	d := &Desk{site: aSite(), now: func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }}
	for address, want := range map[string]string{
		"dev@lists.example.org":     "From: dev list <dev-request@lists.example.org>\r\n",
		"dev.ops@lists.example.org": "From: \"dev.ops list\" <dev.ops-request@lists.example.org>\r\n",
	} {
		head := string(d.head(notice{List: NewList(address), To: []string{"ann@example.org"}}, "Hello", textContent("Hello.\n")))
		if !strings.HasPrefix(head, want) {
			t.Errorf("%s has\n%s", address, head)
		}
	}
}

// What goes to the author of a mail that is carried out answers it, and what
// goes to others does not (RFC 3834, 5).
func TestNoticesAnswerTheirAuthorOnly(t *testing.T) {
	t.Parallel()
	words := func(_, _, _ string, _ any) (string, string, error) { return "Hello", "Hello.\n", nil }
	d := &Desk{site: aSite(), words: words, now: func() time.Time { return time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) }}
	d = d.carrying(asked{"ann@example.org", "m1@example.org"})
	for to, want := range map[string]string{
		"Ann@example.org": "In-Reply-To: <m1@example.org>\r\nReferences: <m1@example.org>\r\nAuto-Submitted: auto-replied\r\n",
		"bo@example.org":  "\r\nAuto-Submitted: auto-generated\r\n",
	} {
		raw, err := d.write(notice{List: NewList("dev@lists.example.org"), To: []string{to}})
		if err != nil || !strings.Contains(string(raw), want) || strings.Count(string(raw), "Auto-Submitted") != 1 {
			t.Errorf("%v, to %s:\n%s", err, to, raw)
		}
	}
}
