package list

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// filledIn has an example for each word in capitals.
var filledIn = strings.NewReplacer("ZONE", "Europe/Berlin", "YOUR NAME", "Ann Example", "DATE", "2027-01-08",
	"POST", "12", "WORDS", "disk full")

// TestCommandDocs: what the help tells is understood, and all of it.
func TestCommandDocs(t *testing.T) {
	t.Parallel()
	told := map[CommandVerb]bool{}
	settings := map[string]bool{}
	for _, doc := range CommandDocs("en") {
		for _, usage := range strings.Split(filledIn.Replace(doc.Usage), ", ") {
			c, ok := readCommand(usage, commandDay(t))
			if usage == "end" { // stops the reading
				continue
			}
			if !ok || c.Problem != "" {
				t.Errorf("%q: %v, %s", usage, ok, sayOne(c))
			}
			told[c.Verb] = true
			settings[c.Setting] = true
		}
	}
	for words, form := range verbForms {
		if !told[form.verb] {
			t.Errorf("%s (%s) is not in the help", form.verb, words)
		}
	}
	for words, form := range settingForms {
		if !settings[form.setting] {
			t.Errorf("set %s (%s) is not in the help", form.setting, words)
		}
	}
}

// TestCommandDocsFit: the help mail has 25 lines of 76 characters at most.
func TestCommandDocsFit(t *testing.T) {
	t.Parallel()
	english := CommandDocs("en")
	widest := 0
	for _, doc := range english {
		widest = max(widest, len(doc.Usage))
	}
	for _, language := range append(slices.Clone(Languages), "xx", "") {
		docs := CommandDocs(language)
		if len(docs) != len(english) || len(docs) > 17 {
			t.Errorf("%s: %d entries", language, len(docs))
		}
		for i, doc := range docs {
			line := fmt.Sprintf("    %-*s  %s", widest, doc.Usage, doc.Text)
			if n := utf8.RuneCountInString(line); n > 76 || doc.Usage != english[i].Usage || doc.Text == "" {
				t.Errorf("%s: %q has %d characters", language, line, n)
			}
			if same := doc.Text == english[i].Text; same == (language == "de") {
				t.Errorf("%s: %q", language, doc.Text)
			}
		}
	}
}

// TestSubscribersDoc compares the table of doc/subscribers.md with the help.
func TestSubscribersDoc(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../doc/subscribers.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(b), "<!-- commands -->\n")
	got, _, ends := strings.Cut(rest, "<!-- end of commands -->")
	want := commandTable()
	if !begins || !ends || got != want {
		t.Errorf("the table between the comments of doc/subscribers.md should be\n%s", want)
	}
}

// commandTable is the help in Markdown.
func commandTable() string {
	var b strings.Builder
	b.WriteString("| write | to get |\n| --- | --- |\n")
	for _, doc := range CommandDocs("en") {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(doc.Usage, ", ", "`, `"), doc.Text)
	}
	return b.String()
}

// TestSubscribersDocExamples: each indented example of the page is understood.
func TestSubscribersDocExamples(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../doc/subscribers.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for line := range strings.SplitSeq(string(b), "\n") {
		example, indented := strings.CutPrefix(line, "    ")
		if !indented || strings.Contains(example, "@lists.example.org") && !strings.Contains(example, " ") {
			continue // an address to write to
		}
		examples++
		if c, ok := readCommand(example, commandDay(t)); !ok || c.Problem != "" {
			t.Errorf("%q: %v, %s", example, ok, sayOne(c))
		}
	}
	if examples < 10 {
		t.Errorf("%d examples", examples)
	}
}
