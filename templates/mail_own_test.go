package templates

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ownWords is a folder with these files, by their path below it.
func ownWords(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "words")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestOwnWordsAreFoundByListThenLanguage(t *testing.T) {
	t.Parallel()
	s, err := NewWith(ownWords(t, map[string]string{
		"en/goodbye.txt":                      "Subject: own en\n\nBye, {{.Address}}.\n",
		"de/goodbye.txt":                      "\ufeffSubject: own de\r\n\r\nTschüss, {{.Address}}.\r\n",
		"Dev@lists.example.org/goodbye.txt":   "Subject: own list\n\nSee you within {{count .Days \"day\" \"days\"}}.\n",
		"Dev@lists.example.org/welcome.txt":   "Subject: hello\n\n{{say .Delivery}}\n",
		"talk@lists.example.org/.welcome.swp": "an editor's",
		".git/config":                         "x",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Lists(); !slices.Equal(got, []string{dev}) {
		t.Errorf("lists %q", got)
	}
	for _, c := range []struct{ list, language, name, subject, body string }{
		{dev, "en", "goodbye", "own list", "See you within 30 days.\n"},
		{dev, "de", "goodbye", "own list", "See you within 30 days.\n"},
		{"DEV@Lists.example.org", "xx", "goodbye", "own list", "See you within 30 days.\n"},
		{dev, "de", "welcome", "hello", "jeden Beitrag sofort\n"},
		{"talk@lists.example.org", "en", "goodbye", "own en", "Bye, ann@example.org.\n"},
		{"talk@lists.example.org", "", "goodbye", "own en", "Bye, ann@example.org.\n"},
		{"talk@lists.example.org", "de", "goodbye", "own de", "Tschüss, ann@example.org.\n"},
	} {
		subject, body, err := s.Mail(c.list, c.language, c.name, Samples()[c.name])
		if err != nil || subject != c.subject || body != c.body {
			t.Errorf("%s %s %s: %q, %q, %v; want %q, %q", c.list, c.language, c.name, subject, body, err, c.subject, c.body)
		}
	}
	subject, _, err := s.Mail("talk@lists.example.org", "de", "welcome", Samples()["welcome"])
	if err != nil || subject != "dev: Willkommen" {
		t.Errorf("the words of another list: %q, %v", subject, err)
	}
}

func TestWithoutOwnWords(t *testing.T) {
	t.Parallel()
	s, err := NewWith("")
	if err != nil || len(s.Lists()) != 0 || !slices.Equal(s.Languages(), []string{"de", "en"}) {
		t.Errorf("%v, lists %q, languages %q", err, s.Lists(), s.Languages())
	}
	if _, err := NewWith(filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestWrongOwnWordsStopTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, text, want string }{
		{"held.txt", "Subject: x\n\nx", "words stand in a folder for a language (de, en) or a list"},
		{"fr/held.txt", "Subject: x\n\nx", "is neither a language (de, en) nor the address of a list"},
		{"en/holded.txt", "Subject: x\n\nx", "no mail has this name. The names are confirm-join.txt, "},
		{"en/held.txt~", "Subject: x\n\nx", "no mail has this name"},
		{"en/held.txt/x", "Subject: x\n\nx", "is no text file of at most 64 KiB"},
		{"en/held.txt", "Subject: x\n\n" + strings.Repeat("x", maxOwnMail), "is no text file of at most 64 KiB"},
		{"en/held.txt", "Subject: x\n\n\xff", "is not UTF-8"},
		{"en/held.txt", "", ":1: the file does not begin with a line \"Subject: ...\""},
		{"en/held.txt", "Hello\n\nSubject: x\n", ":1: the file does not begin with a line \"Subject: ...\""},
		{"en/held.txt", "Subject: x\nBcc: eve@example.org\n\nx", ":1: the file does not begin with a line \"Subject: ...\""},
		{"en/held.txt", "Subject:\n\nx", ":1: its subject is empty"},
		{"en/rejected.txt", "Subject: {{.Subject}}\n\nx", ":1: its subject is empty"},
		{"en/held.txt", "Subject: x\n\n", "its text is empty"},
		{"en/rejected.txt", "Subject: x\n\n{{.Reason}}", "its text is empty"},
		{"en/held.txt", "Subject: x {{.Name\n\nx", ":1: unclosed action"},
		{"en/held.txt", "Subject: x\n\na\n{{if .Count}}\n", ":5: unexpected EOF"},
		{"en/held.txt", "Subject: x\n\na\n{{shout .Name}}\n", `:4: function "shout" not defined`},
		{"en/held.txt", "Subject: {{.Nam}}\n\nx", ":1: there is no field .Nam here; mail held has .List, .Name, .Count"},
		{"en/held.txt", "Subject: x\n\nx\n{{if eq .Count 77}}{{.Nam}}{{end}}\n", ":4: there is no field .Nam here"},
		{"en/held.txt", "Subject: x\n\nx\n{{if false}}{{else}}{{$.Nam}}{{end}}\n", ":4: there is no field .Nam here"},
		{"en/held.txt", "Subject: x\n\n{{count (len .Nam) \"a\" \"b\"}}\n", ":3: there is no field .Nam here"},
		{"en/held.txt", "Subject: x\n\n{{range .Name}}{{end}}x", ":3:"},
		{"en/held.txt", "Subject: x\n\n{{.Name.Length}}", ":3: there is no field .Length here"},
		{"en/rejected.txt", "Subject: x\n\nx {{with .Subject}}\n{{.List}}{{end}}", ":4: there is no field .List here; inside of with and range"},
		{"en/reply.txt", "Subject: x\n\nx\n{{range .Answers}}{{.Comand}}{{end}}", ":4: there is no field .Comand here; mail reply has .Command, .Lines"},
		{"en/digest.txt", "Subject: x\n\nx{{range .Threads}}{{range .Posts}}{{.At.Year}}{{.Date}}{{end}}{{end}}", ":3: there is no field .Date here"},
		{"en/reply.txt", "Subject: x\n\nx{{range $.Answers}}\n{{range .Lines}}{{.Text}}{{end}}{{end}}", ":4: there is no field .Text here"},
		{"en/reply.txt", "Subject: x\n\nx{{(index .Answers 3).Command}}", `:3: "index" is not for mails`},
		{"en/held.txt", "Subject: x\n\nx{{template \"more\"}}", ":3: a mail has no templates inside"},
		{"en/held.txt", "Subject: x\n\nx{{lt .Name 3}}", ":3:"},
		{"dev@lists.example.org/held.txt", "Subject: x\n\n{{.Nam}}", ":3: there is no field .Nam here"},
	} {
		_, err := NewWith(ownWords(t, map[string]string{c.file: c.text}))
		path := filepath.FromSlash("words/" + strings.TrimSuffix(c.file, "/x"))
		if c.file == "fr/held.txt" {
			path = "words/fr"
		}
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %.60q:\n%v, want %s and %s", c.file, c.text, err, path, c.want)
		}
	}
}

func TestAllWrongOwnWordsAreNamed(t *testing.T) {
	t.Parallel()
	_, err := NewWith(ownWords(t, map[string]string{
		"en/held.txt":                    "Subject: x\n\n{{.Nam}}\n{{.Coun}}\n",
		"de/welcome.txt":                 "no subject",
		"dev@lists.example.org/reply.tx": "x",
		"en/probe.txt":                   "Subject: fine\n\nfine",
	}))
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{"en/held.txt:3: ", "en/held.txt:4: ", "de/welcome.txt:1: ", "reply.tx: no mail"} {
		if !strings.Contains(err.Error(), filepath.FromSlash(want)) {
			t.Errorf("no %q in:\n%v", want, err)
		}
	}
	if got := strings.Count(err.Error(), "Correct it, or remove the file"); got != 3 {
		t.Errorf("%d next steps, want 3, in:\n%v", got, err)
	}
	if strings.Contains(err.Error(), "probe.txt:") {
		t.Errorf("a right file is named:\n%v", err)
	}
}

// The words that we wrote pass what is asked of an operator's.
func TestOurWordsAsOwnWords(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for name, file := range copied(t) {
		if rest, ok := strings.CutPrefix(name, "mail/"); ok {
			files[rest] = string(file.Data)
		}
	}
	if _, err := NewWith(ownWords(t, files)); err != nil {
		t.Error(err)
	}
}
