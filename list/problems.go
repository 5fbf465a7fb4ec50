package list

import (
	"fmt"
	"regexp"
	"strings"
)

// problem is what can be wrong with a command, as the readers of commands say
// it, and in German. The verbs come in the same order in both.
type problem struct {
	en   *regexp.Regexp
	de   string
	form string // of en, as fmt has it
}

// problems are in the order in which they are looked for.
var problems = germanProblems([][2]string{
	{"%s stands alone: it is about this list and the address that writes", "%s steht allein: Gemeint sind diese Liste und die Adresse, die schreibt"},
	{"%s takes a Message-ID, a link or the number of a post, or nothing in a reply to one",
		"Zu %s gehört die Message-ID, der Link oder die Nummer eines Beitrags; in der Antwort auf einen Beitrag genügt das Wort allein"},
	{"search needs words: search disk full", "search braucht Wörter: search disk full"},
	{"set needs a setting and a value: set delivery daily", "set braucht eine Einstellung und einen Wert: set delivery daily"},
	{"there is no setting %s: the settings are delivery, own, ack, hours and name", "Die Einstellung %s gibt es nicht; es gibt delivery, own, ack, hours und name"},
	{"delivery is one of each, first, followed, daily, weekly, summary, none", "delivery ist each, first, followed, daily, weekly, summary oder none"},
	{"plain and mime are said of a digest: set delivery daily plain", "plain und mime gelten für Sammelmails: set delivery daily plain"},
	{"this setting takes yes or no", "Diese Einstellung ist yes oder no"},
	{"hours are written as 08:00-18:00 Europe/Berlin, or off", "Stunden schreibt man so: 08:00-18:00 Europe/Berlin, oder off"},
	{"hours are written as 08:00-18:00 Europe/Berlin", "Stunden schreibt man so: 08:00-18:00 Europe/Berlin"},
	{"hours that begin and end at the same time leave no time at all", "Stunden, die zur selben Zeit beginnen und enden, lassen gar keine Zeit"},
	{"a time of the day is written as 06:00 Europe/Berlin", "Eine Uhrzeit schreibt man so: 06:00 Europe/Berlin"},
	{"%s is no time of the day; one is written as 08:00", "%s ist keine Uhrzeit; man schreibt sie so: 08:00"},
	{"%s is no time zone that is known here; one is written as Europe/Berlin", "%s ist hier als Zeitzone nicht bekannt; man schreibt sie so: Europe/Berlin"},
	{"set name needs a name: set name Ann Example", "set name braucht einen Namen: set name Ann Example"},
	{"a name has at most %d bytes", "Ein Name hat höchstens %d Bytes"},
	{"a name is no address, and has none of the characters that addresses have", "Ein Name ist keine Adresse und hat keines der Zeichen, die nur Adressen haben"},
	{"this is no date for a pause: %w", "Das ist kein Tag, an dem eine Pause enden kann: %w"},
	{"pause needs a date: pause until %s", "pause braucht einen Tag: pause until %s"},
	{"%s is not ahead of us: pause until %s", "%s liegt nicht in der Zukunft: pause until %s"},
	{"a pause lasts at most two years; without an end it is set delivery none", "Eine Pause dauert höchstens zwei Jahre; ohne Ende heißt sie set delivery none"},
	{"catchup takes a period, such as 2 weeks, or a date: %w", "catchup braucht eine Zeitspanne, etwa 2 weeks, oder einen Tag: %w"},
	{"%s is still ahead of us", "%s liegt noch in der Zukunft"},
	{"catchup goes back a year at most; search and the archive go further", "catchup reicht höchstens ein Jahr zurück; search und das Archiv reichen weiter"},
	{"a period is written as 10 days or 2 weeks", "Eine Zeitspanne schreibt man so: 10 days oder 2 weeks"},
	{"%s can be read as two days; write the year first: %s", "%s kann man als zwei verschiedene Tage lesen; das Jahr steht vorn: %s"},
	{"a day is written as %s", "Einen Tag schreibt man so: %s"},
	{"there is no such day in the calendar", "Diesen Tag gibt es im Kalender nicht"},
	{"there is no day %s in the calendar", "Den Tag %s gibt es im Kalender nicht"},
})

var formVerb = regexp.MustCompile(`%[a-z]`)

func germanProblems(pairs [][2]string) []problem {
	all := make([]problem, len(pairs))
	for i, p := range pairs {
		pattern := formVerb.ReplaceAllString(regexp.QuoteMeta(p[0]), "(.+)")
		all[i] = problem{en: regexp.MustCompile("^" + pattern + "$"), de: formVerb.ReplaceAllString(p[1], "%s"), form: p[0]}
	}
	return all
}

// problemIn is what is wrong with a command in a language. One that nobody
// translated stays in English.
func problemIn(language, text string) string {
	if language != "de" {
		return text
	}
	for _, p := range problems {
		found := p.en.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		values := make([]any, len(found)-1)
		for i, value := range found[1:] {
			values[i] = problemIn(language, value)
		}
		return strings.TrimSpace(fmt.Sprintf(p.de, values...))
	}
	return text
}
