package message

import (
	"bytes"
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// statusGroup is one group of the fields of a delivery status: of the whole
// mail, or of one recipient (RFC 3464, 2.1).
type statusGroup = *Message

// statusGroups cuts a delivery status at its empty lines.
func statusGroups(b []byte) []statusGroup {
	var groups []statusGroup
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	for len(b) > 0 && len(groups) <= 2*maxRcpts {
		group, rest, _ := bytes.Cut(b, []byte("\n\n"))
		if b = bytes.TrimLeft(rest, "\n"); len(bytes.TrimSpace(group)) > 0 {
			groups = append(groups, splitGroup(Parse(group))...)
		}
	}
	return groups
}

// splitGroup parts the recipients of a group where the empty lines between them
// were forgotten: each has one Final-Recipient.
func splitGroup(g statusGroup) []statusGroup {
	if g.Count("Final-Recipient") < 2 {
		return []statusGroup{g}
	}
	var out []statusGroup
	cur := &Message{}
	has := func(name string) bool { return cur.Count(name) > 0 }
	for _, f := range g.Fields {
		if f.is("Final-Recipient") && has("Final-Recipient") || f.is("Original-Recipient") && has("Original-Recipient") {
			out, cur = append(out, cur), &Message{}
		}
		cur.Fields = append(cur.Fields, f)
	}
	return append(out, cur)
}

// statusInText finds a delivery status that a broken boundary left in the text.
func statusInText(text string) []statusGroup {
	at := statusStart.FindStringIndex(text)
	if at == nil {
		return nil
	}
	return statusGroups([]byte(cutRunes(text[at[0]:], maxReportText)))
}

var statusStart = regexp.MustCompile(`(?im)^reporting-mta: *\S`)

// statusRcpts are the recipients of all delivery statuses.
func (r *reportReader) statusRcpts() []ReportRcpt {
	var rcpts []ReportRcpt
	if kind, _ := parseParams(r.m.Get("Content-Type")); len(r.status) == 0 && kind == "multipart/report" {
		r.status = append(r.status, statusInText(r.text))
	}
	for _, groups := range r.status {
		for _, g := range groups {
			if rcpt, ok := statusRcpt(g); ok && len(rcpts) < maxRcpts {
				rcpts = append(rcpts, rcpt)
			}
		}
	}
	if r.mdn != nil && len(rcpts) == 0 {
		return r.rejectedByMDN()
	}
	return rcpts
}

// statusRcpt reads the fields of one recipient (RFC 3464, 2.3). Some write those
// of the mail and of the recipient into one group.
func statusRcpt(g statusGroup) (rcpt ReportRcpt, ok bool) {
	final := typedAddr(g.Get("Final-Recipient"))
	if final == "" {
		final = typedAddr(g.Get("X-Actual-Recipient"))
	}
	rcpt.Address = typedAddr(g.Get("Original-Recipient"))
	if rcpt.Address == "" {
		rcpt.Address, final = final, ""
	}
	if rcpt.Address == "" {
		return rcpt, false
	}
	if final != rcpt.Address {
		rcpt.Final = final
	}
	rcpt.Action = statusAction(g)
	rcpt.setDiagnostic(diagnosticOf(g))
	if status := findStatus(g.Get("Status")); !vague(status) || rcpt.Status == "" {
		rcpt.Status = status
	}
	return rcpt, true
}

// statusAction is the Action field (RFC 3464, 2.3.3). Where it says nothing, the
// class of the status says the same.
func statusAction(g statusGroup) string {
	action := firstToken(g.Get("Action"))
	switch {
	case strings.HasPrefix(action, "fail"):
		return actionFailed
	case strings.HasPrefix(action, "delay"):
		return actionDelayed
	case action == "delivered", action == "relayed", action == "expanded":
		return action
	}
	switch status := g.Get("Status"); {
	case strings.HasPrefix(status, "4"):
		return actionDelayed
	case strings.HasPrefix(status, "2"):
		return "delivered"
	}
	return actionFailed
}

// diagnosticOf is what the other server said. Some write it into the comment of
// another field.
func diagnosticOf(g statusGroup) string {
	var words []string
	for _, name := range []string{"Diagnostic-Code", "X-Supplementary-Info", "X400-Supplementary-Info", "X-Display-Error", "X-SMTP-Diagnostic"} {
		for _, v := range g.All(name) {
			if name == "Diagnostic-Code" {
				v = untyped(v)
			}
			words = append(words, v)
		}
	}
	if _, comment, ok := strings.Cut(g.Get("Status"), "("); ok {
		words = append(words, strings.TrimSuffix(comment, ")"))
	}
	return strings.Join(words, " ")
}

// setDiagnostic takes the mailer's words, and reads the codes in them.
func (rcpt *ReportRcpt) setDiagnostic(words string) {
	if !utf8.ValidString(words) {
		words = guess([]byte(words))
	}
	rcpt.Diagnostic = cutRunes(cutLine(singleSpaced(words), maxDiagnostic/4*3), maxDiagnostic)
	if vague(rcpt.Status) {
		rcpt.Status = cmp.Or(findStatus(rcpt.Diagnostic), rcpt.Status)
	}
	if rcpt.Code == 0 {
		rcpt.Code = findCode(rcpt.Diagnostic)
	}
}

// vague says whether a status has nothing but its class (RFC 3463, 3.1).
func vague(status string) bool { return status == "" || strings.HasSuffix(status, ".0.0") }

// rejectedByMDN reads the refusals that some mailboxes write as disposition
// notifications: the mail was deleted unread, by a machine (RFC 8098, 3.2.6).
func (r *reportReader) rejectedByMDN() []ReportRcpt {
	disposition := strings.ToLower(r.mdn.Get("Disposition"))
	if !strings.HasPrefix(disposition, "automatic-action/") || !strings.HasSuffix(disposition, "deleted") {
		return nil
	}
	rcpt := ReportRcpt{Address: typedAddr(r.mdn.Get("Final-Recipient")), Action: actionFailed}
	if rcpt.Address == "" || !strings.Contains(r.text, "rejected") {
		return nil
	}
	return []ReportRcpt{rcpt}
}

// typedAddr reads an address with its type before it (RFC 3464, 2.1.2); of a
// type that has other addresses it is "".
func typedAddr(value string) string {
	if len(value) > maxValue {
		return ""
	}
	kind, addr, found := strings.Cut(value, ";")
	if !found {
		addr = kind
	} else if kind = strings.ToLower(strings.TrimSpace(kind)); strings.HasPrefix(kind, "x400") || kind == "x500" {
		return ""
	}
	addr = strings.TrimSpace(addr)
	if i := strings.IndexByte(addr, '<'); i >= 0 && strings.HasSuffix(addr, ">") {
		addr = addr[i+1 : len(addr)-1]
	}
	return reportAddr(addr)
}

// reportAddr is an address as reports write it, "" if it is none. Unlike in
// Canonical, anything a mailer takes for a local part will do.
func reportAddr(s string) string {
	s = plainAddr(s)
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || len(s) > maxAddr || strings.ContainsAny(s, "<>,;()[] ") && s[0] != '"' {
		return ""
	}
	if local := s[:at]; s[0] != '"' && (strings.Contains(local, "..") && strings.HasSuffix(local, "...") || strings.ContainsAny(local, `@:`)) {
		return ""
	}
	if domain := s[at+1:]; strings.Trim(domain, ".") != strings.TrimRight(domain, ".") || strings.Contains(domain, "..") || strings.ContainsAny(domain, `"'=/!`) {
		return ""
	}
	return strings.TrimRight(s, ".")
}

// untyped is a value without the type before it.
func untyped(value string) string {
	if kind, rest, found := strings.Cut(value, ";"); found && len(kind) < 20 && !strings.Contains(strings.TrimSpace(kind), " ") {
		return strings.TrimSpace(rest)
	}
	return value
}

var (
	// A status is no part of an IP address or of a version.
	statusPattern = regexp.MustCompile(`(?:^|[^0-9.\w])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:[^0-9.]|\.?$|\.[^0-9])`)
	// A reply code stands where a reply starts: before a status, after a colon.
	codePattern = regexp.MustCompile(`(?i)(?:^|<<<|[:;>"'(\]-]|said|sa[iy]s|with|returned|replied|reply|response|response was|error|error code|code|smtp|status|failed)[ #:=(]*([2-5][0-5][0-9])(?:[ ,:;)'"#-]|$)`)
)

// findStatus is the first status (RFC 3463) in a text that is more than its
// class, or the first.
func findStatus(s string) string {
	first := ""
	for _, hit := range statusPattern.FindAllStringSubmatch(s, 20) {
		if !vague(hit[1]) {
			return hit[1]
		}
		first = hit[1]
	}
	return first
}

// findCode is the first SMTP reply code in a text (RFC 5321, 4.2).
func findCode(s string) int {
	for _, hit := range codePattern.FindAllStringSubmatch(s, 5) {
		if code, err := strconv.Atoi(hit[1]); err == nil && code >= 400 {
			return code
		}
	}
	return 0
}
