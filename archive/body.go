package archive

import (
	"html/template"
	"strings"
	"unicode/utf8"
)

// The text of a post is shown by a few rules that a reader can foresee:
//
//   - empty lines part blocks; a change of the quote level does too;
//   - the signature stands behind "-- " (RFC 3676, 4.3), a list's footer
//     behind a line of underscores: both are dimmed;
//   - a patch is code from its first line to the end of its quote level;
//   - a block is code when one of its lines looks like it (see isCode);
//   - other blocks are words, or items of a list. When no line of theirs had
//     room for the first word of the next, a mail program broke them: the page
//     breaks them anew, to the width of its reader's screen. Others keep their
//     lines.
//
// Nothing is left out but the > of quotes, which become lines at the side, and
// white space at the ends of lines.

// line is one line of a text without its quote marks.
type line struct {
	level int // how often it is quoted
	text  string
}

func (l line) blank() bool { return l.text == "" }

// maxQuote is the level from which deeper quotes look the same.
const maxQuote = 8

// bodyHTML shows the text of a post. Only elements and attributes that stand
// here come out, whatever the text is.
func bodyHTML(text string) template.HTML {
	text = clean(strings.Trim(text, "\n"))
	b := body{lines: readLines(text)}
	b.out.Grow(len(text) + len(text)/4)
	for b.next < len(b.lines) {
		b.block()
	}
	b.quote(0)
	return template.HTML(b.out.String())
}

// readLines takes the quote marks off: "> > x", ">> x" and ">>x" are all x,
// quoted twice.
func readLines(text string) []line {
	lines := make([]line, 0, strings.Count(text, "\n")+1)
	for s := range strings.SplitSeq(text, "\n") {
		l := line{text: s}
		for rest := s; strings.HasPrefix(rest, ">") && l.level < maxQuote; {
			l.level++
			rest = strings.TrimPrefix(rest[1:], " ")
			l.text = rest
		}
		if strings.TrimSpace(l.text) == "" {
			l.text = ""
		} else if l.text != "-- " {
			l.text = strings.TrimRight(l.text, " \t")
		}
		lines = append(lines, l)
	}
	return lines
}

// body writes blocks of lines one after the other.
type body struct {
	lines []line
	next  int // the first line that is not written yet
	level int // how many quotes are open
	out   strings.Builder
}

func (b *body) block() {
	l := b.lines[b.next]
	switch {
	case l.blank():
		b.next++
	case b.isSignature(b.next):
		b.write(`<div class="sig">`, b.sameLevel(), `</div>`)
	case b.isPatch(b.next):
		b.write(`<pre>`, b.sameLevel(), `</pre>`)
	default:
		b.words(b.paragraph())
	}
}

// words writes a block of n lines: as code, as words, or item by item.
func (b *body) words(n int) {
	lines := b.lines[b.next : b.next+n]
	items := isItem(lines[0].text)
	for i, l := range lines {
		if isCode(l.text, items && i > 0) {
			b.write(`<pre>`, n, `</pre>`)
			return
		}
	}
	if !items {
		b.write(openTag("", lines), n, `</p>`)
		return
	}
	for len(lines) > 0 {
		n := item(lines)
		class := "li"
		if strings.HasPrefix(lines[0].text, " ") {
			class = "li in"
		}
		for i := range lines[:n] {
			lines[i].text = strings.TrimLeft(lines[i].text, " ")
		}
		b.write(openTag(class, lines[:n]), n, `</p>`)
		lines = lines[n:]
	}
}

// item counts the lines of the list item that begins here.
func item(lines []line) int {
	for i := 1; i < len(lines); i++ {
		if isItem(strings.TrimLeft(lines[i].text, " ")) {
			return i
		}
	}
	return len(lines)
}

// openTag opens a paragraph; class "ln" keeps its line ends.
func openTag(class string, lines []line) string {
	if !isBroken(lines) {
		class = strings.TrimSpace(class + " ln")
	}
	if class == "" {
		return `<p>`
	}
	return `<p class="` + class + `">`
}

// paragraph counts the lines of the block that begins at the next one.
func (b *body) paragraph() int {
	level := b.lines[b.next].level
	for i := b.next + 1; i < len(b.lines); i++ {
		l := b.lines[i]
		if l.blank() || l.level != level || l.text == "---" || b.isSignature(i) || b.isPatch(i) {
			return i - b.next
		}
	}
	return len(b.lines) - b.next
}

// sameLevel counts the lines up to a change of the quote level or, in a patch,
// to the signature.
func (b *body) sameLevel() int {
	level := b.lines[b.next].level
	for i := b.next + 1; i < len(b.lines); i++ {
		l := b.lines[i]
		if (l.level != level && !(l.blank() && l.level == 0)) || b.isSignature(i) {
			return i - b.next
		}
	}
	return len(b.lines) - b.next
}

// isSignature tells the line behind which nobody says anything. "--" without
// its space counts near the end only: elsewhere it may be a rule.
func (b *body) isSignature(i int) bool {
	l := b.lines[i]
	if l.level != 0 {
		return false
	}
	if l.text == "-- " {
		return true
	}
	near := len(b.lines)-i <= 8
	return near && (l.text == "--" || len(l.text) >= 20 && strings.Trim(l.text, "_") == "")
}

// isPatch tells the first line of a unified diff.
func (b *body) isPatch(i int) bool {
	text := b.lines[i].text
	if strings.HasPrefix(text, "diff --git ") || strings.HasPrefix(text, "@@ -") {
		return true
	}
	return strings.HasPrefix(text, "--- ") && i+1 < len(b.lines) && strings.HasPrefix(b.lines[i+1].text, "+++ ")
}

// write writes the next n lines as one block.
func (b *body) write(open string, n int, end string) {
	lines := b.lines[b.next : b.next+n]
	b.next += n
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1].text) == "" {
		lines = lines[:len(lines)-1]
	}
	b.quote(lines[0].level)
	b.out.WriteString(open)
	for i, l := range lines {
		if i > 0 {
			b.out.WriteByte('\n')
		}
		linked(&b.out, l.text)
	}
	b.out.WriteString(end)
	b.out.WriteByte('\n')
}

// quote opens or closes quotes until level of them are open.
func (b *body) quote(level int) {
	for ; b.level < level; b.level++ {
		b.out.WriteString("<blockquote>")
	}
	for ; b.level > level; b.level-- {
		b.out.WriteString("</blockquote>\n")
	}
}

// A line that a mail program broke has at least shortLine characters, and fills
// the longest of its block up to slack: people break a little early, too.
const (
	shortLine = 40
	slack     = 6
)

// isBroken tells lines that were broken only because they were full.
func isBroken(lines []line) bool {
	longest := 0
	for _, l := range lines {
		longest = max(longest, utf8.RuneCountInString(l.text))
	}
	for i, l := range lines[:len(lines)-1] {
		word := firstWord(lines[i+1].text)
		n := utf8.RuneCountInString(l.text)
		if n < shortLine || n+1+utf8.RuneCountInString(word)+slack <= longest {
			return false
		}
		if len(word) > 3 && word == firstWord(l.text) {
			return false // of a log, or a row of names
		}
	}
	return true
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(strings.TrimLeft(s, " "), " ")
	return word
}

// isItem tells the first line of a list: "- x", "* x", "1. x", "2) x".
func isItem(s string) bool {
	if len(s) > 2 && strings.IndexByte("-*+o", s[0]) >= 0 && s[1] == ' ' {
		return true
	}
	rest := strings.TrimLeft(s, "0123456789")
	return len(s)-len(rest) > 0 && len(rest) > 1 && (rest[0] == '.' || rest[0] == ')') && rest[1] == ' '
}

// isCode tells a line that means its white space. Below a list item, a line
// may be indented by up to four characters.
func isCode(s string, below bool) bool {
	text := strings.TrimLeft(s, " ")
	if indent := len(s) - len(text); indent > 0 && (!below || indent > 4) {
		return true
	}
	if strings.Contains(text, "\t") || strings.Contains(text, "   ") {
		return true
	}
	for _, end := range []string{"{", "}", ");", "};", "\\"} {
		if strings.HasSuffix(text, end) {
			return true
		}
	}
	return isSigil(text)
}

// isSigil tells a line that begins as lines of code, shells and diffs do.
func isSigil(s string) bool {
	if len(s) < 2 {
		return false
	}
	switch s[0] {
	case '|', '{', '}', '#', '$', '\\', ';':
		return true
	case '+', '-':
		return s[1] != ' ' && (s[1] < '0' || s[1] > '9')
	case '@':
		return s[1] == '@'
	default:
		return false
	}
}
