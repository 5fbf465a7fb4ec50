package message

import (
	"bytes"
	"fmt"
	"strings"
)

// The limits of a MIME tree. Without them its reading can be made to cost the
// square of its depth; what lies beyond them stays raw.
const (
	maxDepth    = 100
	maxParts    = 1000
	maxBoundary = 256 // bytes; RFC 2046, 5.1.1 has 70
)

// part is one node of a MIME tree.
type part struct {
	kind        string // media type in lower case, "text/plain" where none is given
	params      params // of Content-Type
	disposition string // "attachment", "inline", "" where none is given
	fileParams  params // of Content-Disposition
	encoding    string // Content-Transfer-Encoding in lower case
	raw         []byte // the body as received
	parts       []*part
	tooDeep     bool // a multipart that was not looked into

	start  int // of raw in the mail
	outer  int // what open had for this part's boundary before it, -1 for nothing
	bound  string
	digest bool
}

func (p *part) multipart() bool { return strings.HasPrefix(p.kind, "multipart/") }

// treeReader finds the parts of a mail in one pass over its lines: it looks up
// each line that may be a delimiter among those of all multiparts that are
// open, so neither depth nor number of parts multiplies the work.
type treeReader struct {
	raw      []byte
	stack    []*part        // the multiparts that are open, outermost first
	leaf     *part          // the part that is being read, nil in a preamble or epilogue
	open     map[string]int // boundary -> place in stack; the innermost of equal ones
	count    int
	problems []string
}

// readTree reads the MIME tree of a mail (RFC 2046, 5.1). It never fails;
// problems says what was not looked into and why, for people.
func readTree(raw []byte) (root *part, problems []string) {
	t := treeReader{raw: raw, open: map[string]int{}}
	root, pos := t.begin(0, false)
	for len(t.stack) > 0 && pos < len(raw) {
		line := lineAt(raw, pos)
		if !t.delimiter(pos, line) {
			break
		}
		pos = t.nextCandidate(max(pos+len(line), t.resume()))
	}
	t.end(0, len(raw))
	return root, t.problems
}

// resume is where the header of the part that was just begun ends.
func (t *treeReader) resume() int {
	if t.leaf != nil {
		return t.leaf.start
	}
	if n := len(t.stack); n > 0 {
		return t.stack[n-1].start
	}
	return 0
}

// nextCandidate is the start of the next line from pos, a line's start, that
// begins with two hyphens.
func (t *treeReader) nextCandidate(pos int) int {
	if pos >= len(t.raw) || bytes.HasPrefix(t.raw[pos:], []byte("--")) {
		return pos
	}
	if i := bytes.Index(t.raw[pos:], []byte("\n--")); i >= 0 {
		return pos + i + 1
	}
	return len(t.raw)
}

// begin reads the header of a part at pos and returns where its body starts.
func (t *treeReader) begin(pos int, digest bool) (*part, int) {
	t.count++
	fields, body := scanFields(t.raw[pos:], func(line []byte) bool {
		at, _ := t.lookup(line)
		return at >= 0
	})
	p := newPart(&Message{Fields: fields}, digest)
	p.start = pos + body
	if t.mayDescend(p) {
		t.push(p)
	} else {
		t.leaf = p
	}
	return p, p.start
}

// newPart takes from a header what is needed to show the part.
func newPart(m *Message, digest bool) *part {
	p := &part{outer: -1}
	p.kind, p.params = parseParams(m.Get("Content-Type"))
	p.disposition, p.fileParams = parseParams(m.Get("Content-Disposition"))
	p.encoding = strings.TrimRight(firstToken(m.Get("Content-Transfer-Encoding")), ".:")
	if m.Count("Content-Type") == 0 && digest {
		p.kind = "message/rfc822" // RFC 2046, 5.1.5
	}
	if !isMediaType(p.kind) {
		p.kind = "text/plain" // RFC 2045, 5.2
		if p.fileName() != "" {
			p.kind = "application/octet-stream"
		}
	}
	return p
}

func isMediaType(kind string) bool {
	main, sub, _ := strings.Cut(kind, "/")
	return main != "" && sub != "" && len(kind) <= 127 && isPlain(kind) && !strings.ContainsAny(sub, " ()<>@,;:\\\"/[]?=")
}

// mayDescend says whether a part has parts that are to be read.
func (t *treeReader) mayDescend(p *part) bool {
	if !p.multipart() {
		return false
	}
	p.bound = strings.TrimRight(p.params.get("boundary"), " \t")
	p.digest = p.kind == "multipart/digest"
	switch {
	case p.bound == "":
		t.problem("a multipart without a boundary")
	case len(p.bound) > maxBoundary:
		t.problem(fmt.Sprintf("a boundary of more than %d bytes", maxBoundary))
	case len(t.stack) >= maxDepth:
		p.tooDeep = true
		t.problem(fmt.Sprintf("nested deeper than %d", maxDepth))
	default:
		return true
	}
	return false
}

func (t *treeReader) push(p *part) {
	if at, ok := t.open[p.bound]; ok {
		p.outer = at
	}
	t.open[p.bound] = len(t.stack)
	t.stack = append(t.stack, p)
	t.leaf = nil
}

// lookup finds the open multipart of which line is a delimiter, -1 for none,
// and whether it closes it.
func (t *treeReader) lookup(line []byte) (at int, closes bool) {
	if len(t.open) == 0 || len(line) < 3 || line[0] != '-' || line[1] != '-' {
		return -1, false
	}
	key := bytes.TrimRight(line[2:], " \t\r\n")
	if len(key) > maxBoundary+2 {
		return -1, false
	}
	if at, ok := t.open[string(key)]; ok {
		return at, false
	}
	if key, cut := bytes.CutSuffix(key, []byte("--")); cut {
		if at, ok := t.open[string(key)]; ok {
			return at, true
		}
	}
	return -1, false
}

// delimiter does what the line at pos asks for, if it is a delimiter. It
// answers false when there are too many parts to go on.
func (t *treeReader) delimiter(pos int, line []byte) bool {
	at, closes := t.lookup(line)
	if at < 0 {
		return true
	}
	if closes {
		t.end(at, pos)
		return true
	}
	t.end(at+1, pos)
	if t.count >= maxParts {
		t.problem(fmt.Sprintf("more than %d parts", maxParts))
		return false
	}
	parent := t.stack[at]
	p, _ := t.begin(pos+len(line), parent.digest)
	parent.parts = append(parent.parts, p)
	return true
}

// end ends the part that is being read and the multiparts from place at on. The
// line end before a delimiter belongs to the delimiter (RFC 2046, 5.1.1).
func (t *treeReader) end(at, pos int) {
	if pos < len(t.raw) && pos > 0 {
		pos--
		if pos > 0 && t.raw[pos-1] == '\r' {
			pos--
		}
	}
	if t.leaf != nil {
		t.leaf.raw = t.raw[t.leaf.start:max(t.leaf.start, pos)]
		t.leaf = nil
	}
	for len(t.stack) > at {
		p := t.stack[len(t.stack)-1]
		p.raw = t.raw[p.start:max(p.start, pos)]
		t.stack = t.stack[:len(t.stack)-1]
		delete(t.open, p.bound)
		if p.outer >= 0 {
			t.open[p.bound] = p.outer
		}
	}
}

func (t *treeReader) problem(s string) { t.problems = addProblem(t.problems, s) }

// addProblem adds what is not said yet.
func addProblem(problems []string, s string) []string {
	for _, p := range problems {
		if p == s {
			return problems
		}
	}
	if s == "" || len(problems) >= 20 {
		return problems
	}
	return append(problems, s)
}
