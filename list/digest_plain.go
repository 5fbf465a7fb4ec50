package list

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"parley/message"
)

// The separators of a plain digest (RFC 1153), in hyphens.
const (
	preambleEnd = 70
	articleEnd  = 30
)

// shownFiles is how many attachments of one post are named.
const shownFiles = 20

// articleFields is what RFC 1153 keeps of a header, in its order.
var articleFields = []string{"Date", "From", "To", "Cc", "Subject", "Message-ID", "Keywords"}

// PlainDigest makes the body of a digest that is one text (RFC 1153): the
// intro, each post with the header fields and the text that people read, and a
// trailer. Attachments are named, with a link to the post's page where the
// archive is public.
func PlainDigest(d Digest) Content {
	w := articleWriter{digest: d}
	w.lines(d.Intro)
	w.out.WriteString("\n" + strings.Repeat("-", preambleEnd) + "\n\n")
	for _, p := range d.Posts {
		w.article(p)
		w.out.WriteString("\n" + strings.Repeat("-", articleEnd) + "\n\n")
	}
	end := strings.TrimRight("End of "+d.List.Local()+" Digest "+message.DecodeHeader(d.Issue), " ")
	w.out.WriteString(end + "\n" + strings.Repeat("*", utf8.RuneCountInString(end)) + "\n")
	return textContent(w.out.String())
}

// articleWriter writes the posts of a plain digest.
type articleWriter struct {
	digest Digest
	out    strings.Builder
}

func (w *articleWriter) article(p DigestPost) {
	m := message.Parse(p.Raw)
	for _, name := range articleFields {
		if value := articleField(m, p, name); value != "" {
			w.field(name, value)
		}
	}
	w.out.WriteString("\n")
	view := w.read(p)
	w.lines(view.Text)
	w.files(p, view.Attachments)
}

// articleField is the value of a field for people. Those that every mail must
// have are supplied, as in the post's copies.
func articleField(m *message.Message, p DigestPost, name string) string {
	value := message.DecodeHeader(m.Get(name))
	switch {
	case name == "Message-ID" && p.MessageID != "":
		return "<" + p.MessageID + ">"
	case name == "Date" && value == "":
		return p.Received.UTC().Format(time.RFC1123Z)
	}
	return value
}

func (w *articleWriter) read(p DigestPost) message.View {
	if w.digest.Read != nil {
		return w.digest.Read(p)
	}
	return message.Read(p.Raw)
}

// field writes a header field, folded at its spaces (RFC 5322, 2.2.3).
func (w *articleWriter) field(name, value string) {
	w.out.WriteString(name + ":")
	column := len(name) + 1
	for i, word := range strings.Fields(value) {
		n := utf8.RuneCountInString(word)
		if i > 0 && column+1+n > wantedLine {
			w.out.WriteString("\n")
			column = 0
		}
		w.out.WriteString(" " + word)
		column += 1 + n
	}
	w.out.WriteString("\n")
}

// lines writes a text without its outer empty lines, as RFC 1153 wants it. A
// line that a program could take for a separator moves to the right by a
// space; all others are as they were.
func (w *articleWriter) lines(text string) {
	text = trimEmptyLines(text)
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, strings.Repeat("-", articleEnd)) {
			w.out.WriteString(" ")
		}
		w.out.WriteString(line + "\n")
	}
}

// trimEmptyLines takes the empty lines off both ends, but not the white space
// that the first line begins with.
func trimEmptyLines(text string) string {
	text = strings.TrimRight(text, " \t\n")
	for {
		line, rest, found := strings.Cut(text, "\n")
		if !found || strings.Trim(line, " \t") != "" {
			return text
		}
		text = rest
	}
}

// files names what is attached to a post, and where to find it.
func (w *articleWriter) files(p DigestPost, files []message.Attachment) {
	if len(files) == 0 {
		return
	}
	w.out.WriteString("\n")
	for _, f := range files[:min(len(files), shownFiles)] {
		w.out.WriteString("[" + f.Name + "]\n")
	}
	if more := len(files) - shownFiles; more > 0 {
		fmt.Fprintf(&w.out, "[+ %d]\n", more)
	}
	if link := publicLink(w.digest.List, w.digest.Site, p.Key); link != "" {
		w.out.WriteString("<" + link + ">\n")
	}
}
