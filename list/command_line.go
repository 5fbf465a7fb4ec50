package list

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"parley/message"
)

// errProse is returned for a line that begins like a command, and is none.
var errProse = errors.New("not a command")

// maxMistake is how many words behind a verb are taken for a command that went
// wrong; a longer line is prose.
const maxMistake = 5

// verbForm is a way to write a command.
type verbForm struct {
	verb CommandVerb
	read func(*Command, wording) error // nil: nothing may follow the verb
}

// verbForms has every way to write a verb, in lower case: members remember the
// words of other list managers, and type with a thumb.
var verbForms = formTable([]formRow{
	{"help, help me, commands, ?", verbForm{DoHelp, oneWordMore}},
	{"info, information, about", verbForm{DoInfo, aboutList}},
	{"lists, list", verbForm{DoLists, nil}},
	{"subscribe, sub, join, signup, sign up, sign me up, suscribe, subcribe", verbForm{DoSubscribe, aboutList}},
	{"unsubscribe, unsub, leave, remove me, signoff, sign off, stop, opt out, optout, opt-out, take me off, " +
		"unsubcribe, unsuscribe", verbForm{DoUnsubscribe, aboutList}},
	{"which, status, settings, my settings", verbForm{DoWhich, nil}},
	{"set", verbForm{DoSet, readSetting}},
	{"digest, daily, weekly, nomail, summary, no mail", verbForm{DoSet, readRhythm}},
	{"pause, vacation", verbForm{DoPause, readPause}},
	{"resume, unpause", verbForm{DoResume, nil}},
	{"mute", verbForm{DoMute, readPost}},
	{"unmute", verbForm{DoUnmute, readPost}},
	{"follow", verbForm{DoFollow, readPost}},
	{"unfollow", verbForm{DoUnfollow, readPost}},
	{"get", verbForm{DoGet, readGet}},
	{"search, search for", verbForm{DoSearch, readSearch}},
	{"catchup, catch up, catch-up, catch me up", verbForm{DoCatchUp, readCatchUp}},
	{"who, members", verbForm{DoWho, nil}},
})

type formRow struct {
	words string // with commas between them
	form  verbForm
}

func formTable(rows []formRow) map[string]verbForm {
	table := map[string]verbForm{}
	for _, row := range rows {
		for _, words := range strings.Split(row.words, ", ") {
			table[words] = row.form
		}
	}
	return table
}

// longestVerb is how many words a verb has at most.
const longestVerb = 3

// wording is a line in words.
type wording struct {
	raw  []string // as they were written, but for quotation marks
	low  []string // in lower case, without a full stop and a please
	verb int      // how many of them are the verb
	now  time.Time
}

func (p wording) args() []string { return p.low[p.verb:] }

// free is what stands behind the verb, as it was written.
func (p wording) free() string { return strings.Join(p.raw[min(p.verb, len(p.raw)):], " ") }

// readCommand reads one line, and tells whether it is a command.
func readCommand(line string, now time.Time) (Command, bool) {
	p := readPhrase(line, now)
	form, ok := findForm(&p)
	if !ok {
		return Command{}, false
	}
	c := Command{Verb: form.verb, Line: shownLine(line)}
	if form.read == nil {
		return c, len(p.args()) == 0
	}
	err := form.read(&c, p)
	if err == errProse || err != nil && len(p.args()) > maxMistake {
		return Command{}, false
	}
	if err != nil {
		c.Problem = err.Error()
	}
	return c, true
}

// findForm finds the longest verb that a line begins with.
func findForm(p *wording) (verbForm, bool) {
	for n := min(longestVerb, len(p.low)); n > 0; n-- {
		if form, ok := verbForms[strings.Join(p.low[:n], " ")]; ok {
			p.verb = n
			return form, true
		}
	}
	return verbForm{}, false
}

// typographic makes plain characters of what word processors and phones write,
// and drops those that nobody sees.
var typographic = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "‚", "'",
	"`", "'", "\u200b", "", "\ufeff", "", "\u00ad", "", "\u2060", "")

// readPhrase takes a line apart. What stands around a command in lists, in bold
// or in quotation marks is not part of it.
func readPhrase(line string, now time.Time) wording {
	line = strings.TrimSpace(shownLong(typographic.Replace(line)))
	bare := strings.TrimLeft(line, "!#*-•· ")
	if bare != "" && strings.ContainsRune(`"'*_`, rune(bare[0])) || bare != line {
		bare = strings.Trim(bare, `"'*_ `)
	}
	p := wording{raw: strings.Fields(bare), now: now}
	for len(p.raw) > 1 && isPlease(p.raw[0]) {
		p.raw = p.raw[1:]
	}
	for _, word := range p.raw {
		p.low = append(p.low, strings.ToLower(word))
	}
	for n := len(p.low); n > 1 && isPlease(p.low[n-1]); n = len(p.low) {
		p.low = p.low[:n-1]
	}
	if n := len(p.low); n > 0 {
		p.low[n-1] = trimEnd(p.low[n-1])
	}
	return p
}

func isPlease(word string) bool {
	word = strings.ToLower(strings.Trim(word, ",.!"))
	return word == "please" || word == "pls" || word == "kindly"
}

func trimEnd(word string) string {
	if trimmed := strings.TrimRight(word, ".,;!?"); trimmed != "" {
		return trimmed
	}
	return word
}

// shownLong is shownLine for lines of any length.
func shownLong(line string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, line)
}

// isWord tells whether a line is this one word.
func isWord(line, word string) bool {
	p := readPhrase(line, time.Time{})
	return len(p.low) == 1 && p.low[0] == word
}

// takesPost tells whether a line is the beginning of a command about a post.
func takesPost(line string) bool {
	p := readPhrase(line, time.Time{})
	form, ok := findForm(&p)
	if !ok {
		return false
	}
	switch form.verb {
	case DoMute, DoUnmute, DoFollow, DoUnfollow, DoGet:
		rest := slices.DeleteFunc(slices.Clone(p.args()), isPostWord)
		return len(rest) == 0
	}
	return false
}

// oneWordMore allows help set, as other list managers do.
func oneWordMore(_ *Command, p wording) error {
	if len(p.args()) > 1 {
		return errProse
	}
	return nil
}

// aboutList reads what concerns the list as a whole, and the sender only:
// whoever names another address or another list is told, and nothing happens.
func aboutList(c *Command, p wording) error {
	fillers := strings.Fields("me my address to from this the list mailing")
	for _, word := range p.args() {
		if !slices.Contains(fillers, word) {
			return fmt.Errorf("%s stands alone: it is about this list and the address that writes", c.Verb)
		}
	}
	return nil
}

func readPause(c *Command, p wording) (err error) {
	c.Until, err = parsePause(p.args(), p.now)
	return err
}

func readCatchUp(c *Command, p wording) (err error) {
	c.Period, err = parseCatchUp(p.args(), p.now)
	return err
}

func readSearch(c *Command, p wording) error {
	if c.Arg = shownLine(strings.Join(p.raw[p.verb:len(p.low)], " ")); c.Arg == "" {
		return fmt.Errorf("search needs words: search disk full")
	}
	return nil
}

// readGet reads get POST and get thread POST.
func readGet(c *Command, p wording) error {
	if slices.Contains(p.args(), "thread") {
		c.Setting = SettingThread
	}
	return readPost(c, p)
}

// postNumber is a post by its number, up to 18 digits.
var postNumber = regexp.MustCompile(`^#?0*(\d{1,18})$`)

// isPostWord knows the words that stand between a verb and a post.
func isPostWord(word string) bool {
	switch word {
	case "this", "that", "the", "it", "thread", "post", "message", "mail", "number", "no", "no.", "whole":
		return true
	}
	return false
}

// readPost reads which post is meant; nothing is the one that the mail answers.
func readPost(c *Command, p wording) error {
	rest := p.args()
	for len(rest) > 0 && isPostWord(rest[0]) {
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return nil
	}
	if len(rest) > 1 {
		return errProse
	}
	word := p.raw[len(p.low)-1]
	var ok bool
	if c.Arg, ok = postName(word); !ok {
		return fmt.Errorf("%s takes a Message-ID, a link or the number of a post, or nothing in a reply to one", c.Verb)
	}
	return nil
}

// postName is a Message-ID, a link or a number without what stands around it.
func postName(word string) (string, bool) {
	word = strings.Trim(word, `"',;`)
	if bare := trimEnd(word); postNumber.MatchString(bare) {
		return postNumber.FindStringSubmatch(bare)[1], true
	}
	inside, bracket := strings.CutPrefix(word, "<")
	if bracket {
		inside, _, bracket = strings.Cut(inside, ">")
	} else {
		inside = trimEnd(word)
	}
	if link := strings.ToLower(inside); strings.HasPrefix(link, "http://") || strings.HasPrefix(link, "https://") {
		u, err := url.Parse(inside)
		return inside, err == nil && u.Host != ""
	}
	if !bracket && strings.IndexByte(inside, '@') <= 0 {
		return "", false
	}
	if ids := message.IDs("<" + inside + ">"); len(ids) == 1 {
		return ids[0], true
	}
	return "", false
}
