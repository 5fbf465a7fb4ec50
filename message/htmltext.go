package message

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/net/html/atom"
)

// The deepest indentation that is shown; what is nested deeper stands there too.
const (
	maxQuotes = 20
	maxLists  = 10
)

// space is what an element puts between itself and what is around it.
type space int

const (
	inline space = iota
	line
	paragraph
)

// layout says what separates an element from its neighbours.
func layout(tag atom.Atom) space {
	switch tag {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Pre,
		atom.Ul, atom.Ol, atom.Dl, atom.Table, atom.Plaintext, atom.Xmp, atom.Listing:
		return paragraph
	case atom.Div, atom.Li, atom.Dt, atom.Dd, atom.Tr, atom.Hr, atom.Address, atom.Article, atom.Aside,
		atom.Section, atom.Header, atom.Footer, atom.Main, atom.Nav, atom.Form, atom.Fieldset, atom.Center,
		atom.Figure, atom.Figcaption, atom.Details, atom.Summary, atom.Caption, atom.Thead, atom.Tbody,
		atom.Tfoot, atom.Body, atom.Html, atom.Option:
		return line
	}
	return inline
}

// textWriter lays text out in lines.
type textWriter struct {
	out    []byte
	breaks int  // line ends owed before the next text, at most two outside pre
	spaced bool // a space is owed before the next text of the line
	quotes int  // open blockquotes
	quoted int  // how many were open when the last text was written
	pre    int  // open elements of preformatted text
	lists  []int
	bullet string // of the list item that begins
	tables int
	cells  int  // cells begun since the last text of the row
	filled bool // the row has text
	fresh  bool // the cell has none yet
	marked int  // where the first text since mark starts, -1 while there is none
	newPre bool // the line end that starts preformatted text is not part of it
}

// mark remembers where the next text starts.
func (w *textWriter) mark() { w.marked = -1 }

// sinceMark is the text written since mark, without white space around it.
func (w *textWriter) sinceMark() string {
	if w.marked < 0 {
		return ""
	}
	return strings.TrimSpace(string(w.out[min(w.marked, len(w.out)):]))
}

func (w *textWriter) write(s string) {
	if w.marked < 0 {
		w.marked = len(w.out)
	}
	w.out = append(w.out, s...)
}

func (w *textWriter) start(tag atom.Atom) {
	switch tag {
	case atom.Br:
		w.breaks = min(w.breaks+1, 2)
		return
	case atom.Td, atom.Th:
		w.cell()
		return
	case atom.Table:
		w.tables++
	case atom.Tr:
		w.fresh, w.filled, w.cells = false, false, 0
	}
	w.separate(layout(tag))
	switch tag {
	case atom.Blockquote:
		w.quotes++
	case atom.Pre, atom.Listing, atom.Xmp, atom.Plaintext:
		w.pre++
		w.newPre = true
	case atom.Ul, atom.Menu:
		w.lists = append(w.lists, -1)
	case atom.Ol:
		w.lists = append(w.lists, 0)
	case atom.Li:
		w.item()
	case atom.Hr:
		w.text("----------")
		w.separate(line)
	}
}

func (w *textWriter) end(tag atom.Atom) {
	switch tag {
	case atom.Blockquote:
		w.quotes = max(w.quotes-1, 0)
	case atom.Pre, atom.Listing, atom.Xmp, atom.Plaintext:
		w.pre = max(w.pre-1, 0)
	case atom.Ul, atom.Ol, atom.Menu:
		w.lists = w.lists[:max(len(w.lists)-1, 0)]
	case atom.Tr:
		if w.filled { // what ends its last cell does not part the rows
			w.breaks = 1
		}
	case atom.Table:
		w.tables = max(w.tables-1, 0)
		w.fresh, w.filled, w.cells = false, false, 0
	case atom.Br: // browsers take </br> for <br>
		w.start(atom.Br)
	}
	w.separate(layout(tag))
}

// separate owes the line ends of a block. A block that begins a cell stays in
// its row, and lists within lists are not set apart.
func (w *textWriter) separate(by space) {
	if by == inline || w.fresh {
		return
	}
	if by == paragraph && len(w.lists) > 0 {
		by = line
	}
	w.breaks = max(w.breaks, int(by))
}

// cell begins a cell beside the one before it.
func (w *textWriter) cell() {
	if w.filled {
		w.breaks = 0
	} else {
		w.separate(line)
	}
	w.cells++
	w.fresh = true
}

func (w *textWriter) item() {
	w.bullet = "* "
	if n := len(w.lists); n > 0 && w.lists[n-1] >= 0 {
		w.lists[n-1]++
		w.bullet = strconv.Itoa(w.lists[n-1]) + ". "
	}
}

func (w *textWriter) image(alt string) {
	if alt = oneLine(alt); alt != "" {
		w.text("[" + alt + "]")
	}
}

// text writes text as the tokenizer has it.
func (w *textWriter) text(s string) {
	if w.pre > 0 {
		w.preformatted(s)
		return
	}
	for s != "" && len(w.out) < 2*maxText {
		i := strings.IndexAny(s, " \t\r\n\f")
		if i != 0 {
			if i < 0 {
				i = len(s)
			}
			w.word(s[:i])
			s = s[i:]
			continue
		}
		w.spaced = true
		s = strings.TrimLeft(s, " \t\r\n\f")
	}
}

func (w *textWriter) word(s string) {
	w.open()
	if w.spaced && len(w.out) > 0 && w.out[len(w.out)-1] > ' ' {
		w.out = append(w.out, ' ')
	}
	w.spaced = false
	w.write(strings.ReplaceAll(s, "\u00a0", " "))
}

func (w *textWriter) preformatted(s string) {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for s != "" && len(w.out) < 2*maxText {
		text, rest, found := strings.Cut(s, "\n")
		if text != "" {
			w.open()
			w.write(text)
		}
		if found && !(text == "" && w.newPre) {
			w.breaks++
		}
		w.newPre = false
		s = rest
	}
	w.spaced = false
}

// open prepares for text: it writes the line ends that are owed and what the
// line begins with, or what parts two cells.
func (w *textWriter) open() {
	if len(w.out) > 0 && w.breaks == 0 {
		w.openCell()
		return
	}
	if len(w.out) > 0 {
		w.endLines()
	}
	w.breaks, w.spaced = 0, false
	w.quoted = w.quotes
	w.out = appendQuotes(w.out, w.quotes)
	if n := min(len(w.lists), maxLists); n > 0 {
		if w.bullet != "" {
			n--
		}
		w.out = append(w.out, strings.Repeat("  ", n)...)
	}
	w.out = append(w.out, w.bullet...)
	w.bullet = ""
	w.beginCell()
}

// openCell parts the cells of one line. Tables within tables are layout, whose
// cells a space parts.
func (w *textWriter) openCell() {
	if w.fresh && w.filled {
		w.out = bytes.TrimRight(w.out, " ")
		if w.tables == 1 {
			w.out = append(w.out, strings.Repeat(" |", min(w.cells, 20))...)
		}
		w.out = append(w.out, ' ')
		w.spaced = false
	}
	w.out = append(w.out, w.bullet...)
	w.bullet = ""
	w.beginCell()
}

func (w *textWriter) beginCell() {
	if w.fresh {
		w.filled, w.fresh, w.cells = true, false, 0
	}
}

// endLines writes the line ends that are owed; empty lines within a quote, or
// between two of them, keep its mark.
func (w *textWriter) endLines() {
	for i := range min(w.breaks, 1000) {
		if i > 0 {
			w.out = appendQuotes(w.out, min(w.quotes, w.quoted))
		}
		w.out = append(bytes.TrimRight(w.out, " "), '\n')
	}
}

func appendQuotes(out []byte, n int) []byte {
	for range min(n, maxQuotes) {
		out = append(out, "> "...)
	}
	return out
}

func (w *textWriter) finish() string {
	if text := bytes.TrimRight(w.out, " \n"); len(text) > 0 {
		return string(text) + "\n"
	}
	return ""
}
