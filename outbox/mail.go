package outbox

import (
	"bytes"
	"sync"

	"parley/list"
)

// Mail is what all copies of one job have in common. It is not written to.
type Mail struct {
	list.Dressed

	once       sync.Once
	head, body []byte // dot-stuffed, see wire
}

// Size is the number of bytes of the mail before dot-stuffing (RFC 1870, 3).
func (m *Mail) Size() int { return len(m.Head) + len(m.Body) }

// wire is the mail as it stands between DATA and the final dot: dot-stuffed
// (RFC 5321, 4.5.2), with a line end at its end. It is made once; a mail that
// has no such lines is not copied at all.
func (m *Mail) wire() (head, body []byte) {
	m.once.Do(func() {
		m.head, m.body = stuff(m.Head), stuff(m.Body)
		if len(m.body) > 0 && !bytes.HasSuffix(m.body, []byte("\r\n")) {
			m.body = append(bytes.Clone(m.body), "\r\n"...)
		}
	})
	return m.head, m.body
}

// stuff doubles the dot of every line that starts with one. A line may end
// with a bare LF here: smtpd lets none in, but a server that takes it for a
// line end could otherwise be made to read the rest of a mail as commands.
func stuff(b []byte) []byte {
	first := len(b) > 0 && b[0] == '.'
	dots := bytes.Count(b, []byte("\n."))
	if !first && dots == 0 {
		return b
	}
	out := make([]byte, 0, len(b)+dots+1)
	if first {
		out = append(out, '.')
	}
	for {
		i := bytes.Index(b, []byte("\n."))
		if i < 0 {
			return append(out, b...)
		}
		out = append(out, b[:i+2]...)
		out = append(out, '.')
		b = b[i+2:]
	}
}
