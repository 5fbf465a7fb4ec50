package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"parley/list"
)

// arf is a complaint report (RFC 5965) of a type about a post.
func arf(kind, sender string) written {
	return written{from: "fbl@mail.example.net", subject: "Abuse report", fields: []string{"MIME-Version: 1.0", `Content-Type: multipart/report; report-type=feedback-report; boundary="=_b"`},
		body: "--=_b\nContent-Type: text/plain\n\nThis is an abuse report.\n\n--=_b\nContent-Type: message/feedback-report\n\nFeedback-Type: " + kind +
			"\nUser-Agent: Reports/1.0\nVersion: 1\nOriginal-Mail-From: <" + sender + ">\nOriginal-Rcpt-To: <ann@example.org>\n\n" +
			"--=_b\nContent-Type: message/rfc822\n\nFrom: bo@example.org\nTo: dev@lists.example.org\nSubject: Hello\nMessage-ID: <m1@example.org>\n\nBody\n\n--=_b--\n"}
}

func TestComplaints(t *testing.T) {
	t.Parallel()
	wrong := "dev+bounce-aaaaaaaaaaaaaaaaaaaaaaaaaa@lists.example.org"
	for name, c := range map[string]struct {
		kind string
		to   func(token string) (to, named string)
		want list.State
	}{
		"abuse":                         {"abuse", func(a string) (string, string) { return a, a }, list.Left},
		"abuse, in capitals":            {"Abuse", func(a string) (string, string) { return a, a }, list.Left},
		"opting out":                    {"opt-out", func(a string) (string, string) { return a, a }, list.Left},
		"where providers are told to":   {"abuse", func(a string) (string, string) { return "dev-bounces@lists.example.org", a }, list.Left},
		"fraud":                         {"fraud", func(a string) (string, string) { return a, a }, list.Active},
		"not spam":                      {"not-spam", func(a string) (string, string) { return a, a }, list.Active},
		"a virus":                       {"virus", func(a string) (string, string) { return a, a }, list.Active},
		"an authentication failure":     {"auth-failure", func(a string) (string, string) { return a, a }, list.Active},
		"no kind":                       {"", func(a string) (string, string) { return a, a }, list.Active},
		"to nobody's address":           {"abuse", func(string) (string, string) { return "dev-bounces@lists.example.org", "bo@example.org" }, list.Active},
		"to nobody's address, a guess":  {"abuse", func(string) (string, string) { return "dev-bounces@lists.example.org", wrong }, list.Active},
		"to the owners, without token":  {"abuse", func(string) (string, string) { return "dev-owner@lists.example.org", "ann@example.org" }, list.Active},
		"to the operator, with a guess": {"abuse", func(string) (string, string) { return "abuse@lists.example.org", wrong }, list.Active},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone")
			o.members("ann@example.org", "bo@example.org")
			o.post("bo@example.org", "Hello")
			to, named := c.to(o.one("ann@example.org").sender)
			w := arf(c.kind, named)
			w.to = to
			o.say(w)
			o.stands("ann@example.org", c.want, 0)
			o.stands("bo@example.org", list.Active, 0)
			if c.want == list.Active {
				o.empty("ann@example.org")
				return
			}
			o.empty("ann@example.org") // a goodbye would be one more
			o.gets("owner@example.org", "dev: a post was reported as spam")
			o.say(w) // the provider reports once more
			o.empty("ann@example.org")
			o.empty("owner@example.org")
		})
	}
}

// destination is a server that refuses mail as unwanted.
type destination struct {
	domain string
	most   int // refusals; then it takes what comes
	seen   int
}

func (d *destination) refuse(l letter) *list.Answer {
	if !strings.HasSuffix(l.to, "@"+d.domain) || d.seen == d.most {
		return nil
	}
	d.seen++
	return &list.Answer{Outcome: list.Bounced, Code: 550, Enhanced: "5.7.1", Text: "Message rejected as unwanted"}
}

// people are addresses at a domain.
func people(n int, domain string) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("p%02d@%s", i, domain)
	}
	return all
}

// sendSome lets a few copies go, and judges what came of them, until none is due.
func (o *office) sendSome(few int) {
	o.Helper()
	ctx := context.Background()
	for range 100 {
		copies, next, err := o.store.Claim(ctx, list.Claim{Now: o.clock.time(), Max: few})
		if err != nil {
			o.Fatal(err)
		}
		var results []list.Result
		for _, c := range copies {
			results = append(results, o.carry(c))
		}
		if err := o.store.Settle(ctx, results); err != nil {
			o.Fatal(err)
		}
		n, err := o.desk.FollowUp(ctx)
		if err != nil {
			o.Fatal(err)
		}
		if len(copies)+n == 0 && !next.Equal(o.clock.time()) {
			return
		}
	}
	o.Fatal("there is always more to send")
}

// unwantedOffice has 20 members at one destination and three elsewhere; the
// destination refuses so many copies of a post, and all of it has gone as far
// as it goes.
func unwantedOffice(t *testing.T, refusals int) *office {
	t.Helper()
	o := openOffice(t, "post=anyone")
	o.members(append(people(20, "big.example"), people(3, "small.example")...)...)
	o.refuse = (&destination{domain: "big.example", most: refusals}).refuse
	if err := o.send(written{from: "bo@example.org", to: "dev@lists.example.org", subject: "Refused", body: "Body."}); err != nil {
		t.Fatal(err)
	}
	o.sendSome(1)
	return o
}

// arrived is how many of some people have a letter.
func (o *office) arrived(who []string) int {
	n := 0
	for _, a := range who {
		n += len(o.inbox(a))
	}
	return n
}

// waiting is how many copies wait, and for what.
func (o *office) waiting() (n int, why string) {
	o.Helper()
	rows, err := o.desk.ListQueue(o.Context())
	if err != nil {
		o.Fatal(err)
	}
	for _, r := range rows {
		if r.Waits == "owners" && !r.Due.IsZero() {
			o.Errorf("due at %s", r.Due)
		}
		n, why = n+len(r.Rcpts), r.Waits
	}
	return n, why
}

func TestUnwantedPostWaitsForItsOwners(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer    func(o *office, mail letter)
		delivered int // of the ten that wait
	}{
		"go on": {func(o *office, mail letter) {
			o.answer(mail, "owner@example.org", "Send them, please", true)
			o.say(written{from: "owner@example.org", to: dropAddress(mail), unproven: true}) // too late
		}, 10},
		"drop": {func(o *office, mail letter) {
			o.say(written{from: "owner@example.org", to: dropAddress(mail), unproven: true})
			o.answer(mail, "owner@example.org", "no, send them", true)
		}, 0},
		"a machine answers": {func(o *office, mail letter) {
			o.responds(mail, "a standard one")
			o.responds(mail, "an English one")
		}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := unwantedOffice(t, 10)
			if n, why := o.waiting(); n != 10 || why != "owners" {
				t.Errorf("%d copies wait, for %q", n, why)
			}
			if n := o.arrived(people(3, "small.example")); n != 3 {
				t.Errorf("%d arrived elsewhere", n)
			}
			mail := o.one("owner@example.org")
			if text := mail.text(); mail.Get("Subject") != "dev: big.example refuses a post" || !strings.Contains(text, "Refused") || !strings.Contains(text, "rejected as unwanted") {
				t.Fatalf("%s", mail.raw)
			}
			o.nextDay() // neither time nor a look at the queue lets them go
			if _, err := o.desk.RetryQueue(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			o.work()
			if n, _ := o.waiting(); n != 10 {
				t.Errorf("%d copies wait after a day", n)
			}
			c.answer(o, mail)
			o.work()
			waits := 0
			if c.delivered < 0 {
				waits, c.delivered = 10, 0
			}
			if n, _ := o.waiting(); n != waits {
				t.Errorf("%d copies wait in the end", n)
			}
			if n := o.arrived(people(20, "big.example")); n != c.delivered {
				t.Errorf("%d arrived", n)
			}
			o.empty("owner@example.org")
			for _, who := range people(20, "big.example") { // it counts against the post
				o.stands(who, list.Active, 0)
			}
			o.post("bo@example.org", "The next post")
			if n := o.arrived(people(20, "big.example")); n != 20 {
				t.Errorf("%d copies of the next post arrived", n)
			}
		})
	}
}

// dropAddress stands in the text of the question.
func dropAddress(mail letter) string {
	for line := range strings.Lines(mail.text()) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "dev+no-") {
			return line
		}
	}
	return ""
}

func TestNineRefusalsAreNotAnUnwantedPost(t *testing.T) {
	t.Parallel()
	o := unwantedOffice(t, 9)
	o.empty("owner@example.org")
	if n := o.arrived(people(20, "big.example")); n != 11 {
		t.Errorf("%d arrived", n)
	}
}

func TestAllOfASmallDestinationRefuse(t *testing.T) {
	t.Parallel()
	for _, members := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(members), func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone")
			o.members(append(people(members, "small.example"), "ann@example.org")...)
			o.refuse = (&destination{domain: "small.example", most: 99}).refuse
			o.post("bo@example.org", "Refused")
			asked := len(o.inbox("owner@example.org"))
			if want := min(members-1, 1); asked != want { // one alone says more about a member
				t.Errorf("the owners were asked %d times, want %d", asked, want)
			}
		})
	}
}

// One member who forges reports speaks for nobody else.
func TestForgedReportsDoNotStopAPost(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members(people(12, "big.example")...)
	id := o.post("bo@example.org", "Hello")
	eve := o.bounceAddress("p00@big.example")
	for range 30 {
		o.bounced(eve, dsn{"p01@big.example", "5.7.1", "550 5.7.1 Message rejected as unwanted", id})
	}
	o.empty("owner@example.org")
	for _, who := range people(10, "big.example") { // ten members are another matter
		o.bounced(o.bounceAddress(who), dsn{who, "5.7.1", "550 5.7.1 Message rejected as unwanted", id})
	}
	o.gets("owner@example.org", "dev: big.example refuses a post")
}
