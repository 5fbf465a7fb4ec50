package store

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/message"
	"parley/templates"
)

// secondOffice is another installation, with the list talk.
func secondOffice(t *testing.T, options ...string) *office {
	t.Helper()
	o := openOffice(t, options...)
	site := list.Site{Hostname: "mx.example.net", Domains: []string{"lists.example.net"}, URL: "https://lists.example.net",
		Operator: "op@example.net", Key: []byte("fedcba9876543210fedcba9876543210")}
	words, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	o.desk = list.NewDesk(list.DeskConfig{Store: o.store, Site: site, Now: o.clock.time, Log: slog.New(slog.DiscardHandler), Pack: Pack, Words: words.Mail})
	if o.list, err = o.desk.CreateList(t.Context(), "talk@lists.example.net", map[string]string{"owners": "owner@example.net", "post": "anyone"}); err != nil {
		t.Fatal(err)
	}
	return o
}

// exchange carries the mail of two installations to each other until none is
// under way, and returns how many mails that were.
func exchange(t *testing.T, a, b *office) int {
	t.Helper()
	carried := 0
	for range 100 {
		n := a.pass(b) + b.pass(a)
		if n == 0 {
			return carried
		}
		carried += n
	}
	t.Fatalf("still under way after %d mails", carried)
	return 0
}

// pass hands the mail for another installation over.
func (o *office) pass(to *office) int {
	o.Helper()
	n := 0
	for box := range o.boxes {
		if !strings.HasSuffix(box, "@"+to.list.Domain()) {
			continue
		}
		for _, l := range o.inbox(box) {
			n++
			env := list.Envelope{From: l.sender, To: []string{l.to}, Helo: "mx", Protocol: "ESMTP", Session: "s", Received: to.clock.time(),
				Auth: list.Auth{DMARC: o.list.Domain(), By: "mx"}} // each signs what it sends
			err := to.desk.Receive(o.Context(), env, l.raw)
			if err != nil && l.sender != "" { // its server reports to the envelope sender
				if err := o.report(l.sender, dsn{l.to, "5.7.1", "550 5.7.1 " + list.TextOf(err), strings.Trim(l.Get("Message-ID"), "<>")}); err != nil {
					o.Error(err)
				}
			}
		}
	}
	to.work()
	o.work()
	return n
}

func TestHostile88ListsSubscribeEachOther(t *testing.T) {
	t.Parallel()
	a, b := openOffice(t, "post=anyone"), secondOffice(t)
	for range 3 { // somebody forges it
		a.say(written{from: "talk@lists.example.net", to: "dev-subscribe@lists.example.org", unproven: true})
		b.say(written{from: "dev@lists.example.org", to: "talk-subscribe@lists.example.net", unproven: true})
		for _, body := range []string{"subscribe", "help", "which"} {
			a.say(written{from: "talk-request@lists.example.net", to: request, body: body}) // whatever is proven
			a.say(written{from: "talk@lists.example.net", to: request, body: body, unproven: true})
		}
		if exchange(t, a, b) == 0 {
			t.Error("nobody asked")
		}
		a.nextDay()
		b.nextDay()
	}
	for _, o := range []*office{a, b} {
		if s := o.desk.Site(); o.roster() != 0 {
			t.Errorf("%s has %d members", s.Hostname, o.roster())
		}
	}
	a.stands("talk@lists.example.net", "", 0)
	b.stands("dev@lists.example.org", "", 0)
	a.post("ann@example.org", "To nobody")
	if n := exchange(t, a, b); n != 0 {
		t.Errorf("%d mails", n)
	}
}

// roster is how many members the list has.
func (o *office) roster() int {
	o.Helper()
	members, err := o.desk.ListMembers(o.Context(), o.list.ID)
	if err != nil {
		o.Fatal(err)
	}
	return len(members)
}

func TestHostile88TwoListsOfOneSite(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.lists(1)
	for _, w := range []written{
		{from: "list0@lists.example.org", to: "dev-subscribe@lists.example.org"}, {from: "dev@lists.example.org", to: "list0-subscribe@lists.example.org"},
		{from: "list0@lists.example.org", to: "dev-subscribe@lists.example.org", unproven: true}, {from: "list0-request@lists.example.org", to: request, body: "subscribe"},
	} {
		o.say(w)
	}
	if len(o.boxes) != 0 || o.roster() != 0 {
		t.Errorf("%d boxes, %d members", len(o.boxes), o.roster())
	}
}

// Where two operators have made it so, each post passes once and comes back to
// neither.
func TestHostile88ListsThatAreMembersOfEachOther(t *testing.T) {
	t.Parallel()
	a, b := openOffice(t, "post=anyone"), secondOffice(t)
	a.members("talk@lists.example.net", "ann@example.com")
	b.members("dev@lists.example.org", "bo@example.com")
	a.post("ann@example.com", "Across")
	if n := exchange(t, a, b); n != 2 { // there, and the try to come back
		t.Errorf("%d mails", n)
	}
	a.gets("ann@example.com", "Across")
	b.gets("bo@example.com", "Across")
	b.stands("dev@lists.example.org", list.Active, 0) // its refusal is no dead address
	for i := range 3 {
		a.nextDay()
		b.nextDay()
		a.post("ann@example.com", fmt.Sprint("Next ", i))
		exchange(t, a, b)
	}
	a.stands("talk@lists.example.net", list.Active, 0)
	b.stands("dev@lists.example.org", list.Active, 0)
}

func TestHostile88PostsThatWereOnTheList(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.post("ann@example.org", "Hello")
	back := o.one("ann@example.org")
	for name, raw := range map[string][]byte{
		"as it went out":   back.raw,
		"without List-Id":  without(back.raw, "List-Id"),
		"without Received": without(back.raw, "Received"),
		"with another Message-ID, resent by a member's machine": without(back.raw, "Message-ID"),
	} {
		env := list.Envelope{From: "ann@example.org", To: []string{"dev@lists.example.org"}, Session: "s", Received: o.clock.time(), Auth: list.Auth{Trusted: true}}
		if err := o.desk.Receive(t.Context(), env, raw); list.KindOf(err) != list.Loop {
			t.Errorf("%s: %v", name, err)
		}
	}
	o.work()
	o.empty("ann@example.org")
}

// without is a mail without the fields of a name.
func without(raw []byte, name string) []byte {
	m := message.Parse(raw)
	kept := message.AppendKept(nil, m.Fields, func(f message.Field) bool { return strings.EqualFold(f.Name, name) })
	return append(append(kept, "\r\n"...), m.Body...)
}

// away are the header fields of answering machines, as they are in the world;
// the last ones have nothing but their subject.
var away = map[string]struct {
	subject string
	fields  []string
}{
	"a standard one":         {"Re: %s", []string{"Auto-Submitted: auto-replied", "Precedence: bulk"}},
	"vacation of sendmail":   {"away from my mail", []string{"Precedence: bulk", "Auto-Submitted: auto-replied"}},
	"an old vacation":        {"away from my mail", []string{"Precedence: junk"}},
	"Sieve":                  {"Auto: %s", []string{"Auto-Submitted: auto-replied (vacation)", "X-Sieve: Pigeonhole Sieve"}},
	"a web mailer":           {"Re: %s", []string{"Precedence: bulk", "X-Autoreply: yes", "Auto-Submitted: auto-replied"}},
	"a groupware server":     {"Automatic reply: %s", []string{"X-Auto-Response-Suppress: All", "Auto-Submitted: auto-generated", "X-MS-Exchange-Inbox-Rules-Loop: vic@example.net"}},
	"another groupware":      {"Out of Office: %s", []string{"Auto-Submitted: auto-replied (zimbra; vacation)", "Precedence: bulk"}},
	"a control panel":        {"Autoreply: %s", []string{"X-Autorespond: %s", "Auto-Submitted: auto-replied", "X-Loop: vic@example.net"}},
	"a virtual mailbox":      {"Away", []string{"X-Loop: Postfix Admin Virtual Vacation", "Precedence: junk"}},
	"an autoresponder":       {"Re: %s", []string{"X-Auto-Reply: yes"}},
	"a ticket system":        {"[ticket #4711] %s", []string{"Precedence: bulk", "Auto-Submitted: auto-generated"}},
	"a challenge":            {"Please confirm your mail", []string{"Precedence: junk", "Auto-Submitted: auto-replied"}},
	"a German one":           {"Automatische Antwort: %s", nil},
	"an English one":         {"Out of office", nil},
	"a French one":           {"Réponse automatique : %s", nil},
	"one that answers twice": {"Re: Automatic reply: %s", nil},
}

// responds lets an answering machine answer a letter, to every address in it
// that a machine may choose.
func (o *office) responds(l letter, kind string) {
	o.Helper()
	subject := strings.ReplaceAll(away[kind].subject, "%s", l.Get("Subject"))
	for _, to := range []string{l.sender, l.replyTo(), message.ParseAddresses(l.Get("From"))[0].Addr} {
		if to == "" {
			continue // the null sender: nobody to answer
		}
		for _, unproven := range []bool{true, false} {
			w := written{from: l.to, to: to, subject: subject, unproven: unproven, fields: append([]string{"In-Reply-To: " + l.Get("Message-ID")}, away[kind].fields...),
				body: "I am away until Monday. My account is inactive until then; mailbox full.\n\nhelp\nunsubscribe\n"}
			if err := o.send(w); err != nil && list.KindOf(err) != list.Refused {
				o.Errorf("%s to %s: %v", kind, to, err)
			}
		}
	}
	o.work()
}

func TestHostile88AnsweringMachines(t *testing.T) {
	t.Parallel()
	for kind := range away {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "join=approval")
			state := func(want list.State, what string) {
				t.Helper()
				if m := o.member(victim); m.State != want {
					t.Errorf("an answer to %s: %q, want %q", what, m.State, want)
				}
				o.empty(victim)
				o.empty("owner@example.org")
			}
			ask := o.asked(victim)
			o.responds(ask, kind)
			state("", "the question")
			o.answer(ask, victim, "yes", true)
			wait, approve := o.one(victim), o.one("owner@example.org")
			o.responds(wait, kind)
			o.responds(approve, kind)
			state("", "the moderators' question")
			o.decide(approve, "owner@example.org", "ok")
			o.responds(o.one(victim), kind)
			state(list.Active, "the welcome")
			o.command(victim, "which")
			o.responds(o.one(victim), kind)
			state(list.Active, "a reply")
			o.command(victim, "set delivery daily")
			o.one(victim)
			o.command("owner@example.org", "help")
			o.responds(o.one("owner@example.org"), kind)
			o.post(victim, "Hello")
			o.nextDay()
			o.responds(o.one(victim), kind)
			state(list.Active, "a digest")
			probe := o.probe(victim)
			o.responds(probe, kind)
			state(list.Active, "a probe")
			o.clock.pass(4 * 24 * time.Hour)
			o.work()
			o.stands(victim, list.Active, 0)
			o.command(victim, "unsubscribe")
			o.responds(o.one(victim), kind)
			state(list.Left, "the goodbye")
		})
	}
}
