package smtpd

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// gate looks at a command line before go-smtp does: it passes it on, rewrites
// it, or answers it. It must name each command as go-smtp does.
func (o *session) gate(line []byte) {
	verb := verbOf(line)
	if !clean(line, verb == "MAIL" || verb == "RCPT") {
		o.unclean(verb)
		return
	}
	arg := ""
	if len(line) > len(verb) {
		arg = strings.Trim(string(line[len(verb):]), " ")
	}
	switch verb {
	case "EHLO", "HELO", "LHLO":
		o.gateHello(verb, arg, line)
	case "MAIL":
		o.gateMail(arg)
	case "RCPT":
		o.gateRcpt(arg)
	case "DATA":
		o.gateData(line)
	case "BDAT":
		o.gateChunk(arg)
	case "STARTTLS":
		o.gateTLS(arg, line)
	case "QUIT":
		o.pass(line)
	default:
		o.gateJunk(verb, line)
	}
}

// verbOf is a line's command as go-smtp reads it, in upper case, "" if it is
// none.
func verbOf(line []byte) string {
	const tls = "STARTTLS"
	if len(line) >= len(tls) && bytes.EqualFold(line[:len(tls)], []byte(tls)) {
		return tls
	}
	if len(line) < 4 || len(line) > 4 && line[4] != ' ' {
		return ""
	}
	return string(bytes.ToUpper(line[:4]))
}

// clean says whether a line has only printable ASCII, or with a path UTF-8.
func clean(line []byte, withPath bool) bool {
	for _, c := range line {
		if c < ' ' || c == 0x7f || c >= utf8.RuneSelf && !withPath {
			return false
		}
	}
	return !withPath || utf8.Valid(line)
}

// unclean answers a line that is never shown to anybody, not even to the log.
func (o *session) unclean(verb string) {
	switch verb {
	case "RCPT":
		o.refuseRcpt(sayBadAddr)
	case "MAIL":
		o.refuse(sayBadAddr)
	case "EHLO", "HELO", "LHLO":
		o.refuse(sayBadHello)
	default:
		o.refuse(sayBadBytes)
	}
	if verb == "BDAT" {
		o.wire.part("") // its chunk follows
	}
}

// pass gives a line to go-smtp.
func (o *session) pass(line []byte) { o.wire.feed = append(line[:len(line):len(line)], "\r\n"...) }

// refuse answers a line that brought no mail nearer.
func (o *session) refuse(text string) {
	o.wire.say(text)
	o.countJunk()
}

// countJunk parts with a client that only talks. Mails reset the count.
func (o *session) countJunk() bool {
	if o.junk++; o.junk < o.config.Limits.Junk || o.free {
		return false
	}
	o.wire.part(sayJunk)
	return true
}

// gateJunk passes on what is not part of a mail: NOOP, RSET, VRFY, EXPN, HELP,
// and what nobody knows.
func (o *session) gateJunk(verb string, line []byte) {
	if o.countJunk() {
		return
	}
	if verb == "AUTH" {
		o.wire.say(sayNoAuth)
		return
	}
	o.pass(line)
}

// gateHello checks the name before anything repeats it.
func (o *session) gateHello(verb, arg string, line []byte) {
	if o.greeted && o.countJunk() {
		return
	}
	name, _, _ := strings.Cut(arg, " ")
	if (verb == "LHLO") != (o.protocol == LMTP) || name == "" {
		o.pass(line) // go-smtp says why
		return
	}
	if len(name) > maxDomain || !hostName(strings.TrimSuffix(name, ".")) {
		o.refuse(sayBadHello)
		return
	}
	o.helo, o.extended, o.greeted = name, verb != "HELO", true
	if o.extended {
		o.wire.hello = o.hello
	}
	o.pass(line)
}

// hello is the answer to EHLO. go-smtp's own names the client where the server
// should stand (RFC 5321, 4.1.1.1), and knows neither our size nor our TLS.
func (o *session) hello() string {
	lines := []string{
		o.config.Hostname,
		"PIPELINING",
		"8BITMIME",
		"ENHANCEDSTATUSCODES",
		"CHUNKING",
		"SMTPUTF8",
		"SIZE " + strconv.FormatInt(o.maxSize, 10),
		"LIMITS RCPTMAX=" + strconv.Itoa(o.config.Limits.Recipients),
	}
	if o.config.TLS != nil && !o.secure && o.client.IsValid() {
		lines = append(lines, "STARTTLS")
	}
	var b strings.Builder
	for i, line := range lines {
		sep := "-"
		if i == len(lines)-1 {
			sep = " "
		}
		fmt.Fprintf(&b, "250%s%s\r\n", sep, line)
	}
	return b.String()
}

// gateMail reads the sender and the size.
func (o *session) gateMail(arg string) {
	p, params, wrong := readPath(arg, "FROM:")
	null := p == (path{}) && wrong == ""
	switch {
	case !o.greeted:
		wrong = sayNoHello
	case o.mail.open && o.mail.body == nil:
		wrong = sayNested
	case wrong == "" && !null && p.domain == "":
		wrong = sayBadPath
	case wrong == "" && !hasParam(params, "SMTPUTF8") && !ascii(arg):
		wrong = sayBadAddr
	case wrong == "" && o.tooLarge(params):
		wrong = saySize
	}
	if wrong != "" {
		o.refuse(wrong)
		return
	}
	// A MAIL between two chunks gives the first mail up.
	given := o.dropChunks()
	o.asked = p
	o.wire.feed = []byte(given + "MAIL FROM:<" + p.String() + ">" + params + "\r\n")
}

// gateRcpt reads a recipient.
func (o *session) gateRcpt(arg string) {
	if !o.mail.open || o.mail.body != nil {
		o.refuse(sayOrder)
		return
	}
	p, params, wrong := readPath(arg, "TO:")
	master := p.domain == "" && strings.EqualFold(p.local, "postmaster") && !p.route
	switch {
	case wrong != "":
	case p.relays():
		wrong = sayRelay
	case p.domain == "" && !master:
		wrong = sayBadPath
	case !o.mail.utf8 && !ascii(arg):
		wrong = sayBadAddr
	}
	if wrong != "" {
		o.refuseRcpt(wrong)
		return
	}
	mailbox := p.String()
	if master {
		// RFC 5321, 4.1.1.3: the one recipient without a domain.
		p.local = "postmaster"
		mailbox = "postmaster@" + o.config.Hostname
	}
	o.asked = p
	o.wire.feed = []byte("RCPT TO:<" + mailbox + ">" + params + "\r\n")
}

// refuseRcpt answers a recipient that the desk is not asked about.
func (o *session) refuseRcpt(text string) {
	o.slow()
	o.wire.say(text)
	o.log.Info("recipient refused", "client", o.client, "code", text[:3], "reason", text)
	o.wrongRcpt()
}

// gateData lets a message begin, but not in the middle of one that comes in
// chunks: that one is given up (RFC 3030, 3).
func (o *session) gateData(line []byte) {
	if o.mail.body == nil {
		o.pass(line)
		return
	}
	o.refuse(sayMixed)
	o.wire.feed = []byte(o.dropChunks())
}

// gateTLS turns TLS on in go-smtp's place: a wire below go-smtp's TLS could not
// see what goes through it.
func (o *session) gateTLS(arg string, line []byte) {
	switch {
	case len(arg) > 0:
		o.refuse(sayTLSArg)
	case o.secure:
		o.refuse(sayTLSTwice)
	case o.config.TLS == nil:
		o.gateJunk("", line) // go-smtp says so
	default:
		o.startTLS()
	}
}

// startTLS forgets everything that was said in plain text (RFC 3207, 4.2).
func (o *session) startTLS() {
	o.greeted = false
	if err := o.wire.startTLS(o.config.TLS); err != nil {
		o.log.Info("TLS handshake failed", "client", o.client, "err", err)
		o.wire.out = nil
		o.wire.part("")
		return
	}
	o.secure = true
	o.wire.mute = "250"
	o.wire.feed = []byte(reset)
}

// readPath reads "FROM:<path> parameters".
func readPath(arg, prefix string) (p path, params, wrong string) {
	if len(arg) < len(prefix) || !strings.EqualFold(arg[:len(prefix)], prefix) {
		return p, "", sayBadPath
	}
	return parsePath(arg[len(prefix):])
}

// tooLarge looks at SIZE (RFC 1870, 6.1). go-smtp calls numbers over 32 bits
// malformed.
func (o *session) tooLarge(params string) bool {
	for f := range strings.FieldsSeq(params) {
		key, value, _ := strings.Cut(f, "=")
		if !strings.EqualFold(key, "SIZE") || value == "" || strings.Trim(value, "0123456789") != "" {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		return err != nil || n > o.maxSize
	}
	return false
}

func hasParam(params, name string) bool {
	for f := range strings.FieldsSeq(params) {
		if strings.EqualFold(f, name) {
			return true
		}
	}
	return false
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
