package message

import "strings"

// mayReport says whether the header of a mail is one of a mailer's report: it
// has the structure of one (RFC 6522), or comes from what sends such reports.
// What people write passes here seldom, and then finds no recipients.
func mayReport(m *Message) bool {
	kind, _ := parseParams(m.Get("Content-Type"))
	return kind == "multipart/report" || m.Count("X-Failed-Recipients") > 0 || fromMailer(m) || reportSubject(m)
}

// fromMailer says whether a mail has the sender of automatic reports: the null
// return path (RFC 5321, 4.5.5), no sender, or the names that mailers give
// themselves.
func fromMailer(m *Message) bool {
	for _, v := range m.All("Return-Path") {
		path := strings.ToLower(strings.Trim(v, "<> "))
		if path == "" || strings.HasPrefix(path, "mailer-daemon") {
			return true
		}
	}
	from := strings.ToLower(m.Get("From"))
	if m.Count("From") > 0 && (from == "" || strings.HasSuffix(from, "<>")) {
		return true
	}
	return hasAny(from, mailerNames)
}

// mailerNames stand in the From of reports, as address or as name.
var mailerNames = []string{
	"mailer-daemon", "mailer_daemon", "mailerdaemon", "postmaster", "post_master", "mdaemon", "mail delivery", "mail.delivery",
	"mail-delivery", "maildelivery", "delivery subsystem", "delivery system", "system administrator", "mail administrator",
	"mail system", "internet mail delivery", "mail-daemon", "maildaemon", "mail daemon", "mail_service",
	"lotus notes", "symantec_antivirus", "imss@", "ndr@",
}

// reportSubject says whether the subject is one of those that mailers give
// their reports. Answers to reports start otherwise.
func reportSubject(m *Message) bool {
	s := strings.ToLower(DecodeHeader(m.Get("Subject")))
	return hasPrefix(s, reportSubjects) || strings.HasSuffix(s, "(delivery failed)")
}

var reportSubjects = []string{
	"undeliver", "undelivered mail", "returned mail", "returned to sender", "delivery status notification", "delivery failure",
	"delivery notification", "delivery report", "mail delivery", "failure notice", "failure delivery", "failed mail",
	"mail failed", "mail system error", "mail error", "mail could not be delivered", "mail not delivered", "message delivery failure",
	"non-delivery", "nondeliver", "non delivery", "permanent delivery failure", "automatically rejected mail", "email delivery failure",
	"[postmaster] email delivery failure", "delivery delayed", "delivery has failed", "message undeliverable", "message delayed", "warning: could not send message",
	"unzustellbar", "non remis", "no se puede entregar", "could not deliver", "メールエラー", "your message could not be delivered",
}

func hasAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

func hasPrefix(s string, words []string) bool {
	for _, w := range words {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	return false
}
