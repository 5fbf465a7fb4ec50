package message

import (
	"regexp"
	"strings"
)

// maxWords is how many bytes of words are read for one recipient.
const maxWords = 8 << 10

// rcpts makes recipients of the addresses that were found, each once, and gives
// them the words that belong to them.
func (t *reportText) rcpts(hits []found) []ReportRcpt {
	out := rcptList{action: actionFailed, seen: map[string]bool{}}
	if hasAny(singleSpaced(strings.Join(t.low, " ")), delayWords) {
		out.action = actionDelayed
	}
	for i, hit := range hits {
		if i+1 < len(hits) && hits[i+1].back && strings.EqualFold(hits[i+1].addr, hit.addr) {
			continue // what the server said follows
		}
		if out.has(hit.addr) {
			continue
		}
		words := t.wordsOf(hits, i)
		out.add(hit.addr, words)
		if hit.line < 0 {
			continue
		}
		for _, from := range expandedPattern.FindAllStringSubmatch(words, 3) {
			if addr := textAddr(from[1]); addr != "" {
				out.add(addr, words)
			}
		}
	}
	return out.rcpts
}

// rcptList gathers recipients of one fate.
type rcptList struct {
	rcpts  []ReportRcpt
	action string
	seen   map[string]bool
}

// has says whether an address is there, or no place for it.
func (l *rcptList) has(addr string) bool {
	return len(l.rcpts) >= maxRcpts || l.seen[strings.ToLower(addr)]
}

func (l *rcptList) add(addr, words string) {
	if l.has(addr) {
		return
	}
	l.seen[strings.ToLower(addr)] = true
	rcpt := ReportRcpt{Address: addr, Action: l.action}
	rcpt.setDiagnostic(words + stage(words))
	l.rcpts = append(l.rcpts, rcpt)
}

// expandedPattern finds the address that was mailed to, behind the one that
// failed.
var expandedPattern = compileForms(`\((?:expanded|generated)\s+from:?\s+<?ADDR`)[0]

// wordsOf are the lines from a recipient to the next one. Where they say
// nothing, what the report says elsewhere about it is added, or all of it.
func (t *reportText) wordsOf(hits []found, i int) string {
	hit := hits[i]
	if hit.line < 0 {
		return cutRunes(t.block, maxWords)
	}
	if hit.back {
		return t.before(hits, i)
	}
	end := len(t.lines)
	for _, other := range hits {
		if other.line > hit.line && other.line < end && !strings.EqualFold(other.addr, hit.addr) {
			end = other.line
		}
	}
	words := cutRunes(strings.Join(t.lines[hit.line:t.sectionEnd(hit.line, end)], " "), maxWords)
	if !telling(words) {
		words += " " + t.mentions(hit.addr, hit.line)
	}
	if !telling(words) || len(hits) == 1 && findStatus(words) == "" && findCode(words) == 0 {
		words += " " + strings.ReplaceAll(cutRunes(t.block, maxWords), "\n", " ")
	}
	return words
}

// before are the lines from what was found before a recipient up to its own.
func (t *reportText) before(hits []found, i int) string {
	start, last := 0, hits[i].line
	for i > 0 && strings.EqualFold(hits[i-1].addr, hits[i].addr) {
		i--
	}
	if i > 0 {
		start = hits[i-1].line + 1
	}
	for j := last; j > start; j-- {
		if strings.HasPrefix(t.lines[j], ">>>") {
			start = j
		}
	}
	return cutRunes(strings.Join(t.lines[min(start, last):last+1], " "), maxWords)
}

// sectionEnd is the first line after start that is a rule, and at most end.
func (t *reportText) sectionEnd(start, end int) int {
	for i := start + 1; i < end; i++ {
		if hasPrefix(strings.TrimSpace(t.lines[i]), []string{"---", "___", "===", "***"}) {
			return i
		}
	}
	return end
}

// mentions are the lines that have an address, but for those of one place, each
// with what was said before and after it.
func (t *reportText) mentions(addr string, but int) string {
	var words []string
	last, low := -1, strings.ToLower(addr)
	for i, line := range t.low {
		if i == but || !strings.Contains(line, low) {
			continue
		}
		before := 1
		if strings.HasPrefix(line, ">>>") {
			before = 0 // what stands there was the answer to somebody else
		}
		for j := max(i-before, last+1, 0); j < min(i+3, len(t.lines)); j++ {
			if j > i && strings.Contains(t.lines[j], ">>>") {
				break
			}
			words, last = append(words, t.lines[j]), j
		}
		if len(words) > 30 {
			break
		}
	}
	return cutRunes(strings.Join(words, " "), maxWords)
}

var (
	// An answer to the mail itself: the server had taken the recipient before,
	// and then refused it.
	atData = regexp.MustCompile(`(?i)in reply to (?:end of )?data|after end of data|>>> data\s+<<< 55[0-3]|smtp command\s+data`)
	// With pipelining (RFC 2920) the answers to RCPT stand below DATA; then the
	// one to DATA says that no recipient was left.
	noneLeft = regexp.MustCompile(`(?i)need rcpt|no valid recipients|<<< 503`)
	// One mailbox server gives its reason in the words alone.
	rejectedFor = regexp.MustCompile(`(?i)was automatically rejected:\s*(\S[^\n]*)`)
)

// stage is what the words tell of when and why the mail was refused, in the
// words of Postfix, to be added to a diagnostic; "" for nothing.
func stage(words string) string {
	out := ""
	if reason := rejectedFor.FindStringSubmatch(words); reason != nil {
		out = " " + reason[1]
	}
	if atData.MatchString(words) && !noneLeft.MatchString(words) {
		out += " (in reply to end of DATA command)"
	}
	return out
}

// telling says whether words have a code, or more words than a heading.
func telling(words string) bool {
	if findStatus(words) != "" || findCode(words) > 0 {
		return true
	}
	n := 0
	for _, w := range strings.Fields(words) {
		if !strings.Contains(w, "@") && strings.IndexFunc(w, isLetter) >= 0 {
			n++
		}
	}
	return n >= 3
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0xbf }

// explain adds what the words of a report say to recipients of which its
// fields say too little.
func (t *reportText) explain(rcpts []ReportRcpt) {
	hits := make([]found, len(rcpts))
	for i, rcpt := range rcpts {
		hits[i] = found{addr: rcpt.Address, line: t.lineOf(rcpt.Address)}
		if hits[i].line < 0 && rcpt.Final != "" {
			hits[i].line = t.lineOf(rcpt.Final)
		}
	}
	for i := range rcpts {
		words := t.block
		if len(rcpts) > 1 {
			words = t.wordsOf(hits, i)
		}
		if rcpts[i].Diagnostic == "" {
			rcpts[i].setDiagnostic(t.wordsOf(hits, i))
		}
		rcpts[i].setDiagnostic(rcpts[i].Diagnostic + stage(words))
	}
}
