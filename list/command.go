package list

import (
	"regexp"
	"strings"
	"time"
	"unicode"
)

// CommandVerb is what one line of a mail to dev-request@ asks for.
type CommandVerb string

// The verbs. Members also write them in other words, see verbForms.
const (
	NotUnderstood CommandVerb = ""
	DoHelp        CommandVerb = "help"
	DoInfo        CommandVerb = "info"
	DoLists       CommandVerb = "lists"
	DoSubscribe   CommandVerb = "subscribe"
	DoUnsubscribe CommandVerb = "unsubscribe"
	DoWhich       CommandVerb = "which"
	DoSet         CommandVerb = "set"
	DoPause       CommandVerb = "pause"
	DoResume      CommandVerb = "resume"
	DoMute        CommandVerb = "mute"
	DoUnmute      CommandVerb = "unmute"
	DoFollow      CommandVerb = "follow"
	DoUnfollow    CommandVerb = "unfollow"
	DoGet         CommandVerb = "get"
	DoSearch      CommandVerb = "search"
	DoCatchUp     CommandVerb = "catchup"
	DoWho         CommandVerb = "who"
)

// What set sets, and what get can get besides a post.
const (
	SettingDelivery = "delivery"        // a Delivery; daily and weekly also as "daily plain" or "daily mime"
	SettingOwn      = "own"             // yes, no
	SettingAck      = "acknowledgement" // yes, no
	SettingHours    = "hours"           // Hours, or "off": ParseHours reads both
	SettingName     = "name"            // one line of at most 100 bytes
	SettingThread   = "thread"          // of get: the whole thread of the post
)

// Limits of a mail with commands.
const (
	maxCommands    = 5        // that are carried out and answered; what follows is ignored
	maxNotRead     = 2        // lines that are answered although they are no command; so many in a row are prose
	maxCommandLine = 200      // bytes of Command.Line and of search words
	maxLineRead    = 1000     // bytes of a line: a longer one is prose
	maxLinesRead   = 40       // lines that are looked at, without empty ones
	maxCommandText = 16 << 10 // bytes that are looked at
)

// Command is one line of a mail with commands.
type Command struct {
	Verb CommandVerb
	Line string // as it was written, without control characters, at most 200 bytes

	Setting, Value string        // of set, the value in its normal form; of get, "thread" for a whole thread
	Arg            string        // get, (un)mute, (un)follow: a Message-ID without brackets, a URL, the number of a post, or "" for the post that the mail answers; search: the words
	Until          time.Time     // of pause: the start of a day in UTC
	Period         time.Duration // of catchup: how far back

	// Problem says in ASCII why a command that was understood cannot be carried
	// out: "pause needs a date: pause until 2027-01-08". Otherwise it is "".
	Problem string
}

// ParseCommands reads what a mail asks for from its subject, decoded for
// display, and its text. It reads line by line until somebody else's words
// begin (a quote, a signature), or the author's prose. The subject counts as
// the first line when it is a command and no reply to one. Lines that are no
// command have the Verb NotUnderstood; a mail without any command is one of
// these. There are one to five commands, of them at most two not understood.
func ParseCommands(subject, text string, now time.Time) []Command {
	r := commandReader{now: now}
	r.subject(subject)
	lines := strings.Split(clip(strings.ToValidUTF8(text, ""), maxCommandText), "\n")
	for i := 0; i < len(lines) && len(r.commands) < maxCommands && r.lines < maxLinesRead; i++ {
		used, more := r.line(lines[i:])
		if !more {
			break
		}
		i += used - 1
	}
	return r.finish(subject)
}

// commandReader gathers the commands of one mail.
type commandReader struct {
	now      time.Time
	commands []Command
	titled   bool // the first command is the subject
	lines    int  // lines of the text that were looked at
	read     int  // commands of the text
	strange  int  // lines in a row that are no command
	closing  bool // somebody said thanks: their name may follow
}

// replyPrefix knows Re:, Fwd:, AW:, RE[2]: and what other languages have.
var replyPrefix = regexp.MustCompile(`^\s*\pL{1,6}(\[\d+\]|\^?\d+)?\s*[:：]`)

func (r *commandReader) subject(subject string) {
	subject = strings.ToValidUTF8(subject, "")
	if len(subject) > maxLineRead || replyPrefix.MatchString(subject) || strings.ContainsRune(subject, '\n') {
		return
	}
	if c, ok := readCommand(subject, r.now); ok {
		r.commands, r.titled = append(r.commands, c), true
	}
}

// line takes the first of the lines that are left. It returns how many it used,
// and whether to go on.
func (r *commandReader) line(lines []string) (used int, more bool) {
	line := strings.TrimSpace(lines[0])
	if line == "" {
		return 1, true
	}
	r.lines++
	if len(line) > maxLineRead && !quoted(line) {
		return 1, r.notUnderstood(line)
	}
	if endsText(line) || isWord(line, "end") {
		return 0, false
	}
	whole, used := unwrapped(lines)
	if c, ok := readCommand(whole, r.now); ok {
		r.add(c)
		return used, true
	}
	if kind := courtesy(line); kind != noCourtesy {
		r.closing = r.closing || kind == parting
		return 1, true
	}
	if opensQuote(lines) {
		return 0, false
	}
	return 1, r.notUnderstood(line)
}

func (r *commandReader) add(c Command) {
	r.strange, r.closing = 0, false
	if r.read++; r.read == 1 && r.titled && sameCommand(c, r.commands[0]) {
		return
	}
	r.commands = append(r.commands, c)
}

func sameCommand(a, b Command) bool {
	a.Line, b.Line = "", ""
	return a == b
}

// notUnderstood returns whether to go on: after two such lines the rest is
// prose.
func (r *commandReader) notUnderstood(line string) bool {
	r.strange++
	answered := 0
	for _, c := range r.commands {
		if c.Verb == NotUnderstood {
			answered++
		}
	}
	if !r.closing && answered < maxNotRead {
		r.commands = append(r.commands, Command{Line: shownLine(line)})
	}
	return r.strange < maxNotRead
}

// finish makes one answer of a mail without commands, and leaves out the words
// that somebody wrote below a subject that says it all.
func (r *commandReader) finish(subject string) []Command {
	switch {
	case r.read > 0:
		return r.commands
	case r.titled:
		return r.commands[:1]
	case len(r.commands) > 0:
		return r.commands[:1]
	}
	return []Command{{Line: shownLine(subject)}}
}

// unwrapped is the first line, with the next one when a mail program moved a
// long Message-ID or link there.
func unwrapped(lines []string) (string, int) {
	line := strings.TrimSpace(lines[0])
	if len(lines) == 1 || strings.Count(line, " ") > 1 {
		return line, 1
	}
	next := strings.TrimSpace(lines[1])
	id := strings.HasPrefix(next, "<") && strings.HasSuffix(next, ">") && strings.Contains(next, "@")
	link := strings.HasPrefix(next, "https://") || strings.HasPrefix(next, "http://")
	if (id || link) && !strings.ContainsAny(next, " \t") && takesPost(line) {
		return line + " " + next, 2
	}
	return line, 1
}

// shownLine is a line as it can stand in an answer.
func shownLine(line string) string {
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(line, "\t", " "), ""))
	return strings.TrimSpace(clip(strings.TrimSpace(line), maxCommandLine))
}
