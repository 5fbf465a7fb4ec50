package outbox

import (
	"bytes"
	"sync"

	"parley/list"
)

// Mail is what all copies of one job have in common. It is not written to.
type Mail struct {
	list.Dressed

	once    sync.Once
	stuffed parts // see wire
}

// parts are a mail in pieces: its head above and below the seam, its body.
type parts struct{ top, rest, body []byte }

// Size is the number of bytes of the mail before dot-stuffing (RFC 1870, 3),
// without the fields of one recipient.
func (m *Mail) Size() int { return len(m.Head) + len(m.Body) }

// parts are the mail as it is. One without a seam is all below it.
func (m *Mail) parts() parts {
	seam := max(m.Seam, 0)
	return parts{m.Head[:seam], m.Head[seam:], m.Body}
}

// wire is the mail as it stands between DATA and the final dot: dot-stuffed
// (RFC 5321, 4.5.2), with a line end at its end. It is made once; a mail that
// has no such lines is not copied at all. A seam is at the start of a line, so
// that each part can be stuffed by itself.
func (m *Mail) wire() parts {
	m.once.Do(func() {
		p := m.parts()
		m.stuffed = parts{stuff(p.top), stuff(p.rest), stuff(p.body)}
		if b := m.stuffed.body; len(b) > 0 && !bytes.HasSuffix(b, []byte("\r\n")) {
			m.stuffed.body = append(bytes.Clone(b), "\r\n"...)
		}
	})
	return m.stuffed
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
