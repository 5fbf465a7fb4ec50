package list

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Whatever the readers of commands can say is said in German, too.
func TestEveryProblemIsTranslated(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"command_line.go", "command_set.go", "period.go", "hours.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`Errorf\("([^"]*)"`).FindAllStringSubmatch(string(source), -1) {
			if !slices.ContainsFunc(problems, func(p problem) bool { return p.form == found[1] }) {
				t.Errorf("%s: %q has no German", file, found[1])
			}
		}
	}
}

func TestProblemsInGerman(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for line, want := range map[string]string{
		"pause":                      "pause braucht einen Tag: pause until 2026-03-16",
		"pause until 03/04/2026":     `Das ist kein Tag, an dem eine Pause enden kann: "03/04/2026" kann man als zwei verschiedene Tage lesen; das Jahr steht vorn: 2026-03-16`,
		"catchup since 2026-02-31":   "catchup braucht eine Zeitspanne, etwa 2 weeks, oder einen Tag: Den Tag 2026-02-31 gibt es im Kalender nicht",
		"set hours 25-26":            `"25" ist keine Uhrzeit; man schreibt sie so: 08:00`,
		"set hours 8-18 Berlin/Mond": `"berlin/mond" ist hier als Zeitzone nicht bekannt; man schreibt sie so: Europe/Berlin`,
		"set delivery hourly":        "delivery ist each, first, followed, daily, weekly, summary oder none",
	} {
		problem := ParseCommands("", line, now)[0].Problem
		if got := problemIn("de", problem); got != want || problemIn("en", problem) != problem {
			t.Errorf("%s: %s\nwant %s\nfrom %s", line, got, want, problem)
		}
	}
	if got := problemIn("de", "something else"); !strings.HasPrefix(got, "something") {
		t.Error(got)
	}
}
