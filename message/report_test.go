package message

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// outcome writes a report as the tests compare it.
func outcome(r Report) string {
	var b strings.Builder
	switch r.Kind {
	case NoReport:
		return "none"
	case ComplaintReport:
		fmt.Fprintf(&b, "complaint %s", r.Feedback)
	}
	for i, rcpt := range r.Rcpts {
		if i > 0 || b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s %s %s %d", rcpt.Address, rcpt.Action, rcpt.Status, rcpt.Code)
		if rcpt.Final != "" {
			fmt.Fprintf(&b, " at %s", rcpt.Final)
		}
	}
	return b.String()
}

// dsn is a report (RFC 3464) with these lines in its delivery status.
func dsn(status ...string) []byte {
	return mail("Return-Path: <>", "From: MAILER-DAEMON@mx.example.net", "To: dev+bounce-abc@lists.example.org", "Subject: Undelivered Mail",
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b", "", "--b", "Content-Type: text/plain", "", "Your message was not delivered.", "--b",
		"Content-Type: message/delivery-status", "", "Reporting-MTA: dns; mx.example.net", "X-Postfix-Sender: rfc822; dev+bounce-abc@lists.example.org", "",
		strings.Join(status, "\n"), "--b", "Content-Type: text/rfc822-headers", "", "Return-Path: <other@lists.example.org>", "Message-ID: <7@example.org>",
		"List-Unsubscribe: <https://lists.example.org/u/xyz>", "--b--")
}

// bounce is a report in a mailer's own words.
func bounce(lines ...string) []byte {
	return mail(append([]string{"From: MAILER-DAEMON@mx.example.net", "To: dev+bounce-abc@lists.example.org", "Subject: failure notice", ""}, lines...)...)
}

func TestReadReportStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		raw        []byte
	}{
		{"failed", "ada@example.org failed 5.1.1 550", dsn("Final-Recipient: rfc822; ada@example.org", "Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 no such user")},
		{"forwarded", "ada@example.org failed 5.2.2 552 at ada@home.example.net", dsn("Original-Recipient: rfc822;ada@example.org", "Final-Recipient: rfc822;ada@home.example.net", "Action: Failed (given up)", "Status: 5.0.0", "Diagnostic-Code: smtp; 552-5.2.2 over quota")},
		{"delayed is not failed", "ada@example.org delayed 4.4.1 0", dsn("Final-Recipient: rfc822; ada@example.org", "Action: delayed", "Status: 4.4.1 (no answer)", "Diagnostic-Code: smtp; connect timed out")},
		{"delivered", "ada@example.org delivered 2.1.5 0", dsn("Final-Recipient: rfc822; ada@example.org", "Action: delivered", "Status: 2.1.5", "Diagnostic-Code: smtp; 250 2.1.5 ok")},
		{"two", "ada@example.org failed 5.1.1 0; bob@example.org delayed 4.2.2 0", dsn("Final-Recipient: rfc822; ada@example.org", "Action: failed", "Status: 5.1.1", "", "Final-Recipient: rfc822; bob@example.org", "Action: delayed", "Status: 4.2.2")},
		{"no empty line between", "ada@example.org failed 5.1.1 0; bob@example.org failed 5.2.1 0", dsn("Final-Recipient: rfc822; ada@example.org", "Status: 5.1.1", "Action: failed", "Final-Recipient: rfc822; bob@example.org", "Action: failed", "Status: 5.2.1")},
		{"no action", "ada@example.org delayed 4.0.0 0", dsn("Final-Recipient: rfc822; ada@example.org", "Status: 4.0.0")},
		{"brackets, no type", "ada@example.org failed 5.1.1 0", dsn("Final-Recipient: <ada@example.org>", "Action: failed", "Status: 5.1.1")},
		{"X.400", "none", dsn("Final-Recipient: x400; /S=ada/C=xx/", "Action: failed")},
		{"masked address", "none", dsn("Final-Recipient: rfc822; ada...@example.org", "Action: failed")},
		{"no recipient", "none", dsn("Action: failed", "Status: 5.1.1")},
		{"address of an IP is no status", "ada@example.org failed 5.7.1 550", dsn("Final-Recipient: rfc822; ada@example.org", "Action: failed", "Status: 5.0.0", "Diagnostic-Code: smtp; host 5.1.1.9 said: 550 5.7.1 listed")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := outcome(ReadReport(c.raw)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestReadReportOriginal(t *testing.T) {
	t.Parallel()
	r := ReadReport(dsn("Final-Recipient: rfc822; ada@example.org", "Action: failed", "Status: 5.1.1"))
	if r.OriginalID != "7@example.org" || r.OriginalFrom != "dev+bounce-abc@lists.example.org" || len(r.Failed()) != 1 {
		t.Errorf("%+v", r)
	}
	if got := Parse(r.Returned).Get("List-Unsubscribe"); got != "<https://lists.example.org/u/xyz>" {
		t.Errorf("List-Unsubscribe %q", got)
	}
	r = ReadReport(bounce("<ada@example.org>:", "no such user", "", "--- Below this line is a copy of the message.", "", "Return-Path: <dev+bounce-xyz@lists.example.org>", "Message-ID: <8@example.org>", "", "Hi"))
	if r.OriginalID != "8@example.org" || r.OriginalFrom != "dev+bounce-xyz@lists.example.org" {
		t.Errorf("%+v", r)
	}
}

func TestReadReportWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		raw        []byte
	}{
		{"qmail", "ada@example.org failed 5.1.1 0", bounce("Hi. This is the qmail-send program at mx.example.net.", "I'm afraid I wasn't able to deliver your message to the following addresses.", "", "<ada@example.org>:", "Sorry, no mailbox here by that name. (#5.1.1)", "", "--- Below this line is a copy of the message.", "", "<eve@example.org>:", "text of the mail")},
		{"Postfix without a status", "ada@example.org failed 5.1.1 550", bounce("I'm sorry to have to inform you that your message could not", "be delivered to one or more recipients.", "", "For further assistance, please send mail to <postmaster@mx.example.net>", "", "<ada@example.org>: host mx.example.org[192.0.2.1] said: 550 5.1.1", "    <ada@example.org>: unknown (in reply to RCPT TO command)")},
		{"Exim", "ada@example.org failed  550", bounce("A message that you sent could not be delivered to one or more of its", "recipients. The following address(es) failed:", "", "  ada@example.org", "    host mx.example.org [192.0.2.1]", "    SMTP error from remote mail server after RCPT TO:<ada@example.org>:", "    550 unknown user", "", "------ This is a copy of the message, including all the headers. ------", "", "Return-path: <x@example.org>")},
		{"Exim's field", "ada@example.org failed  0; bob@example.org failed  0", mail("X-Failed-Recipients: ada@example.org, bob@example.org", "From: x@example.net", "Subject: Mail delivery failed", "", "It did not work.")},
		{"sendmail", "ada@example.org failed 5.1.1 550; bob@example.org failed 5.2.2 552", bounce("   ----- The following addresses had permanent fatal errors -----", "<ada@example.org>", "<bob@example.org>", "", "   ----- Transcript of session follows -----", "... while talking to mx.example.org.:", ">>> RCPT To:<ada@example.org>", "<<< 550 5.1.1 <ada@example.org>... User unknown", ">>> RCPT To:<bob@example.org>", "<<< 552 5.2.2 <bob@example.org>... over quota", "")},
		{"Exchange", "ada@example.org failed  0", bounce("Your message", "", "  To:      dev@lists.example.org", "  Subject: x", "", "did not reach the following recipient(s):", "", "ada@example.org on Mon, 1 Jan 2024 10:00:00 +0000", "    The recipient name is not recognized")},
		{"old web mailer", "ada@example.org failed  0; bob@example.org failed  0", bounce("Unable to deliver message to the following address(es).", "", "<ada@example.org>:", "This user doesn't have an account (ada@example.org) [0]", "", "<bob@example.org>:", "This account is over quota.", "", "--- Original message follows.", "", "<eve@example.org>:")},
		{"label", "ada@example.org failed  0", bounce("Intended recipient: ada@example.org", "", "The mail has been returned.")},
		{"sentence", "ada@example.org failed  0", bounce("Your message to <ada@example.org> was automatically rejected:", "Quota exceeded")},
		{"delayed", "ada@example.org delayed  0", bounce("The address to which the message has not yet been", "delivered is:", "", "  ada@example.org", "", "Delivery attempts will continue for some time.")},
		{"aliases", "ada@example.org failed  0; all@example.org failed  0", bounce("The following addresses had permanent fatal errors:", "ada@example.org", "    (expanded from: <all@example.org>)")},
		{"name without a domain", "ada@mx.example.net failed  0", bounce("Your mail to the following recipients could not be delivered because they are not accepting mail from dev@lists.example.org:", "\tada", "")},
		{"refused at the end of data", "ada@example.org failed  550", bounce("   ----- Transcript of session follows -----", ">>> DATA", "<<< 550 <ada@example.org>: User unknown")},
		{"a vacation is none", "none", mail("From: ada@example.org", "Subject: Auto: away", "Auto-Submitted: auto-replied", "", "I cannot be reached. Please write to:", "", "bob@example.org")},
		{"no words of failure", "none", mail("From: ada@example.org", "Subject: Mail delivery", "", "Hello", "", "bob@example.org 550 5.1.1")},
		{"a disposition", "ada@example.org failed  0", mail("From: Mail Delivery Subsystem <x@example.net>", "Content-Type: multipart/report; report-type=disposition-notification; boundary=b", "", "--b", "", "Your message was rejected:", "Quota exceeded", "--b", "Content-Type: message/disposition-notification", "", "Final-Recipient: rfc822; ada@example.org", "Disposition: automatic-action/MDN-sent-automatically; deleted", "--b--")},
		{"a receipt is none", "none", mail("From: ada@example.org", "Content-Type: multipart/report; report-type=disposition-notification; boundary=b", "", "--b", "", "Your message was displayed.", "--b", "Content-Type: message/disposition-notification", "", "Final-Recipient: rfc822; ada@example.org", "Disposition: manual-action/MDN-sent-manually; displayed", "--b--")},
		{"a relay's notice", "ada@example.org failed 5.1.1 550", mail("From: Relay <no-reply@sns.example.com>", "Subject: Notification", "", `{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"ada@exam`, ` ple.org","action":"failed","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 unknown"}]}}`, "", "--", "unsubscribe")},
		{"a relay's complaint", "complaint abuse; ada@example.org   0", mail("From: Relay <no-reply@sns.example.com>", "", `{"notificationType":"Complaint","complaint":{"complaintFeedbackType":"abuse","complainedRecipients":[{"emailAddress":"ada@example.org"}]}}`)},
		{"a broken boundary", "ada@example.org failed 5.1.1 0", mail("From: MAILER-DAEMON@mx.example.net", "Content-Type: multipart/report; boundary=b", "", "--b", "", "It failed.", " --b", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; x", "", "Final-Recipient: rfc822; ada@example.org", "Action: failed", "Status: 5.1.1")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := outcome(ReadReport(c.raw)); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// arf is a feedback report with these fields.
func arf(fields ...string) []byte {
	return mail("From: abuse@example.net", "Subject: complaint", "Content-Type: multipart/report; report-type=feedback-report; boundary=b", "", "--b", "", "This is an email abuse report.", "--b",
		"Content-Type: message/feedback-report", "", "Version: 1", strings.Join(fields, "\n"), "--b", "Content-Type: message/rfc822", "", "Message-ID: <7@example.org>", "List-Unsubscribe: <https://lists.example.org/u/xyz>", "", "Hi", "--b--")
}

func TestReadReportComplaint(t *testing.T) {
	t.Parallel()
	r := ReadReport(arf("Feedback-Type: abuse", "Original-Mail-From: <dev+bounce-abc@lists.example.org>", "Original-Rcpt-To: <ada@example.org>", "Original-Rcpt-To: ada@example.org"))
	if got := outcome(r); got != "complaint abuse; ada@example.org   0" {
		t.Error(got)
	}
	if r.OriginalFrom != "dev+bounce-abc@lists.example.org" || r.OriginalID != "7@example.org" || !strings.Contains(string(r.Returned), "/u/xyz") || len(r.Failed()) != 0 {
		t.Errorf("%+v", r)
	}
	for _, fields := range []string{"Feedback-Type: not-spam", "Feedback-Type: auth-failure", "Feedback-Type: virus", "User-Agent: x", ""} {
		if got := outcome(ReadReport(arf(fields, "Original-Rcpt-To: <ada@example.org>"))); got != "none" {
			t.Errorf("%q gives %s", fields, got)
		}
	}
}

// What people write about bounces, quote of them or enclose is an ordinary post.
func TestHostileReportPosts(t *testing.T) {
	t.Parallel()
	inner := string(dsn("Final-Recipient: rfc822; bob@example.org", "Action: failed", "Status: 5.1.1"))
	for name, raw := range map[string][]byte{
		"quoted":           mail("From: ada@example.org", "Subject: Re: Undelivered Mail Returned to Sender", "", "> <bob@example.org>: host mx.example.org said: 550 5.1.1", ">  User unknown", "", "What does this mean?"),
		"pasted":           mail("From: ada@example.org", "Subject: my mail bounces", "", "I get this:", "", "I'm afraid I wasn't able to deliver your message to the following addresses.", "", "<bob@example.org>:", "550 5.1.1 no such user"),
		"enclosed":         mail("From: ada@example.org", "Subject: Fwd: bounce", "Content-Type: multipart/mixed; boundary=x", "", "--x", "", "See below", "--x", "Content-Type: message/rfc822", "", inner, "--x--"),
		"attached status":  mail("From: ada@example.org", "Subject: bounce", "Content-Type: multipart/mixed; boundary=x", "", "--x", "", "See below", "--x", "Content-Type: message/delivery-status", "", "Reporting-MTA: dns; x", "", "Final-Recipient: rfc822; bob@example.org", "Action: failed", "--x--"),
		"report of nobody": mail("From: MAILER-DAEMON@mx.example.net", "Subject: failure notice", "", "Something went wrong with your mail of 5.1.1 at 550."),
		"spam in our name": mail("From: postmaster@mx.example.net", "To: dev@lists.example.org", "Content-Type: multipart/report; boundary=x", "", "--x", "Content-Type: message/delivery-status", "", "Final-Recipient: rfc822; dev@lists.example.org", "Action: failed", "--x", "Content-Type: message/rfc822", "", "From: dev@lists.example.org", "To: dev@lists.example.org", "", "buy", "--x--"),
		"empty":            nil,
	} {
		if got := outcome(ReadReport(raw)); got != "none" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A mailer's filter wraps the report of another mailer into its own.
func TestReadReportWrapped(t *testing.T) {
	t.Parallel()
	inner := string(dsn("Final-Recipient: rfc822; bob@example.org", "Action: failed", "Status: 5.1.1"))
	raw := mail("From: postmaster@example.net", "Content-Type: multipart/mixed; boundary=x", "", "--x", "Content-Type: message/rfc822", "", strings.ReplaceAll(inner, "\r\n", "\n"), "--x--")
	if got := outcome(ReadReport(raw)); got != "bob@example.org failed 5.1.1 0" {
		t.Error(got)
	}
}

// A report that breaks off anywhere is read as far as it goes.
func TestHostileReportTruncated(t *testing.T) {
	t.Parallel()
	raw := dsn("Final-Recipient: rfc822; ada@example.org", "Action: failed", "Status: 5.1.1")
	known := strings.Index(string(raw), "Status: 5.1.1") + len("Status: 5.1.1")
	for n := range len(raw) {
		r := ReadReport(raw[:n])
		checkReport(t, r)
		if n >= known && outcome(r) != "ada@example.org failed 5.1.1 0" {
			t.Fatalf("%d of %d bytes: %s", n, len(raw), outcome(r))
		}
	}
}

// What strangers can make long is bounded.
func TestHostileReportHuge(t *testing.T) {
	t.Parallel()
	var many, words []string
	for i := range 20_000 {
		many = append(many, fmt.Sprintf("Final-Recipient: rfc822; a%d@example.org\nAction: failed\n", i))
		words = append(words, fmt.Sprintf("<a%d@example.org>: 550 not delivered to a@example.org", i))
	}
	var sentences []string
	for i := range 4000 {
		sentences = append(sentences, fmt.Sprintf("unknown user: a%d@example.org", i))
	}
	deep := strings.Repeat("Content-Type: multipart/report; boundary=b\n\n--b\n", 5000)
	for name, raw := range map[string][]byte{
		"recipients": dsn(many...),
		"lines":      bounce(words...),
		"one line":   bounce("not delivered to " + strings.Repeat("<a@", 400_000)),
		"failures":   bounce(strings.Repeat("not delivered to\n", 60_000)),
		"transcript": bounce(strings.Repeat(">>> RCPT TO:<ada@example.org>\n<<< 550 <ada@example.org>... unknown\n", 20_000)),
		"sentences":  bounce(sentences...),
		"nested":     mail("From: MAILER-DAEMON@example.net", deep),
		"JSON":       mail("From: no-reply@sns.example.com", "", strings.Repeat(`{"bounce":`, 200_000)),
		"diagnostic": dsn("Final-Recipient: rfc822; ada@example.org", "Diagnostic-Code: smtp; "+strings.Repeat("550 é ", 200_000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkReport(t, ReadReport(raw))
		})
	}
}

// checkReport fails when a report breaks what its fields promise.
func checkReport(t *testing.T, r Report) {
	t.Helper()
	if len(r.Rcpts) > maxRcpts || len(r.Returned) > maxReturned || r.Kind == NoReport && (r.Rcpts != nil || r.Returned != nil) {
		t.Errorf("%d: %d recipients, %d bytes returned", r.Kind, len(r.Rcpts), len(r.Returned))
	}
	for _, rcpt := range r.Rcpts {
		if strings.IndexByte(rcpt.Address, '@') <= 0 || hasControl(rcpt.Address) || !utf8.ValidString(rcpt.Address) {
			t.Errorf("address %q", rcpt.Address)
		}
		if len(rcpt.Diagnostic) > maxDiagnostic || !utf8.ValidString(rcpt.Diagnostic) || strings.ContainsAny(rcpt.Diagnostic, "\n\r\x00") {
			t.Errorf("diagnostic %q", rcpt.Diagnostic)
		}
		if rcpt.Code != 0 && (rcpt.Code < 400 || rcpt.Code > 599) || r.Kind == DeliveryReport && rcpt.Action == "" {
			t.Errorf("%+v", rcpt)
		}
	}
}

func FuzzReadReport(f *testing.F) {
	f.Add(dsn("Final-Recipient: rfc822; ada@example.org", "Action: failed", "Status: 5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 x"))
	f.Add(arf("Feedback-Type: abuse", "Original-Rcpt-To: <ada@example.org>"))
	f.Add(bounce("not delivered to the following:", "<ada@example.org>:", "550 x", "", "--- Below this line is a copy of the message.", "", "Return-Path: <a@example.org>"))
	f.Add(bounce(">>> RCPT To:<ada@example.org>", "<<< 550 <ada@example.org>... x", "(expanded from: <b@example.org>)"))
	f.Add(mail("From: no-reply@sns.example.com", "", `{"notificationType":"Delivery","delivery":{"recipients":["ada@example.org"]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) { checkReport(t, ReadReport(raw)) })
}
