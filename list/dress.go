package list

import (
	"bytes"
	"encoding/base64"
	"strings"
	"time"
	"unicode/utf8"

	"parley/message"
)

// Dressed is the mail of a job as it goes out. Head and Body follow each other
// on the wire; neither is dot-stuffed. Both are shared by all copies: do not
// write to them.
type Dressed struct {
	Head     []byte // header fields, with the empty line at its end
	Body     []byte
	Seam     int  // where in Head, at the start of a line, a copy has the PersonalFields of its member; -1: nowhere
	EightBit bool // has bytes over 127: goes out as BODY=8BITMIME (RFC 6152)
	UTF8     bool // has them in header fields: goes out with SMTPUTF8 where it is offered (RFC 6531)
}

// Limits of a line that we write, in bytes without its CRLF (RFC 5322, 2.1.1,
// and RFC 2047, 2, which wants two fewer).
const (
	wantedLine  = 76
	longestLine = 998
)

// Dress makes the copy of a post: the received bytes with header fields added,
// replaced or removed as doc/headers.md lists them, nothing re-encoded. A
// SourceMail gets only its Received field, a SourceDigest only a seam on top.
func Dress(src Source, site Site) Dressed {
	m := message.Parse(src.Raw)
	d := dresser{src: src, site: site, list: src.List, msg: m, plain: src.Kind != SourcePost, seam: -1}
	// What we add fits into a KiB or two; a longer trace or description only
	// costs a second allocation.
	d.head = make([]byte, 0, m.HeaderSize()+len(src.Trace)+1536)
	if !d.plain {
		d.footing = planFooting(m, src.List.Footer)
	}
	d.addFields()
	d.keepFields()
	body := d.footing.apply(m.Body)
	d.head = append(d.head, "\r\n"...)
	// What comes into the seam has the site's URL, which may be an IDN's.
	high := message.EightBit(d.head) || d.seam >= 0 && message.EightBit([]byte(site.URL))
	return Dressed{Head: d.head, Body: body, Seam: d.seam, EightBit: high || message.EightBit(body), UTF8: high}
}

// dresser is one post on its way to become a copy.
type dresser struct {
	src     Source
	site    Site
	list    List
	msg     *message.Message
	plain   bool // a mail as it is: no field of ours but Received, or what comes into the seam
	footing footing
	head    []byte
	seam    int // see Dressed
}

// rule is what happens to the header fields of one name. add gives the value
// of a field to put on top, "" for none; take puts there what becomes of a
// received field, nil removes it.
type rule struct {
	name string
	add  func(*dresser) string
	take func(*dresser, message.Field)
}

// rules is the table of doc/headers.md, in the order in which fields are added.
// They are added on top: a signature counts fields from below (RFC 6376,
// 5.4.2), so that one more on top harms only who signed that it must not exist.
var rules = []rule{
	{"Received", (*dresser).trace, (*dresser).keep},
	{"List-Unsubscribe", (*dresser).listUnsubscribe, nil},
	{"List-Unsubscribe-Post", nil, nil},
	{"Return-Path", nil, nil},
	{"Errors-To", nil, nil},
	{"List-Id", (*dresser).listID, nil},
	{"List-Post", (*dresser).listPost, nil},
	{"List-Owner", (*dresser).listOwner, nil},
	{"List-Archive", (*dresser).listArchive, nil},
	{"List-Help", (*dresser).listHelp, nil},
	{"List-Subscribe", (*dresser).listSubscribe, nil},
	{"Archived-At", (*dresser).archivedAt, (*dresser).keepArchivedAt},
	{"Precedence", func(*dresser) string { return "list" }, nil},
	{"X-Loop", nil, (*dresser).keepLoop},
	{"Approved", nil, nil},
	{"Approve", nil, nil},
	{"X-Approved", nil, nil},
	{"X-Approve", nil, nil},
	{"Authentication-Results", nil, (*dresser).keepResults},
	{"DKIM-Signature", nil, (*dresser).keepSignature},
	{"Message-ID", (*dresser).messageID, (*dresser).keepMessageID},
	{"Date", (*dresser).date, (*dresser).keepDate},
	{"Subject", nil, (*dresser).prefixSubject},
	{"Reply-To", (*dresser).replyTo, (*dresser).keepReplyTo},
	{"MIME-Version", (*dresser).mimeVersion, (*dresser).keep},
	{"Content-Type", (*dresser).contentType, (*dresser).keepContent},
	{"Content-Transfer-Encoding", (*dresser).transferEncoding, (*dresser).keepContent},
}

// ruleOf is the rule for a field name, in any case; nil for what is left alone.
func ruleOf(name string) *rule {
	for i := range rules {
		if len(rules[i].name) == len(name) && strings.EqualFold(rules[i].name, name) {
			return &rules[i]
		}
	}
	return nil
}

func (d *dresser) addFields() {
	if d.src.Kind == SourceDigest {
		d.seam = 0
		return
	}
	for _, r := range rules {
		if r.add == nil || d.plain && r.name != "Received" {
			continue
		}
		if value := r.add(d); value != "" {
			d.addField(r.name, value)
		}
	}
}

// addField appends a field of ours. A value that has line breaks is folded
// already.
func (d *dresser) addField(name, value string) {
	d.head = append(append(d.head, name...), ':')
	if strings.Contains(value, "\r\n") {
		d.head = append(append(append(d.head, ' '), value...), "\r\n"...)
		return
	}
	d.addWords(len(name)+1, value)
	d.head = append(d.head, "\r\n"...)
}

// addWords appends a space and a text to a line of column bytes, folded at its
// spaces where a line would become too long, and returns the new column.
func (d *dresser) addWords(column int, text string) int {
	for i, word := range strings.Split(text, " ") {
		if i > 0 && column+1+len(word) > wantedLine {
			d.head = append(d.head, "\r\n"...)
			column = 0
		}
		d.head = append(append(d.head, ' '), word...)
		column += 1 + len(word)
	}
	return column
}

// keepFields appends the received fields, each as its rule says. A line that
// is no field stays, but not as the last one: there it would begin the body.
func (d *dresser) keepFields() {
	end := len(d.head)
	for i, f := range d.msg.Fields {
		before := len(d.head)
		switch {
		case d.src.Kind != SourceMail && f.Name == "" && i == 0 && unheaded(f.Raw):
			continue
		case d.plain:
			d.keep(f)
		default:
			d.takeField(f)
		}
		if d.plain || f.Name != "" && len(d.head) > before {
			end = len(d.head)
		}
	}
	d.head = d.head[:end]
	if n := len(d.head); n > 0 && d.head[n-1] != '\n' { // the header ended in mid-line
		d.head = append(d.head, "\r\n"...)
	}
}

func (d *dresser) takeField(f message.Field) {
	r := ruleOf(f.Name)
	switch {
	case r == nil && isContent(f.Name):
		d.keepContent(f)
	case r == nil:
		d.keep(f)
	case r.take != nil:
		r.take(d, f)
	}
}

// unheaded knows a first line that must not stand below our fields: one that
// would continue the last of them, and the "From " line of an mbox, which
// would end the header for everybody else.
func unheaded(line []byte) bool {
	return line[0] == ' ' || line[0] == '\t' || bytes.HasPrefix(bytes.TrimPrefix(line, []byte(">")), []byte("From "))
}

func (d *dresser) keep(f message.Field) { d.head = append(d.head, f.Raw...) }

// trace is RFC 5321, 4.4: who relays puts their Received field first.
func (d *dresser) trace() string { return d.src.Trace }

// listID is RFC 2919, 3. It names the list for ever, wherever it moves to.
func (d *dresser) listID() string {
	id := "<" + d.list.ListID + ">"
	if phrase := phrase(d.list.Description); phrase != "" {
		return phrase + " " + id
	}
	return id
}

// phrase writes a text as the phrase of a field (RFC 5322, 3.2.5): quoted, or
// encoded where it is not ASCII. Angle brackets go: there are programs that
// look for the first one only.
func phrase(text string) string {
	text = strings.Join(strings.Fields(strings.Map(phraseRune, text)), " ")
	if text == "" || message.EightBit([]byte(text)) {
		return encodedWords(text)
	}
	return `"` + strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), `"`, `\"`) + `"`
}

// encodedWords writes a text as encoded words with a space between them, so
// short that each fits into a line of ours. Base64 is the form that needs no
// care in a phrase (RFC 2047, 5).
func encodedWords(text string) string {
	const most = 30 // bytes, which become 52
	var words []string
	for len(text) > 0 {
		end := min(most, len(text))
		for end > 1 && end < len(text) && !utf8.RuneStart(text[end]) {
			end--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(text[:end]))+"?=")
		text = text[end:]
	}
	return strings.Join(words, " ")
}

// phraseRune makes white space of what no phrase may have.
func phraseRune(r rune) rune {
	if r < ' ' || r >= 0x7f && r < 0xa0 || r == '<' || r == '>' {
		return ' '
	}
	return r
}

// listPost is RFC 2369, 3.4, with its NO for a list that takes no posts.
func (d *dresser) listPost() string {
	if d.list.Post == Nobody {
		return "NO"
	}
	return "<mailto:" + d.list.Address + ">"
}

// listHelp is RFC 2369, 3.1.
func (d *dresser) listHelp() string { return "<" + d.list.mailto(ToHelp) + ">" }

// listSubscribe is RFC 2369, 3.3.
func (d *dresser) listSubscribe() string { return "<" + d.list.mailto(ToSubscribe) + ">" }

// listUnsubscribe is RFC 2369, 3.2. Where copies are personal, each has its
// own instead, at the same place.
func (d *dresser) listUnsubscribe() string {
	if !d.list.Shared {
		d.seam = len(d.head)
		return ""
	}
	return "<" + d.list.mailto(ToUnsubscribe) + ">"
}

// listOwner is RFC 2369, 3.5.
func (d *dresser) listOwner() string { return "<" + d.list.mailto(ToOwner) + ">" }

// listArchive is RFC 2369, 3.6.
func (d *dresser) listArchive() string {
	if d.list.Archive != ArchivePublic || d.site.URL == "" {
		return ""
	}
	return "<" + d.site.ListURL(d.list) + ">"
}

// archivedAt is RFC 5064, 2.2. A URL that no line can hold is left out: an id
// of 998 bytes may become three times as long.
func (d *dresser) archivedAt() string {
	if d.list.Archive != ArchivePublic || d.src.Key == "" {
		return ""
	}
	url := d.site.PostURL(d.list, d.src.Key)
	if url == "" || len(url) > longestLine-len("Archived-At: <>") {
		return ""
	}
	return "<" + url + ">"
}

// keepArchivedAt keeps the links into other archives (RFC 5064, 2.3) and drops
// what claims to be in ours.
func (d *dresser) keepArchivedAt(f message.Field) {
	if !within(strings.TrimLeft(f.Value(), "< \t"), d.site.URL) {
		d.keep(f)
	}
}

// within reports whether a URL is below base; nothing is below "".
func within(url, base string) bool {
	if base == "" || len(url) < len(base) || !strings.EqualFold(url[:len(base)], base) {
		return false
	}
	rest := url[len(base):]
	return rest == "" || strings.ContainsRune("/?#>", rune(rest[0]))
}

// keepLoop drops a loop mark that has our name: ours is List-Id.
func (d *dresser) keepLoop(f message.Field) {
	value := strings.ToLower(f.Value())
	if !strings.Contains(value, d.list.Address) && !strings.Contains(value, d.list.ListID) {
		d.keep(f)
	}
}

// messageID supplies what is missing. A field without an id in it is as good as
// none: nothing could answer it.
func (d *dresser) messageID() string {
	if d.src.MessageID == "" || len(message.IDs(d.msg.Get("Message-ID"))) > 0 {
		return ""
	}
	return "<" + d.src.MessageID + ">"
}

func (d *dresser) keepMessageID(f message.Field) {
	if d.messageID() == "" {
		d.keep(f)
	}
}

// date is RFC 5322, 3.6.1: the one field besides From that a mail must have.
func (d *dresser) date() string {
	if d.src.Received.IsZero() || d.msg.Get("Date") != "" {
		return ""
	}
	return d.src.Received.UTC().Format(time.RFC1123Z)
}

func (d *dresser) keepDate(f message.Field) {
	if d.date() == "" {
		d.keep(f)
	}
}

// rawValue is a field without its name and its outer white space, folded as it
// came.
func rawValue(f message.Field) []byte {
	return bytes.Trim(f.Raw[bytes.IndexByte(f.Raw, ':')+1:], " \t\r\n")
}

// prefixSubject puts the list's prefix before a subject that does not have it,
// behind its first Re:. The bytes of the subject stay as they are.
func (d *dresser) prefixSubject(f message.Field) {
	prefix := d.list.SubjectPrefix
	value := rawValue(f)
	if prefix == "" || len(value) == 0 || hasPrefix(f, prefix) {
		d.keep(f)
		return
	}
	re := replyMark(value)
	d.head = append(d.head, "Subject:"...)
	column := d.addWords(len("Subject:"), string(value[:re])+prefixWord(prefix, value[re:]))
	first, _, _ := bytes.Cut(value[re:], []byte("\r\n"))
	if column+1+len(first) > wantedLine {
		d.head = append(d.head, "\r\n"...)
	}
	d.head = append(append(append(d.head, ' '), value[re:]...), "\r\n"...)
}

// hasPrefix looks for the prefix anywhere in the subject, as it is shown: a
// reply has it behind its Re:.
func hasPrefix(f message.Field, prefix string) bool {
	return strings.Contains(strings.ToLower(message.DecodeHeader(f.Value())), strings.ToLower(prefix))
}

// replyMark is the length of a leading "Re:" with the one space behind it. Any
// other form, such as one in another language, is part of the subject.
func replyMark(value []byte) int {
	if len(value) > 4 && bytes.EqualFold(value[:4], []byte("Re: ")) && value[4] > ' ' {
		return 4
	}
	return 0
}

// prefixWord is the prefix as it stands in the field. Between two encoded words
// white space does not count (RFC 2047, 6.2), so there it carries its own.
func prefixWord(prefix string, rest []byte) string {
	prefix = strings.Map(phraseControl, prefix)
	if !message.EightBit([]byte(prefix)) {
		return prefix
	}
	if bytes.HasPrefix(rest, []byte("=?")) {
		prefix += " "
	}
	return encodedWords(prefix)
}

// phraseControl makes a space of what would end the line.
func phraseControl(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}

// replyTo puts the list before the addresses that the author wants replies at,
// so that none of them is lost; the author's own address stays in From. A
// field that has the list already is left as it is, and so is its signature.
func (d *dresser) replyTo() string {
	if !d.leadsReplies() {
		return ""
	}
	value := d.list.Address
	for _, f := range d.msg.Fields {
		if own := rawReplyTo(f); len(own) > 0 {
			value += ",\r\n " + string(own)
		}
	}
	return value
}

// keepReplyTo drops what replyTo has put on top.
func (d *dresser) keepReplyTo(f message.Field) {
	if !d.leadsReplies() {
		d.keep(f)
	}
}

// leadsReplies reports whether the list wants replies and has to say so.
func (d *dresser) leadsReplies() bool {
	if !d.list.ReplyToList {
		return false
	}
	for _, value := range d.msg.All("Reply-To") {
		for _, a := range message.ParseAddresses(value) {
			if strings.EqualFold(a.Addr, d.list.Address) {
				return false
			}
		}
	}
	return true
}

// rawReplyTo is the value of a Reply-To field, nil for another field.
func rawReplyTo(f message.Field) []byte {
	if !strings.EqualFold(f.Name, "Reply-To") {
		return nil
	}
	return bytes.TrimRight(rawValue(f), ", \t\r\n")
}
