package list

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"strings"
	"time"

	"parley/message"
)

// Words makes the subject and the plain text of a mail of ours from its
// template, for a list's address in its language; text lines end in LF.
type Words func(list, language, template string, data any) (subject, body string, err error)

// notice is a mail that Parley itself writes.
type notice struct {
	List      List
	To        []string
	Template  string
	Data      map[string]any             // besides List and Name
	ReplyTo   string                     // where a reply goes; "" for the address of commands
	FromOwner bool                       // it comes from, and a reply goes to, the owners
	InReplyTo string                     // Message-ID without brackets of what it answers, or ""; of a mail that is carried out it is known
	Sender    string                     // envelope sender; "" but for probes: a bounce of it must never make a mail
	Members   []Member                   // a digest: to each as their own; To is then what the header says, nil for the list
	Body      func(words string) Content // nil: the words as plain text
}

// mail queues a notice. It has the null sender and says that a machine wrote
// it, so that no other machine answers (RFC 3834, 3.1.7 and 5). To nobody is
// no mail, and no error.
func (d *Desk) mail(tx Tx, n notice) (JobID, error) {
	if len(n.To) == 0 && len(n.Members) == 0 {
		return 0, nil
	}
	raw, err := d.write(n)
	if err != nil {
		return 0, err
	}
	return d.queue(tx, n, d.pack(raw))
}

// queue keeps a notice that is written already.
func (d *Desk) queue(tx Tx, n notice, mail Packed) (JobID, error) {
	job := NewJob{List: n.List.ID, At: d.now(), Mail: mail, Sender: n.Sender, Rcpts: n.To, Members: n.Members}
	id, err := tx.AddJob(job)
	if err != nil {
		return 0, fmt.Errorf("queue mail %s: %w", n.Template, err)
	}
	return id, nil
}

// write makes the bytes of a notice.
func (d *Desk) write(n notice) ([]byte, error) {
	if len(n.To) == 1 && sameAddress(n.To[0], d.asked.by) {
		n.InReplyTo = d.asked.messageID
	}
	data := map[string]any{"List": n.List.Address, "Name": n.List.Local()}
	maps.Copy(data, n.Data)
	subject, body, err := d.words(n.List.Address, n.List.Language, n.Template, data)
	if err != nil {
		return nil, fmt.Errorf("write mail %s: %w", n.Template, err)
	}
	content := textContent
	if n.Body != nil {
		content = n.Body
	}
	c := content(body)
	return append(d.head(n, subject, c), c.Body...), nil
}

// head is the header of a notice with its empty line (RFC 5322, 3.6; RFC 3834,
// 3.1; RFC 2919).
func (d *Desk) head(n notice, subject string, c Content) []byte {
	now := d.now()
	var b strings.Builder
	field := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	from, to := ToRequest, strings.Join(n.To, ",\r\n ")
	if n.FromOwner {
		from = ToOwner
	}
	if to == "" {
		to = n.List.Address
	}
	name := n.List.Local() + " list"
	if strings.Contains(name, ".") { // no dot stands in a phrase without quotes (RFC 5322, 3.2.5)
		name = phrase(name)
	}
	field("From", name+" <"+n.List.role(from)+">")
	field("To", to)
	if n.ReplyTo != "" {
		field("Reply-To", "<"+n.ReplyTo+">")
	}
	field("Subject", headerText(subject, len("Subject: ")))
	field("Date", now.UTC().Format(time.RFC1123Z))
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s %d %v %d %s %x", n.Template, now.UnixNano(), n.To, len(n.Members), n.ReplyTo, c.Body)))
	field("Message-ID", fmt.Sprintf("<%x@%s>", sum[:16], d.site.Hostname))
	if n.InReplyTo != "" {
		field("In-Reply-To", "<"+n.InReplyTo+">")
		field("References", "<"+n.InReplyTo+">")
		field("Auto-Submitted", "auto-replied")
	} else {
		field("Auto-Submitted", "auto-generated")
	}
	field("List-Id", "<"+n.List.ListID+">")
	if len(n.Members) > 0 { // it has posts in it, and RFC 2369 is for those
		d.listFields(n.List, field)
	}
	field("MIME-Version", "1.0")
	field("Content-Type", c.Type)
	field("Content-Transfer-Encoding", c.Encoding)
	b.WriteString("\r\n")
	return []byte(b.String())
}

// listFields are those that a copy of a post has, besides what is the member's own.
func (d *Desk) listFields(l List, field func(name, value string)) {
	field("List-Help", "<"+l.mailto(ToHelp)+">")
	field("List-Subscribe", "<"+l.mailto(ToSubscribe)+">")
	field("List-Owner", "<"+l.mailto(ToOwner)+">")
	if l.Post == Nobody {
		field("List-Post", "NO")
	} else {
		field("List-Post", "<mailto:"+l.Address+">")
	}
	if link := d.archiveLink(l); link != "" {
		field("List-Archive", "<"+link+">")
	}
	field("Precedence", "list")
}

// headerText writes a text as the value of a field whose name takes column
// bytes, folded where it is long (RFC 5322, 2.2.3; RFC 2047).
func headerText(text string, column int) string {
	text = strings.Join(strings.Fields(strings.Map(phraseControl, text)), " ")
	if message.EightBit([]byte(text)) || strings.Contains(text, "=?") {
		text = encodedWords(text)
	}
	var b strings.Builder
	for i, word := range strings.Split(text, " ") {
		switch {
		case i > 0 && column+1+len(word) > wantedLine:
			b.WriteString("\r\n ")
			column = 1
		case i > 0:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// role is the address of the list for a word: dev-request@.
func (l List) role(v Verb) string {
	return Target{Verb: v, Local: l.Local(), Domain: l.Domain()}.String()
}

// withFiles is the words with files attached, in base64: an mbox has lines of
// any length and any bytes.
func withFiles(words string, files []attached) Content {
	sum := sha256.New()
	for _, f := range files {
		sum.Write(f.data)
	}
	boundary := fmt.Sprintf("=_%x", sum.Sum(nil)[:16]) // "=_" stands in no base64 (RFC 2045, 6.7)
	var b strings.Builder
	text := textContent(words)
	part := func(c Content, more string) {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n%s\r\n%s\r\n", boundary, c.Type, c.Encoding, more, c.Body)
	}
	part(text, "")
	for _, f := range files {
		part(Content{Type: "application/mbox; name=" + f.name, Encoding: "base64", Body: base64Lines(f.data)},
			"Content-Disposition: attachment; filename="+f.name+"\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return Content{Type: `multipart/mixed; boundary="` + boundary + `"`, Encoding: "7bit", Body: []byte(b.String())}
}
