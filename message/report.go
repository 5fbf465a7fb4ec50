package message

import (
	"slices"
	"strings"
)

// The limits of a report. What a mailer says of its failure stands in the first
// kilobytes; behind that comes the mail that it returns.
const (
	maxReport     = 1 << 20  // bytes of a mail that are looked into
	maxReportText = 64 << 10 // bytes of its words
	maxRcpts      = 100      // recipients of one report
	maxDiagnostic = 2000     // bytes
	maxReturned   = 64 << 10 // bytes of a returned header
)

// ReportKind is what a mail reports.
type ReportKind int

// The kinds of reports.
const (
	NoReport        ReportKind = iota // an ordinary mail, or one that says nothing of any recipient
	DeliveryReport                    // of recipients: RFC 3464, or the words of a mailer
	ComplaintReport                   // somebody does not want such mail: RFC 5965
)

// Report is what a mailer reports of a mail that was sent. Nothing in it is
// proven: whoever knows an address can write one.
type Report struct {
	Kind         ReportKind
	Rcpts        []ReportRcpt // in the order of the report, at most 100; of a complaint, who complained, if that is told
	Feedback     string       // Feedback-Type of a complaint, in lower case
	OriginalFrom string       // the envelope sender of the returned mail, "" if that is not told
	OriginalID   string       // its Message-ID, without brackets
	Returned     []byte       // its header, at most 64 KiB, for Parse; nil if it did not come back
}

// ReportRcpt is what became of one recipient.
type ReportRcpt struct {
	Address    string // the mail was sent to it: Original-Recipient where the report has one
	Final      string // where it went from there, "" for the same
	Action     string // RFC 3464, 2.3.3: failed, delayed, delivered, relayed or expanded; "" for a complaint
	Status     string // RFC 3463: 5.1.1, "" when none was told
	Code       int    // SMTP reply code, 0 when none was told
	Diagnostic string // the mailer's words; one line of valid UTF-8, at most 2,000 bytes
}

// Failed returns the recipients that the mail will never reach.
func (r Report) Failed() []ReportRcpt {
	var failed []ReportRcpt
	for _, rcpt := range r.Rcpts {
		if rcpt.Action == actionFailed {
			failed = append(failed, rcpt)
		}
	}
	return failed
}

const (
	actionFailed  = "failed"
	actionDelayed = "delayed"
)

// ReadReport reads a mail as a report. It never fails: a mail that is none, or
// of which nothing could be read, is NoReport. It looks into the first MiB, and
// into an enclosed mail only where a mailer wraps the report of a mailer, so a
// post that quotes or encloses a bounce is none.
func ReadReport(raw []byte) Report {
	if len(raw) > maxReport {
		raw = raw[:maxReport]
	}
	m := Parse(raw)
	if isNotification(m) {
		return notified(Read(raw).Text)
	}
	if !mayReport(m) {
		return Report{}
	}
	root, _ := readTree(raw)
	r := reportReader{m: m, text: Read(raw).Text}
	r.walk(root)
	if out := r.report(); out.Kind != NoReport || !fromMailer(m) {
		return out
	}
	return r.wrapped()
}

// wrapped reads the report that a filter of a mailer wrapped into a mail of its
// own.
func (r *reportReader) wrapped() Report {
	m := Parse(r.returned)
	kind, _ := parseParams(m.Get("Content-Type"))
	if kind != "multipart/report" || !fromMailer(m) {
		return Report{}
	}
	root, _ := readTree(r.returned)
	inner := reportReader{m: m, text: Read(r.returned).Text}
	inner.walk(root)
	return inner.report()
}

// reportReader gathers what the parts of a mail say.
type reportReader struct {
	m        *Message
	text     string
	status   [][]statusGroup // of each message/delivery-status
	feedback *Message
	mdn      *Message // message/disposition-notification
	returned []byte
}

// walk sorts the parts (RFC 6522, 3).
func (r *reportReader) walk(p *part) {
	for _, kid := range p.parts {
		r.walk(kid)
	}
	if p.multipart() {
		return
	}
	switch p.kind {
	case "message/delivery-status", "message/global-delivery-status":
		r.status = append(r.status, statusGroups(p.bytes()))
	case "message/feedback-report":
		r.feedback = Parse(p.bytes())
	case "message/disposition-notification", "message/global-disposition-notification":
		r.mdn = Parse(p.bytes())
	case "message/rfc822", "message/global", "text/rfc822-headers", "text/rfc822-header",
		"message/rfc822-headers", "message/rfc822-header", "message/global-headers":
		if r.returned == nil {
			r.returned = p.bytes()
		}
	}
}

func (p *part) bytes() []byte {
	b, _, _ := p.decoded()
	return b
}

func (r *reportReader) report() Report {
	if r.feedback != nil {
		return r.complaint()
	}
	t := newReportText(r.text)
	out := Report{Kind: DeliveryReport, Rcpts: r.statusRcpts()}
	if len(out.Rcpts) == 0 {
		out.Rcpts = t.recipients(r.m)
	} else {
		t.rename(out.Rcpts, r.m)
		t.explain(out.Rcpts)
	}
	if r.returned == nil {
		r.returned = t.returned()
		if len(out.Rcpts) == 0 {
			out.Rcpts = t.addressee(Parse(r.returned), r.m)
		}
	}
	if out.Rcpts = r.notToItself(out.Rcpts); len(out.Rcpts) == 0 {
		return Report{}
	}
	r.original(&out)
	return out
}

// notToItself drops the recipients that the report was sent to, where the
// returned mail was from and to them: that was spam in the name of its own
// addressee, such as a list, and whoever gets the report is not dead.
func (r *reportReader) notToItself(rcpts []ReportRcpt) []ReportRcpt {
	returned := Parse(r.returned)
	return slices.DeleteFunc(rcpts, func(rcpt ReportRcpt) bool {
		return names(r.m, "To", rcpt.Address) && names(returned, "From", rcpt.Address) && names(returned, "To", rcpt.Address)
	})
}

// names says whether a field of a header has an address.
func names(m *Message, field, addr string) bool {
	return slices.ContainsFunc(ParseAddresses(m.Get(field)), func(a Address) bool { return strings.EqualFold(a.Addr, addr) })
}

// original reads the returned header.
func (r *reportReader) original(out *Report) {
	if out.OriginalFrom == "" {
		out.OriginalFrom = r.queueSender()
	}
	if r.mdn != nil {
		out.OriginalID = firstID(r.mdn.Get("Original-Message-ID"))
	}
	if len(r.returned) == 0 {
		return
	}
	raw := r.returned[:min(len(r.returned), maxReturned)]
	m := Parse(raw)
	if len(m.Fields) == 0 {
		return
	}
	out.Returned = raw[:m.HeaderSize()]
	if out.OriginalFrom == "" {
		out.OriginalFrom = plainAddr(strings.Trim(m.Get("Return-Path"), "<> "))
	}
	if id := firstID(m.Get("Message-ID")); id != "" {
		out.OriginalID = id
	}
}

// queueSender is the envelope sender in the fields that Postfix, whatever it
// calls itself, adds to its delivery status: X-Postfix-Sender.
func (r *reportReader) queueSender() string {
	for _, groups := range r.status {
		for _, g := range groups {
			for _, f := range g.Fields {
				if len(f.Name) > 9 && strings.EqualFold(f.Name[:2], "X-") && strings.EqualFold(f.Name[len(f.Name)-7:], "-Sender") {
					return typedAddr(f.Value())
				}
			}
		}
	}
	return ""
}

func firstID(value string) string {
	if ids := IDs(value); len(ids) > 0 {
		return ids[0]
	}
	return ""
}
