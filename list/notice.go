package list

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"
	"time"

	"parley/message"
)

// Words makes the subject and the plain text of a mail of ours from its
// template; text lines end in LF.
type Words func(template string, data any) (subject, body string, err error)

// notice is a mail that Parley itself writes.
type notice struct {
	List      List
	To        []string
	Template  string
	Data      any
	InReplyTo string // Message-ID without brackets, or ""
}

// mail queues a notice. It has the null sender and says that a machine wrote
// it, so that no other machine answers (RFC 3834, 3.1.7 and 5). To nobody is
// no mail, and no error.
func (d *Desk) mail(tx Tx, n notice) (JobID, error) {
	if len(n.To) == 0 {
		return 0, nil
	}
	subject, body, err := d.words(n.Template, n.Data)
	if err != nil {
		return 0, fmt.Errorf("write mail %s: %w", n.Template, err)
	}
	raw := d.compose(n, subject, body)
	id, err := tx.AddJob(NewJob{List: n.List.ID, At: d.now(), Mail: d.pack(raw), Rcpts: n.To})
	if err != nil {
		return 0, fmt.Errorf("queue mail %s: %w", n.Template, err)
	}
	return id, nil
}

func (d *Desk) compose(n notice, subject, body string) []byte {
	now := d.now()
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s %d %v %s", n.Template, now.UnixNano(), n.To, body)))
	var b strings.Builder
	field := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	field("From", mime.QEncoding.Encode("utf-8", n.List.Local()+" list")+" <"+n.List.Local()+"-owner@"+n.List.Domain()+">")
	field("To", strings.Join(n.To, ",\r\n "))
	field("Subject", mime.QEncoding.Encode("utf-8", subject))
	field("Date", now.UTC().Format(time.RFC1123Z))
	field("Message-ID", fmt.Sprintf("<%x@%s>", sum[:16], d.site.Hostname))
	if n.InReplyTo != "" {
		field("In-Reply-To", "<"+n.InReplyTo+">")
	}
	field("Auto-Submitted", "auto-generated")
	field("List-Id", "<"+n.List.ListID+">")
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	b.WriteString(encoded(body))
	return []byte(b.String())
}

// encoded is the transfer encoding field, the empty line and the body: as it
// is when it is ASCII, else base64, which every relay passes.
func encoded(body string) string {
	body = strings.ReplaceAll(body, "\n", "\r\n")
	if !message.EightBit([]byte(body)) {
		return "Content-Transfer-Encoding: 7bit\r\n\r\n" + body
	}
	var b strings.Builder
	b.WriteString("Content-Transfer-Encoding: base64\r\n\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(body))
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	b.WriteString(text + "\r\n")
	return b.String()
}
