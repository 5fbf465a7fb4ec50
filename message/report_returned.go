package message

import (
	"regexp"
	"strings"
)

// returnedMarks are words of the lines behind which mailers return a mail.
var returnedMarks = regexp.MustCompile(`(?i)^\W{0,80}(?:this is |here is |included is |below (?:this|the next) line is )?(?:a |an |the )*(?:` +
	`copy of (?:the|your) (?:original |first part of the )?message|below this line|below the next line|original (?:message|mail)\b|` +
	`returned (?:message|mail)\b|start of returned|unsent message|undelivered message follows|message text follows|message headers? follows?|` +
	`header of the (?:original|source)|headers? and top|header of the|forwarded message|attachment is a copy|the first [0-9]+ lines of your original|` +
	`old message|your message reads|mensaje original|message body|end of message\b)`)

// returnedLine is the first line of the mail that a report returns: after words
// that say so, or where a header stands. It is the number of lines if there is
// none.
func returnedLine(lines []string) int {
	traces := 0
	for i, line := range lines {
		if isReturnedMark(line) {
			return i
		}
		if !tracePattern.MatchString(line) {
			continue
		}
		traces++
		if traces >= 2 || i == 0 || i+1 < len(lines) && inHeader(lines[i+1]) {
			return i
		}
	}
	return len(lines)
}

// isReturnedMark knows such a line from a sentence with the same words: it is a
// rule, a heading, or says that something follows.
func isReturnedMark(line string) bool {
	line = strings.ToLower(strings.TrimSpace(line))
	if line == "" || len(line) > 200 || !returnedMarks.MatchString(line) {
		return false
	}
	end := strings.TrimRight(line, "-.=* |s")
	return strings.IndexByte("-=*|", line[0]) >= 0 || strings.HasSuffix(line, ":") || strings.HasSuffix(end, "follow") ||
		strings.HasSuffix(line, "message.") || hasPrefix(line, []string{"this is a copy", "here is a copy"})
}

var (
	// The fields that start the header of a mail that was under way.
	tracePattern = regexp.MustCompile(`(?i)^(?:received|return-path|delivered-to|message-id): *\S`)
	fieldPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]*: ?\S`)
)

// inHeader knows the lines of a header: fields, and what was folded.
func inHeader(line string) bool {
	return fieldPattern.MatchString(line) || line != "" && isFolded([]byte(line))
}

// returned is the mail that comes back within the text, nil if none does.
func (t *reportText) returned() []byte {
	lines := strings.SplitAfter(t.rest, "\n")
	for i, line := range lines {
		line = strings.TrimLeft(line, "> \t")
		if fieldPattern.MatchString(line) && (i+1 == len(lines) || i > 0 || tracePattern.MatchString(line)) {
			if strings.HasPrefix(lines[i], ">") {
				return unquoteLines(lines[i:])
			}
			return []byte(strings.Join(lines[i:], ""))
		}
	}
	return nil
}

func unquoteLines(lines []string) []byte {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(strings.TrimPrefix(line, ">"))
	}
	return []byte(b.String())
}
