package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"parley/bench/rig"
)

// treatment is what doc/headers.md says of a field in every copy.
type treatment int

const (
	stays    treatment = iota // unchanged here: nobody else speaks for our lists or our host
	gone                      // removed, or replaced by ours
	onTop                     // one of ours is put on top
	supplied                  // added where there is none, or an empty one
)

// dressing compares a copy with its post, by the table of doc/headers.md.
type dressing struct {
	fields map[string]treatment // by name in lower case
}

// readDressing reads the first table of the document, so that it is the
// document that is proven.
func readDressing(path string) (*dressing, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the table of header fields: %w", err)
	}
	_, section, found := strings.Cut(string(text), "## In every copy")
	if !found {
		return nil, fmt.Errorf("read the table of header fields: no section In every copy in %s", path)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	d := &dressing{fields: map[string]treatment{}}
	for line := range strings.Lines(section) {
		cells := strings.Split(line, "|")
		if len(cells) < 4 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
			continue
		}
		name := strings.ToLower(strings.Trim(cells[1], " `"))
		t, err := treated(strings.TrimSpace(cells[2]))
		if err != nil {
			return nil, fmt.Errorf("read the table of header fields: %s: %w", name, err)
		}
		d.fields[name] = t
	}
	return d, nil
}

func treated(what string) (treatment, error) {
	switch {
	case strings.HasPrefix(what, "removed if"):
		return stays, nil
	case strings.HasPrefix(what, "removed"), strings.HasPrefix(what, "replaced"):
		return gone, nil
	case strings.HasPrefix(what, "one is put on top"), strings.HasPrefix(what, "ours is added"):
		return onTop, nil
	case strings.HasPrefix(what, "supplied"):
		return supplied, nil
	}
	return 0, fmt.Errorf("%q is no treatment that can be checked", what)
}

// postKey is the hash of all that a copy has in common with its post, and of
// the names of the fields that the copy is supplied with.
func (d *dressing) postKey(raw []byte) string {
	fields, body := splitPost(raw)
	if len(fields) > 0 && leftOut(fields[0]) {
		fields = fields[1:]
	}
	var missing []string
	for _, name := range d.suppliable() {
		if rig.Value(fields, name) == "" {
			missing = append(missing, name)
		}
	}
	return d.key(fields, body, missing, false)
}

// copyKeys are the hashes that the post of this copy may have: which fields
// were supplied does not show in the copy alone.
func (d *dressing) copyKeys(raw []byte) []string {
	fields, body := rig.Split(raw)
	names := d.suppliable()
	var keys []string
	for set := range 1 << len(names) {
		var missing []string
		for i, name := range names {
			if set>>i&1 == 1 {
				missing = append(missing, name)
			}
		}
		keys = append(keys, d.key(fields, body, missing, true))
	}
	return keys
}

// suppliable are the fields that a copy may be supplied with, sorted.
func (d *dressing) suppliable() []string {
	var names []string
	for name, t := range d.fields {
		if t == supplied {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// key hashes what is left of a mail without the fields that the table treats;
// dressed says that it is a copy, which has ours on top.
func (d *dressing) key(fields []rig.Field, body []byte, missing []string, dressed bool) string {
	var head bytes.Buffer
	above := map[string]bool{} // ours of this name is behind us
	for _, f := range fields {
		t := d.fields[f.Name]
		switch {
		case t == gone, t == supplied && slices.Contains(missing, f.Name):
			continue
		case t == onTop && dressed && !above[f.Name]:
			above[f.Name] = true
			continue
		}
		head.Write(f.Raw)
	}
	return rig.Sum([]byte(strings.Join(missing, " ")), []byte("\n"), head.Bytes(), []byte("\r\n"), body)
}

// splitPost takes a post apart as its readers do: lines at the end of the
// header that are no fields are its body, and the empty line before them was
// forgotten. The copy has it.
func splitPost(raw []byte) (fields []rig.Field, body []byte) {
	fields, body = rig.Split(raw)
	named := len(fields)
	for named > 1 && fields[named-1].Name == "" {
		named--
	}
	if named == len(fields) {
		return fields, body
	}
	size := 0
	for _, f := range fields[:named] {
		size += len(f.Raw)
	}
	return fields[:named], raw[size:]
}

// leftOut says that a first line is none that a copy can have: the From line
// of an mbox, or a line that would continue ours above it.
func leftOut(f rig.Field) bool {
	mbox := bytes.HasPrefix(f.Raw, []byte("From ")) || bytes.HasPrefix(f.Raw, []byte(">From "))
	return f.Raw[0] == ' ' || f.Raw[0] == '\t' || (mbox && f.Name != "from")
}
