package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withWords is a config whose folder of words has these files.
func withWords(t *testing.T, config string, files map[string]string) (path string) {
	t.Helper()
	path = writeConfig(t, "words = \"words\"\n"+config)
	for name, text := range files {
		file := filepath.Join(filepath.Dir(path), "words", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// TestOwnWordsAreUsed: a list's own ones before those of its language, and
// those of Parley for what nobody has replaced.
func TestOwnWordsAreUsed(t *testing.T) {
	t.Parallel()
	h := startHouse(t, withWords(t, houseConfig+"language = \"de\"\n", map[string]string{
		"dev@lists.example.org/welcome.txt": "Subject: Ahoy\n\nWelcome aboard {{.List}}.\n",
		"de/welcome.txt":                    "Subject: Moin\n\nWillkommen bei {{.List}}.\n",
		"en/welcome.txt":                    "Subject: Never sent\n\nBoth lists have other words.\n",
		"dve@lists.example.org/welcome.txt": "Subject: Never sent\n\nThere is no such list.\n",
		".notes":                            "no words at all",
	}))
	h.write(written{from: "fay@example.org", to: "dev-join@lists.example.org"})
	if l := h.letter("fay@example.org", "Ahoy"); !strings.Contains(l.raw, "\r\nWelcome aboard dev@lists.example.org.\r\n") {
		t.Errorf("%s", l.raw)
	}
	h.write(written{from: "fay@example.org", to: "open-join@lists.example.org"})
	h.letter("fay@example.org", "Moin")
	h.write(written{from: "fay@example.org", to: "dev-leave@lists.example.org"})
	h.letter("fay@example.org", "dev: goodbye")
	if warning := "words for a list that is not there\" list=dve@lists.example.org"; strings.Count(h.log.String(), "words for") != 1 || !strings.Contains(h.log.String(), warning) {
		t.Errorf("the log:\n%s", h.log)
	}
}

// TestBrokenWords: check and serve say where, and nothing starts.
func TestBrokenWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, text, reason string }{
		{"a field that the mail has not", "en/welcome.txt", "Subject: Hi\n\nDear {{.Nobody}},\n", "words/en/welcome.txt:3"},
		{"no template", "en/welcome.txt", "Subject: Hi\n\n{{if .Archive}}read it\n", "words/en/welcome.txt:4"},
		{"no subject", "de/goodbye.txt", "Bye\n", "words/de/goodbye.txt:1"},
		{"no such mail", "en/wellcome.txt", "Subject: Hi\n\nHi\n", "words/en/wellcome.txt"},
		{"no such list", "dev@example.com/welcome.txt", "Subject: Hi\n\nHi\n", "words/dev@example.com"},
		{"no such language", "fr/welcome.txt", "Subject: Hi\n\nHi\n", "words/fr"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := withWords(t, smallest+"[smtp]\nlisten = [\"127.0.0.1:0\"]\n[web]\nlisten = []\n", map[string]string{c.file: c.text})
			runBoth(t, path, "1: words: "+filepath.Join(filepath.Dir(path), c.reason)+":")
		})
	}
	path := writeConfig(t, "words = \"nowhere\"\n"+smallest+"[smtp]\nlisten = [\"127.0.0.1:0\"]\n[web]\nlisten = []\n")
	runBoth(t, path, "1: words: ")
}

// TestAllBrokenWordsAreNamed: one round of repairs, not one for each file.
func TestAllBrokenWordsAreNamed(t *testing.T) {
	t.Parallel()
	path := withWords(t, smallest+"[smtp]\nlisten = [\"127.0.0.1:0\"]\n", map[string]string{
		"en/welcome.txt": "Subject: Hi\n\n{{.One}}\n{{.Two}}\n", "en/goodbye.txt": "Bye\n"})
	var out, errs bytes.Buffer
	if code := run([]string{"check", "--config", path}, &out, &errs); code != exitConfig {
		t.Errorf("exit %d", code)
	}
	for _, where := range []string{"welcome.txt:3:", "welcome.txt:4:", "goodbye.txt:1:"} {
		if strings.Count(errs.String(), where) != 1 {
			t.Errorf("no %s in\n%s", where, &errs)
		}
	}
	for line := range strings.Lines(errs.String()) {
		if !strings.HasPrefix(line, path+":1: words: ") {
			t.Errorf("the line %q", line)
		}
	}
}
