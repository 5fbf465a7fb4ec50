package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/list"
)

// dsn is a delivery status notification (RFC 3464) about one recipient.
type dsn struct {
	rcpt, status, words string
	returned            string // Message-ID of the mail that comes back, "" for none
}

// unknownUser is the report of a server that does not know its user.
func unknownUser(rcpt string) dsn {
	return dsn{rcpt: rcpt, status: "5.1.1", words: "550 5.1.1 <" + rcpt + ">: Recipient address rejected: User unknown"}
}

// report brings a report to an envelope sender of ours.
func (o *office) report(to string, d dsn) error {
	o.Helper()
	body := "This is a multipart report.\n\n--=_b\nContent-Type: text/plain\n\nYour message could not be delivered.\n\n" +
		"--=_b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mail.example.net\n\nFinal-Recipient: rfc822; " + d.rcpt +
		"\nAction: failed\nStatus: " + d.status + "\nDiagnostic-Code: smtp; " + d.words + "\n"
	if d.returned != "" {
		body += "\n--=_b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <" + d.returned + ">\nSubject: x\n"
	}
	err := o.send(written{from: "MAILER-DAEMON@mail.example.net", to: to, subject: "Undelivered Mail Returned to Sender", null: true,
		fields: []string{`MIME-Version: 1.0`, `Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"`}, body: body + "\n--=_b--"})
	o.work()
	return err
}

// bounced is report for an address that exists.
func (o *office) bounced(to string, d dsn) {
	o.Helper()
	if err := o.report(to, d); err != nil {
		o.Fatalf("report to %s: %v", to, err)
	}
}

// nextDay lets a day pass, and does what is due.
func (o *office) nextDay() {
	o.Helper()
	o.clock.pass(24 * time.Hour)
	o.work()
}

// strikes is on how many days a member's address was found to be dead.
func (o *office) strikes(address string) int {
	o.Helper()
	m := o.member(address)
	var days []time.Time
	read(o.T, o.store, func(tx list.Tx) (err error) {
		days, _, err = tx.Strikes(o.list.ID, m.ID, o.clock.time().Add(-365*24*time.Hour))
		return err
	})
	return len(days)
}

// refuses makes the world refuse mail to an address.
func (o *office) refuses(address string, a list.Answer) {
	a.Outcome = list.Bounced
	o.refuse = func(l letter) *list.Answer {
		if l.to != address {
			return nil
		}
		return &a
	}
}

// bounceAddress is the envelope sender of copies to a member.
func (o *office) bounceAddress(address string) string {
	o.Helper()
	return o.desk.Site().BounceAddress(o.list, o.member(address).ID)
}

// stands wants a state and so many days of a dead address.
func (o *office) stands(address string, state list.State, strikes int) {
	o.Helper()
	if m := o.member(address); m.State != state || o.strikes(address) != strikes {
		o.Errorf("%s is %s, %d strikes; want %s, %d", address, m.State, o.strikes(address), state, strikes)
	}
}

func TestHostile94ForgedReports(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org", "bo@example.org")
	other, err := o.desk.CreateList(t.Context(), "ops@lists.example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	ann := o.bounceAddress("ann@example.org")
	wrong := list.Site{Key: []byte("another key, thirty-two bytes....")}
	elsewhere := list.Target{Verb: list.ToBounce, Local: other.Local(), Domain: other.Domain(), Token: ann[len("dev+bounce-"):strings.IndexByte(ann, '@')]}
	for _, to := range []string{
		"dev+bounce-aaaaaaaaaaaaaaaaaaaaaaaaaa@lists.example.org", wrong.BounceAddress(o.list, o.member("ann@example.org").ID), elsewhere.String(),
		list.Target{Verb: list.ToLeave, Local: "dev", Domain: "lists.example.org", Token: elsewhere.Token}.String(),
	} {
		if err := o.report(to, unknownUser("ann@example.org")); list.KindOf(err) != list.Unknown {
			t.Errorf("%s: %v", to, err)
		}
	}
	for range 4 { // to an address that names nobody, whatever stands in the report
		o.bounced("dev-bounces@lists.example.org", unknownUser("ann@example.org"))
		o.nextDay()
	}
	o.stands("ann@example.org", list.Active, 0)
	for range 40 { // to an address that somebody has read in a header: each day counts once
		o.bounced(ann, unknownUser("bo@example.org"))
	}
	o.stands("ann@example.org", list.Active, 1)
	o.stands("bo@example.org", list.Active, 0)
	o.empty("ann@example.org")
	o.empty("owner@example.org")
}

func TestHostile94AReportOfEachDayBringsOneProbe(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org")
	ann := o.bounceAddress("ann@example.org")
	for day := range 3 {
		o.empty("ann@example.org")
		o.bounced(ann, unknownUser("ann@example.org"))
		o.bounced(ann, unknownUser("ann@example.org"))
		o.stands("ann@example.org", list.Active, day+1)
		if day < 2 {
			o.nextDay()
		}
	}
	probe := o.one("ann@example.org")
	if probe.Get("Subject") != "dev: do our mails reach you?" || probe.sender == ann || !strings.HasPrefix(probe.sender, "dev+bounce-") {
		t.Fatalf("from %s\n%s", probe.sender, probe.raw)
	}
	// Whoever knows the address of copies only cannot make the probe come back.
	for range 2 {
		o.nextDay()
		o.bounced(ann, unknownUser("ann@example.org"))
	}
	o.stands("ann@example.org", list.Active, 5)
	o.empty("ann@example.org")
	o.nextDay() // the probe did not come back: the address is alive
	o.clock.pass(time.Second)
	o.work()
	o.stands("ann@example.org", list.Active, 0)
	o.bounced(probe.sender, unknownUser("ann@example.org")) // too late
	o.stands("ann@example.org", list.Active, 1)
	o.empty("ann@example.org")
	o.empty("owner@example.org")
}

// probe lets an address be dead on three days, and returns the probe.
func (o *office) probe(address string) letter {
	o.Helper()
	for day := range 3 {
		if day > 0 {
			o.nextDay()
		}
		o.bounced(o.bounceAddress(address), unknownUser(address))
	}
	return o.one(address)
}

func TestHostile94TheProbeComesBack(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"ann@example.org", "owner@example.org"} { // either brings it back
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone")
			o.members("ann@example.org")
			probe := o.probe("ann@example.org")
			o.bounced(probe.sender, unknownUser("ann@example.org"))
			o.stands("ann@example.org", list.Suspended, 3)
			mails := map[string]letter{"ann@example.org": o.one("ann@example.org"), "owner@example.org": o.one("owner@example.org")}
			if text := mails["owner@example.org"].text(); strings.Count(text, "550 5.1.1") != 1 || !strings.Contains(text, "    ann@example.org\n") {
				t.Errorf("%s", text)
			}
			o.post("eve@example.org", "Nothing for Ann")
			o.empty("ann@example.org")
			o.answer(mails[who], who, "It works again.", true)
			o.stands("ann@example.org", list.Active, 0)
			o.gets("ann@example.org", "dev: welcome")
			o.bounced(probe.sender, unknownUser("ann@example.org")) // the report once more
			o.stands("ann@example.org", list.Active, 1)
			o.empty("owner@example.org")
		})
	}
}

func TestHostile94AnswersAndReportsCountOnceADay(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.refuses("ann@example.org", list.Answer{Code: 550, Enhanced: "5.1.1", Text: "User unknown"})
	for day := 1; day <= 3; day++ {
		o.post("eve@example.org", fmt.Sprint("Morning ", day))
		o.post("eve@example.org", fmt.Sprint("Evening ", day))
		if day == 1 {
			o.bounced(o.bounceAddress("ann@example.org"), unknownUser("ann@example.org"))
		}
		if day < 3 {
			o.stands("ann@example.org", list.Active, day)
			o.nextDay()
		}
	}
	// The probe was refused like the posts before it.
	o.stands("ann@example.org", list.Suspended, 3)
	o.gets("owner@example.org", "dev: a subscriber cannot be reached")
}

func TestHostile94DaysThatAreLongAgoDoNotCount(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org")
	for range 6 {
		o.bounced(o.bounceAddress("ann@example.org"), unknownUser("ann@example.org"))
		o.clock.pass(8 * 24 * time.Hour)
		o.work()
	}
	o.stands("ann@example.org", list.Active, 6)
	o.empty("ann@example.org")
}

func TestHostile94OnlyADeadAddressCounts(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]list.Answer{
		"content":        {Code: 554, Enhanced: "5.7.1", Text: "Message rejected as spam"},
		"reputation":     {Code: 550, Enhanced: "5.7.606", Text: "Access denied, banned sending IP"},
		"authentication": {Code: 550, Enhanced: "5.7.26", Text: "This mail has been blocked because the sender is unauthenticated"},
		"size":           {Code: 552, Enhanced: "5.3.4", Text: "Message too big"},
		"a full mailbox": {Code: 552, Enhanced: "5.2.2", Text: "Mailbox full"},
		"time":           {Code: 0, Enhanced: "4.4.7", Text: "delivery time expired"},
		"greylisting":    {Code: 451, Enhanced: "4.7.1", Text: "Greylisted, try again later"},
		"no reason":      {Code: 550, Enhanced: "5.0.0", Text: "No"},
		"a relay":        {Code: 550, Enhanced: "5.7.1", Text: "Relaying denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone")
			o.members("ann@example.org", "bo@example.org", "cy@example.org")
			o.refuses("ann@example.org", a)
			for day := range 4 {
				id := o.post("eve@example.org", fmt.Sprint("Post ", day))
				o.bounced(o.bounceAddress("bo@example.org"), dsn{"bo@example.org", a.Enhanced, fmt.Sprint(a.Code, " ", a.Enhanced, " ", a.Text), id})
				o.nextDay()
			}
			o.stands("ann@example.org", list.Active, 0)
			o.stands("bo@example.org", list.Active, 0)
			o.empty("owner@example.org")
			o.gets("bo@example.org", "Post 0", "Post 1", "Post 2", "Post 3") // and no probe
		})
	}
}
