package templates

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	text "text/template"
	"unicode"
)

// fallback is the language of a list whose own one is not known here.
const fallback = "en"

// mailKey finds the words of a mail: those of one list, or, with no list,
// those of a language.
type mailKey struct{ list, language, name string }

// words is one mail, parsed. Its subject is a template of its own, so that no
// value can break out of the subject's line.
type words struct{ subject, body *text.Template }

// Mail makes the subject and the plain text of a mail from a list, by its
// address: in the words that the operator has for that list, else in those of
// the language; an unknown language is English. Text lines end in LF and have
// at most 76 characters, but for an address or a link that is longer. Control
// characters in data are left out, and a subject is one line whatever the data.
func (s *Set) Mail(list, language, name string, data any) (subject, body string, err error) {
	w, ok := s.find(list, language, name)
	if !ok {
		return "", "", fmt.Errorf("no mail is called %s", name)
	}
	subject, body, err = w.write(data)
	if err != nil {
		return "", "", fmt.Errorf("write mail %s: %w", name, err)
	}
	return subject, body, nil
}

// Languages are those that there are words for, sorted.
func (s *Set) Languages() []string { return slices.Clone(s.langs) }

// Lists are the addresses of the lists that the operator has own words for, sorted.
func (s *Set) Lists() []string {
	lists := map[string]bool{}
	for key := range s.mails {
		if key.list != "" {
			lists[key.list] = true
		}
	}
	return slices.Sorted(maps.Keys(lists))
}

func (s *Set) find(list, language, name string) (words, bool) {
	if !slices.Contains(s.langs, language) {
		language = fallback
	}
	if w, ok := s.mails[mailKey{strings.ToLower(list), language, name}]; ok {
		return w, true
	}
	w, ok := s.mails[mailKey{"", language, name}]
	return w, ok
}

// addMails parses every mail of every language, and marks its file as used.
func (s *Set) addMails(used map[string]bool) error {
	s.langs = languagesOf(s.raw)
	for _, language := range s.langs {
		for _, m := range mails() {
			file := "mail/" + language + "/" + m.name + ".txt"
			used[file] = true
			body, ok := s.raw[file]
			if !ok {
				return fmt.Errorf("template %s is missing", file)
			}
			w, err := parseMail(file, language, string(body), m)
			if err != nil {
				return fmt.Errorf("template %w", err)
			}
			s.mails[mailKey{"", language, m.name}] = w
		}
	}
	return nil
}

// languagesOf names the folders of mail/, and the fallback, whose files are
// then found missing.
func languagesOf(raw map[string][]byte) []string {
	langs := map[string]bool{fallback: true}
	for file := range raw {
		if rest, ok := strings.CutPrefix(file, "mail/"); ok {
			language, _, _ := strings.Cut(rest, "/")
			langs[language] = true
		}
	}
	return slices.Sorted(maps.Keys(langs))
}

var (
	errNoSubject    = errors.New("the file does not begin with a line \"Subject: ...\" and an empty line")
	errEmptySubject = errors.New("its subject is empty")
	errEmptyBody    = errors.New("its text is empty")
)

// parseMail parses a mail and proves it: each field that it names is there,
// also in branches that no sample takes, and it can be written with everything
// filled in and with everything left out. The error begins with file:line.
func parseMail(file, language, source string, m mail) (words, error) {
	source = strings.ReplaceAll(strings.TrimPrefix(source, "\ufeff"), "\r\n", "\n")
	head, rest, _ := strings.Cut(source, "\n")
	subject, ok := strings.CutPrefix(head, "Subject:")
	second, _, _ := strings.Cut(rest, "\n")
	if !ok || strings.TrimSpace(second) != "" {
		return words{}, fmt.Errorf("%s:1: %w", file, errNoSubject)
	}
	var w words
	var err error
	if w.subject, err = parseWords(file, language, strings.TrimSpace(subject), m); err != nil {
		return words{}, err
	}
	// The empty line in place of the subject keeps the line numbers of errors.
	if w.body, err = parseWords(file, language, "\n"+rest, m); err != nil {
		return words{}, err
	}
	for _, data := range []map[string]any{m.sample(), m.bare()} {
		if _, _, err := w.write(data); err != nil {
			return words{}, located(file, err)
		}
	}
	return w, nil
}

func parseWords(file, language, source string, m mail) (*text.Template, error) {
	t, err := text.New(file).Option("missingkey=error").Funcs(mailFuncs(language)).Parse(source)
	if err != nil {
		return nil, located(file, err)
	}
	if t.Tree == nil { // no text at all
		return t, nil
	}
	return t, checkFields(t.Tree, m)
}

// located is an error of text/template that begins with file:line.
func located(file string, err error) error {
	if errors.Is(err, errEmptySubject) {
		file += ":1"
	}
	what := strings.TrimPrefix(err.Error(), "template: ")
	if !strings.HasPrefix(what, file+":") {
		return fmt.Errorf("%s: %w", file, err)
	}
	return errors.New(what)
}

func (w words) write(data any) (subject, body string, err error) {
	var b strings.Builder
	if err := w.subject.Execute(&b, data); err != nil {
		return "", "", err
	}
	subject = line(b.String())
	if subject == "" {
		return "", "", errEmptySubject
	}
	b.Reset()
	if err := w.body.Execute(&b, data); err != nil {
		return "", "", err
	}
	body = layOut(clean(b.String()))
	if body == "" {
		return "", "", errEmptyBody
	}
	return subject, body + "\n", nil
}

// clean leaves out what no mail of ours has: control characters, and those
// that turn the direction of text, with which a name can pretend to be another.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t', r == '\r', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, s)
}

// mailWidth is the longest line of a mail of ours, in characters: quoted twice
// it still fits into 80 columns.
const mailWidth = 76

// layOut breaks lines that are too long, makes several empty lines one, and
// leaves none at the ends.
func layOut(body string) string {
	var out []string
	for text := range strings.SplitSeq(body, "\n") {
		if strings.TrimSpace(text) == "" {
			if len(out) > 0 && out[len(out)-1] != "" {
				out = append(out, "")
			}
			continue
		}
		out = append(out, wrapLine(text)...)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n")
}

// wrapLine breaks a line at spaces. Indented lines are commands, addresses and
// what others wrote: what does not fit goes on below, indented a little more,
// and spaces between the words of one that fits stay.
func wrapLine(text string) []string {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	if text = strings.TrimRight(text, " "); indent != "" && width(text) <= mailWidth {
		return []string{text}
	}
	if len(indent) > mailWidth/2 {
		indent = indent[:mailWidth/2]
	}
	more := indent
	if indent != "" {
		more += "  "
	}
	var out []string
	for _, word := range strings.Fields(text) {
		for _, piece := range pieces(word, mailWidth-len(more)) {
			out = appendWord(out, piece, indent, more)
		}
	}
	return out
}

// appendWord puts a word at the end of the last line, or below it.
func appendWord(lines []string, word, indent, more string) []string {
	if len(lines) == 0 {
		return []string{indent + word}
	}
	last := len(lines) - 1
	if width(lines[last])+1+width(word) > mailWidth {
		return append(lines, more+word)
	}
	lines[last] += " " + word
	return lines
}

// pieces breaks a word that fits on no line, unless it is an address or a
// link, which work only whole.
func pieces(word string, most int) []string {
	if width(word) <= most || strings.Contains(word, "@") || strings.Contains(word, "://") {
		return []string{word}
	}
	var out []string
	for part := range slices.Chunk([]rune(word), most) {
		out = append(out, string(part))
	}
	return out
}

func width(s string) int { return len([]rune(s)) }
