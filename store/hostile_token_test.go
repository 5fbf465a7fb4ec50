package store

import (
	"strings"
	"testing"
	"time"

	"parley/list"
)

// parts are the local part up to the token of an address of ours, the token,
// and the domain.
func parts(address string) (before, token, domain string) {
	local, domain, _ := strings.Cut(address, "@")
	at := len(local) - 26
	return local[:at], local[at:], domain
}

// asked is the confirmation mail for a wish in somebody's name.
func (o *office) asked(address string) letter {
	o.Helper()
	o.say(written{from: address, to: "dev-subscribe@lists.example.org", unproven: true})
	return o.one(address)
}

func TestHostile87GuessedTokens(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	if _, err := o.desk.CreateList(t.Context(), "ops@lists.example.org", nil); err != nil {
		t.Fatal(err)
	}
	before, token, domain := parts(o.asked("ann@example.org").replyTo())
	if before != "dev+confirm-" {
		t.Fatal(before)
	}
	guesses := []string{before[:len(before)-1] + "@" + domain, before + "@" + domain, before + token[1:] + "@" + domain, before + token + "a@" + domain,
		"dev+ok-" + token + "@" + domain, "dev+no-" + token + "@" + domain, "dev+leave-" + token + "@" + domain, "dev+me-" + token + "@" + domain,
		"dev+bounce-" + token + "@" + domain, "ops+confirm-" + token + "@" + domain, "dev-confirm-" + token + "@" + domain}
	for i := range token { // each character as another one
		for _, c := range "abcdefghijklmnopqrstuvwxyz234567" {
			if guess := token[:i] + string(c) + token[i+1:]; guess != token {
				guesses = append(guesses, before+guess+"@"+domain)
			}
		}
	}
	for _, to := range guesses {
		err := o.desk.Knows(t.Context(), list.Envelope{}, to)
		if err == nil {
			t.Errorf("%s is known", to)
		}
		if err := o.send(written{from: "ann@example.org", to: to, body: "yes"}); err == nil {
			t.Errorf("%s is taken", to)
		}
	}
	o.work()
	o.empty("ann@example.org")
	o.stands("ann@example.org", "", 0)
	// A gateway that writes it in capitals does no harm (case 77).
	o.say(written{from: "ann@example.org", to: strings.ToUpper(before + token + "@" + domain), unproven: true})
	o.gets("ann@example.org", "dev: welcome")
}

func TestHostile87TheAnswerOfAnother(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	ask := o.asked("ann@example.org")
	o.answer(ask, "eve@example.net", "yes, me", false) // her proof is of her own address
	o.stands("eve@example.net", "", 0)
	o.stands("ann@example.org", list.Active, 0) // whoever reads the mail may answer it
	o.gets("ann@example.org", "dev: welcome")
	o.empty("eve@example.net")
}

func TestHostile87AnAnswerCountsOnce(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	ask := o.asked("ann@example.org")
	for range 5 { // two of them before the first is carried out
		if err := o.send(written{from: "ann@example.org", to: ask.replyTo(), unproven: true}); err != nil {
			t.Fatal(err)
		}
	}
	o.work()
	o.gets("ann@example.org", "dev: welcome")
	o.command("ann@example.org", "unsubscribe")
	o.gets("ann@example.org", "dev: goodbye")
	o.answer(ask, "ann@example.org", "yes", true) // replayed from an old mail
	o.stands("ann@example.org", list.Left, 0)
	o.empty("ann@example.org")
}

func TestHostile87AnAnswerComesTooLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		late, back time.Duration
		want       list.State
	}{
		"in time":                 {3*24*time.Hour - time.Second, 0, list.Active},
		"at the end":              {3 * 24 * time.Hour, 0, ""},
		"late":                    {3*24*time.Hour + time.Second, 0, ""},
		"after a year":            {365 * 24 * time.Hour, 0, ""},
		"with the clock set back": {-time.Hour, 0, list.Active},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t)
			ask := o.asked("ann@example.org")
			o.clock.pass(c.late)
			for range 2 { // before and after the row is swept away
				err := o.send(written{from: "ann@example.org", to: ask.replyTo(), unproven: true})
				if (err == nil) != (c.want == list.Active) || err != nil && list.KindOf(err) != list.Unknown {
					t.Errorf("%v", err)
				}
				o.work()
			}
			o.stands("ann@example.org", c.want, 0)
		})
	}
}

// An answer that came in time is carried out, however long that takes.
func TestHostile87AnAnswerThatWaited(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	ask := o.asked("ann@example.org")
	o.clock.pass(3*24*time.Hour - time.Second)
	if err := o.send(written{from: "ann@example.org", to: ask.replyTo(), unproven: true}); err != nil {
		t.Fatal(err)
	}
	o.clock.pass(time.Minute) // the server was busy
	o.work()
	o.stands("ann@example.org", list.Active, 0)
}

func TestHostile90LeavingInTheNameOfAMember(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members(victim)
	tries := 0
	for _, w := range []written{
		{to: "dev-unsubscribe@lists.example.org"}, {to: "dev-leave@lists.example.org"}, {to: "dev+unsubscribe@lists.example.org"},
		{to: request, subject: "unsubscribe"}, {to: request, body: "unsubscribe"},
		{to: request, body: "set delivery none\npause until 2027-01-01"}, {to: "dev@lists.example.org", subject: "unsubscribe", body: "unsubscribe"},
	} {
		w.from, w.unproven = victim, true
		o.say(w)
		o.clock.pass(time.Hour)
		tries++
	}
	if m := o.member(victim); m.State != list.Active || m.Delivery != list.DeliverEach || !m.PausedUntil.IsZero() {
		t.Fatalf("%+v", m)
	}
	letters := o.inbox(victim)
	if len(letters) == 0 || len(letters) > tries {
		t.Errorf("%s", subjects(letters))
	}
	for _, l := range letters { // ignoring all of them is enough
		if !strings.HasPrefix(l.replyTo(), "dev+confirm-") {
			t.Errorf("%s", l.raw)
		}
	}
	// The forger cannot use the address of a member's own replies either.
	self := o.desk.Site().SelfAddress(o.list, o.member(victim).ID)
	o.say(written{from: "eve@example.net", to: self, body: "unsubscribe"})
	o.stands(victim, list.Active, 0)
	o.stands("eve@example.net", "", 0)
	o.inbox("eve@example.net")
	o.answer(letters[0], victim, "yes, it was me", true)
	o.stands(victim, list.Left, 0)
}

func TestHostile93AForwardedMailIsUsedByAnother(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(o *office, post letter){
		"the link": func(o *office, post letter) {
			if err := o.desk.Grant(o.Context(), link(post), 1, list.WishLeave); err != nil {
				o.Fatal(err)
			}
		},
		"the mail": func(o *office, post letter) {
			field := post.Get("List-Unsubscribe")
			to := field[strings.Index(field, "mailto:")+len("mailto:") : strings.LastIndexByte(field, '>')]
			o.say(written{from: "eve@example.net", to: to, unproven: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone")
			o.members("ann@example.org")
			o.post("bo@example.org", "To be forwarded")
			post := o.one("ann@example.org")
			leave(o, post)
			o.work()
			o.stands("ann@example.org", list.Left, 0)
			o.empty("eve@example.net")
			goodbye := o.one("ann@example.org") // who did not ask learns of it
			if goodbye.Get("Subject") != "dev: goodbye" {
				t.Fatalf("%s", goodbye.raw)
			}
			leave(o, post) // again: no second mail
			o.work()
			o.empty("ann@example.org")
			o.answer(goodbye, "ann@example.org", "that was not me", true)
			o.stands("ann@example.org", list.Active, 0)
			o.gets("ann@example.org", "dev: welcome")
		})
	}
}

// Leave and join by turns is no way to fill a mailbox.
func TestHostile93TheLinkPressedAHundredTimes(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.post("bo@example.org", "To be forwarded")
	post := o.one("ann@example.org")
	for range 50 {
		for _, wish := range []list.Wish{list.WishLeave, list.WishJoin} {
			if err := o.desk.Grant(t.Context(), link(post), 0, wish); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 25 {
		for _, wish := range []list.Wish{list.WishPause, list.WishResume} {
			if err := o.desk.Grant(t.Context(), link(post), 0, wish); err != nil {
				t.Fatal(err)
			}
			o.work()
		}
	}
	letters := o.inbox("ann@example.org")
	if len(letters) > 10 {
		t.Errorf("%d mails: %s", len(letters), subjects(letters))
	}
	o.answer(letters[0], "ann@example.org", "that was not me", true)
	o.stands("ann@example.org", list.Active, 0)
}
