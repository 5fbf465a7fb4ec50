package message

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
)

// maxText is how many bytes of text of one mail are shown.
const maxText = 2 << 20

// View is a mail as people read it.
type View struct {
	Text        string // valid UTF-8 with LF ends, without control characters but tabs; at most 2 MiB
	Attachments []Attachment
	Problems    []string // what could not be read as it was meant, in words for people; at most 20
}

// Read returns the text of a mail and what is attached to it. It never fails:
// where MIME is broken, the text is what stands there. Of alternatives the
// plain text is taken, of HTML its text (see HTMLText); an enclosed mail is an
// attachment. At most 100 levels and 1,000 parts are looked into.
func Read(raw []byte) View {
	root, problems := readTree(raw)
	var s sorter
	s.part(root)
	r := textReader{problems: problems}
	for _, p := range s.texts {
		r.add(p)
	}
	view := View{Text: r.finish()}
	for i, p := range s.files {
		b, _, problem := p.decoded()
		r.problem(problem)
		view.Attachments = append(view.Attachments, p.attachment(i+1, len(b)))
	}
	view.Problems = r.problems
	return view
}

// ErrNoAttachment is returned for a number that no attachment has.
var ErrNoAttachment = errors.New("no such attachment")

// OpenAttachment returns attachment n of a mail, as numbered by Read, with its
// decoded bytes. They are as a stranger sent them: nothing in them is unpacked
// or looked at.
func OpenAttachment(raw []byte, n int) (Attachment, []byte, error) {
	root, _ := readTree(raw)
	var s sorter
	s.part(root)
	if n < 1 || n > len(s.files) {
		return Attachment{}, nil, fmt.Errorf("open attachment %d: %w", n, ErrNoAttachment)
	}
	p := s.files[n-1]
	b, _, _ := p.decoded()
	return p.attachment(n, len(b)), b, nil
}

// sorter tells text from attachments.
type sorter struct {
	texts, files []*part
}

func (s *sorter) part(p *part) {
	switch {
	case p.kind == "multipart/alternative" && len(p.parts) > 0:
		s.alternative(p)
	case len(p.parts) > 0:
		for _, kid := range p.parts {
			s.part(kid)
		}
	default:
		s.leaf(p)
	}
}

func (s *sorter) leaf(p *part) {
	text := p.isText()
	if text {
		s.texts = append(s.texts, p)
	}
	if !text || p.fileName() != "" {
		s.files = append(s.files, p)
	}
}

// alternative takes the text of the best alternative (RFC 2046, 5.1.4), and
// the attachments of all.
func (s *sorter) alternative(p *part) {
	best := pick(p.parts)
	for _, kid := range p.parts {
		if kid == best {
			s.part(kid)
		} else {
			s.filesOnly(kid)
		}
	}
}

// pick is the first alternative with plain text in it, or the last with any.
func pick(parts []*part) (best *part) {
	for _, p := range parts {
		if p.hasPlain() {
			return p
		}
		if p.hasText() {
			best = p
		}
	}
	return best
}

func (s *sorter) filesOnly(p *part) {
	for _, kid := range p.parts {
		s.filesOnly(kid)
	}
	if len(p.parts) == 0 && (!p.isText() || p.fileName() != "") {
		s.files = append(s.files, p)
	}
}

func (p *part) hasPlain() bool {
	for _, kid := range p.parts {
		if kid.hasPlain() {
			return true
		}
	}
	return len(p.parts) == 0 && p.isText() && p.kind == "text/plain" && !p.blank()
}

// blank says whether there is nothing to read in the first kilobytes of a part:
// some mailers send empty plain text beside their HTML.
func (p *part) blank() bool {
	start := *p
	start.raw = p.raw[:min(len(p.raw), 4<<10)]
	b, _, _ := start.decoded()
	return len(bytes.TrimSpace(b)) == 0
}

func (p *part) hasText() bool {
	for _, kid := range p.parts {
		if kid.hasText() {
			return true
		}
	}
	return len(p.parts) == 0 && p.isText()
}

// isText says whether a part without parts is shown as text: text without a
// file name, patches and plain text with one, and a multipart of which the
// parts could not be found, whose raw text is better than nothing. Unknown
// kinds of text are plain text (RFC 2046, 4.1.4).
func (p *part) isText() bool {
	if p.multipart() {
		return !p.tooDeep
	}
	if p.disposition == "attachment" || !strings.HasPrefix(p.kind, "text/") {
		return false
	}
	switch strings.TrimPrefix(p.kind, "text/") {
	case "plain", "html", "x-patch", "x-diff", "patch", "diff", "markdown":
		return true
	case "calendar", "vcard", "x-vcard", "directory", "css", "csv", "javascript", "rtf", "xml", "x-amp-html", "rfc822-headers":
		return false
	}
	return p.fileName() == ""
}

// textReader gathers text under its limit.
type textReader struct {
	text     strings.Builder
	problems []string
}

func (r *textReader) problem(s string) { r.problems = addProblem(r.problems, s) }

func (r *textReader) add(p *part) {
	if r.text.Len() > maxText {
		return
	}
	text := r.decode(p)
	if strings.TrimSpace(text) == "" {
		return
	}
	if r.text.Len() > 0 {
		r.text.WriteByte('\n')
	}
	r.text.WriteString(text)
	if !strings.HasSuffix(text, "\n") {
		r.text.WriteByte('\n')
	}
}

func (r *textReader) decode(p *part) string {
	b, below, problem := p.decoded()
	r.problem(problem)
	if problem == brokenBase64 && !utf8.Valid(b) {
		b = p.raw // text that was never encoded, whatever its header says
	}
	if p.multipart() && p.bound != "" {
		r.problem("a multipart without its parts")
	}
	var text string
	if p.kind == "text/html" {
		text = r.decodeHTML(p, b)
	} else {
		text, problem = decodeCharset(p.params.get("charset"), b)
		r.problem(problem)
		text = cleanText(text)
	}
	if len(below) > 0 {
		text += "\n" + cleanText(guess(below))
	}
	return text
}

func (r *textReader) decodeHTML(p *part, b []byte) string {
	name := p.params.get("charset")
	if name == "" {
		_, name, _ = charset.DetermineEncoding(b, "text/html")
	}
	text, problem := decodeCharset(name, b)
	r.problem(problem)
	text, cut := htmlText(text)
	if cut {
		r.problem("HTML too large to be read whole")
	}
	return text
}

func (r *textReader) finish() string {
	s := r.text.String()
	if len(s) > maxText {
		s = cutRunes(s, maxText)
		r.problem(fmt.Sprintf("text longer than %d MiB", maxText>>20))
	}
	return s
}

// cleanText makes LF of all line ends and drops the control characters, and
// those that reorder the text around them.
func cleanText(s string) string {
	if len(s) > 2*maxText {
		s = cutRunes(s, 2*maxText)
	}
	s = strings.ReplaceAll(strings.TrimPrefix(s, "\ufeff"), "\r\n", "\n") // U+FEFF: a byte order mark
	clean := true
	for _, r := range s {
		if r != '\n' && r != '\t' && (isControl(r) || isOverride(r)) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return '\n'
		case isControl(r) || isOverride(r):
			return -1
		}
		return r
	}, s)
}

// attachment describes a part as the n-th attachment.
func (p *part) attachment(n, size int) Attachment {
	name := p.fileName()
	if name == "" {
		name = fmt.Sprintf("attachment-%d%s", n, extension(p.kind))
	}
	return Attachment{N: n, Name: name, Type: p.kind, Size: int64(size)}
}

// maxFileName is the longest name in bytes; the end is kept, because it says
// what the file is.
const maxFileName = 200

// fileName is the name that the sender gave, without folders, "" if none. It is
// never used as a path.
func (p *part) fileName() string {
	name := p.fileParams.get("filename")
	if name == "" {
		name = p.params.get("name")
	}
	name = strings.ReplaceAll(decodeLine(name, maxValue), `\`, "/")
	name = strings.TrimSpace(name[strings.LastIndexByte(name, '/')+1:])
	if strings.Trim(name, ".") == "" {
		return ""
	}
	if ext := path.Ext(name); len(name) > maxFileName && len(ext) < 20 {
		return cutRunes(name, maxFileName-len(ext)) + ext
	}
	return cutRunes(name, maxFileName)
}

// extension is how the name of a file without one ends.
func extension(kind string) string {
	switch kind {
	case "text/plain", "text/rfc822-headers", "message/delivery-status":
		return ".txt"
	case "text/html":
		return ".html"
	case "text/calendar":
		return ".ics"
	case "text/x-patch", "text/x-diff":
		return ".patch"
	case "message/rfc822":
		return ".eml"
	case "application/pgp-signature":
		return ".asc"
	case "application/pkcs7-signature", "application/x-pkcs7-signature":
		return ".p7s"
	case "application/pdf", "application/zip", "image/png", "image/gif", "image/jpeg":
		return "." + kind[strings.LastIndexByte(kind, '/')+1:]
	}
	return ".bin"
}
