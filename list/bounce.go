package list

import (
	"strings"
	"time"
)

// Cause is why a mail was refused or returned.
type Cause int

// The causes. Only a dead or a closed address counts against the member; what
// was refused for what it is or where it comes from counts against the post.
const (
	CauseUnknown Cause = iota // not told, or told in words that we do not know; counts against nobody
	CauseDead                 // the mailbox or its host does not exist, or takes no mail at all
	CauseClosed               // the mailbox takes nothing: disabled, or called unknown in a way that proves nothing
	CauseFull                 // the mailbox takes nothing more at the moment
	CauseLater                // a passing fault: no answer, greylisting, too many connections
	CausePolicy               // refused for what the mail is or where it comes from: content, size, reputation, authentication
	CauseFault                // the other side is broken: a loop, a relay that does not know its domain, a failed command
)

// Hard says whether the address will never work again.
func (c Cause) Hard() bool { return c == CauseDead }

// AgainstMember says whether the refusal counts against the member.
func (c Cause) AgainstMember() bool { return c == CauseDead || c == CauseClosed }

// AgainstPost says whether the refusal counts against the post.
func (c Cause) AgainstPost() bool { return c == CausePolicy }

var causeNames = [...]string{"unknown", "dead", "closed", "full", "later", "policy", "fault"}

// String is the cause in a word, for logs and tables.
func (c Cause) String() string {
	if c < 0 || int(c) >= len(causeNames) {
		return causeNames[CauseUnknown]
	}
	return causeNames[c]
}

// Judge finds the cause of a refusal in its status (RFC 3463, "" for none), its
// SMTP reply code (0 for none) and the words of the server. It is pure, and the
// same for a report and for an answer that was seen directly. The words come
// first, because many servers put the same status on everything; then the
// status, then the code. What none of them tells is CauseUnknown.
func Judge(status string, code int, words string) Cause {
	text := judged(words)
	for _, rule := range wordRules {
		if rule.matches(text) {
			return rule.settled(status, code, text)
		}
	}
	if cause := statusCause(status); cause != CauseUnknown {
		return cause
	}
	for _, rule := range weakRules {
		if rule.matches(text) {
			return rule.settled(status, code, text)
		}
	}
	return codeCause(code)
}

// maxJudged is how many bytes of a server's words are looked at.
const maxJudged = 4000

// judged is a text as the rules compare it: lower case, single spaces, plain
// apostrophes.
func judged(words string) string {
	if len(words) > maxJudged {
		words = words[:maxJudged]
	}
	words = strings.NewReplacer("\u2019", "'", "_", " ").Replace(strings.ToLower(words))
	return strings.Join(strings.Fields(words), " ")
}

// settled softens what was said of a mailbox. In an answer that calls itself
// temporary (RFC 5321, 4.2.1; a status goes before a code) a directory that does
// not answer says "unknown user" too. A mailbox that was taken first and
// refused with the mail is there, but takes nothing from us. A bare 550, with no
// status and no word of when it came, may be either.
func (r wordRule) settled(status string, code int, text string) Cause {
	temporary := strings.HasPrefix(status, "4.") || status == "" && code >= 400 && code < 500
	bare := code == 550 && (status == "" || strings.HasSuffix(status, ".0.0")) && !hasAny(text, atRcpt)
	switch {
	case temporary && r.cause != CauseFull:
		return CauseLater
	case r.cause == CauseDead && !r.host && (bare || strings.Contains(text, afterData)):
		return CauseClosed
	}
	return r.cause
}

// statusCause judges by the enhanced status code (RFC 3463, 3; the registry of
// RFC 5248).
func statusCause(status string) Cause {
	class, detail, _ := strings.Cut(status, ".")
	subject, _, _ := strings.Cut(detail, ".")
	cause, ok := statusCauses[detail]
	switch {
	case class == "4" && cause != CauseFull:
		return CauseLater
	case class != "4" && class != "5":
		return CauseUnknown
	case ok:
		return cause
	case subject == "1": // the address
		return CauseDead
	case subject == "3": // the mail system
		return CauseFault
	case subject == "6", subject == "7": // content; security and policy
		return CausePolicy
	}
	return CauseUnknown
}

// statusCauses are the details of a status that say more than their subject.
var statusCauses = map[string]Cause{
	"1.7":  CausePolicy, // bad sender's mailbox: that is us
	"1.8":  CausePolicy, // bad sender's system
	"1.9":  CausePolicy, // message relayed to a non-compliant mailer
	"2.1":  CauseClosed,
	"2.2":  CauseFull,
	"2.3":  CausePolicy, // too long for this mailbox
	"3.1":  CauseFull,   // mail system full
	"3.4":  CausePolicy, // too big for this system
	"4.1":  CauseLater,  // no answer from host
	"4.2":  CauseLater,  // bad connection
	"4.3":  CauseLater,  // directory failure
	"4.4":  CauseDead,   // unable to route: the host has no address
	"4.5":  CauseLater,  // congestion
	"4.6":  CauseFault,  // routing loop
	"4.7":  CauseLater,  // delivery time expired
	"7.16": CauseLater,  // priority too low
	"7.27": CausePolicy, // our domain takes no mail (RFC 7505, 4.2)
	"7.28": CauseLater,  // mail flood
}

// codeCause judges by the reply code alone (RFC 5321, 4.2.2; RFC 7504).
func codeCause(code int) Cause {
	switch {
	case code == 452 || code == 552 || code == 422 || code == 522:
		return CauseFull
	case code >= 400 && code < 500:
		return CauseLater
	case code == 551 || code == 521 || code == 556 || code == 542: // not here, no mail at all; one large filter's: not registered
		return CauseDead
	}
	return CauseUnknown
}

// The score: a probe is due after dead-address bounces on three different days
// within fourteen.
const (
	strikeDays   = 3
	strikeWindow = 14 * 24 * time.Hour
)

// ProbeDue says whether a member is asked for a sign of life: when its address
// bounced as dead or closed on at least three different days (UTC) of the
// last fourteen. A bounce of the future counts as one of now: a clock may be
// set back.
func ProbeDue(bounces []time.Time, now time.Time) bool {
	days := map[string]bool{}
	for _, at := range bounces {
		if now.Sub(at) < strikeWindow {
			days[at.UTC().Format(time.DateOnly)] = true
		}
	}
	return len(days) >= strikeDays
}
