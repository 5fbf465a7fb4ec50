package store

import (
	"strings"
	"testing"
	"time"

	"parley/list"
)

func TestJoinPostAndLeaveByMail(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "customs=Please quote little.", "description=About the work")
	o.say(written{from: "ann@example.org", to: "dev-subscribe@lists.example.org", unproven: true})
	ask := o.one("ann@example.org")
	if ask.Get("Subject") != "dev: do you want to join?" || o.member("ann@example.org").ID != 0 {
		t.Fatalf("%s\n%+v", ask.raw, o.member("ann@example.org"))
	}
	o.answer(ask, "ann@example.org", "ok", true)
	welcome := o.one("ann@example.org")
	if m := o.member("ann@example.org"); m.State != list.Active || !strings.Contains(welcome.text(), "Please quote little.") {
		t.Fatalf("%+v\n%s", m, welcome.raw)
	}
	o.answer(ask, "ann@example.org", "once more", true) // the same answer again changes nothing
	o.empty("ann@example.org")

	o.post("ann@example.org", "Hello")
	post := o.gets("ann@example.org", "Hello")[0]
	if !strings.HasPrefix(post.sender, "dev+bounce-") || post.Get("List-Unsubscribe-Post") == "" {
		t.Errorf("%s\n%s", post.sender, post.raw)
	}
	o.answer(welcome, "ann@example.org", "which", true) // the address proves it
	if reply := o.one("ann@example.org"); !strings.Contains(reply.text(), "delivery each") || reply.Get("Auto-Submitted") != "auto-replied" {
		t.Errorf("%s", reply.raw)
	}
	o.say(written{from: "ann@example.org", to: "dev-leave@lists.example.org", unproven: true})
	o.answer(o.one("ann@example.org"), "ann@example.org", "yes", true)
	goodbye := o.one("ann@example.org")
	if o.member("ann@example.org").State != list.Left {
		t.Error("still there")
	}
	o.post("bo@example.org", "Without Ann") // held: bo is no member
	o.empty("ann@example.org")
	o.answer(goodbye, "ann@example.org", "sorry, back again", true)
	o.gets("ann@example.org", "dev: welcome")
}

func TestRhythms(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("each@example.org", "first@example.org", "followed@example.org", "daily@example.org", "weekly@example.org", "summary@example.org", "none@example.org")
	for _, who := range []string{"first", "followed", "daily", "weekly", "summary", "none"} {
		o.command(who+"@example.org", "set delivery "+who)
		o.one(who + "@example.org")
	}
	first := o.post("eve@example.org", "One")
	o.post("eve@example.org", "Re: One", "In-Reply-To: <"+first+">")
	o.post("eve@example.org", "Two")
	o.gets("each@example.org", "One", "Re: One", "Two")
	o.gets("first@example.org", "One", "Two")
	for _, who := range []string{"followed", "daily", "weekly", "summary", "none"} {
		o.empty(who + "@example.org")
	}
	o.command("followed@example.org", "follow "+first)
	o.one("followed@example.org")
	o.post("eve@example.org", "Another subject", "In-Reply-To: <"+first+">")
	o.gets("followed@example.org", "Another subject")
	o.gets("first@example.org")
	o.gets("each@example.org", "Another subject")
	o.clock.pass(24 * time.Hour)
	o.work()
	if daily := o.one("daily@example.org"); strings.Count(string(daily.raw), "\r\nSubject: ") != 5 {
		t.Errorf("%s", daily.raw)
	}
	o.one("summary@example.org")
	o.empty("weekly@example.org")
	o.clock.pass(7 * 24 * time.Hour)
	o.work()
	o.one("weekly@example.org")
	o.empty("daily@example.org") // nothing new
	o.empty("none@example.org")
}

func TestAPauseEndsByItselfWithACatchUp(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.command("ann@example.org", "pause until 2026-03-09")
	o.one("ann@example.org")
	o.post("eve@example.org", "Meanwhile")
	o.empty("ann@example.org")
	o.clock.pass(7 * 24 * time.Hour)
	o.work()
	if mail := o.one("ann@example.org"); !strings.Contains(mail.text(), "Meanwhile") {
		t.Errorf("%s", mail.raw)
	}
	o.post("eve@example.org", "Afterwards")
	o.gets("ann@example.org", "Afterwards")
}
