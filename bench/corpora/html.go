package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// void are the elements without an end tag (HTML, 13.1.2).
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// optional are the elements whose end tag may be left out (HTML, 13.1.2.4).
var optional = []string{"p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "option", "body", "html", "head"}

// wellFormed says whether a page is valid UTF-8 without control characters,
// and every end tag of it closes the element that is open.
func wellFormed(page []byte) error {
	if !utf8.Valid(page) {
		return errors.New("the page is not valid UTF-8")
	}
	if i := bytes.IndexFunc(page, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' }); i >= 0 {
		return fmt.Errorf("a control character stands at byte %d", i)
	}
	if !bytes.HasPrefix(bytes.ToLower(page), []byte("<!doctype html>")) {
		return errors.New("the page does not begin with <!doctype html>")
	}
	return balanced(page)
}

func balanced(page []byte) error {
	d := xml.NewDecoder(bytes.NewReader(page))
	d.Strict = false
	var open []string
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			return closed(open)
		}
		if err != nil {
			return fmt.Errorf("read the page: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if name := strings.ToLower(t.Name.Local); !slices.Contains(void, name) {
				open = append(open, name)
			}
		case xml.EndElement:
			name := strings.ToLower(t.Name.Local)
			if slices.Contains(void, name) {
				continue // RawToken reports <br/> as start and end
			}
			if open, err = shut(open, name); err != nil {
				return err
			}
		}
	}
}

// shut closes name, and what may be left open within it.
func shut(open []string, name string) ([]string, error) {
	for len(open) > 0 {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		if last == name {
			return open, nil
		}
		if !slices.Contains(optional, last) {
			return nil, fmt.Errorf("</%s> stands where <%s> is open", name, last)
		}
	}
	return nil, fmt.Errorf("</%s> closes nothing", name)
}

func closed(open []string) error {
	for _, name := range open {
		if !slices.Contains(optional, name) {
			return fmt.Errorf("<%s> is never closed", name)
		}
	}
	return nil
}
