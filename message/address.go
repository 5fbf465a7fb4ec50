package message

import (
	"strings"
	"unicode/utf8"
)

// Address is one mailbox of a From, To or Cc field.
type Address struct {
	Name string // display name decoded for display, "" if there is none
	Addr string // as written, without quotes where they are not needed; valid UTF-8 without control characters; see Canonical
}

// maxAddresses is how many bytes of a field are read for addresses: enough for
// over a thousand recipients, little enough for strangers.
const maxAddresses = 64 << 10

// ParseAddresses reads a list of addresses (RFC 5322, 3.4, and what is written
// instead): groups, comments, quoted strings, routes, encoded words, names
// without quotes, addresses without brackets. What is no address is skipped.
// It reads at most 64 KB, in one pass.
func ParseAddresses(value string) []Address {
	if len(value) > maxAddresses {
		value = value[:strings.LastIndexByte(value[:maxAddresses], ',')+1]
	}
	s := addressScanner{in: value}
	s.words = s.room[:0]
	for s.pos < len(s.in) {
		s.next()
	}
	s.flush()
	return s.out
}

// word is a piece of a mailbox outside angle brackets.
type word struct {
	text   string // of a quoted string, what it says
	quoted bool
	glued  bool // follows the word before it without white space
}

// addressScanner collects the pieces of one mailbox until a comma ends it.
type addressScanner struct {
	in      string
	pos     int
	out     []Address
	words   []word
	room    [8]word
	spaced  bool   // white space or a comment stands before pos
	addr    string // what stood in angle brackets
	angled  bool
	comment string // the last comment: the old place of a display name
	// What was searched for once without success is not there later on either:
	// unclosed quotes and comments cost one pass each, not n.
	noQuote, noComment bool
}

func (s *addressScanner) next() {
	switch c := s.in[s.pos]; c {
	case ' ', '\t', '\r', '\n':
		s.pos++
		s.spaced = true
	case ',', ';':
		s.pos++
		s.flush()
	case '"':
		s.quoted()
	case '(':
		s.comments()
	case '<':
		s.angle()
	case ':':
		s.group()
	case ')', '>':
		s.pos++
	default:
		s.atom()
	}
}

func (s *addressScanner) add(text string, quoted bool) {
	s.words = append(s.words, word{text: text, quoted: quoted, glued: !s.spaced && len(s.words) > 0})
	s.spaced = false
}

// atom reads up to the next character that means something.
func (s *addressScanner) atom() {
	start := s.pos
	for s.pos++; s.pos < len(s.in); s.pos++ {
		c := s.in[s.pos]
		if c == '[' && s.in[s.pos-1] == '@' {
			s.pos = s.literalEnd()
			continue
		}
		if strings.IndexByte(" \t\r\n,;\"(<:)>", c) >= 0 {
			break
		}
	}
	s.add(s.in[start:s.pos], false)
}

// literalEnd is where the domain literal that starts at pos ends: it may hold
// colons (RFC 5321, 4.1.3). Without an end nearby it is pos.
func (s *addressScanner) literalEnd() int {
	near := s.in[s.pos:min(len(s.in), s.pos+64)]
	if i := strings.IndexAny(near, "], "); i >= 0 && near[i] == ']' {
		return s.pos + i
	}
	return s.pos
}

// quoted reads a quoted string (RFC 5322, 3.2.4). A quote that is never closed
// means nothing.
func (s *addressScanner) quoted() {
	text, end := "", 0
	if !s.noQuote {
		text, end = unquote(s.in[s.pos:])
		s.noQuote = end == 0
	}
	if end == 0 {
		s.pos++
		return
	}
	s.pos += end
	s.add(text, true)
}

// unquote reads the quoted string that starts s; end is 0 if it has no end.
func unquote(s string) (text string, end int) {
	escaped := false
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			escaped = true
			i++
		case '"':
			if escaped {
				return unescape(s[1:i]), i + 1
			}
			return s[1:i], i + 1
		}
	}
	return "", 0
}

// unescape takes the backslashes off quoted pairs.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}

// comments reads a comment with those inside it (RFC 5322, 3.2.2).
func (s *addressScanner) comments() {
	end := 0
	if !s.noComment {
		end = commentEnd(s.in[s.pos:])
		s.noComment = end == 0
	}
	if end == 0 {
		s.pos++
		return
	}
	s.comment = s.in[s.pos+1 : s.pos+end-1]
	s.pos += end
	s.spaced = true
}

// commentEnd is the length of the comment that starts s, 0 if it has no end.
func commentEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// angle reads what stands in angle brackets. A bracket that is never closed
// ends at the next comma; a second one starts anew.
func (s *addressScanner) angle() {
	start := s.pos + 1
	i := start
scan:
	for ; i < len(s.in); i++ {
		switch s.in[i] {
		case '<':
			start = i + 1
		case '"':
			i += s.skipQuoted(i)
		case ',':
			if s.in[start] != '@' { // the commas of a route (RFC 5322, 4.4)
				break scan
			}
		case '>':
			break scan
		}
	}
	if !s.angled {
		s.addr, s.angled = s.in[start:min(i, len(s.in))], true
	}
	s.pos = i
	s.spaced = true
}

// skipQuoted is how many bytes after the quote at i belong to its string.
func (s *addressScanner) skipQuoted(i int) int {
	if s.noQuote {
		return 0
	}
	_, end := unquote(s.in[i:])
	s.noQuote = end == 0
	return max(end-1, 0)
}

// group forgets the name of a group (RFC 5322, 3.4): its members count.
func (s *addressScanner) group() {
	s.pos++
	for _, w := range s.words {
		if !w.quoted && strings.IndexByte(w.text, '@') >= 0 {
			return
		}
	}
	s.words, s.comment = s.words[:0], ""
}

// flush ends a mailbox.
func (s *addressScanner) flush() {
	a := Address{}
	if s.angled {
		a.Addr = plainAddr(s.addr)
		a.Name = DecodeHeader(joinWords(s.words))
	} else if i, j := bareAddr(s.words); j > 0 {
		a.Addr = plainAddr(quoteWords(s.words[i:j]))
		a.Name = DecodeHeader(joinWords(append(s.words[:i:i], s.words[j:]...)))
	}
	if a.Name == "" && s.comment != "" {
		a.Name = DecodeHeader(unescape(s.comment))
	}
	if a.Addr != "" {
		s.out = append(s.out, a)
	}
	s.words, s.addr, s.angled, s.comment, s.spaced = s.words[:0], "", false, "", false
}

// bareAddr finds the words i to j that make an address without brackets: the
// last one with an @, and what belongs to it though white space parts them
// (RFC 5322, 4.4). j is 0 if there is none.
func bareAddr(words []word) (i, j int) {
	at := len(words) - 1
	for at >= 0 && (words[at].quoted || strings.IndexByte(words[at].text, '@') < 0) {
		at--
	}
	if at < 0 {
		return 0, 0
	}
	i, j = at, at+1
	for i > 0 && (words[i].glued || !words[i].quoted && strings.IndexAny(words[i].text, "@.") == 0) {
		i--
	}
	for j < len(words) && (words[j].glued || strings.HasSuffix(words[j-1].text, "@")) {
		j++
	}
	return i, j
}

// joinWords writes the words of a display name as one text.
func joinWords(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var b strings.Builder
	for i, w := range words {
		if i > 0 && !w.glued {
			b.WriteByte(' ')
		}
		b.WriteString(w.text)
	}
	return b.String()
}

// quoteWords writes the words of an address without white space.
func quoteWords(words []word) string {
	if len(words) == 1 {
		return words[0].text
	}
	var b strings.Builder
	for _, w := range words {
		if w.quoted {
			b.WriteString(quote(w.text))
		} else {
			b.WriteString(w.text)
		}
	}
	return b.String()
}

// plainAddr is an address without its route, comments, white space and needless
// quotes; "" if it is none.
func plainAddr(s string) string {
	if strings.IndexByte(s, '@') == 0 {
		s = s[strings.LastIndexByte(s, ':')+1:]
	}
	if strings.ContainsAny(s, "\"( \t\r\n") {
		s = tidyAddr(s)
	}
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || s[0] == '@' || at == len(s)-1 || hasControl(s) || !utf8.ValidString(s) {
		return ""
	}
	return s
}

// tidyAddr drops comments and white space outside quotes, and the quotes of a
// local part that needs none.
func tidyAddr(s string) string {
	var b strings.Builder
	comments := true
	for i := 0; i < len(s); i++ {
		end := 0
		switch c := s[i]; c {
		case ' ', '\t', '\r', '\n':
			continue
		case '(':
			if comments {
				end = commentEnd(s[i:])
				comments = end > 0
			}
		case '"':
			if b.Len() == 0 {
				var text string
				if text, end = unquote(s[i:]); end > 0 {
					b.WriteString(quote(text))
				}
			}
		}
		if end == 0 {
			b.WriteByte(s[i])
		}
		i += max(end-1, 0)
	}
	return b.String()
}

// quote writes a local part with quotes where it needs them (RFC 5321, 4.1.2).
func quote(local string) string {
	if isDotAtom(local) {
		return local
	}
	b := []byte{'"'}
	for i := range len(local) {
		if local[i] == '"' || local[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, local[i])
	}
	return string(append(b, '"'))
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 127 {
			return true
		}
	}
	return false
}
