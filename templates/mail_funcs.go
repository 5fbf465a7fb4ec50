package templates

import (
	"fmt"
	"strconv"
	"strings"
	text "text/template"
	"time"
)

// mailFuncs is what the words of a mail can call, beside what text/template has.
func mailFuncs(language string) text.FuncMap {
	return text.FuncMap{
		"line":  line,
		"short": short,
		"row":   row,
		"count": count,
		"say":   func(what any) string { return say(language, what) },
		"day":   func(when any) string { return day(language, when) },
		"time":  func(when time.Time) string { return moment(language, when) },
	}
}

// maxLine is the longest text that line lets through, in characters: enough
// for any subject that people read.
const maxLine = 200

// line makes one line of any text: of what others wrote, only that stands in
// the middle of our own words.
func line(value any) string { return short(maxLine, value) }

// short is line with at most so many characters.
func short(most int, value any) string {
	s := []rune(strings.Join(strings.Fields(clean(fmt.Sprint(value))), " "))
	if len(s) <= most {
		return string(s)
	}
	return strings.TrimRight(string(s[:max(most-3, 0)]), " ") + "..."
}

// row is a term and its text on one line of a table whose second column is at
// that width, or as near to it as the line's length lets.
func row(column int, term, what string) string {
	const indent, gap = 4, 2
	term, what = line(term), line(what)
	room := mailWidth - indent - width(what)
	return term + strings.Repeat(" ", max(gap, min(column, room)-width(term))) + what
}

// count is a number with its noun: 1 day, 2 days.
func count(n any, one, more string) string {
	if number := fmt.Sprint(n); number != "1" {
		return number + " " + more
	}
	return "1 " + one
}

// say is a value of ours in words: "mail", "each", "members". Words that
// nobody translated stay as they are, and a day is a day.
func say(language string, what any) string {
	if _, ok := what.(time.Time); ok {
		return day(language, what)
	}
	s := line(what)
	for _, p := range phrases() {
		if words, ok := p.in(language, s); ok {
			return words
		}
	}
	return s
}

// phrase is a value as mails say it. A * at the end is whatever follows.
type phrase struct{ value, en, de string }

func (p phrase) in(language, s string) (string, bool) {
	words := p.en
	if language == "de" {
		words = p.de
	}
	if stem, open := strings.CutSuffix(p.value, "*"); open {
		rest, ok := strings.CutPrefix(s, stem)
		return strings.Replace(words, "*", rest, 1), ok
	}
	return words, s == p.value
}

// phrases is how values of data sound in a sentence.
func phrases() []phrase {
	return []phrase{
		// Asked: somebody asked, ...
		{"mail", "by mail", "per Mail"},
		{"by mail", "by mail", "per Mail"},
		{"web", "on the web page", "auf der Webseite"},
		{"on the web page", "on the web page", "auf der Webseite"},
		{"by mail in the name of *", "by mail in the name of *", "per Mail im Namen von *"},
		// Delivery: you get ...
		{"each", "each post as it comes", "jeden Beitrag sofort"},
		{"first", "the first post of each thread", "den ersten Beitrag jedes Threads"},
		{"followed", "the posts of threads that you follow", "die Beiträge der Threads, denen Sie folgen"},
		{"daily", "a digest once a day", "einmal am Tag eine Sammelmail"},
		{"weekly", "a digest once a week", "einmal in der Woche eine Sammelmail"},
		{"summary", "a summary once a day", "einmal am Tag eine Übersicht"},
		{"none", "no posts by mail, but may write some", "keine Beiträge per Mail, können aber schreiben"},
		// Post: who writes
		{"anyone", "Everybody may post.", "Alle dürfen schreiben."},
		{"members", "Subscribers may post; what others write waits for a moderator.",
			"Abonnenten dürfen schreiben; was andere schreiben, wird erst geprüft."},
		{"moderated", "Everybody may post; a moderator reads it first.",
			"Alle dürfen schreiben; jeder Beitrag wird erst geprüft."},
		{"nobody", "Nobody may post at the moment.", "Zurzeit darf niemand schreiben."},
	}
}

// Day is a day in words: 22 November 2026. It is that of the time's own zone.
func Day(language string, t time.Time) string {
	if language != "de" {
		return t.Format("2 January 2006")
	}
	return strconv.Itoa(t.Day()) + ". " + monat(t) + " " + strconv.Itoa(t.Year())
}

// Span is the days from one time to another, both counted, in words: one day,
// 16 to 22 November 2026, or two whole days with a "to" between them.
func Span(language string, from, to time.Time) string {
	first, last := Day(language, from), Day(language, to)
	if first == last {
		return last
	}
	between, stop := " to ", ""
	if language == "de" {
		between, stop = " bis ", "."
	}
	if from.Year() == to.Year() && from.Month() == to.Month() {
		return strconv.Itoa(from.Day()) + stop + between + last
	}
	return first + between + last
}

func monat(t time.Time) string {
	return [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August",
		"September", "Oktober", "November", "Dezember"}[t.Month()-1]
}

// day takes a time, or words that stay as they are.
func day(language string, when any) string {
	if t, ok := when.(time.Time); ok {
		return Day(language, t)
	}
	return line(when)
}

// moment is a time to the minute, in UTC like the archive's.
func moment(language string, t time.Time) string {
	t = t.UTC()
	if language == "de" {
		return strconv.Itoa(t.Day()) + ". " + monat(t) + t.Format(" 2006, 15:04") + " UTC"
	}
	return NewStamp(t).Human
}
