package archive

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// nextLink finds the first address of a page or mailbox in s that begins with
// http, https or mailto, up to the white space, bracket or quote that ends it.
// It returns len(s), len(s) when there is none.
func nextLink(s string) (start, end int) {
	for from := 0; ; {
		i := strings.IndexByte(s[from:], ':')
		if i < 0 {
			return len(s), len(s)
		}
		colon := from + i
		if start := schemeStart(s, from, colon); start >= 0 {
			return start, linkEnd(s, colon+1)
		}
		from = colon + 1
	}
}

// schemeStart is where the scheme before the colon begins, -1 if it is none of ours.
func schemeStart(s string, from, colon int) int {
	for _, scheme := range []string{"https", "http", "mailto"} {
		start := colon - len(scheme)
		if start < from || !strings.EqualFold(s[start:colon], scheme) {
			continue
		}
		if start > 0 && isAlnum(s[start-1]) {
			return -1
		}
		if scheme != "mailto" && !strings.HasPrefix(s[colon+1:], "//") {
			return -1
		}
		return start
	}
	return -1
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func linkEnd(s string, from int) int {
	for i, r := range s[from:] {
		switch {
		case r <= ' ', r == '<', r == '>', r == '"', r == '`', r == 0x7f, r == utf8.RuneError:
			return from + i
		case r >= 0x80 && (unicode.IsSpace(r) || strings.ContainsRune("“”„«»‹›。、，）】」』》；！？", r)):
			return from + i
		}
	}
	return len(s)
}

// trimLink takes the punctuation off that ends a sentence, not the link.
// Brackets belong to the link when they were opened in it.
func trimLink(link string) string {
	for link != "" && len(link) <= maxLink {
		last := link[len(link)-1]
		switch {
		case strings.IndexByte(".,;:!?'*_~|\\", last) >= 0:
		case last == ')' && strings.Count(link, "(") < strings.Count(link, ")"):
		case last == ']' && strings.Count(link, "[") < strings.Count(link, "]"):
		case last == '}' && strings.Count(link, "{") < strings.Count(link, "}"):
		default:
			return link
		}
		link = link[:len(link)-1]
	}
	return link
}

// maxLink is the longest link in bytes; anything longer stays text.
const maxLink = 2000

// target is the address that a link in a text leads to, fit for an attribute;
// "" when it is none that a browser should follow.
func target(link string) string {
	if len(link) > maxLink || strings.Contains(link, "…") {
		return "" // with a masked address in it, it leads nowhere
	}
	scheme, rest, _ := strings.Cut(link, ":")
	if strings.EqualFold(scheme, "mailto") {
		if i := strings.IndexByte(rest, '@'); i < 1 || i == len(rest)-1 {
			return ""
		}
		return "mailto:" + linkEscape(rest)
	}
	authority, tail := rest[2:], ""
	if i := strings.IndexAny(authority, "/?#"); i >= 0 {
		authority, tail = authority[:i], authority[i:]
	}
	host := hostOf(authority)
	if host == "" {
		return ""
	}
	return strings.ToLower(scheme) + "://" + host + linkEscape(tail)
}

// hostOf is the host and port of a link as browsers take them; "" when it is
// none. A link with a user name in it is mostly a trap: it stays text.
func hostOf(authority string) string {
	host, port, hasPort := strings.Cut(authority, ":")
	if hasPort && (port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "") {
		return ""
	}
	if !isPlainHost(host) {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil || !isPlainHost(ascii) {
			return ""
		}
		host = ascii
	}
	if hasPort {
		return host + ":" + port
	}
	return host
}

func isPlainHost(host string) bool {
	if host == "" || len(host) > 255 || strings.Contains(host, "..") || host[0] == '.' || host[0] == '-' {
		return false
	}
	for i := range len(host) {
		if c := host[i]; !isAlnum(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

// linkEscape percent-encodes what may not stand in a URL (RFC 3986, 2) and
// leaves what is encoded already.
func linkEscape(s string) string {
	var b strings.Builder
	fragment := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(c)
		case c == '#' && !fragment:
			fragment = true
			b.WriteByte(c)
		case isAlnum(c) || strings.IndexByte("-._~/?:@!$&'()*+,;=", c) >= 0:
			b.WriteByte(c)
		default:
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// mailtoEscape escapes a value in a mailto link (RFC 6068, 2).
func mailtoEscape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), "%40", "@")
}

// linked writes text with its links.
func linked(b *strings.Builder, s string) {
	for s != "" {
		start, end := nextLink(s)
		escape(b, s[:start])
		if start == len(s) {
			return
		}
		link := trimLink(s[start:end])
		if to := target(link); to != "" {
			b.WriteString(`<a rel="nofollow noopener" href="`)
			escape(b, to)
			b.WriteString(`">`)
			escape(b, link)
			b.WriteString(`</a>`)
		} else {
			escape(b, link)
		}
		s = s[start+len(link):]
	}
}
