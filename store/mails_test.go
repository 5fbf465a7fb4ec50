package store

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"parley/message"
	"parley/templates"
)

// archive of the mails that flows brought about, by their files.
type mailCabinet struct {
	mu        sync.Mutex
	letters   map[string]letter
	templates map[string]string // which one each was made from
}

// TestEveryMailIsGolden brings about every mail that Parley writes, in every
// language, as it goes to a mailbox. PARLEY_GOLDEN=1 writes the files.
func TestEveryMailIsGolden(t *testing.T) {
	t.Parallel()
	words, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range words.Languages() {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			c := &mailCabinet{letters: map[string]letter{}, templates: map[string]string{}}
			t.Run("flows", func(t *testing.T) {
				for _, f := range flows {
					t.Run(f.name, func(t *testing.T) {
						t.Parallel()
						c.play(t, language, f)
					})
				}
			})
			c.check(t, language)
		})
	}
}

// play runs one flow, and keeps the mails that it names.
func (c *mailCabinet) play(t *testing.T, language string, f flow) {
	m := &mailroom{office: &office{T: t}, language: language}
	m.kept = func(name string, l letter) {
		c.mu.Lock()
		defer c.mu.Unlock()
		file := filepath.Join("testdata", "mails", language, name+".eml")
		template, ok := m.wrote[message.DecodeHeader(l.Get("Subject"))]
		if !ok {
			t.Errorf("%s is no mail of ours:\n%s", name, l.raw)
		}
		if _, twice := c.letters[file]; twice {
			t.Errorf("%s is kept twice", file)
		}
		c.letters[file], c.templates[file] = l, template
		golden(t, file, slices.Concat([]byte("Return-Path: <"+l.sender+">\r\nDelivered-To: "+l.to+"\r\n"), l.raw))
		checkLetter(t, m, template, l)
	}
	f.run(m)
}

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

// check says that no template is without a mail, and no file without a flow.
func (c *mailCabinet) check(t *testing.T, language string) {
	made := slices.Collect(maps.Values(c.templates))
	for name := range templates.Samples() {
		if !slices.Contains(made, name) {
			t.Errorf("no flow makes the mail %s", name)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "mails", language, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := c.letters[file]; !ok {
			t.Errorf("%s is of no flow", file)
		}
	}
	c.checkWithPython(t)
}
