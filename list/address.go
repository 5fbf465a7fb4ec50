package list

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/message"
)

// Verb is what the part behind the list's name asks for.
type Verb string

// The verbs that are served or reserved. Those from ToConfirm on stand with a
// token: dev+confirm-<token>@.
const (
	ToPosts       Verb = ""        // dev@: a post
	ToRequest     Verb = "request" // dev-request@, and so on
	ToSubscribe   Verb = "subscribe"
	ToUnsubscribe Verb = "unsubscribe"
	ToOwner       Verb = "owner"
	ToHelp        Verb = "help"
	ToBounces     Verb = "bounces" // dev-bounces@
	ToPostmaster  Verb = "postmaster"
	ToAbuse       Verb = "abuse"

	ToConfirm Verb = "confirm"
	ToOK      Verb = "ok"
	ToNo      Verb = "no"
	ToDiscard Verb = "discard"
	ToTrust   Verb = "trust"
	ToBan     Verb = "ban"
	ToMod     Verb = "mod"
	ToLeave   Verb = "leave"
	ToBounce  Verb = "bounce"
	ToMe      Verb = "me" // commands of the member whom the token names
)

// Limits of an address in bytes. RFC 5321, 4.5.3.1, has 64 for the local part
// and 256 for the path with its brackets.
const (
	maxLocal   = 64
	maxAddress = 254
	maxName    = 28 // of a list: dev+confirm-<26> still fits into maxLocal
)

// Target is what an address of ours means.
type Target struct {
	Verb   Verb
	Local  string // the list's local part, in lower case; "" for postmaster and abuse
	Domain string // one of Site.Domains, in lower case; "" for a bare postmaster
	Token  string // 26 base32 characters in lower case, or ""
}

// String is the address that ParseTarget reads as t.
func (t Target) String() string {
	local := t.Local
	switch {
	case t.Verb == ToPostmaster || t.Verb == ToAbuse:
		local = string(t.Verb)
	case t.Token != "":
		local += "+" + string(t.Verb) + "-" + t.Token
	case t.Verb != ToPosts:
		local += "-" + string(t.Verb)
	}
	if t.Domain == "" {
		return local
	}
	return local + "@" + t.Domain
}

// ParseTarget says what a recipient address asks for, without looking whether
// the list exists. It fails with an *Error: Foreign for an address elsewhere or
// one that asks for a relay, BadAddress for what cannot be an address, Unknown
// for a form that no list has.
func ParseTarget(rcpt string, site Site) (Target, error) {
	if err := plausible(rcpt); err != nil {
		return Target{}, err
	}
	if lowerASCII(rcpt) == string(ToPostmaster) { // RFC 5321, 4.5.1: without a domain
		return Target{Verb: ToPostmaster}, nil
	}
	at := strings.LastIndexByte(rcpt, '@')
	if at < 1 || at == len(rcpt)-1 {
		return Target{}, Errorf(BadAddress, "the address has no local part or no domain")
	}
	if at > maxLocal {
		return Target{}, Errorf(BadAddress, "the local part is longer than %d bytes", maxLocal)
	}
	local := rcpt[:at]
	domain, ours := site.ownDomain(rcpt[at+1:])
	// Source routes, percent hacks and bang paths ask us to relay, whatever
	// stands last (RFC 5321, 3.6.1 and F.2).
	if !ours || strings.ContainsAny(local, "@%!:,") {
		return Target{}, Errorf(Foreign, "relay denied")
	}
	return readLocal(lowerASCII(local), domain)
}

// plausible refuses what no address can hold, before anything else looks at it.
func plausible(rcpt string) error {
	switch {
	case len(rcpt) > maxAddress:
		return Errorf(BadAddress, "the address is longer than %d bytes", maxAddress)
	case !utf8.ValidString(rcpt) || strings.ContainsFunc(rcpt, unicode.IsControl):
		return Errorf(BadAddress, "the address has bytes that no address may have")
	}
	return nil
}

// ownDomain is the domain in lower case and whether it is one of ours.
func (s Site) ownDomain(domain string) (string, bool) {
	domain = lowerASCII(strings.TrimSuffix(domain, "."))
	if message.EightBit([]byte(domain)) {
		canonical, err := message.Canonical("x@" + domain)
		if err != nil {
			return "", false
		}
		domain = canonical[2:]
	}
	for _, own := range s.Domains {
		if lowerASCII(own) == domain {
			return domain, true
		}
	}
	return "", false
}

// readLocal reads a local part of ours, which is in lower case. Names that end
// in a reserved word cannot be taken, so there is one reading only.
func readLocal(local, domain string) (Target, error) {
	if local == string(ToPostmaster) || local == string(ToAbuse) { // RFC 2142
		return Target{Verb: Verb(local), Domain: domain}, nil
	}
	if name, rest, ok := strings.Cut(local, "+"); ok {
		return readPlus(Target{Local: name, Domain: domain}, rest)
	}
	t := Target{Local: local, Domain: domain}
	if i := strings.LastIndexByte(local, '-'); i > 0 {
		if verb, ok := wordVerb(local[i+1:]); ok {
			t.Verb, t.Local = verb, local[:i]
		}
	}
	return t, nil
}

// readPlus reads what stands behind the plus: request, or confirm-<token>.
func readPlus(t Target, rest string) (Target, error) {
	if verb, ok := wordVerb(rest); ok && t.Local != "" {
		t.Verb = verb
		return t, nil
	}
	verb, token, _ := strings.Cut(rest, "-")
	if !takesToken(Verb(verb)) || !isToken(token) || t.Local == "" {
		return Target{}, Errorf(Unknown, "no such address here")
	}
	t.Verb, t.Token = Verb(verb), token
	return t, nil
}

// wordVerb is the verb of a reserved word: the list's name, a minus or a plus,
// and the word.
func wordVerb(word string) (Verb, bool) {
	switch word {
	case "request", "subscribe", "unsubscribe", "owner", "help", "bounces":
		return Verb(word), true
	case "join":
		return ToSubscribe, true
	case "leave":
		return ToUnsubscribe, true
	}
	return "", false
}

// takesToken reports whether v stands with a token.
func takesToken(v Verb) bool {
	switch v {
	case ToConfirm, ToOK, ToNo, ToDiscard, ToTrust, ToBan, ToMod, ToLeave, ToBounce, ToMe:
		return true
	}
	return false
}

// lowerASCII folds A to Z only: other letters that fold to ASCII, like the
// Kelvin sign, are not ours.
func lowerASCII(s string) string {
	for i := range len(s) {
		if s[i]-'A' < 26 {
			return strings.Map(lowerRune, s)
		}
	}
	return s
}

func lowerRune(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}
	return r
}

// ValidListAddress says whether a list may have this address: its domain is
// one of domains, its name is at most 28 bytes of a-z, 0-9, ".", "-" and "_",
// and neither an address of every list nor a page of the archive has it. The
// error is an *Error that names the reason.
func ValidListAddress(address string, domains []string) error {
	name, domain, ok := strings.Cut(address, "@")
	if !ok || name == "" || domain == "" {
		return Errorf(Malformed, "list address %s: it needs the form name@domain", show(address))
	}
	if reason := badDomain(domain, domains); reason != "" {
		return Errorf(Malformed, "list address %s: %s", show(address), reason)
	}
	if reason := badName(name); reason != "" {
		return Errorf(Malformed, "list address %s: %s", show(address), reason)
	}
	return nil
}

func badDomain(domain string, domains []string) string {
	for _, own := range domains {
		if lowerASCII(own) == domain {
			return ""
		}
	}
	return "the domain is none of the configured domains"
}

// badName is why a list cannot have this name, "" if it can.
func badName(name string) string {
	switch {
	case len(name) > maxName:
		return "the name is longer than 28 bytes"
	case strings.ContainsFunc(name, notNameRune):
		return "the name may only have a-z, 0-9, dot, minus and underscore"
	case !alphanumeric(name[0]) || !alphanumeric(name[len(name)-1]):
		return "the name must begin and end with a letter or a digit"
	case strings.Contains(name, ".."):
		return "the name must not have two dots in a row"
	case reservedName(name):
		return "the name is reserved"
	}
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if _, taken := wordVerb(name[i+1:]); taken {
			return "a name that ends in " + name[i:] + " is an address of another list"
		}
	}
	return ""
}

func notNameRune(r rune) bool {
	return r > 127 || !alphanumeric(byte(r)) && r != '.' && r != '-' && r != '_'
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

// reservedName reports the names that the archive, the mail standards or every
// list needs.
func reservedName(name string) bool {
	switch name {
	case "u", "healthz", "metrics", "robots.txt", "sitemap.xml", "style.css", "favicon.ico", "search",
		"postmaster", "abuse":
		return true
	}
	_, word := wordVerb(name)
	return word
}
