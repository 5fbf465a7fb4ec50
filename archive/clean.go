package archive

import (
	"strings"
	"unicode/utf8"
)

// clean makes text from a mail fit for a page: valid UTF-8 without control
// characters and without those that turn the direction of the words after
// them, which could make a name read as another.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range s { // a broken byte comes out as U+FFFD
		if !isForbidden(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isClean(s string) bool {
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if (c < ' ' && c != '\n' && c != '\t') || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r == utf8.RuneError && size == 1) || isForbidden(r) {
			return false
		}
		i += size
	}
	return true
}

// isForbidden tells the characters that no page shows: controls, those that
// HTML forbids, and the overrides of direction.
func isForbidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
		return true
	default:
		return false
	}
}

// cleanLine is clean for what stands on one line. A very long one is cut.
func cleanLine(s string) string {
	s = clean(s)
	if strings.ContainsAny(s, "\n\t") {
		s = strings.Join(strings.Fields(s), " ")
	}
	return shorten(s, maxLine)
}

// The longest subject and the longest name that a page shows, in characters.
const (
	maxLine = 300
	maxName = 80
)

func shorten(s string, most int) string {
	if len(s) <= most || utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

const escaped = "&<>\"'"

// escape writes text into HTML, where it is only ever text.
func escape(b *strings.Builder, s string) {
	for {
		i := strings.IndexAny(s, escaped)
		if i < 0 {
			b.WriteString(s)
			return
		}
		b.WriteString(s[:i])
		switch s[i] {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '"':
			b.WriteString("&#34;")
		case '\'':
			b.WriteString("&#39;")
		}
		s = s[i+1:]
	}
}
