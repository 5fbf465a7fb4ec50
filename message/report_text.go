package message

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// reportText is what a mailer says in words, up to the mail that it returns.
type reportText struct {
	lines []string
	low   []string // lines in lower case
	rest  string   // from the returned mail on
	block string   // lines in one
}

func newReportText(text string) *reportText {
	cut := cutRunes(text, maxReportText)
	lines := strings.Split(cut, "\n")
	end := returnedLine(lines)
	t := &reportText{lines: lines[:end], rest: strings.Join(lines[end:], "\n")}
	for i, line := range t.lines {
		t.lines[i] = strings.TrimRight(strings.ReplaceAll(line, "\u00a0", " "), " \t")
	}
	t.block = strings.Join(t.lines, "\n")
	t.low = strings.Split(strings.ToLower(t.block), "\n")
	return t
}

// maxHits is how many addresses of one form are looked at: more than
// recipients, because a report may name one thrice.
const maxHits = 3 * maxRcpts

// found is an address that the words name, with the line where.
type found struct {
	addr string
	line int
	back bool // the words before the address are its own, not those behind it
}

// recipients finds the recipients that a mailer names in words: first those it
// lists, then those in its sentences, then those it was told no for. What has no
// words around it counts only below the name of a mailer.
func (t *reportText) recipients(m *Message) []ReportRcpt {
	for _, find := range []func(*Message) []found{t.listed, t.failedField, t.sentences, t.names, t.bare, t.refused} {
		if hits := find(m); len(hits) > 0 {
			return t.rcpts(hits)
		}
	}
	return nil
}

// failedField reads the field that Exim adds to its reports.
func (t *reportText) failedField(m *Message) []found {
	var hits []found
	for _, v := range m.All("X-Failed-Recipients") {
		for _, a := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(", \t<>", r) }) {
			if addr := textAddr(a); addr != "" && len(hits) < maxHits {
				hits = append(hits, found{addr: addr, line: t.lineOf(addr)})
			}
		}
	}
	return hits
}

// lineOf is the first line that starts with an address, or else has it.
func (t *reportText) lineOf(addr string) int {
	line := -1
	low := strings.ToLower(addr)
	for i, s := range t.low {
		if !strings.Contains(s, low) {
			continue
		}
		if a, ok := leadAddr(t.lines[i]); ok && strings.EqualFold(a, addr) {
			return i
		}
		if line < 0 {
			line = i
		}
	}
	return line
}

// listed finds the addresses at the starts of the lines that follow words such
// as "could not be delivered to".
func (t *reportText) listed(*Message) []found {
	for i := range t.lines {
		if hasAny(t.low[i], failureWords) {
			return t.leads(i)
		}
	}
	return nil
}

// leads are the addresses that start lines from line i on. What stands deeper
// right below one belongs to it.
func (t *reportText) leads(i int) []found {
	var hits []found
	depth, inside := 0, false
	for ; i < len(t.lines) && len(hits) < maxHits; i++ {
		line := t.lines[i]
		if strings.TrimSpace(line) == "" {
			inside = false
			continue
		}
		if len(hits) > 0 && hasPrefix(strings.TrimLeft(t.low[i], "-*=>< \t"), listEnds) {
			break
		}
		at := indent(line)
		if inside && at > depth {
			continue
		}
		if addr, ok := leadAddr(line); ok {
			hits = append(hits, found{addr: addr, line: i})
			depth, inside = at, true
		}
	}
	return hits
}

// listEnds start the lines after which a list of recipients has ended.
var listEnds = []string{"transcript", "session transcript", "error detail", "technical details", "rcpt to", "contact "}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " \t")) }

var leadPattern = regexp.MustCompile(`^[\s>*<("'\[•-]*(?:(?i:mailto:|smtp:|smtp=|internet:))?` + addrPattern + `([\s>"')\]]*)(.*)$`)

// addrPattern is an address in a text; see textAddr.
const addrPattern = `([^\s<>"'()\[\],;:]+@[^\s<>"'()\[\],;:]+)`

// leadAddr is the address that starts a line on which no sentence goes on.
func leadAddr(line string) (addr string, ok bool) {
	if len(line) > 1000 || strings.IndexByte(line, '@') < 0 {
		return "", false
	}
	hit := leadPattern.FindStringSubmatch(line)
	if hit == nil || hit[3] != "" && !goesOn(hit[3]) {
		return "", false
	}
	addr = textAddr(hit[1])
	return addr, addr != ""
}

// goesOn says whether what follows an address explains what became of it.
func goesOn(rest string) bool {
	return strings.ContainsRune(":;,(.-<=[", rune(rest[0])) || hasPrefix(strings.ToLower(rest), fateWords)
}

var fateWords = []string{"on ", "was ", "is ", "has ", "no ", "unknown", "reason", "invalid", "–"}

// sentences finds the addresses in the sentences of which the forms are known.
func (t *reportText) sentences(*Message) []found {
	var hits []found
	for _, form := range sentenceForms {
		for _, at := range form.FindAllStringSubmatchIndex(t.block, maxHits) {
			if addr := textAddr(t.block[at[2]:at[3]]); addr != "" {
				hits = append(hits, found{addr: addr, line: strings.Count(t.block[:at[2]], "\n")})
			}
		}
	}
	return hits
}

// bare finds addresses that start lines, without words that introduce them.
func (t *reportText) bare(m *Message) []found {
	if !fromMailer(m) {
		return nil
	}
	return t.leads(0)
}

// refusedForms are what a server was told, or said, of a recipient.
var refusedForms = compileForms(
	`(?m)^\W*[45][0-9][0-9][ -](?:[45]\.[0-9]+\.[0-9]+ )?<?ADDR>?(?:\.\.\.|:| )`,
	`(?m)(?:>>>|<<<|sent:?|sent <<<|after|in:|^) *rcpt to: *<?ADDR`,
)

// refused finds the addresses in the transcript of a session.
func (t *reportText) refused(m *Message) []found {
	if !fromMailer(m) && !reportSubject(m) {
		return nil
	}
	var hits []found
	for i, form := range refusedForms {
		for _, at := range form.FindAllStringSubmatchIndex(t.block, maxHits) {
			if addr := textAddr(t.block[at[2]:at[3]]); addr != "" {
				hits = append(hits, found{addr: addr, line: strings.Count(t.block[:at[2]], "\n"), back: i == 0})
			}
		}
	}
	slices.SortStableFunc(hits, func(a, b found) int { return cmp.Compare(a.line, b.line) })
	return hits
}

// textAddr is an address that stands in a text, "" if it is none: its domain
// has a dot, as those of strangers have.
func textAddr(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "mailto:"), "SMTP:")
	s = reportAddr(strings.TrimRight(s, ".!?>*_"))
	at := strings.LastIndexByte(s, '@')
	if at <= 0 || strings.IndexByte(s[at:], '.') < 0 || strings.Contains(s, "..") {
		return ""
	}
	return s
}

// rename gives the only recipient of a delivery status the one address that the
// words list in its place: some servers put there what they made of it.
func (t *reportText) rename(rcpts []ReportRcpt, m *Message) {
	if len(rcpts) != 1 || rcpts[0].Final != "" {
		return
	}
	hits := t.listed(m)
	if len(hits) == 1 && t.lineOf(rcpts[0].Address) < 0 {
		rcpts[0].Address, rcpts[0].Final = hits[0].addr, rcpts[0].Address
	}
}

// addressee is the recipient of the mail that came back within the text, where
// the words of a mailer name none: the only one it was addressed to.
func (t *reportText) addressee(returned, m *Message) []ReportRcpt {
	to := ParseAddresses(returned.Get("To"))
	failed := func(line string) bool { return hasAny(line, failureWords) }
	if len(to) != 1 || textAddr(to[0].Addr) == "" || !fromMailer(m) || !slices.ContainsFunc(t.low, failed) {
		return nil
	}
	return t.rcpts([]found{{addr: to[0].Addr, line: -1}})
}
