package message

import (
	"strings"
	"unicode/utf8"
)

// The limits of a header value for display: what is read, in bytes, and what
// is shown, in characters.
const (
	maxValue = 64 << 10
	maxShown = 1000
)

// DecodeHeader turns a header value into text for people: encoded words
// (RFC 2047) are decoded, bytes that are not UTF-8 are taken for Windows-1252,
// line ends and tabs become spaces, other control characters and those that
// turn the reading direction are dropped. The result is valid UTF-8 of one line
// and at most 1,000 characters. It is for display alone: an encoded word can
// hold anything, so no address is ever taken from it.
func DecodeHeader(value string) string {
	if len(value) <= maxShown && isPlain(value) && !strings.Contains(value, "=?") {
		return strings.Trim(value, " ")
	}
	return decodeLine(value, maxShown)
}

// decodeLine is DecodeHeader with a limit of its own, in characters.
func decodeLine(value string, limit int) string {
	if len(value) > maxValue {
		value = value[:maxValue]
	}
	var d wordDecoder
	d.decode(value)
	return cutLine(d.out.String(), limit)
}

// oneLine makes decoded text fit for one line of display.
func oneLine(s string) string { return cutLine(s, maxShown) }

func cutLine(s string, limit int) string {
	var b strings.Builder
	shown := 0
	for _, r := range s {
		switch {
		case r == '\t' || r == '\r' || r == '\n' || r == '\u2028' || r == '\u2029':
			r = ' '
		case isHidden(r):
			continue
		}
		if r == ' ' && shown == 0 {
			continue
		}
		if shown++; shown == limit {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ")
}

// isPlain says whether s is printable ASCII and nothing else.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// isControl knows the control characters C0, DEL and C1.
func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// isOverride knows the characters that reorder the text around them: with them
// a line can be made to read as another.
func isOverride(r rune) bool { return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 }

// isHidden knows what has no place in one line of text: controls, and all
// characters that steer the reading direction.
func isHidden(r rune) bool {
	return isControl(r) || isOverride(r) || r == 0x200e || r == 0x200f || r == 0x061c || r == 0xfeff
}

// wordDecoder decodes a value from left to right. The bytes of neighbouring
// words of one charset are gathered first, because many mailers cut characters
// in two.
type wordDecoder struct {
	out     strings.Builder
	charset string
	pending []byte
}

func (d *wordDecoder) decode(value string) {
	afterWord := false
	for value != "" && d.out.Len()+len(d.pending) < 8*maxShown {
		i := strings.Index(value, "=?")
		if i < 0 {
			break
		}
		w, ok := cutWord(value[i:])
		if !ok {
			d.plain(value[:i+2])
			value, afterWord = value[i+2:], false
			continue
		}
		// White space between two words is only there to part them (RFC 2047, 6.2).
		if !afterWord || strings.Trim(value[:i], " \t\r\n") != "" {
			d.plain(value[:i])
		}
		d.word(w)
		value, afterWord = value[i+w.size:], true
	}
	d.plain(value)
}

func (d *wordDecoder) plain(s string) {
	d.flush()
	d.out.WriteString(guess([]byte(s)))
}

func (d *wordDecoder) word(w encodedWord) {
	if w.charset != d.charset {
		d.flush()
	}
	d.charset = w.charset
	d.pending = append(d.pending, w.bytes...)
}

func (d *wordDecoder) flush() {
	if len(d.pending) > 0 {
		text, _ := decodeCharset(d.charset, d.pending)
		d.out.WriteString(text)
		d.pending = d.pending[:0]
	}
}

type encodedWord struct {
	charset string
	bytes   []byte // decoded, in that charset
	size    int    // of the word as written
}

// cutWord reads the encoded word that starts s, which starts with "=?". Spaces
// within it are let pass, and any length.
func cutWord(s string) (w encodedWord, ok bool) {
	charset, rest, found := strings.Cut(s[2:], "?")
	if !found || charset == "" || len(charset) > 60 || len(rest) < 2 || rest[1] != '?' {
		return w, false
	}
	text, rest2, found := strings.Cut(rest[2:], "?")
	if !found || !strings.HasPrefix(rest2, "=") {
		return w, false
	}
	switch rest[0] {
	case 'q', 'Q':
		w.bytes = decodeQ(text)
	case 'b', 'B':
		w.bytes, _, _ = decodeBase64([]byte(text))
	default:
		return w, false
	}
	// RFC 2231, 5: a language may follow the charset.
	charset, _, _ = strings.Cut(charset, "*")
	w.charset, w.size = strings.ToLower(strings.TrimSpace(charset)), len(s)-len(rest2)+1
	return w, true
}

// decodeQ decodes the Q encoding (RFC 2047, 4.2); what is broken stays.
func decodeQ(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '_':
			b = append(b, ' ')
		case c == '=' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			b = append(b, c)
		}
	}
	return b
}

// cutRunes is s without what follows its first n bytes, and without a
// character that this would cut in two.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
