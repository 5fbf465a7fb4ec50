package list

import (
	"fmt"
	"strings"
)

// sayings are the lines that answer commands. What they name (commands,
// settings) is English in every language, because it is to be written so.
var sayings = map[string]struct{ en, de string }{
	"not understood": {
		`This is not a command here. The word "help" alone, sent to the same address, brings a list of them.`,
		`Das ist hier kein Befehl. Das Wort "help" allein, an dieselbe Adresse geschickt, bringt eine Liste aller Befehle.`},
	"a line":   {"(a line that is no command)", "(eine Zeile, die kein Befehl ist)"},
	"no lists": {"There is no list here that everybody may know of.", "Es gibt hier keine Liste, von der alle wissen dürfen."},
	"cannot join": {
		"This address cannot be subscribed: it belongs to a list or a machine, or the list's owners do not want it.",
		"Diese Adresse kann die Liste nicht abonnieren: Sie gehört einer Liste oder einer Maschine, oder die Verantwortlichen möchten es nicht."},
	"not a member": {"This address is not subscribed to the list.", "Für diese Adresse ist die Liste nicht abonniert."},
	"on no list":   {"This address is on no list here.", "Für diese Adresse ist hier keine Liste abonniert."},
	"roster closed": {
		"Who is subscribed is known to the owners alone.", "Wer die Liste abonniert hat, wissen nur die Verantwortlichen."},
	"more":             {"There is more than fits into one mail.", "Es gibt mehr, als in eine Mail passt."},
	"nothing found":    {"Nothing was found, or it is not for this address to see.", "Nichts gefunden, oder nicht für diese Adresse bestimmt."},
	"get one":          {`"get" and a number brings the whole post.`, `"get" und eine Nummer bringt den ganzen Beitrag.`},
	"attached":         {"Attached (posts: %d): %s", "Im Anhang (Beiträge: %d): %s"},
	"nothing to pause": {"No posts are sent to you, so there is nothing to pause.", "Sie bekommen keine Beiträge; es gibt also nichts zu unterbrechen."},
	"day over":         {"This day is over: %s. Nothing was changed.", "Dieser Tag ist vorbei: %s. Geändert wurde nichts."},
	"members get": {
		"The addresses of this list are masked, so posts are sent to members alone. They can be read in the archive.",
		"Die Adressen dieser Liste sind verdeckt, deshalb gehen Beiträge nur an Mitglieder. Lesen kann man sie im Archiv."},
	"paused": {
		`Nothing is sent until %s. Then one mail tells what happened. "resume" ends it sooner.`,
		`Bis %s kommt keine Mail. Danach erzählt eine, was geschah. "resume" beendet die Pause früher.`},
	"resumed":      {"The pause is over. One mail tells what happened.", "Die Pause ist vorbei. Eine Mail erzählt, was geschah."},
	"no pause":     {"There is no pause.", "Es gibt keine Pause."},
	"no such post": {"The list has no such post. Reply to one of its posts, or name it by its number, link or Message-ID.", "Einen solchen Beitrag hat die Liste nicht. Antworten Sie auf einen, oder nennen Sie Nummer, Link oder Message-ID."},
	"mute":         {`No more mail from this thread: %s`, `Keine Mail mehr aus diesem Thread: %s`},
	"unmute":       {`Mail from this thread again: %s`, `Wieder Mail aus diesem Thread: %s`},
	"follow":       {`You follow this thread now: %s`, `Diesem Thread folgen Sie jetzt: %s`},
	"unfollow":     {`You do not follow this thread any more: %s`, `Diesem Thread folgen Sie nicht mehr: %s`},
	"set":          {"%s is now: %s", "%s ist jetzt: %s"},

	"delivery each":     {"You get each post as it comes.", "Sie bekommen jeden Beitrag sofort."},
	"delivery first":    {"You get the first post of each thread, and every post of threads that you follow.", "Sie bekommen den ersten Beitrag jedes Threads und alle Beiträge der Threads, denen Sie folgen."},
	"delivery followed": {"You get the threads that you follow, and those that you write in.", "Sie bekommen die Threads, denen Sie folgen oder in denen Sie schreiben."},
	"delivery daily":    {"You get a digest once a day.", "Sie bekommen einmal am Tag eine Sammelmail."},
	"delivery weekly":   {"You get a digest once a week.", "Sie bekommen einmal in der Woche eine Sammelmail."},
	"delivery summary":  {"You get a summary once a day.", "Sie bekommen einmal am Tag eine Übersicht."},
	"delivery none":     {"You get no posts, and may still write some.", "Sie bekommen keine Beiträge und dürfen weiter schreiben."},
}

// sayIn is a saying in a language, with its values.
func sayIn(language, key string, args ...any) []string {
	s := sayings[key]
	text := s.en
	if language == "de" {
		text = s.de
	}
	return []string{strings.TrimSpace(fmt.Sprintf(text, args...))}
}
