package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/term"
	"golang.org/x/text/width"
)

// printJSON prints v as one JSON value. The names of its keys are a promise.
func (p *program) printJSON(v any) error {
	enc := json.NewEncoder(p.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}

// say prints a line for people.
func (p *program) say(format string, a ...any) error {
	return p.write(plain(fmt.Sprintf(format, a...)) + "\n")
}

func (p *program) write(s string) error {
	if _, err := io.WriteString(p.stdout, s); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}

// table is aligned columns below a line of names.
type table struct {
	rows [][]string
}

func newTable(names ...string) *table { return &table{rows: [][]string{names}} }

func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = plain(c)
	}
	t.rows = append(t.rows, cells)
}

// printTable prints t, cut to the terminal's width where there is one.
func (p *program) printTable(t *table) error {
	widths := t.widths()
	limit := p.terminalWidth()
	var b strings.Builder
	for _, row := range t.rows {
		line := ""
		for i, cell := range row {
			if line += cell; i < len(row)-1 {
				line += strings.Repeat(" ", widths[i]-columns(cell)+2)
			}
		}
		b.WriteString(cut(strings.TrimRight(line, " "), limit) + "\n")
	}
	return p.write(b.String())
}

func (t *table) widths() []int {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(cell))
		}
	}
	return widths
}

// terminalWidth is the number of columns of the terminal that stdout is, 0
// when it is none.
func (p *program) terminalWidth() int {
	f, ok := p.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// columns is how many columns of a terminal s takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case width.LookupRune(r).Kind() == width.EastAsianWide, width.LookupRune(r).Kind() == width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// cut shortens s to limit columns, the last of them a dot; 0 is no limit.
func cut(s string, limit int) string {
	if limit <= 0 || columns(s) <= limit {
		return s
	}
	var b strings.Builder
	used := 0
	for _, r := range s {
		if used += runeColumns(r); used > limit-1 {
			break
		}
		b.WriteRune(r)
	}
	return b.String() + "…"
}

// plain makes s safe for a terminal: a subject written by a stranger must not
// move the cursor or turn the text around. Line ends and tabs stay.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// oneLine is plain on one line, for a table.
func oneLine(s string) string { return strings.Join(strings.Fields(plain(s)), " ") }

// day is a time for people, to the minute.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// count is "1 member", "2 members".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// some is s, or an empty slice instead of nil: JSON says [] and never null.
func some[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
