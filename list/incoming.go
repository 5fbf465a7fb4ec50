package list

import (
	"fmt"
	"strings"
	"time"

	"parley/message"
)

// incoming is a mail on its way through the steps of one recipient.
type incoming struct {
	env    Envelope
	msg    *message.Message
	packed Packed

	from      message.Address
	messageID string
	refs      []string // ids of the ancestors, the direct parent last
	hash      [32]byte
	broken    error    // what makes it unacceptable as a post
	secrets   []string // what has the form of a token in it

	commands  []Command         // of a mail to dev-request@
	report    Packed            // the mail as a bounce address gets it
	complaint []string          // addresses that it names, when it is a complaint
	forwards  map[string]Packed // the mail as the people behind a role address get it, by recipient

	to     delivery
	sender Sender
	member Member // whose address the From has; zero: none
}

// open reads what the steps need of a mail. Nothing here asks the database, so
// that the single writer never waits for it.
func (d *Desk) open(env Envelope, raw []byte) *incoming {
	m := message.Parse(raw)
	in := &incoming{env: env, msg: m, packed: d.pack(raw), hash: message.ContentHash(m)}
	if addrs := message.ParseAddresses(m.Get("From")); len(addrs) > 0 { // of the first From field
		in.from = message.Address{Name: addrs[0].Name, Addr: canonical(addrs[0].Addr)}
	}
	in.messageID = firstID(m.Get("Message-ID"))
	if in.messageID == "" {
		// From the content, so that the same mail once more gets the same id
		// and is folded (promise 3).
		in.messageID = fmt.Sprintf("%x@%s", in.hash[:16], d.site.Hostname)
	}
	in.refs = references(m, in.messageID)
	in.broken = wellFormed(m)
	for _, at := range secretsIn(raw) {
		in.secrets = append(in.secrets, strings.ToLower(string(raw[at:at+tokenChars])))
	}
	d.packRoles(in)
	return in
}

// packRoles makes what recipients other than lists get, before the transaction:
// compressing would keep the single writer from others.
func (d *Desk) packRoles(in *incoming) {
	raw := in.msg.Raw
	for _, rcpt := range in.env.To {
		to, err := ParseTarget(rcpt, d.site)
		switch {
		case err != nil || to.Verb == ToPosts:
		case to.Verb == ToRequest || to.Verb == ToMe:
			in.commands = d.readCommands(in)
		case to.Verb.isRequest():
		case to.Verb == ToBounce || to.Verb == ToBounces:
			in.report = d.pack(withoutSecrets(raw[:min(len(raw), maxReport)]))
			in.complaint = d.readComplaint(in)
		default:
			if in.complaint = d.readComplaint(in); in.complaint != nil {
				in.report = d.pack(withoutSecrets(raw[:min(len(raw), maxReport)]))
			}
			if in.forwards == nil {
				in.forwards = map[string]Packed{}
			}
			in.forwards[rcpt] = d.pack(d.forwarded(in, to))
		}
	}
}

// firstID is the first Message-ID in a field's value, "" if there is none.
func firstID(value string) string {
	if ids := message.IDs(value); len(ids) > 0 {
		return ids[0]
	}
	return ""
}

// clip shortens s to at most n bytes without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// trace is the value of the Received field that says how the mail came here
// (RFC 5321, 4.4; RFC 3848 for the protocol's name).
func trace(env Envelope, hostname, rcpt string) string {
	from := env.Helo
	if env.Client.IsValid() {
		from += " (" + addressLiteral(env) + ")"
	}
	return fmt.Sprintf("from %s\r\n\tby %s (Parley) with %s id %s\r\n\tfor <%s>; %s",
		from, hostname, env.Protocol, env.Session, rcpt, env.Received.UTC().Format(time.RFC1123Z))
}

// addressLiteral is the client's address as RFC 5321, 4.1.3 writes it.
func addressLiteral(env Envelope) string {
	ip := env.Client.Unmap()
	if ip.Is6() {
		return "[IPv6:" + ip.WithZone("").String() + "]"
	}
	return "[" + ip.String() + "]"
}
