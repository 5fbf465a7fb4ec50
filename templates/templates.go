// Package templates holds the words: the pages, the style sheet and the mails
// that Parley writes itself. They are part of the binary and are parsed at
// start, so a broken one is found before the first reader comes. It knows
// nothing of lists or of HTTP: what a page shows stands in its view struct.
package templates

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"strings"
	text "text/template"
)

//go:embed *.html *.css *.svg mail/*.txt
var files embed.FS

// frame is the page around every page; style and icon are served as they are.
const (
	frame = "frame.html"
	style = "style.css"
	icon  = "icon.svg"
)

// mails names every mail of mail/, each with sample data: New writes each of
// them once, so that a mail that cannot be written stops the program.
func mails() map[string]any {
	return map[string]any{
		"held":     map[string]any{"List": "dev@lists.example.org", "Name": "dev", "Count": 2},
		"rejected": map[string]any{"List": "dev@lists.example.org", "Subject": "A subject", "Reason": "A reason."},
	}
}

// Set is all templates, parsed. It is safe for concurrent use.
type Set struct {
	pages map[string]*template.Template
	mails map[string]*text.Template
	raw   map[string][]byte
	print string
}

// New parses the templates. A file that is missing, broken, or used by nothing
// is an error: nobody wants to find it out from a reader.
func New() (*Set, error) { return parse(files) }

func parse(source fs.FS) (*Set, error) {
	s := &Set{pages: map[string]*template.Template{}, mails: map[string]*text.Template{}, raw: map[string][]byte{}}
	if err := s.load(source); err != nil {
		return nil, err
	}
	used := map[string]bool{frame: true, style: true, icon: true}
	for _, page := range pages() {
		used[page.file()] = true
		if err := s.addPage(page); err != nil {
			return nil, err
		}
	}
	for name, sample := range mails() {
		used["mail/"+name+".txt"] = true
		if err := s.addMail(name, sample); err != nil {
			return nil, err
		}
	}
	for name := range s.raw {
		if !used[name] {
			return nil, fmt.Errorf("template %s is used by nothing", name)
		}
	}
	return s, nil
}

// load reads every file of source and takes the fingerprint of them all.
func (s *Set) load(source fs.FS) error {
	sum := sha256.New()
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		s.raw[name] = b
		fmt.Fprintf(sum, "%s %d\n%s", name, len(b), b)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	for _, name := range []string{frame, style, icon} {
		if len(s.raw[name]) == 0 {
			return fmt.Errorf("template %s is missing", name)
		}
	}
	s.print = strings.ToLower(base32.StdEncoding.EncodeToString(sum.Sum(nil)[:10]))
	return nil
}

// addPage parses a page into the frame and writes it once: html/template finds
// what is unsafe in a template only when it runs.
func (s *Set) addPage(page Page) error {
	body, ok := s.raw[page.file()]
	if !ok {
		return fmt.Errorf("template %s is missing", page.file())
	}
	t, err := template.New(frame).Parse(string(s.raw[frame]))
	if err != nil {
		return fmt.Errorf("parse template %s: %w", frame, err)
	}
	if _, err := t.New(page.file()).Parse(string(body)); err != nil {
		return fmt.Errorf("parse template %s: %w", page.file(), err)
	}
	s.pages[page.file()] = t
	return s.Write(io.Discard, page)
}

func (s *Set) addMail(name string, sample any) error {
	body, ok := s.raw["mail/"+name+".txt"]
	if !ok {
		return fmt.Errorf("template mail/%s.txt is missing", name)
	}
	t, err := text.New(name).Option("missingkey=error").Parse(string(body))
	if err != nil {
		return fmt.Errorf("parse template mail/%s.txt: %w", name, err)
	}
	s.mails[name] = t
	_, _, err = s.Mail(name, sample)
	return err
}

// Write writes a page. On an error, part of the page may have been written.
func (s *Set) Write(w io.Writer, page Page) error {
	if err := s.pages[page.file()].Execute(w, page); err != nil {
		return fmt.Errorf("write page %s: %w", page.file(), err)
	}
	return nil
}

// Style is the style sheet, and Icon the site's icon as SVG. Do not write to them.
func (s *Set) Style() []byte { return s.raw[style] }

// Icon is the site's icon as SVG. Do not write to it.
func (s *Set) Icon() []byte { return s.raw[icon] }

// Fingerprint names this set of templates: it changes with every byte of any
// of them, so that a page kept by a browser does not outlive its words.
func (s *Set) Fingerprint() string { return s.print }

// Mail makes the subject and the plain text of a mail. Text lines end in LF
// and have at most 76 characters, but for a word that is longer.
func (s *Set) Mail(name string, data any) (subject, body string, err error) {
	t, ok := s.mails[name]
	if !ok {
		return "", "", fmt.Errorf("no mail is called %s", name)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return "", "", fmt.Errorf("write mail %s: %w", name, err)
	}
	head, body, ok := strings.Cut(strings.ReplaceAll(b.String(), "\r\n", "\n"), "\n\n")
	subject, isSubject := strings.CutPrefix(head, "Subject: ")
	if !ok || !isSubject || strings.Contains(subject, "\n") {
		return "", "", fmt.Errorf("write mail %s: %w", name, errNoSubject)
	}
	return strings.TrimSpace(subject), wrap(strings.TrimSpace(body)) + "\n", nil
}

var errNoSubject = errors.New("it does not begin with one line of subject and an empty line")

// mailWidth is the longest line of a mail of ours, in characters: quoted twice
// it still fits into 80 columns.
const mailWidth = 76

// wrap breaks lines that are too long. Indented lines are commands: they stay whole.
func wrap(body string) string {
	var out []string
	for line := range strings.SplitSeq(body, "\n") {
		if strings.HasPrefix(line, " ") {
			out = append(out, strings.TrimRight(line, " "))
			continue
		}
		out = append(out, wrapLine(line)...)
	}
	return strings.Join(out, "\n")
}

func wrapLine(line string) []string {
	words := strings.Fields(line)
	if len(words) == 0 {
		return []string{""}
	}
	out := []string{words[0]}
	for _, word := range words[1:] {
		last := out[len(out)-1]
		if len([]rune(last))+1+len([]rune(word)) > mailWidth {
			out = append(out, word)
			continue
		}
		out[len(out)-1] = last + " " + word
	}
	return out
}
