package list

// CommandDoc is one line of the help: what to write, and what it does.
type CommandDoc struct {
	Usage string // English in every language: the words are read, not the meaning
	Text  string
}

// CommandDocs is the help in a language; English where there is none. It has at
// most 17 entries, of which each fits into one line of 76 characters with four
// spaces before Usage, Usage padded to the longest of them and two spaces before
// Text: so the help mail stays below 25 lines.
func CommandDocs(language string) []CommandDoc {
	docs := make([]CommandDoc, len(commandTexts))
	for i, c := range commandTexts {
		docs[i] = CommandDoc{c.usage, c.en}
		if language == "de" {
			docs[i].Text = c.de
		}
	}
	return docs
}

// commandTexts are the words in capitals as they are in English: what stands
// for them is explained by the text.
var commandTexts = []struct{ usage, en, de string }{
	{"help, end", "this mail; nothing below end is read", "diese Mail; unter end wird nichts gelesen"},
	{"info, lists", "about this list; all lists here", "über diese Liste; alle Listen hier"},
	{"subscribe, unsubscribe", "join this list; leave it", "Mitglied werden; die Liste verlassen"},
	{"which, who", "your settings; the members, if allowed", "Ihre Einstellungen; Mitglieder, wenn erlaubt"},
	{"set delivery each", "each post; or: first, followed, none", "jeder Beitrag; oder: first, followed, none"},
	{"set delivery daily", "a digest; or: weekly, summary", "Sammelmail; oder: weekly, summary"},
	{"set own no", "no copies of your own posts; or: yes", "keine Kopien eigener Beiträge; oder: yes"},
	{"set ack yes", "a mail when your post went out; or: no", "Mail, wenn Ihr Beitrag verteilt ist; oder no"},
	{"set hours 8-18 ZONE", "mail only then; ZONE: Europe/Berlin; or: off", "nur dann Mail; ZONE: Europe/Berlin; oder off"},
	{"set name YOUR NAME", "the name that you have here", "Ihr Name auf der Liste"},
	{"pause until DATE", "no mail until then, as 2027-01-08", "keine Mail bis dahin, etwa 2027-01-08"},
	{"resume", "end the pause now", "die Pause beenden"},
	{"mute POST, unmute POST", "no mail about its thread; mail again", "keine Mail aus seinem Thread; doch wieder"},
	{"follow POST, unfollow POST", "all mail of its thread; not any more", "jede Mail aus seinem Thread; nicht mehr"},
	{"get POST, get thread POST", "as a file; POST: number, link, Message-ID", "als Datei; POST: Nummer, Link, Message-ID"},
	{"search WORDS", "the posts that have these words", "Beiträge mit diesen Wörtern"},
	{"catchup 2 weeks", "what was talked about since then", "worüber seitdem gesprochen wurde"},
}
