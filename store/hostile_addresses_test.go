package store

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"parley/list"
	"parley/message"
)

// roles are addresses that nobody subscribes: of the list, of the site, of
// mailers.
var roles = []string{
	"dev@lists.example.org", "DEV@Lists.Example.Org", "dev@lists.example.org.", `"dev"@lists.example.org`,
	"dev-request@lists.example.org", "dev+request@lists.example.org", "dev-subscribe@lists.example.org", "dev-join@lists.example.org",
	"dev-unsubscribe@lists.example.org", "dev-leave@lists.example.org", "dev-owner@lists.example.org", "dev-help@lists.example.org",
	"dev-bounces@lists.example.org", "none-owner@lists.example.org", "dev+confirm-aaaaaaaaaaaaaaaaaaaaaaaaaa@lists.example.org",
	"postmaster@lists.example.org", "Postmaster@lists.example.org", "abuse@lists.example.org",
	"postmaster@example.net", "POSTMASTER@example.net", "mailer-daemon@example.net",
}

// refusedByMail are those whose owner may still be added by the operator.
var refusedByMail = []string{"no-reply@example.net", "noreply@example.net", "bounces@example.net", "other-bounces@example.net", "other-request@example.net",
	"owner-other@example.net", "listserv@example.net", "majordomo@example.net", "abuse@example.net", "root@example.net"}

func TestHostile89RoleAddresses(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	for _, role := range roles {
		n, err := o.desk.AddMembers(t.Context(), o.list.ID, []message.Address{{Addr: role}})
		if n != 0 || list.KindOf(err) != list.BadAddress {
			t.Errorf("%s was added: %v", role, err)
		}
		// With a good one before it, none is added: a file is taken whole or not.
		n, err = o.desk.AddMembers(t.Context(), o.list.ID, []message.Address{{Addr: "good@example.org"}, {Addr: role}})
		if n != 0 || err == nil {
			t.Errorf("%d were added with %s: %v", n, role, err)
		}
	}
	for _, role := range append(refusedByMail, roles...) {
		for _, unproven := range []bool{true, false} {
			for _, to := range []string{"dev-subscribe@lists.example.org", request} {
				if err := o.send(written{from: role, to: to, body: "subscribe", unproven: unproven}); err != nil {
					t.Errorf("%s: %v", role, err)
				}
			}
		}
		o.work()
		if len(o.boxes) != 0 || o.roster() != 0 {
			t.Fatalf("%s: %d boxes, %d members", role, len(o.boxes), o.roster())
		}
	}
}

// A token of a wish that was made before an address was banned, or became one
// of a list, does not bring it in.
func TestHostile89AConfirmationOfARoleAddress(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("late@example.org")
	o.say(written{from: "late@example.org", to: "dev-leave@lists.example.org"})
	goodbye := o.one("late@example.org")
	ask := o.asked("soon@example.org")
	if _, err := o.desk.SetList(t.Context(), o.list.ID, map[string]string{"banned": "soon@example.org, late@example.org"}); err != nil {
		t.Fatal(err)
	}
	o.answer(ask, "soon@example.org", "yes", true)
	o.answer(goodbye, "late@example.org", "back", true)
	o.stands("soon@example.org", "", 0)
	o.stands("late@example.org", list.Left, 0)
}

// Members and strangers get the same mail, but for the address, whatever they
// ask for without proof.
func TestHostile91TheSameMailForMembersAndStrangers(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]written{
		"which":         {to: request, body: "which"},
		"unsubscribe":   {to: request, body: "unsubscribe"},
		"the address":   {to: "dev-unsubscribe@lists.example.org"},
		"subscribe":     {to: "dev-subscribe@lists.example.org"},
		"who":           {to: request, body: "who"},
		"set":           {to: request, body: "set delivery daily\nset hours 08:00-18:00"},
		"pause":         {to: request, body: "pause until 2026-05-01\nresume"},
		"mute":          {to: request, body: "mute 1\nget 1\nsearch words"},
		"help":          {to: request, body: "help"},
		"no command":    {to: request, body: "Am I subscribed?"},
		"a post":        {to: "dev@lists.example.org", body: "Am I subscribed?"},
		"all of it":     {to: request, body: "which\nwho\nunsubscribe\nsubscribe\nhelp"},
		"after leaving": {to: request, body: "which"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			member, stranger := o91(t, w, true, name == "after leaving"), o91(t, w, false, false)
			if member != stranger {
				t.Errorf("a member:\n%s\na stranger:\n%s", member, stranger)
			}
			if name != "a post" && name != "no command" && !strings.Contains(member, "Subject: dev: ") {
				t.Errorf("%s", member)
			}
		})
	}
}

// token is one in an address; its letters differ from mail to mail, its length
// does not.
var token = regexp.MustCompile(`-[a-z2-7]{26}@`)

// o91 is what the client is told, and all mail that follows, when vic asks on a
// fresh installation.
func o91(t *testing.T, w written, member, left bool) string {
	t.Helper()
	o := openOffice(t)
	o.members("ann@example.org")
	if member {
		o.members(victim)
	}
	if left {
		if _, err := o.desk.RemoveMembers(t.Context(), o.list.ID, []string{victim}); err != nil {
			t.Fatal(err)
		}
	}
	w.from, w.unproven = victim, true
	told := list.TextOf(o.send(w))
	o.work()
	out := []string{told}
	for _, l := range o.inbox(victim) {
		raw := token.ReplaceAll(l.raw, []byte("-TOKEN@"))
		for line := range strings.Lines(string(raw)) {
			if !strings.HasPrefix(line, "Message-ID: ") { // a hash of the tokens
				out = append(out, line)
			}
		}
	}
	o.inbox("owner@example.org") // a post of either waits
	if len(o.boxes) != 0 {
		t.Errorf("others have mail")
	}
	return strings.Join(out, "")
}

func TestHostile91TheEnvelopeTellsNothing(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members(victim)
	for _, to := range []string{request, "dev@lists.example.org", "dev-unsubscribe@lists.example.org", "none@lists.example.org"} {
		var told []string
		for _, from := range []string{victim, "stranger@example.net"} {
			told = append(told, list.TextOf(o.desk.Knows(t.Context(), list.Envelope{From: from}, to)))
		}
		if told[0] != told[1] {
			t.Errorf("%s: %q", to, told)
		}
	}
	for _, token := range []string{"", "a", strings.Repeat("a", 26), strings.Repeat("b", 26), strings.Repeat("a", 27), "../" + strings.Repeat("a", 23)} {
		if _, err := o.desk.Subscription(t.Context(), token, 0); list.KindOf(err) != list.Unknown || list.TextOf(err) != "no such link here" {
			t.Errorf("%q: %v", token, err)
		}
		if err := o.desk.Grant(t.Context(), token, 0, list.WishLeave); list.KindOf(err) != list.Unknown || list.TextOf(err) != "no such link here" {
			t.Errorf("%q: %v", token, err)
		}
	}
}

func TestHostile95OneRowForEachMailbox(t *testing.T) {
	t.Parallel()
	for want, spellings := range map[string][]string{
		"Ann.Lee@example.org":      {"Ann.Lee@example.org", "ann.lee@EXAMPLE.org", "ANN.LEE@example.org.", `"Ann.Lee"@example.org`, `"Ann.\Lee"@Example.Org`, "Ann.Lee@ｅxample.org"},
		`"Ann Lee"@example.org`:    {`"Ann Lee"@example.org`, `"ann lee"@example.org`, `"Ann\ Lee"@EXAMPLE.org.`},
		"bo@xn--bcher-kva.example": {"bo@bücher.example", "Bo@BÜCHER.example", "bo@xn--bcher-kva.example", "bo@XN--BCHER-KVA.example.", "bo@bu\u0308cher.example", "bo@bücher。example"},
		"jör@example.org":          {"jör@example.org", "JÖR@example.org", "jo\u0308r@example.org."},
		"cy+lists@example.org":     {"cy+lists@example.org", "CY+Lists@example.org"},
		"dee@[192.0.2.1]":          {"dee@[192.0.2.1]", "DEE@[192.0.2.1]"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t)
			for i, spelling := range spellings {
				n, err := o.desk.AddMembers(context.Background(), o.list.ID, []message.Address{{Addr: spelling}})
				if err != nil || n != 1-min(i, 1) {
					t.Errorf("%s: %d added, %v", spelling, n, err)
				}
				if m := o.member(canonicalOf(t, spelling)); m.Address != want || m.State != list.Active {
					t.Errorf("%s is found as %+v", spelling, m)
				}
			}
			if n := o.roster(); n != 1 {
				t.Fatalf("%d members", n)
			}
			// By mail, too: each spelling is known, and can leave.
			for _, spelling := range spellings {
				o.say(written{from: "<" + spelling + ">", to: request, body: "subscribe"})
				o.say(written{from: "<" + spelling + ">", to: "dev-leave@lists.example.org"})
				if o.roster() != 1 || o.member(want).State != list.Left {
					t.Errorf("%s: %d members, %s", spelling, o.roster(), o.member(want).State)
				}
				o.members(want)
			}
		})
	}
}

func canonicalOf(t *testing.T, address string) string {
	t.Helper()
	c, err := message.Canonical(address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Different mailboxes stay different.
func TestHostile95DifferentMailboxes(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	all := []string{"ann@example.org", "ann+a@example.org", "a.nn@example.org", "ann@example.com", "ann@sub.example.org", `"ann "@example.org`,
		"аnn@example.org" /* a Cyrillic letter */, "ann@exаmple.org" /* likewise */, "änn@example.org", "ann-@example.org"}
	o.members(all...)
	if n := o.roster(); n != len(all) {
		t.Errorf("%d members of %d", n, len(all))
	}
	for _, a := range all {
		o.command(a, "which") // each is answered in its own mailbox
		if m := o.member(canonicalOf(t, a)); m.State != list.Active || len(o.inbox(m.Address)) != 1 {
			t.Errorf("%s: %+v", a, m)
		}
	}
}
