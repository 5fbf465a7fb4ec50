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
	for _, name := range []string{"old.html", "mail/old.txt", "print.css"} {
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
		{"mail/held.txt", "Subject: x\n\n{{.NoSuchKey}}"},
		{"mail/held.txt", ""},
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

func TestHeldMail(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	subject, body, err := s.Mail("held", map[string]any{"List": "dev@lists.example.org", "Name": "dev", "Count": 1})
	if err != nil {
		t.Fatal(err)
	}
	if subject != "1 post waits on dev" {
		t.Errorf("subject %q", subject)
	}
	for _, want := range []string{"one post waits", "dev@lists.example.org", "\n    parley held ls dev\n"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	subject, body, err = s.Mail("held", map[string]any{"List": "dev@lists.example.org", "Name": "dev", "Count": 12})
	if err != nil || subject != "12 posts wait on dev" || !strings.Contains(body, "12 posts wait for you") {
		t.Errorf("%v %q\n%s", err, subject, body)
	}
}

func TestRejectedMail(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	data := map[string]any{"List": "dev@lists.example.org", "Subject": "Buy now", "Reason": "Off topic here.\nTry the market list."}
	subject, body, err := s.Mail("rejected", data)
	if err != nil || subject != "Your post to dev@lists.example.org was not accepted" {
		t.Fatalf("%v %q", err, subject)
	}
	if !strings.Contains(body, "\n    Buy now\n") || !strings.Contains(body, "\nOff topic here.\nTry the market list.\n") {
		t.Errorf("body:\n%s", body)
	}
	data["Reason"], data["Subject"] = "", ""
	_, body, err = s.Mail("rejected", data)
	if err != nil || strings.Contains(body, "They say") || !strings.Contains(body, "(no subject)") {
		t.Errorf("%v, body:\n%s", err, body)
	}
}

func TestMailLinesAreShort(t *testing.T) {
	t.Parallel()
	s := mustNew(t)
	for name, sample := range mails() {
		_, body, err := s.Mail(name, sample)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(body, "\n") || strings.HasSuffix(body, "\n\n") || strings.Contains(body, "\r") {
			t.Errorf("%s does not end in one LF: %q", name, body)
		}
		for line := range strings.SplitSeq(body, "\n") {
			if len(line) > mailWidth {
				t.Errorf("%s: %d characters: %s", name, len(line), line)
			}
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
		{"held", map[string]any{"List": "dev@lists.example.org"}},
		{"held", map[string]any{"List": "x", "Name": "dev\nBcc: eve@example.org", "Count": 2}},
	} {
		if subject, _, err := s.Mail(c.name, c.data); err == nil {
			t.Errorf("mail %s of %v was written, subject %q", c.name, c.data, subject)
		}
	}
}
