package main

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
)

// What the story does and demands, shown as it happens.

// The fields that people look at, in this order, and those that their mail
// programs do.
var (
	forPeople   = []string{"from", "to", "cc", "reply-to", "subject", "in-reply-to", "auto-submitted", "content-type"}
	forPrograms = []string{"list-id", "list-post", "list-help", "list-subscribe", "list-owner", "list-unsubscribe", "list-unsubscribe-post",
		"list-archive", "archived-at"}
)

// send writes a new mail.
func (s *story) send(who, source, to, subject, text string) mail {
	return s.act(who, func() (mail, error) { return s.world.send(who, source, to, subject, text) })
}

// reply answers a mail as its sender wants it: to Reply-To.
func (s *story) reply(who string, m mail, text string) mail {
	return s.act(who, func() (mail, error) { return s.answer(who, street, "reply", m, "", text) })
}

// toList answers a post on the list, from a provider that vouches for its user.
func (s *story) toList(who string, m mail, text string) mail {
	return s.act(who, func() (mail, error) { return s.answer(who, provider, "Lreply", m, "", text) })
}

// redirect answers a mail to somebody else, as people do by editing To.
func (s *story) redirect(who string, m mail, to, text string) mail {
	return s.act(who, func() (mail, error) { return s.answer(who, street, "reply", m, to, text) })
}

func (s *story) act(who string, do func() (mail, error)) mail {
	if s.err != nil {
		return mail{}
	}
	m, err := do()
	if err != nil {
		s.err = fmt.Errorf("%s writes: %w", who, err)
		return mail{}
	}
	s.show("---> "+names[who]+" writes", m)
	return m
}

// gets waits for the next mail to somebody, whose subject has to have these
// words: another one in its place is an error.
func (s *story) gets(who, subject string) mail {
	if s.err != nil {
		return mail{}
	}
	m, err := s.next(who)
	if err != nil {
		s.err = fmt.Errorf("wait for %q: %w", subject, err)
		return mail{}
	}
	s.show("<--- "+names[who]+" gets", m)
	if !strings.Contains(m.value("subject"), subject) {
		s.err = fmt.Errorf("%s got %q instead of %q", who, m.value("subject"), subject)
	}
	return m
}

// visit follows a link with curl, and returns the page.
func (s *story) visit(link string, args ...string) string {
	if s.err != nil {
		return ""
	}
	fmt.Fprintf(s.out, "\n---> curl %s\n", strings.Join(append(args, link), " "))
	page, err := s.curl(append(args, link)...)
	if s.err = err; err == nil {
		for _, button := range regexp.MustCompile(`<button[^>]*>([^<]*)<`).FindAllStringSubmatch(page, -1) {
			fmt.Fprintf(s.out, "     a page with a button: %s\n", strings.TrimSpace(button[1]))
		}
	}
	return page
}

// open lets the client open the mails that are attached to one, and returns its
// list of them.
func (s *story) open(m mail) string {
	if s.err != nil {
		return ""
	}
	_, part, _ := strings.Cut(m.body, "application/mbox")
	_, part, _ = strings.Cut(part, "\n\n")
	part, _, _ = strings.Cut(part, "\n--")
	mbox, err := base64.StdEncoding.DecodeString(part)
	if err == nil {
		part, err = s.headers(mbox)
	}
	if s.err = err; err == nil {
		fmt.Fprintf(s.out, "\n---> the client opens the attachment\n%s", part)
	}
	return part
}

// has demands texts in a mail: header fields, or parts of its body. Where lines
// are wrapped does not matter.
func (s *story) has(m mail, wanted ...string) {
	for _, text := range wanted {
		if s.err == nil && !strings.Contains(m.text(), oneLine(text)) {
			s.err = fmt.Errorf("the mail %q does not have %q", m.value("subject"), text)
		}
	}
}

func (s *story) lacks(m mail, texts ...string) {
	for _, text := range texts {
		if s.err == nil && strings.Contains(m.text(), oneLine(text)) {
			s.err = fmt.Errorf("the mail %q has %q", m.value("subject"), text)
		}
	}
}

// sameText demands that a copy has the body of the post, byte for byte.
func (s *story) sameText(copied, post mail) {
	if s.err == nil && copied.body != post.body {
		s.err = fmt.Errorf("the copy %q has another body than the post", copied.value("subject"))
	}
}

// text is a mail for looking into: its fields and its body, in one line.
func (m mail) text() string {
	var b strings.Builder
	for _, f := range m.fields {
		name, _, _ := strings.Cut(string(f.Raw), ":")
		b.WriteString(name + ": " + f.Value() + "\n")
	}
	return oneLine(b.String() + m.body)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// show prints a mail: what people look at, the fields of a list once for posts
// and once for mails of its own, and of a quote or an attachment
// the first three lines.
func (s *story) show(title string, m mail) {
	fmt.Fprintf(s.out, "\n%s\n", title)
	s.showFields(m, forPeople)
	kind := m.value("auto-submitted")
	if m.value("list-unsubscribe") != "" && !s.shown[kind] {
		s.shown[kind] = true
		s.showFields(m, forPrograms)
	}
	dull := 0
	skipped := func() {
		if dull > 3 {
			fmt.Fprintf(s.out, "   | (and %d more lines of these)\n", dull-3)
		}
		dull = 0
	}
	for line := range strings.Lines(strings.TrimRight(m.body, "\n")) {
		if line = strings.TrimRight(line, "\n"); !strings.HasPrefix(line, ">") && (len(line) < 76 || strings.Contains(line, " ")) {
			skipped()
		} else if dull++; dull > 3 {
			continue
		}
		fmt.Fprintln(s.out, strings.TrimRight("   | "+line, " "))
	}
	skipped()
}

func (s *story) showFields(m mail, names []string) {
	for _, name := range names {
		for _, f := range m.fields {
			if f.Name == name {
				fmt.Fprintf(s.out, "     %s\n", strings.ReplaceAll(strings.TrimRight(string(f.Raw), "\r\n"), "\r\n", "\n     "))
			}
		}
	}
}
