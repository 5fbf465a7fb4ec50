package list

import (
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want   Cause
		status string
		code   int
		words  string
	}{
		// Only these count against the member.
		{CauseDead, "5.1.1", 550, "5.1.1 <ada@example.org>: Recipient address rejected: User unknown"},
		{CauseDead, "5.1.1", 550, ""},
		{CauseDead, "5.1.10", 550, "Recipient not found"},
		{CauseDead, "5.0.0", 550, "No such user here (in reply to RCPT TO command)"},
		{CauseDead, "5.4.4", 0, "Host or domain name not found"},
		{CauseDead, "", 556, "example.org does not accept mail"},
		{CauseDead, "", 0, "No MX record found for domain=example.org"},
		{CauseDead, "", 0, "User ada not listed in Domino Directory"},
		{CauseClosed, "5.2.1", 550, "The email account that you tried to reach is disabled"},
		{CauseClosed, "5.2.1", 550, ""},
		{CauseClosed, "5.5.0", 550, "account has been\n suspended"},
		{CauseClosed, "", 550, "User unknown"},
		{CauseClosed, "5.1.1", 550, "User unknown (in reply to end of DATA command)"},
		// Passing faults count against nobody.
		{CauseFull, "5.2.2", 552, "mailbox full"},
		{CauseFull, "5.1.1", 550, "Not enough disk space"},
		{CauseFull, "4.2.2", 452, "The recipient's mailbox is over quota"},
		{CauseFull, "", 552, ""},
		{CauseLater, "4.1.1", 450, "User unknown in local recipient table"},
		{CauseLater, "", 450, "User unknown"},
		{CauseLater, "4.7.1", 451, "greylisted, policy"},
		{CauseLater, "4.4.7", 0, "delivery time expired"},
		{CauseLater, "5.4.7", 0, "retry timeout exceeded"},
		{CauseLater, "", 421, ""},
		{CauseLater, "4.0.0", 0, ""},
		// What the mail is counts against the post.
		{CausePolicy, "5.7.1", 554, "message looks like spam"},
		{CausePolicy, "5.7.26", 550, ""},
		{CausePolicy, "5.7.606", 550, "Access denied, banned sending IP [192.0.2.1]"},
		{CausePolicy, "5.3.4", 552, "message too big"},
		{CausePolicy, "5.1.8", 501, "Sender address rejected: Domain not found"},
		{CausePolicy, "5.6.0", 550, ""},
		{CausePolicy, "", 550, "rejected due to SPF failure"},
		// The other side is broken, or nobody knows.
		{CauseFault, "5.7.1", 550, "Relaying denied"},
		{CauseFault, "5.4.6", 554, "mail loops back to myself"},
		{CauseFault, "5.1.1", 0, "procmail: Couldn't create \"/var/spool/mail/ada\": no such user"},
		{CauseUnknown, "5.0.0", 550, "No"},
		{CauseUnknown, "5.0.0", 554, ""},
		{CauseUnknown, "", 0, ""},
		{CauseUnknown, "2.1.5", 250, ""},
		{CauseUnknown, "nonsense", -1, "\xff\x00"},
	} {
		if got := Judge(c.status, c.code, c.words); got != c.want {
			t.Errorf("%s %d %q: %v, want %v", c.status, c.code, c.words, got, c.want)
		}
	}
}

func TestCauses(t *testing.T) {
	t.Parallel()
	for cause, want := range map[Cause][3]bool{ // hard, against the member, against the post
		CauseUnknown: {}, CauseFull: {}, CauseLater: {}, CauseFault: {},
		CauseDead: {true, true, false}, CauseClosed: {false, true, false}, CausePolicy: {false, false, true},
	} {
		if got := [3]bool{cause.Hard(), cause.AgainstMember(), cause.AgainstPost()}; got != want {
			t.Errorf("%v: %v, want %v", cause, got, want)
		}
	}
	if got := Cause(99).String(); got != "unknown" {
		t.Error(got)
	}
}

func TestProbeDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC)
	ago := func(hours ...int) (at []time.Time) {
		for _, h := range hours {
			at = append(at, now.Add(-time.Duration(h)*time.Hour))
		}
		return at
	}
	for _, c := range []struct {
		name  string
		hours []int
		want  bool
	}{
		{"none", nil, false},
		{"a storm of one day", []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, false},
		{"two days", []int{0, 24, 25}, false},
		{"three days", []int{0, 24, 48}, true},
		{"three days, one too old", []int{0, 24, 14 * 24}, false},
		{"three days, at the edge", []int{0, 24, 14*24 - 1}, true},
		{"a clock that was set back", []int{-48, -24, 0}, true},
	} {
		if got := ProbeDue(ago(c.hours...), now); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// Two days in a zone ahead of UTC may be one.
	zone := time.FixedZone("", 12*60*60)
	var at []time.Time
	for _, h := range []int{1, 11, 13} {
		at = append(at, time.Date(2027, 1, 19, h, 0, 0, 0, zone))
	}
	if ProbeDue(at, now) {
		t.Error("days were not counted in UTC")
	}
}
