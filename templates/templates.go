// Package templates holds the words: the pages, the style sheet and the mails
// that Parley writes itself. They are part of the binary and are parsed at
// start, so a broken one is found before the first reader comes. It knows
// nothing of lists or of HTTP: what a page shows stands in its view struct.
package templates

import (
	"crypto/sha256"
	"embed"
	"encoding/base32"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"strings"
)

//go:embed *.html *.css *.svg mail/*/*.txt
var files embed.FS

// frame is the page around every page; style and icon are served as they are.
const (
	frame = "frame.html"
	style = "style.css"
	icon  = "icon.svg"
)

// Set is all templates, parsed. It is safe for concurrent use.
type Set struct {
	pages map[string]*template.Template
	mails map[mailKey]words
	langs []string // sorted
	raw   map[string][]byte
	print string
}

// New parses the templates. A file that is missing, broken, or used by nothing
// is an error: nobody wants to find it out from a reader.
func New() (*Set, error) { return parse(files) }

// NewWith is New with the operator's own words for mails, from a folder of
// theirs; "" is none. The folder has one for each language or list: en/NAME.txt,
// dev@lists.example.org/NAME.txt. The error names everything that is wrong with
// it, a line each, with file, line and the next step.
func NewWith(folder string) (*Set, error) {
	s, err := New()
	if err != nil || folder == "" {
		return s, err
	}
	return s, s.replaceMails(folder)
}

func parse(source fs.FS) (*Set, error) {
	s := &Set{pages: map[string]*template.Template{}, mails: map[mailKey]words{}, raw: map[string][]byte{}}
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
	if err := s.addMails(used); err != nil {
		return nil, err
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
