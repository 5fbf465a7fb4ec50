package list

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is shown of a post in a table of contents, and how far is looked for it.
const (
	shownLines  = 3
	lineWidth   = 70       // characters: indented by six, a line still fits into a mail of ours
	searchText  = 64 << 10 // bytes: whoever writes below a longer quote is shown without words
	searchLines = 24       // lines of the author that are more than enough
)

// firstLines is the first words of a post that are its author's own: without
// quotes, the line that introduces them, a greeting and a signature. They are
// broken anew, but lines that mean something as they stand keep their start.
func firstLines(text string) []string {
	var o ownWords
	for line := range strings.SplitSeq(clip(text, searchText), "\n") {
		if !o.take(strings.TrimRight(line, " \t")) {
			break
		}
	}
	return flow(withoutGreeting(withoutOpening(o.lines)))
}

// ownWords gathers the lines of a text that its author wrote.
type ownWords struct {
	lines  []string // with empty lines between paragraphs, none at the start
	quoted bool     // no words since the last quote
	armour bool     // within the header of a signed text
}

// take reads a line; false means that what follows is not worth reading.
func (o *ownWords) take(line string) bool {
	switch {
	case isQuoteLine(line):
		o.endAtQuote()
	case strings.HasPrefix(line, "-----BEGIN PGP SIGNED MESSAGE"):
		o.armour = true
	case o.armour:
		o.armour = line != ""
	case isEndMark(line), isClosing(line) && len(o.lines) > 0:
		return false
	case line == "", isRule(line), strings.HasPrefix(line, "Signed-off-by: "):
		o.gap()
	default:
		o.quoted = false
		o.lines = append(o.lines, line)
	}
	return len(o.lines) < searchLines
}

// endAtQuote ends a paragraph before the first line of a quote.
func (o *ownWords) endAtQuote() {
	if !o.quoted {
		o.lines = withoutAttribution(o.lines)
	}
	o.quoted = true
	o.gap()
}

// gap ends a paragraph.
func (o *ownWords) gap() {
	if n := len(o.lines); n > 0 && o.lines[n-1] != "" {
		o.lines = append(o.lines, "")
	}
}

func isQuoteLine(line string) bool {
	return strings.HasPrefix(strings.TrimLeft(line, " "), ">")
}

// isEndMark knows the line below which a text is a signature (RFC 3676, 4.3), a
// list's footer, a patch, or a mail that some programs put there unquoted.
func isEndMark(line string) bool {
	switch {
	case line == "--", line == "---", strings.HasPrefix(line, "diff --git "):
		return true
	case strings.HasPrefix(line, "-----"):
		return strings.ContainsFunc(line, unicode.IsLetter)
	}
	return len(line) >= 20 && strings.Trim(line, "_") == ""
}

// isRule knows a line that is drawn, not written, or that says "left out".
func isRule(line string) bool {
	return len(line) >= 3 && strings.Trim(line, "-=_*~#.") == ""
}

// isClosing knows "Kind regards," and its like.
func isClosing(line string) bool {
	words := strings.Fields(line)
	if len(words) == 0 || len(words) > 3 {
		return false
	}
	switch strings.ToLower(strings.Trim(words[len(words)-1], ",!.")) {
	case "regards", "cheers", "greetings", "wishes", "gruß", "gruss", "grüße", "grüßen", "mfg", "salutations", "cordialement":
		return true
	}
	return false
}

// withoutOpening drops an attribution at the top, which words part from the
// quote that it introduces.
func withoutOpening(lines []string) []string {
	end := slices.Index(lines, "")
	if end < 1 || end > maxAttribution {
		return lines
	}
	return withoutEmpty(slices.Concat(withoutAttribution(lines[:end]), lines[end:]))
}

// withoutEmpty drops the empty lines at the start.
func withoutEmpty(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	return lines
}

// maxAttribution is the most lines that say whom a quote is from.
const maxAttribution = 3

// withoutAttribution drops the lines at the end that say whom the quote below
// them is from.
func withoutAttribution(lines []string) []string {
	end := len(lines)
	for end > 0 && lines[end-1] == "" {
		end--
	}
	if end == 0 || !strings.HasSuffix(lines[end-1], ":") && !strings.HasSuffix(lines[end-1], "：") {
		return lines
	}
	start := end
	for i := end - 1; i >= max(0, end-maxAttribution) && lines[i] != ""; i-- {
		if opensAttribution(lines[i]) && namesAuthor(strings.Join(lines[i:end], " ")) {
			return lines[:i]
		}
		if namesAuthor(lines[i]) {
			start = i
		}
	}
	return lines[:start]
}

// opensAttribution knows how most programs begin: "On Mon, 4 Mar 2024, ...".
func opensAttribution(line string) bool {
	first, _, _ := strings.Cut(line, " ")
	switch first {
	case "On", "Am", "Le", "El", "Il", "Op", "Den", "Em", "W", "At", "Quoting":
		return true
	}
	return false
}

// namesAuthor knows an address, a time of the day, or a word for writing.
func namesAuthor(line string) bool {
	notLetter := func(r rune) bool { return !unicode.IsLetter(r) }
	return strings.Contains(line, "@") || strings.Contains(line, "写道") || hasClock(line) ||
		slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(line), notLetter), isWroteWord)
}

func isWroteWord(word string) bool {
	switch word {
	case "wrote", "writes", "said", "schrieb", "schreibt", "geschrieben", "écrit", "escribió", "escreveu", "scritto",
		"schreef", "skrev", "kirjoitti", "napisał", "napisała", "napsal", "írta", "пишет", "написал", "пише":
		return true
	}
	return false
}

func hasClock(line string) bool {
	for i := 1; i < len(line)-2; i++ {
		if line[i] == ':' && isDigit(line[i-1]) && isDigit(line[i+1]) && isDigit(line[i+2]) {
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// withoutGreeting drops a first line that only greets, unless it is all there is.
func withoutGreeting(lines []string) []string {
	if len(lines) < 2 || !isGreeting(lines[0]) {
		return lines
	}
	if rest := withoutEmpty(lines[1:]); len(rest) > 0 {
		return rest
	}
	return lines
}

// isGreeting knows "Hi all," and "Ann," but not a sentence.
func isGreeting(line string) bool {
	words := strings.Fields(line)
	if len(words) == 0 || len(words) > 6 {
		return false
	}
	last := line[len(line)-1]
	if last == ',' && len(words) <= 2 {
		return true
	}
	switch strings.ToLower(strings.Trim(words[0], ",!.")) {
	case "hi", "hello", "hey", "dear", "greetings", "hallo", "moin", "servus", "liebe", "lieber", "guten", "sehr",
		"bonjour", "salut", "hola", "ciao", "hej":
		return strings.IndexByte(",!.:", last) >= 0 || len(words) <= 3
	}
	return false
}

// flow breaks lines anew into at most shownLines lines of lineWidth. A line
// keeps its start when it follows an empty one, is indented or begins an item.
func flow(lines []string) []string {
	f := flowing{fresh: true}
	for _, line := range lines {
		if line == "" || isIndented(line) || isItem(line) {
			f.fresh = true
		}
		for _, word := range strings.Fields(line) {
			if !f.add(word) {
				return f.cut()
			}
		}
	}
	return f.out
}

func isIndented(line string) bool { return line[0] == ' ' || line[0] == '\t' }

// isItem knows the first line of an item: "- x", "* x", "1. x", "2) x".
func isItem(line string) bool {
	mark, _, found := strings.Cut(line, " ")
	if mark == "-" || mark == "*" {
		return found
	}
	digits := strings.TrimRight(mark, ".)")
	return found && digits != "" && len(mark) == len(digits)+1 && len(digits) <= 2 && strings.Trim(digits, "0123456789") == ""
}

// flowing is lines that are being filled.
type flowing struct {
	out   []string
	fresh bool // the next word begins a line
}

// add writes a word; false means that there is no room left. A word that is
// longer than a line, such as a text in a script without spaces, is broken.
func (f *flowing) add(word string) bool {
	if last := len(f.out) - 1; !f.fresh && utf8.RuneCountInString(f.out[last])+1+utf8.RuneCountInString(word) <= lineWidth {
		f.out[last] += " " + word
		return true
	}
	f.fresh = false
	for word != "" {
		if len(f.out) == shownLines {
			return false
		}
		n := bytesOf(word, lineWidth)
		f.out = append(f.out, word[:n])
		word = word[n:]
	}
	return true
}

// bytesOf is how many bytes the first so many characters of s take.
func bytesOf(s string, most int) int {
	count := 0
	for i := range s {
		if count == most {
			return i
		}
		count++
	}
	return len(s)
}

// cut marks the last line as not the end.
func (f *flowing) cut() []string {
	last := len(f.out) - 1
	for utf8.RuneCountInString(f.out[last])+2 > lineWidth {
		i := strings.LastIndexByte(f.out[last], ' ')
		if i < 0 {
			i = bytesOf(f.out[last], lineWidth-2)
		}
		f.out[last] = f.out[last][:i]
	}
	f.out[last] += " …"
	return f.out
}
