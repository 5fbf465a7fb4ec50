package list

import (
	"regexp"
	"strings"
)

// Where the words of a mail's author end. Nothing here needs to know who wrote
// what in a thread: one wrongly read line of another person could be a command,
// so in doubt the text ends early.

var (
	// ruleLine is a line that nobody reads: the delimiter of a signature
	// (RFC 3676, 4.3), also without its space, or a rule.
	ruleLine = regexp.MustCompile(`^([-_=*~–—]{2,}|[–—])\s*$`)
	// dashedLine is -----Original Message----- in any language.
	dashedLine = regexp.MustCompile(`^[-_=–—]{2,}.*[-_=–—]{2,}$`)
	// year is what an attribution mostly has, and few commands.
	year = regexp.MustCompile(`\b\d{4}\b`)
	// phoneLine is the signature that phones write.
	phoneLine = regexp.MustCompile(`(?i)^(sent (from|with|via|by)|get outlook for|(von meinem .* )?gesendet|envoyé (de|depuis)|` +
		`enviado (desde|do|de)|inviato da|verzonden (vanaf|met|via)|sendt fra|skickat från|wysłane z|отправлено с)\s`)
	// headerLine is From: Ann, in any language.
	headerLine = regexp.MustCompile(`^\*?\pL[\pL -]{0,24}\*?\s?[:：]\*?(\s|$)`)
)

// attributionLines is how many lines one attribution has at most.
const attributionLines = 5

// endsText tells whether the author's words end with what stands before this
// line, whatever follows it.
func endsText(line string) bool {
	return quoted(line) || ruleLine.MatchString(line) || dashedLine.MatchString(line) || strings.HasPrefix(line, "-- ") ||
		phoneLine.MatchString(line) ||
		attributes(line) && (introduces(line) || opensAttribution(line))
}

// attributes tells whether a line names an author, or the time of a mail.
func attributes(line string) bool { return namesAuthor(line) || year.MatchString(line) }

// quoted tells whether a line is marked as quoted.
func quoted(line string) bool {
	return strings.HasPrefix(line, ">") || strings.HasPrefix(line, "|") || strings.HasPrefix(line, "»") ||
		strings.HasPrefix(line, "&gt;")
}

// introduces tells whether a line ends as those do that stand before a quote.
func introduces(line string) bool {
	return strings.HasSuffix(line, ":") || strings.HasSuffix(line, "：")
}

// opensQuote tells whether a line that is no command begins the attribution of
// a quote, or the copied header of Outlook.
func opensQuote(lines []string) bool {
	first := strings.TrimSpace(lines[0])
	next := paragraph(lines[1:])
	if headerLine.MatchString(first) && len(next) > 0 && headerLine.MatchString(next[0]) {
		return true
	}
	if (introduces(first) || attributes(first)) && quoted(afterBlank(lines[1:])) {
		return true
	}
	if !attributes(first) {
		return false
	}
	for _, line := range next[:min(len(next), attributionLines-1)] {
		if introduces(line) || quoted(line) {
			return true
		}
	}
	return false
}

// paragraph is the lines before the next blank one.
func paragraph(lines []string) []string {
	var found []string
	for _, line := range lines[:min(len(lines), attributionLines)] {
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		found = append(found, line)
	}
	return found
}

// afterBlank is the first line that is not blank, "" if none is near.
func afterBlank(lines []string) string {
	for _, line := range lines[:min(len(lines), attributionLines)] {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// courtesyKind is what a line is that asks for nothing.
type courtesyKind int

const (
	noCourtesy courtesyKind = iota
	greeting
	parting // the author's name may follow
)

var (
	greetings = regexp.MustCompile(`(?i)^(good (morning|day|afternoon|evening)|please)\b`)
	partings  = regexp.MustCompile(`(?i)^(thanks|thank you|thx|many thanks|cheers|(best |kind |warm )?regards|best( wishes)?|sincerely|bye)\b`)
)

// maxGreeting is how many words a courtesy has at most: a longer line says
// something.
const maxGreeting = 5

func courtesy(line string) courtesyKind {
	short := len(strings.Fields(line)) <= maxGreeting
	switch {
	case short && partings.MatchString(line):
		return parting
	case isGreeting(line), short && greetings.MatchString(line):
		return greeting
	}
	return noCourtesy
}
