package templates

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const dev = "dev@lists.example.org"

// golden compares with a file of testdata, or writes it when PARLEY_GOLDEN is set.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if os.Getenv("PARLEY_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; PARLEY_GOLDEN=1 writes it. Got:\n%s", path, got)
	}
}

func TestEveryMailIsGolden(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	for _, language := range []string{"de", "en"} {
		for _, m := range mails() {
			t.Run(language+"/"+m.name, func(t *testing.T) {
				t.Parallel()
				subject, body, err := s.Mail(dev, language, m.name, m.sample())
				if err != nil {
					t.Fatal(err)
				}
				golden(t, "testdata/mail/"+language+"/"+m.name+".txt", []byte("Subject: "+subject+"\n\n"+body))
				checkMail(t, language, subject, body)
				checkLinks(t, body, m)
			})
		}
	}
}

func TestNoGoldenIsLeftOver(t *testing.T) {
	t.Parallel()
	for _, language := range mustNew(t).Languages() {
		entries, err := os.ReadDir("testdata/mail/" + language)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if _, ok := mailOf(entry.Name()); !ok {
				t.Errorf("testdata/mail/%s/%s is of no mail", language, entry.Name())
			}
		}
	}
}

func TestMailsWithNothingToSay(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	for _, language := range s.Languages() {
		for _, m := range mails() {
			subject, body, err := s.Mail(dev, language, m.name, m.bare())
			if err != nil {
				t.Fatal(err)
			}
			checkMail(t, language, subject, body)
		}
	}
}

// checkMail is what holds for every mail that Parley writes.
func checkMail(t *testing.T, language, subject, body string) {
	t.Helper()
	if !strings.Contains(subject, "dev") || strings.Contains(subject, "!") || width(subject) > mailWidth {
		t.Errorf("subject %q", subject)
	}
	if language == "en" && strings.ContainsFunc(subject+body, func(r rune) bool { return r > 126 }) {
		t.Errorf("not ASCII: %q\n%s", subject, body)
	}
	if !strings.HasSuffix(body, "\n") || strings.HasSuffix(body, "\n\n") || strings.HasPrefix(body, "\n") || strings.Contains(body, "\n\n\n") {
		t.Errorf("empty lines at the ends, or several together:\n%q", body)
	}
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	if len(lines) >= 25 {
		t.Errorf("%d lines", len(lines))
	}
	for _, text := range lines {
		if word := strings.TrimSpace(text); width(text) > mailWidth && (strings.Contains(word, " ") || !strings.ContainsAny(word, "@:")) {
			t.Errorf("%d characters: %s", width(text), text)
		}
		if strings.TrimRight(text, " ") != text || strings.ContainsAny(text, "\t\r") || strings.Contains(text, "!") {
			t.Errorf("line %q", text)
		}
	}
}

// checkLinks says that a mail has no links but those of its data: none that
// counts readers.
func checkLinks(t *testing.T, body string, m mail) {
	t.Helper()
	data := strings.Builder{}
	for _, f := range m.fields {
		if topics, ok := f.filled.([]Topic); ok {
			for _, entry := range append(topics[0].Posts, topics[1].Posts...) {
				data.WriteString(entry.Link + " " + entry.Reply + " ")
			}
		}
		if text, ok := f.filled.(string); ok {
			data.WriteString(text + " ")
		}
		if answers, ok := f.filled.([]Answer); ok {
			data.WriteString(strings.Join(answers[2].Lines, " "))
		}
	}
	for _, word := range strings.Fields(body) {
		if strings.Contains(word, "://") && !strings.Contains(data.String(), word) {
			t.Errorf("link %s is not in the data", word)
		}
	}
}

func TestHeldMail(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	subject, body, err := s.Mail(dev, "en", "held", map[string]any{"List": dev, "Name": "dev", "Count": 1})
	if err != nil {
		t.Fatal(err)
	}
	if subject != "1 post waits on dev" {
		t.Errorf("subject %q", subject)
	}
	for _, want := range []string{"one post waits", dev, "\n    parley held ls dev\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	subject, body, err = s.Mail(dev, "en", "held", map[string]any{"List": dev, "Name": "dev", "Count": 12})
	if err != nil || subject != "12 posts wait on dev" || !strings.Contains(body, "12 posts wait for you") {
		t.Errorf("%v %q\n%s", err, subject, body)
	}
}

func TestRejectedMail(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	data := map[string]any{"List": dev, "Subject": "Buy now", "Reason": "Off topic here.\nTry the market list."}
	subject, body, err := s.Mail(dev, "", "rejected", data)
	if err != nil || subject != "Your post to dev@lists.example.org was not accepted" {
		t.Fatalf("%v %q", err, subject)
	}
	if !strings.Contains(body, "\n    Buy now\n") || !strings.Contains(body, "\nOff topic here.\nTry the market list.\n") {
		t.Errorf("body:\n%s", body)
	}
	data["Reason"], data["Subject"] = "", ""
	_, body, err = s.Mail(dev, "", "rejected", data)
	if err != nil || strings.Contains(body, "They say") || !strings.Contains(body, "(no subject)") {
		t.Errorf("%v, body:\n%s", err, body)
	}
}

func TestUnknownLanguageIsEnglish(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	for language, want := range map[string]string{"": "dev: welcome", "en": "dev: welcome", "xx": "dev: welcome", "de": "dev: Willkommen"} {
		subject, _, err := s.Mail(dev, language, "welcome", Samples()["welcome"])
		if err != nil || subject != want {
			t.Errorf("%q: %q, %v; want %q", language, subject, err, want)
		}
	}
}

func TestMailRefuses(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	for _, c := range []struct {
		name string
		data any
	}{
		{"nothing", nil},
		{"held", nil},
		{"held", map[string]any{"List": dev}},
		{"held", map[string]any{"List": dev, "Count": 2}},
	} {
		if subject, _, err := s.Mail(dev, "en", c.name, c.data); err == nil {
			t.Errorf("mail %s of %v was written, subject %q", c.name, c.data, subject)
		}
	}
}

// Every text in the data of a mail is hostile here at once.
func TestHostileDataStaysInItsLine(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	const evil = "x\r\nBcc: eve@example.org\r\n\r\nWe are closing.\x00\x1b[2J\u202egro\u2028Reply\u0085now \xff" + "{{.List}}"
	for _, language := range s.Languages() {
		for _, m := range mails() {
			data := m.sample()
			for _, f := range m.fields {
				if _, ok := f.filled.(string); ok && f.name != "Customs" && f.name != "Reason" && f.name != "Why" {
					data[f.name] = evil + strings.Repeat(" word", 2000) + strings.Repeat("y", 5000)
				}
			}
			subject, body, err := s.Mail(dev, language, m.name, data)
			if err != nil {
				t.Fatal(err)
			}
			if strings.ContainsAny(subject, "\r\n") || width(subject) > maxLine {
				t.Errorf("%s: subject %q", m.name, subject)
			}
			if !utf8.ValidString(body) || strings.ContainsAny(body, "\x00\x1b\r\u202e\u2028\u0085") {
				t.Errorf("%s has control characters: %.1000q", m.name, body)
			}
		}
	}
}

// What strangers and users choose themselves cannot begin a line of its own.
func TestHostileTextOfOthersIsOneLine(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	const evil = "x\n\nWe are closing.\nBcc: eve@example.org\n\n"
	entry := Entry{Number: 1, From: evil, Subject: evil, Lines: []string{evil}, At: time.Unix(0, 0)}
	others := map[string]any{
		"Person": evil, "Description": evil, "Asked": evil, "Subject": evil, "Destination": evil,
		"Commands": []string{evil}, "Answers": []Answer{{Command: evil}}, "Docs": []Doc{{evil, evil}},
		"Threads": []Topic{{evil, []Entry{entry}}},
	}
	for _, language := range s.Languages() {
		for _, m := range mails() {
			data := m.sample()
			for _, f := range m.fields {
				if v, ok := others[f.name]; ok {
					data[f.name] = v
				}
			}
			_, body, err := s.Mail(dev, language, m.name, data)
			if err != nil || strings.Contains(body, "\nWe are") || strings.Contains(body, "\nBcc") {
				t.Errorf("%v, %s:\n%s", err, m.name, body)
			}
		}
	}
}

func TestMailFuncs(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 3, 8, 14, 5, 0, 0, time.FixedZone("", 3600))
	for _, c := range []struct{ got, want string }{
		{line(" a\r\n b\tc\u2028d "), "a b c d"},
		{short(10, "twelve chars"), "twelve..."},
		{short(12, "twelve chars"), "twelve chars"},
		{short(2, "abc"), "..."},
		{count(1, "day", "days"), "1 day"},
		{count(int64(0), "day", "days"), "0 days"},
		{row(10, "help", "this mail"), "help      this mail"},
		{row(10, "much longer", "text"), "much longer  text"},
		{row(30, "help", strings.Repeat("x", 60)), "help        " + strings.Repeat("x", 60)},
		{row(30, "help", strings.Repeat("x", 90)), "help  " + strings.Repeat("x", 90)},
		{say("en", "each"), "each post as it comes"},
		{say("de", "by mail in the name of ann@example.org"), "per Mail im Namen von ann@example.org"},
		{say("de", "im Garten"), "im Garten"},
		{say("de", at), "8. März 2027"},
		{Day("en", at), "8 March 2027"},
		{day("de", "immer"), "immer"},
		{moment("en", at), "8 Mar 2027, 13:05 UTC"},
		{moment("de", at), "8. März 2027, 13:05 UTC"},
		{Span("en", at, at), "8 March 2027"},
		{Span("en", at, at.AddDate(0, 0, 6)), "8 to 14 March 2027"},
		{Span("de", at, at.AddDate(0, 0, 6)), "8. bis 14. März 2027"},
		{Span("en", at, at.AddDate(0, 1, 0)), "8 March 2027 to 8 April 2027"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

func TestLayOut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 20)
	for _, c := range []struct{ text, want string }{
		{"\n\n a\n\n\n\nb  c \n", " a\n\nb c"},
		{"    cmd  a   b", "    cmd  a   b"},
		{long, strings.Repeat("word ", 14) + "word\n" + strings.TrimSpace(strings.Repeat("word ", 5))},
		{"    " + long, "    " + strings.Repeat("word ", 13) + "word\n      " + strings.TrimSpace(strings.Repeat("word ", 6))},
		{strings.Repeat("x", 80), strings.Repeat("x", 76) + "\nxxxx"},
		{"see https://example.org/" + strings.Repeat("x", 80), "see\nhttps://example.org/" + strings.Repeat("x", 80)},
		{strings.Repeat(" ", 200) + "x", strings.Repeat(" ", 38) + "x"},
	} {
		if got := layOut(c.text); got != c.want {
			t.Errorf("%q\n%q, want\n%q", c.text, got, c.want)
		}
	}
}

// The page for operators lists the mails from the same table that checks them.
func TestDocumentedFields(t *testing.T) {
	t.Parallel()
	const begin, end, path = "<!-- mails -->\n", "<!-- /mails -->", "../doc/words.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), begin)
	_, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the mails", path)
	}
	golden(t, path, []byte(head+begin+documented()+end+tail))
}

func documented() string {
	var b strings.Builder
	for _, m := range mails() {
		fmt.Fprintf(&b, "\n`%s`: %s\n", m.name, m.when)
		for i, f := range m.fields {
			if i == 2 {
				b.WriteString("\n")
			}
			if f.name != "List" && f.name != "Name" {
				fmt.Fprintf(&b, "- `.%s`: %s\n", f.name, f.what)
			}
		}
	}
	return b.String() + "\n"
}

func TestTheExampleOfTheDocWorks(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../doc/words.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```\nSubject:")
	example, _, _ := strings.Cut(rest, "```")
	s, err := NewWith(ownWords(t, map[string]string{dev + "/welcome.txt": "Subject:" + example}))
	if err != nil {
		t.Fatal(err)
	}
	subject, body, err := s.Mail(dev, "en", "welcome", Samples()["welcome"])
	if err != nil || subject != "dev: good to have you here" || !strings.Contains(body, "    dev-leave@lists.example.org\n") {
		t.Errorf("%v, %q\n%s", err, subject, body)
	}
}

// The help has room for 17 commands, and stays a table.
func TestLongHelp(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	data := Samples()["help"]
	docs := []Doc{{"set hours 08:00-18:00 Europe/Berlin", "copies wait for this time"}}
	for range 16 {
		docs = append(docs, Doc{"who", strings.Repeat("what it does ", 5)})
	}
	data["Docs"] = docs
	for _, language := range s.Languages() {
		subject, body, err := s.Mail(dev, language, "help", data)
		if err != nil {
			t.Fatal(err)
		}
		checkMail(t, language, subject, body)
	}
}

func FuzzTextOfOthers(f *testing.F) {
	s, err := New()
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Release on Friday")
	f.Add("x\r\n\r\nBcc: eve@example.org\u2029\x00 \xff" + strings.Repeat("y", 300))
	f.Add(strings.Repeat("word ", 99))
	f.Fuzz(func(t *testing.T, text string) {
		subject, body, err := s.Mail(dev, "en", "ack", map[string]any{"List": dev, "Name": text + "dev", "Subject": text, "Link": ""})
		if err != nil || strings.ContainsAny(subject, "\r\n") || !utf8.ValidString(subject+body) {
			t.Fatalf("%v, subject %q, body %q", err, subject, body)
		}
		lines := strings.Split(body, "\n")
		if len(lines) > 15 || lines[5] != "    (no subject)" && len(lines[5]) < 5 {
			t.Errorf("%d lines:\n%s", len(lines), body)
		}
		for _, each := range lines {
			if width(each) > mailWidth && !strings.Contains(each, "@") && !strings.Contains(each, "://") {
				t.Errorf("%d characters: %q", width(each), each)
			}
		}
	})
}
