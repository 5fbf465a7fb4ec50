package smtpd

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// path is an address of an envelope (RFC 5321, 4.1.2).
type path struct {
	local  string // unquoted
	domain string // "" for postmaster
	route  bool   // it had a source route
}

// Longest parts of a path (RFC 5321, 4.5.3.1); the path without its brackets.
const (
	maxLocal  = 64
	maxDomain = 255
	maxPath   = 254
)

// String is the address so that nobody can misread it: the local part is quoted
// unless it needs no quotes.
func (p path) String() string {
	local := p.local
	if !atom(local) {
		local = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
	}
	if p.domain == "" {
		return p.local
	}
	return local + "@" + p.domain
}

// relays says whether the address asks us to pass the mail on to somebody else
// (RFC 5321, 3.6.1 and appendix F.2).
func (p path) relays() bool { return p.route || strings.ContainsAny(p.local, "@%!") }

// parsePath reads the path behind FROM: or TO:, and returns what follows it. It
// says what is wrong, or "".
func parsePath(s string) (p path, rest, wrong string) {
	inner, rest, ok := cutPath(strings.TrimLeft(s, " "))
	switch {
	case !ok:
		return p, rest, sayBadPath
	case len(inner) > maxPath:
		return p, rest, sayLongPath
	case inner == "":
		return p, rest, ""
	case inner[0] == '@':
		// Routes are to be ignored (RFC 5321, 4.1.1.3).
		_, inner, ok = strings.Cut(inner, ":")
		if p.route = true; !ok {
			return p, rest, sayBadPath
		}
	}
	p.local, p.domain, ok = splitMailbox(inner)
	if !ok {
		return p, rest, sayBadPath
	}
	return p, rest, p.check()
}

// cutPath splits "<path> parameters", with or without the brackets.
func cutPath(s string) (inner, rest string, ok bool) {
	end := byte(' ')
	if strings.HasPrefix(s, "<") {
		s, end = s[1:], '>'
	}
	i := unquotedIndex(s, end)
	switch {
	case i < 0 && end == '>':
		return "", "", false
	case i < 0:
		return s, "", s != ""
	case end == '>':
		rest = s[i+1:]
		return s[:i], rest, rest == "" || rest[0] == ' '
	}
	return s[:i], s[i:], i > 0
}

// unquotedIndex is the place of the first c outside of a quoted string, or -1.
func unquotedIndex(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}

// splitMailbox splits a mailbox and takes the quotes off its local part.
func splitMailbox(s string) (local, domain string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		local, domain, ok = strings.Cut(s, "@")
		return local, domain, local != "" && ok == (domain != "")
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			domain, ok = strings.CutPrefix(s[i+1:], "@")
			return b.String(), domain, ok && b.Len() > 0 && domain != ""
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// check says what is wrong with the parts, or "". A final dot of the domain is
// taken off: it changes nothing.
func (p *path) check() string {
	if p.domain == "." {
		return sayBadPath
	}
	p.domain = strings.TrimSuffix(p.domain, ".")
	switch {
	case len(p.local) > maxLocal || len(p.domain) > maxDomain:
		return sayLongPath
	case !printable(p.local) || !printable(p.domain):
		return sayBadAddr
	case p.domain != "" && !hostName(p.domain):
		return sayBadPath
	}
	return ""
}

// printable says whether s is UTF-8 without control and format characters.
func printable(s string) bool {
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return false
		}
	}
	return true
}

// atom says whether a local part needs no quotes. Empty atoms between dots are
// against RFC 5322, 3.2.3, but addresses in use have them.
func atom(s string) bool { return !strings.ContainsAny(s, ` "(),:;<>@[\]`) && s != "" }

// hostName says whether s is a domain or an address literal (RFC 5321, 4.1.3).
// It allows underscores, which are in use, and any letter of any script.
func hostName(s string) bool {
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		s = s[1 : len(s)-1]
		return s != "" && strings.Trim(s, "0123456789abcdefABCDEFIPvx.:-") == ""
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.IndexFunc(label, notInHost) >= 0 {
			return false
		}
	}
	return true
}

func notInHost(r rune) bool {
	ascii := r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	return !ascii && r < utf8.RuneSelf
}
