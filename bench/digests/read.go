package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"parley/bench/rig"
)

// The kinds of mail that members get.
const (
	kindCopy    = "copy"
	kindDigest  = "digest"
	kindPlain   = "plain digest"
	kindSummary = "summary"
	kindCatchUp = "catch-up"
	kindReply   = "reply"
	kindOther   = "other"
)

// mail is one mail, as its reader sees it.
type mail struct {
	mid     string
	kind    string
	posts   []string // Message-IDs of those that it has or names, in its order
	more    int      // posts that it says were left out
	answers string   // Message-ID of the mail that it answers
	faults  []string
}

var (
	messageIDLine = regexp.MustCompile(`(?m)^Message-ID: <([^>]+)>$`)
	leftOut       = regexp.MustCompile(`(\d+) more posts? (?:is|are) left out`)
)

// read takes a mail apart. It knows nothing of what was sent when.
func (e *evidence) read(raw []byte) mail {
	fields, body := rig.Split(raw)
	m := mail{mid: strings.Trim(rig.Value(fields, "message-id"), "<>"), answers: strings.Trim(rig.Value(fields, "in-reply-to"), "<>"), kind: kindOther}
	subject := rig.Value(fields, "subject")
	kind, params, _ := mime.ParseMediaType(rig.Value(fields, "content-type"))
	if p, isPost := e.posts[m.mid]; isPost {
		m.kind, m.posts, m.answers = kindCopy, []string{m.mid}, ""
		if p.copy != copySum(raw) {
			m.faults = append(m.faults, "a copy has other bytes than were posted")
		}
		return m
	}
	if kind == "multipart/mixed" && m.answers == "" {
		m.kind = kindDigest
		e.readDigest(&m, body, params["boundary"])
		return m
	}
	text := textOf(fields, body)
	switch {
	case strings.Contains(subject, "what happened since"):
		m.kind, m.posts = kindCatchUp, e.linked(text)
		if found := leftOut.FindStringSubmatch(text); found != nil {
			m.more, _ = strconv.Atoi(found[1])
		}
	case m.answers != "":
		m.kind = kindReply
	case strings.Contains(subject, ": summary of "):
		m.kind, m.posts = kindSummary, e.linked(text)
	case strings.Contains(text, "\n"+strings.Repeat("-", 70)+"\n"):
		m.kind = kindPlain
		e.readPlain(&m, text)
	}
	return m
}

// textOf is the body of a mail that is one text, with LF.
func textOf(fields []rig.Field, body []byte) string {
	if strings.EqualFold(rig.Value(fields, "content-transfer-encoding"), "base64") {
		decoded, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(body), "\r\n", ""))
		if err == nil {
			body = decoded
		}
	}
	return strings.ReplaceAll(string(body), "\r\n", "\n")
}

// linked is the posts that a text has links to.
func (e *evidence) linked(text string) []string {
	var mids []string
	for _, found := range e.link.FindAllStringSubmatch(text, -1) {
		mid, err := url.PathUnescape(found[1])
		if err != nil {
			mid = found[1]
		}
		mids = append(mids, mid)
	}
	return mids
}

// readDigest reads the posts of a MIME digest. Each must be byte for byte what
// was posted.
func (e *evidence) readDigest(m *mail, body []byte, boundary string) {
	outer := multipart.NewReader(bytes.NewReader(body), boundary)
	fault := func(format string, args ...any) { m.faults = append(m.faults, fmt.Sprintf(format, args...)) }
	if _, err := outer.NextRawPart(); err != nil {
		fault("no words in a digest: %v", err)
		return
	}
	part, err := outer.NextRawPart()
	if err != nil {
		fault("no posts in a digest: %v", err)
		return
	}
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
	if err != nil {
		fault("type of a digest: %v", err)
		return
	}
	for inner := multipart.NewReader(part, params["boundary"]); ; {
		one, err := inner.NextRawPart()
		if err == io.EOF {
			return
		}
		if err != nil {
			fault("cut off: %v", err)
			return
		}
		raw, err := io.ReadAll(one)
		if err != nil {
			fault("cut off: %v", err)
			return
		}
		fields, _ := rig.Split(raw)
		mid := strings.Trim(rig.Value(fields, "message-id"), "<>")
		m.posts = append(m.posts, mid)
		if e.posts[mid].data != rig.Sum(raw) {
			fault("<%s> has other bytes in a digest than were posted", mid)
		}
	}
}

// readPlain reads a plain digest, whose table of contents must name what is in
// it.
func (e *evidence) readPlain(m *mail, text string) {
	for _, found := range messageIDLine.FindAllStringSubmatch(text, -1) {
		m.posts = append(m.posts, found[1])
	}
	named := map[string]bool{}
	for _, mid := range e.linked(text) {
		named[mid] = true
	}
	for _, mid := range m.posts {
		if !named[mid] {
			m.faults = append(m.faults, fmt.Sprintf("<%s> is not in the table of contents", mid))
		}
	}
	if len(named) != len(m.posts) {
		m.faults = append(m.faults, fmt.Sprintf("%d posts in the table of contents, %d in the digest", len(named), len(m.posts)))
	}
}
