package templates

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func mustNew(t *testing.T) *Set {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// copied is the embedded files, to be broken one at a time.
func copied(t *testing.T) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := files.ReadFile(name)
		out[name] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryPageIsWritten(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	for _, page := range pages() {
		var b bytes.Buffer
		if err := s.Write(&b, page); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"<!doctype html>", `<html lang="en">`, `<main id="content">`, "<h1", "</html>"} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s has no %s", page.file(), want)
			}
		}
		if strings.Contains(b.String(), "ZgotmplZ") {
			t.Errorf("%s: html/template refused a value:\n%s", page.file(), &b)
		}
	}
}

func TestMissingFileStopsTheStart(t *testing.T) {
	t.Parallel()
	for name := range copied(t) {
		source := copied(t)
		delete(source, name)
		if _, err := parse(source); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("without %s: %v, want an error that names it", name, err)
		}
	}
}

func TestUnusedFileStopsTheStart(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"old.html", "mail/en/old.txt", "mail/old.txt", "print.css"} {
		source := copied(t)
		source[name] = &fstest.MapFile{Data: []byte("Subject: x\n\nx")}
		if _, err := parse(source); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("with %s: %v, want an error that names it", name, err)
		}
	}
}

func TestBrokenFileStopsTheStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, data string }{
		{"thread.html", `{{define "content"}}{{.NoSuchField}}{{end}}`},
		{"lists.html", `{{define "content"}}<p class={{.Title}{{end}}`},
		{"frame.html", `<a href='{{.Title}}`},
		{"mail/de/held.txt", "Subject: x\n\n{{.NoSuchKey}}"},
		{"mail/de/held.txt", ""},
		{"mail/en/welcome.txt", "Subject: x\n"},
	} {
		source := copied(t)
		source[c.name] = &fstest.MapFile{Data: []byte(c.data)}
		if _, err := parse(source); err == nil {
			t.Errorf("%s was taken as %q", c.name, c.data)
		}
	}
}

func TestFingerprintChangesWithEveryFile(t *testing.T) {
	t.Parallel()
	before := mustNew(t).Fingerprint()
	for name := range copied(t) {
		source := copied(t)
		source[name].Data = append(source[name].Data, '\n')
		s, err := parse(source)
		if err != nil {
			t.Fatal(err)
		}
		if s.Fingerprint() == before {
			t.Errorf("a change of %s does not show", name)
		}
	}
}

func TestStyleIsSmall(t *testing.T) {
	t.Parallel()
	if n := len(mustNew(t).Style()); n == 0 || n > 10_000 {
		t.Errorf("style.css has %d bytes, want at most 10,000", n)
	}
}
