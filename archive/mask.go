package archive

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// masker hides the addresses of people on a list that masks them: ann@… is
// what is left of one. Message-IDs look the same and are let through where
// they are known to be such: in the fields of the header that hold them, in
// links to this archive, and where a path of another one plainly has one.
// A nil masker hides nothing.
type masker struct {
	base string          // Site.URL with a slash: links below it hold Message-IDs
	own  string          // the list's address, which everybody may know
	ids  map[string]bool // Message-IDs of the posts of the thread at hand
}

// line masks what stands on one line of a page.
func (m *masker) line(s string) string { return cleanLine(m.text(s)) }

// text masks a text of any length, in linear time.
func (m *masker) text(s string) string {
	if m == nil || !hasAt(s) {
		return s
	}
	dots := "…"
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0x1b) {
		dots = "..." // raw bytes of another charset
	}
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		start, end := nextLink(s)
		m.plain(&b, s[:start], dots)
		if start < end {
			m.link(&b, s[start:end], dots)
		}
		s = s[end:]
	}
	return b.String()
}

func hasAt(s string) bool { return strings.IndexByte(s, '@') >= 0 || strings.Contains(s, "%40") }

// plain masks text that is no link.
func (m *masker) plain(b *strings.Builder, s, dots string) {
	done, floor := 0, 0 // written so far; where the next address may begin
	for i := 0; i < len(s); {
		at, width := nextAt(s, i)
		if at < 0 {
			break
		}
		i = at + width
		start, end := localStart(s, floor, at), domainEnd(s, i)
		floor = i
		after := at == done && done > 0 // right behind a masked one, as in a@b@c
		if start == at && !closesLocal(s, at) && !after || end == i || m.keeps(s[start:end]) {
			continue
		}
		b.WriteString(s[done:i])
		b.WriteString(dots)
		done, floor, i = end, end, end
	}
	b.WriteString(s[done:])
}

// nextAt finds the next @, as it is or percent-encoded.
func nextAt(s string, from int) (at, width int) {
	for i := from; i < len(s); i++ {
		j := strings.IndexAny(s[i:], "@%")
		if j < 0 {
			return -1, 0
		}
		i += j
		if s[i] == '@' {
			return i, 1
		}
		if strings.HasPrefix(s[i:], "%40") {
			return i, 3
		}
	}
	return -1, 0
}

// localStart is where the local part before the @ begins (RFC 5322, 3.2.3:
// atext and dots; RFC 6531 adds everything beyond ASCII).
func localStart(s string, floor, at int) int {
	for at > floor && isAtext(s[at-1]) {
		at--
	}
	return at
}

// closesLocal tells a quoted local part or a comment before the @.
func closesLocal(s string, at int) bool { return at > 0 && (s[at-1] == '"' || s[at-1] == ')') }

func isAtext(c byte) bool {
	return isAlnum(c) || c >= 0x80 || strings.IndexByte(".!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// domainEnd is where the domain that begins at from ends; from when there is
// none. The last label of a domain begins with a letter: module@1.2.3 is none.
func domainEnd(s string, from int) int {
	if strings.HasPrefix(s[from:], "[") {
		if i := strings.IndexByte(s[from:min(len(s), from+80)], ']'); i > 0 {
			return from + i + 1
		}
		return from
	}
	end := domainSpan(s, from)
	for end > from && (s[end-1] == '.' || s[end-1] == '-') {
		end--
	}
	last := s[from:end]
	if i := strings.LastIndexByte(last, '.'); i >= 0 {
		last = last[i+1:]
	}
	if last == "" || last[0] >= '0' && last[0] <= '9' {
		return from
	}
	return end
}

// domainSpan is as far as a domain can go. Letters of scripts that write words
// without spaces belong to it only when it begins with one: in Japanese, the
// next word may follow right behind example.org.
func domainSpan(s string, from int) int {
	wide := from < len(s) && s[from] >= utf8.RuneSelf
	for i := from; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r < utf8.RuneSelf:
			if c := byte(r); !isAlnum(c) && c != '-' && c != '.' {
				return i
			}
		case unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic):
		case wide && r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsMark(r)):
		default:
			return i
		}
		i += size
	}
	return len(s)
}

// keeps tells what only looks like the address of a person.
func (m *masker) keeps(s string) bool { return strings.EqualFold(s, m.own) || m.ids[s] }

// link masks a link: a Message-ID in its path is let through.
func (m *masker) link(b *strings.Builder, s, dots string) {
	if !hasAt(s) {
		b.WriteString(s)
		return
	}
	query := len(s)
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		query = i
	}
	rest, ours := strings.CutPrefix(s[:query], m.base)
	if ours && m.base != "/" && strings.Contains(rest, "/") {
		b.WriteString(s[:query])
	} else {
		for i, segment := range strings.SplitAfter(s[:query], "/") {
			if i >= 3 && m.isID(strings.TrimSuffix(segment, "/")) {
				b.WriteString(segment)
			} else {
				m.plain(b, segment, dots)
			}
		}
	}
	m.plain(b, s[query:], dots)
}

// isID tells a Message-ID in the path of a link to another archive: what is
// before its @ is longer than a name and has digits in it.
func (m *masker) isID(segment string) bool {
	local, _, ok := strings.Cut(strings.Replace(segment, "%40", "@", 1), "@")
	digits := strings.Count(strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return r
	}, local), "0")
	return ok && (len(local) >= 20 && digits >= 2 || m.ids[segment])
}
