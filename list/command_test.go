package list

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// commandDay is the Wednesday on which the mails of these tests came.
func commandDay(t testing.TB) time.Time { return at(t, "2026-11-25T15:04:05Z") }

// say writes commands down in one line each.
func say(commands []Command) string {
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = sayOne(c)
	}
	return strings.Join(lines, "; ")
}

func sayOne(c Command) string {
	if c.Verb == NotUnderstood {
		return fmt.Sprintf("? %s", c.Line)
	}
	words := []string{string(c.Verb)}
	for _, w := range []string{c.Setting, c.Value, c.Arg} {
		if w != "" {
			words = append(words, w)
		}
	}
	if !c.Until.IsZero() {
		words = append(words, c.Until.Format(time.DateOnly))
	}
	if c.Period != 0 {
		words = append(words, c.Period.String())
	}
	if c.Problem != "" {
		words = append(words, "! "+c.Problem)
	}
	return strings.Join(words, " ")
}

// TestReadCommand has the ways to write one command.
func TestReadCommand(t *testing.T) {
	t.Parallel()
	for want, lines := range map[string][]string{
		"help":  {"help", "HELP", " Help! ", "help please", "Please help.", "help me", "“help”", "*help*", "* help", "- help", "!help", "#help", "h\u200belp", "help set", "?", `"help"`},
		"info":  {"info", "Information", "about", "info this list"},
		"lists": {"lists", "list"},
		"subscribe": {"subscribe", "Subscribe me", "join", "sub", "sign up", "signup", "Sign me up, please", "join this list",
			"please subscribe me to the mailing list", "suscribe"},
		"unsubscribe": {"unsubscribe", "UNSUBSCRIBE", "unsubscribe me", "leave", "remove me", "signoff", "sign off", "Stop.", "opt out",
			"please remove me from this list!", "Take me off the list", "unsub", "leave the list", "unsubcribe", "pls unsubscribe"},
		"which":                               {"which", "status", "my settings"},
		"resume":                              {"resume", "unpause"},
		"who":                                 {"who", "who?"},
		"mute":                                {"mute", "Mute this", "mute this thread", "mute it"},
		"unmute":                              {"unmute thread"},
		"follow a@b.example.org":              {"follow <a@b.example.org>", "follow a@b.example.org", "follow thread <a@b.example.org>.", "Follow `a@b.example.org`"},
		"unfollow 12":                         {"unfollow 12", "unfollow #12", "unfollow post no. 12", "Unfollow 0012."},
		"get thread 12":                       {"get thread 12", "get the whole thread 12"},
		"get thread":                          {"get thread", "get this thread, please"},
		"get CaSe+1@Example.org":              {"get CaSe+1@Example.org", "GET message <CaSe+1@Example.org>", "get <CaSe+1@Example.org>,", "get <CaSe+1@Example.org"},
		"get no-at":                           {"get <no-at>"},
		"search Disk full":                    {"search Disk full", "search for Disk full", "Search Disk full please"},
		`search "disk full" C++`:              {"search “disk full” C++"},
		"catchup 168h0m0s":                    {"catchup", "catch up", "Catch-up", "catchup 1 week", "catch up on the last 7 days", "catchup 1w"},
		"catchup 336h0m0s":                    {"catchup 2 weeks", "catch me up for the past fortnight"},
		"pause 2027-01-08":                    {"pause until 2027-01-08", "pause till 8 January 2027", "pause 8 Jan", "vacation until January 8th", "pause until 2027-1-8."},
		"pause 2026-12-09":                    {"pause for 2 weeks", "pause 2 weeks", "pause 14 days", "pause 2w", "pause until December 9", "pause for two weeks please"},
		"set delivery each":                   {"set delivery each", "set each", "set delivery = each", "set digest off", "set mail on", "SET DELIVERY: EACH"},
		"set delivery first":                  {"set delivery first", "set first posts"},
		"set delivery followed":               {"set delivery to followed", "set followed"},
		"set delivery daily":                  {"set delivery daily", "set digest", "set daily", "digest", "daily digest", "Set delivery=daily", "set delivery daily please"},
		"set delivery daily plain":            {"set delivery daily plain", "set digest plain", "digest text"},
		"set delivery weekly mime":            {"set delivery weekly mime", "weekly digest mime"},
		"set delivery summary":                {"set summary", "summary"},
		"set delivery none":                   {"set nomail", "nomail", "set delivery off", "set no mail", "set mail off"},
		"set own no":                          {"set own no", "set own off", "set own posts false", "set own = No.", "set myposts to no"},
		"set own yes":                         {"set own yes", "set own on", "set own copies true", "set own 1"},
		"set acknowledgement yes":             {"set ack yes", "set acknowledgement on", "set acknowledgements=true"},
		"set hours 08:00-18:00 UTC":           {"set hours 08:00-18:00", "set hours 8 to 18", "set hours 8-18 utc."},
		"set hours off":                       {"set hours off", "set hours always"},
		"set name Ann Example":                {"set name Ann Example", "set name “Ann Example”", "set name = Ann Example"},
		"set name Zoë O'Neil-Łuk Jr.":         {"set name Zoë O’Neil-Łuk Jr."},
		"set hours 22:00-06:30 Europe/Berlin": {"set hours 22:00-6.30 europe/berlin", "set hours: 22-6:30 Europe/Berlin"},
		"get https://lists.example.org/dev/a%40b.c/": {"get https://lists.example.org/dev/a%40b.c/", "get <https://lists.example.org/dev/a%40b.c/>"},
		"mute https://lists.example.org/dev/~7/":     {"mute https://lists.example.org/dev/~7/."},
		"catchup 615h4m5s":                           {"catchup since 2026-10-31", "catchup since 31 October", "catchup since Saturday, 31 Oct."},
		"catchup 39h4m5s":                            {"catchup since Tuesday", "catchup since yesterday"},
	} {
		for _, line := range lines {
			c, ok := readCommand(line, commandDay(t))
			if got := sayOne(c); !ok || got != want {
				t.Errorf("%q: %v, %s, want %s", line, ok, got, want)
			}
		}
	}
}

// TestReadCommandProblem: what was meant, but cannot be done, says why.
func TestReadCommandProblem(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"pause":                                "pause ! pause needs a date: pause until 2026-12-09",
		"pause until 2026-11-25":               "! 2026-11-25 is not ahead of us",
		"pause until 2020-01-01":               "! 2020-01-01 is not ahead of us: pause until 2026-12-09",
		"pause until yesterday":                "! 2026-11-24 is not ahead of us",
		"pause until 2028-11-26":               "! a pause lasts at most two years; without an end it is set delivery none",
		"pause 3 years":                        "! a pause lasts at most two years",
		"pause until 01/02/2027":               `! this is no date for a pause: "01/02/2027" can be read as two days; write the year first: 2026-12-09`,
		"pause until 1.2.":                     "can be read as two days",
		"pause until 2027-02-30":               "! this is no date for a pause: there is no day 2027-02-30 in the calendar",
		"pause until further notice":           "! this is no date for a pause: a day is written as 2026-12-09",
		"pause for 12 hours":                   "! this is no date for a pause",
		"pause 0 days":                         "! this is no date for a pause",
		"catchup 2 years":                      "! catchup goes back a year at most",
		"catchup since 2026-12-01":             "! 2026-12-01 is still ahead of us",
		"catchup everything":                   "! catchup takes a period, such as 2 weeks, or a date: a day is written as 2026-11-11",
		"search":                               "! search needs words: search disk full",
		"get 1e3":                              "! get takes a Message-ID, a link or the number of a post",
		"get 1234567890123456789":              "! get takes a Message-ID",
		"mute all":                             "! mute takes a Message-ID",
		"follow https://":                      "! follow takes a Message-ID",
		"set":                                  "! set needs a setting and a value: set delivery daily",
		"set colour blue":                      `! there is no setting "colour": the settings are delivery, own, ack, hours and name`,
		"set language Ünglisch":                `! there is no setting "language"`,
		"set delivery":                         "! delivery is one of each, first, followed, daily, weekly, summary, none",
		"set delivery hourly":                  "! delivery is one of each",
		"set delivery summary plain":           "! plain and mime are said of a digest: set delivery daily plain",
		"set own perhaps":                      "! this setting takes yes or no",
		"set hours":                            "! hours are written as 08:00-18:00 Europe/Berlin, or off",
		"set hours 08:00-18:00 Mörchen":        `! "m\u00f6rchen" is no time zone`,
		"set name":                             "! set name needs a name: set name Ann Example",
		"set name ann@example.org":             "! a name is no address",
		"set name " + strings.Repeat("x", 101): "! a name has at most 100 bytes",
		"unsubscribe bo@example.org":           "unsubscribe ! unsubscribe stands alone: it is about this list and the address that writes",
		"subscribe dev":                        "subscribe ! subscribe stands alone",
		"stop spam":                            "unsubscribe ! unsubscribe stands alone",
	} {
		c, ok := readCommand(line, commandDay(t))
		got := sayOne(c)
		if !ok || !strings.Contains(got, want) || c.Problem == "" || strings.ContainsFunc(c.Problem, func(r rune) bool { return r >= utf8.RuneSelf }) {
			t.Errorf("%q: %v, %s, want %s", line, ok, got, want)
		}
	}
}

// TestReadCommandProse: sentences that begin like a command.
func TestReadCommandProse(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		"", " ", "-", "help wanted for a driver", "who is in charge of this", "get well soon", "get back to me", "Get Outlook for iOS",
		"follow up on the meeting of yesterday", "stop sending me all these mails or I will complain", "leave me alone with your spam and go",
		"set up a meeting with all of the board", "lists are great", "I want to unsubscribe", "subscribed", "unsubscribe: how does one do that here",
		"mute the noise of the fan", "join us for the talk about lists", "pause the build while we look at it again", "resume the work",
		"wer seid ihr", "summary of the talk", "daily business", "ｈｅｌｐ", "catch up with me when you are here again",
	} {
		if c, ok := readCommand(line, commandDay(t)); ok {
			t.Errorf("%q: %s", line, sayOne(c))
		}
	}
}

func TestParseCommands(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, subject, text, want string }{
		{"one line", "", "help", "help"},
		{"the subject", "help", "", "help"},
		{"the subject, and a signature", "Unsubscribe", "\n-- \nAnn\n", "unsubscribe"},
		{"the subject, and prose", "unsubscribe", "I have no time for it any more.\nSorry!\n\nAnn", "unsubscribe"},
		{"the subject twice", "unsubscribe", "Unsubscribe me\n\nhelp", "unsubscribe; help"},
		{"the subject first", "set own no", "which", "set own no; which"},
		{"a subject that is none", "Question about the list", "help", "help"},
		{"a subject with a problem", "pause until 01.02.2027", "which",
			`pause ! this is no date for a pause: "01.02.2027" can be read as two days; write the year first: 2026-12-09; which`},
		{"a reply", "Re: subscribe", "", "? Re: subscribe"},
		{"a forward", "Fwd: subscribe", "which", "which"},
		{"a reply in German", "AW: subscribe", "which", "which"},
		{"a numbered reply", "RE[2]: subscribe", "which", "which"},
		{"a reply to a tagged subject", "[dev] Re: subscribe", "which", "which"},
		{"nothing", "", "", "? "},
		{"blank", " ", "\n \n\t\n", "? "},
		{"an unknown subject", "Hello there", "", "? Hello there"},
		{"unknown text", "Hello there", "how does one leave\nthis list\nhelp", "? how does one leave"},
		{"several", "", "which\n\n\nset own no\r\npause until 2027-01-08\n", "which; set own no; pause 2027-01-08"},
		{"courtesy", "", "Hi,\n\nplease\nhelp\n\nThanks,\nAnn Example\n", "help"},
		{"a named greeting", "", "Dear list owner,\nmute\nBest regards\nAnn", "mute"},
		{"a phone", "", "mute\n\nSent from my phone", "mute"},
		{"two phones", "", "mute\n\nGet Outlook for iOS", "mute"},
		{"a mistake among commands", "", "which\nste own no\nhelp", "which; ? ste own no; help"},
		{"two mistakes in a row", "", "which\nste own no\nste ack no\nunsubscribe", "which; ? ste own no; ? ste ack no"},
		{"mistakes apart", "", "foo\nwhich\nbar\nhelp\nbaz\nlists", "? foo; which; ? bar; help; lists"},
		{"prose with a verb below", "", "I would like to know more.\nThis is what I saw:\nunsubscribe\n", "? I would like to know more."},
		{"end", "", "which\nend\nunsubscribe", "which"},
		{"end in other words", "", "which\nEnd.\nunsubscribe", "which"},
		{"only end", "", "end\nunsubscribe", "? "},
		{"five", "", strings.Repeat("help\n", 500), "help; help; help; help; help"},
		{"five with the subject", "which", strings.Repeat("help\n", 500), "which; help; help; help; help"},
		{"forty lines of greetings", "", strings.Repeat("hi\n", 40) + "which", "? "},
		{"far below", "", strings.Repeat("\n", 1000) + "which", "which"},
		{"too far below", "", strings.Repeat("\n", 20000) + "which", "? "},
		{"a long line", "", "unsubscribe" + strings.Repeat(" ", 2000) + ".\nwhich", "? unsubscribe; which"},
		{"a long subject", "unsubscribe" + strings.Repeat(" ", 2000) + ".", "which", "which"},
		{"a signature", "", "which\n-- \nunsubscribe", "which"},
		{"a signature without its space", "", "which\n--\nunsubscribe", "which"},
		{"a rule", "", "which\n_____\nunsubscribe", "which"},
		{"a quote", "", "which\n> unsubscribe\nunsubscribe", "which"},
		{"a quote with an indent", "", "which\n  > unsubscribe\nunsubscribe", "which"},
		{"a bar", "", "which\n| unsubscribe\nunsubscribe", "which"},
		{"a quote before all", "", "> which\n\nunsubscribe", "? "},
		{"an attribution", "", "which\n\nOn Mon, 23 Nov 2026 at 10:11, Bo Example <bo@example.org> wrote:\nunsubscribe", "which"},
		{"an attribution in two lines", "", "which\n\nOn Mon, 23 Nov 2026 at 10:11, Bo Example <\nbo@example.org> wrote:\n\nunsubscribe", "which"},
		{"one without a date", "", "which\n\nBo Example wrote:\nunsubscribe", "which"},
		{"one in German", "", "which\n\nAm 23.11.26 um 10:11 schrieb Bo Example:\nunsubscribe", "which"},
		{"one in German, broken", "", "which\n\nBo Example <bo@example.org> schrieb am Mo., 23.\nNov. 2026 um 10:11 Uhr:\n\nunsubscribe", "which"},
		{"one in French", "", "which\n\nLe lun. 23 nov. 2026 à 10:11, Bo <bo@example.org> a écrit :\nunsubscribe", "which"},
		{"one without a colon", "", "which\n\n2026/11/23 Bo Example <bo@example.org>\n\n> unsubscribe\nunsubscribe", "which"},
		{"one in Chinese", "", "which\n\n在 2026年11月23日，Bo <bo@example.org> 写道：\nunsubscribe", "which"},
		{"a name in an attribution", "", "which\n\nOn Mon, 23 Nov 2026 at 10:11,\nunsubscribe\n<mal@example.org> wrote:\n", "which"},
		{"Outlook", "", "which\n\n-----Original Message-----\nunsubscribe", "which"},
		{"Outlook in Spanish", "", "which\n-----Mensaje original-----\nunsubscribe", "which"},
		{"Outlook's header", "", "which\n\nFrom: Bo Example\nSent: Monday\nunsubscribe", "which"},
		{"Outlook's header in German", "", "which\n\nVon: Bo Example\nGesendet: Montag\nBetreff: x\nunsubscribe", "which"},
		{"Outlook's header in bold", "", "which\n\n*From:* Bo Example\n*Sent:* Monday\nunsubscribe", "which"},
		{"a forwarded mail", "", "which\n\nBegin forwarded message:\n\n> unsubscribe\nunsubscribe", "which"},
		{"another one", "", "which\n\n---------- Forwarded message ---------\nunsubscribe", "which"},
		{"an old client", "", "which\n\n---- On Mon, 23 Nov 2026, Bo wrote ----\nunsubscribe", "which"},
		{"a long Message-ID, wrapped", "", "follow\n<aaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbb.example.org>\nwhich", "follow aaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbb.example.org; which"},
		{"a long link, wrapped", "", "get thread\nhttps://lists.example.org/dev/~7/\nwhich", "get thread https://lists.example.org/dev/~7/; which"},
		{"an address below", "", "which\n<bo@example.org>", "which; ? <bo@example.org>"},
		{"controls", "", "he\x00lp\x1b[31m\nli\u202ests\u2066", "? help[31m; lists"},
		{"bytes", "\xff\xfe", "\xffhelp", "help"},
	} {
		if got := say(ParseCommands(c.subject, c.text, commandDay(t))); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

func TestCommandLineShown(t *testing.T) {
	t.Parallel()
	long := "search " + strings.Repeat("é ", 300)
	got := ParseCommands("", "\x1b Set\town\u202e  No \n"+long, commandDay(t))
	if len(got) != 2 || got[0].Line != "Set own  No" || len(got[1].Line) > maxCommandLine || len(got[1].Arg) > maxCommandLine {
		t.Errorf("%q", got)
	}
	checkCommands(t, got)
}

// checkCommands wants what every answer relies on.
func checkCommands(t *testing.T, commands []Command) {
	t.Helper()
	if n := len(commands); n < 1 || n > maxCommands {
		t.Errorf("%d commands", n)
	}
	strange := 0
	for _, c := range commands {
		if c.Verb == NotUnderstood {
			strange++
		}
		checkFields(t, c)
	}
	if strange > maxNotRead {
		t.Errorf("%d lines not understood", strange)
	}
}

func checkFields(t *testing.T, c Command) {
	t.Helper()
	for name, s := range map[string]string{"Line": c.Line, "Arg": c.Arg, "Value": c.Value, "Setting": c.Setting, "Problem": c.Problem} {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.TrimSpace(s) != s {
			t.Errorf("%s %q", name, s)
		}
	}
	if strings.ContainsFunc(c.Problem, func(r rune) bool { return r > unicode.MaxASCII }) || len(c.Line) > maxCommandLine {
		t.Errorf("%q", c)
	}
	if c.Verb == DoPause && (c.Problem == "") == c.Until.IsZero() || c.Verb == DoCatchUp && (c.Problem == "") == (c.Period <= 0) {
		t.Errorf("%q", c)
	}
	if c.Verb == DoSet && c.Problem == "" && (c.Setting == "" || c.Value == "") {
		t.Errorf("%q", c)
	}
}

func FuzzParseCommands(f *testing.F) {
	for _, seed := range [][2]string{
		{"help", "which\nset own no\n-- \nAnn"}, {"Re: x", "pause until 8 Jan\n\nOn 2026-11-23, Bo wrote:\n> stop"},
		{"", "set hours 8-18 Europe/Berlin\ncatchup since 2026-01-01\nget\n<a@b>\nfollow https://x/"}, {"set name \x00", "“set” delivery=daily plain\nend"},
		{"pause 29 Feb", "From: a\nTo: b\n\xff"}, {"", "search \u2028\u202e x\npause 999 years\npause 0000-00-00"},
	} {
		f.Add(seed[0], seed[1])
	}
	now := commandDay(f)
	f.Fuzz(func(t *testing.T, subject, text string) {
		got := ParseCommands(subject, text, now)
		checkCommands(t, got)
		if again := ParseCommands(subject, text, now); !slices.Equal(again, got) {
			t.Errorf("%q, then %q", got, again)
		}
	})
}
