package list

import (
	"bytes"
	"crypto/sha256"
	"mime"
	"mime/quotedprintable"
	"slices"
	"strings"

	"parley/message"
)

// footing is how the list's footer goes into a copy: always as a MIME part of
// its own, so that no part the author wrote changes a byte.
type footing struct {
	way      footWay
	part     []byte // header and text of the footer
	boundary string
	at       int    // footInside: where the part goes, as an offset into the body
	eightBit bool   // footAround: the wrapped body has 8-bit text
	moved    []byte // footAround: the author's Content- fields, which become those of the first part
}

// footWay is where the footer goes.
type footWay int

const (
	footNot    footWay = iota
	footInside         // before the end of a multipart/mixed
	footAround         // a new multipart/mixed holds the author's mail and the footer
)

// planFooting says how a footer goes into a mail. It goes nowhere where it
// could harm: into signed or encrypted mail, into what must stay whole, into a
// multipart without an end, or where the type is given twice.
func planFooting(m *message.Message, footer string) footing {
	if footer == "" || m.Count("Content-Type") > 1 || sealed(m.Body) {
		return footing{}
	}
	f := footing{way: footAround, part: footerPart(footer)}
	value := m.Get("Content-Type")
	kind := mediaType(value)
	switch {
	case isSealed(kind):
		return footing{}
	case kind == "multipart/mixed":
		_, params, err := mime.ParseMediaType(skipComments(value))
		f.way, f.boundary, f.at = footInside, params["boundary"], endOf(m.Body, params["boundary"])
		if err != nil || f.at < 0 {
			return footing{}
		}
	default:
		// A hash of the body cannot stand in the body, and every retry has the
		// same one.
		sum := sha256.Sum256(m.Body)
		f.boundary, f.eightBit = "=_"+tokenText(sum[:]), message.EightBit(m.Body)
	}
	return f
}

// footerPart is the footer as a part. It is always 7-bit, so that it can stand
// in any mail without changing what the mail says of itself.
func footerPart(footer string) []byte {
	text := strings.ReplaceAll(strings.ReplaceAll(footer, "\r", ""), "\n", "\r\n")
	var b bytes.Buffer
	if !message.EightBit([]byte(text)) {
		b.WriteString("Content-Type: text/plain; charset=us-ascii\r\nContent-Disposition: inline\r\n\r\n")
		b.WriteString(text)
		return b.Bytes()
	}
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n" +
		"Content-Disposition: inline\r\n\r\n")
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// apply is the body with its footer, or the body itself without one.
func (f *footing) apply(body []byte) []byte {
	open := "--" + f.boundary + "\r\n"
	switch f.way {
	case footInside: // RFC 2046, 5.1.1: the line break before a delimiter belongs to it
		return slices.Concat(body[:f.at], []byte(open), f.part, []byte("\r\n"), body[f.at:])
	case footAround:
		if n := len(f.moved); n > 0 && f.moved[n-1] != '\n' {
			f.moved = append(f.moved, "\r\n"...)
		}
		return slices.Concat([]byte(open), f.moved, []byte("\r\n"), body,
			[]byte("\r\n"+open), f.part, []byte("\r\n--"+f.boundary+"--\r\n"))
	}
	return body
}

// isContent knows the fields that describe a body (RFC 2045, 3).
func isContent(name string) bool {
	return len(name) > 8 && strings.EqualFold(name[:8], "Content-")
}

// keepContent leaves a Content- field where it is, or moves it to the part that
// it describes.
func (d *dresser) keepContent(f message.Field) {
	if d.footing.way == footAround {
		d.footing.moved = append(d.footing.moved, f.Raw...)
		return
	}
	d.keep(f)
}

// mimeVersion is RFC 2045, 4.
func (d *dresser) mimeVersion() string {
	if d.footing.way != footAround || d.msg.Count("MIME-Version") > 0 {
		return ""
	}
	return "1.0"
}

func (d *dresser) contentType() string {
	if d.footing.way != footAround {
		return ""
	}
	return `multipart/mixed; boundary="` + d.footing.boundary + `"`
}

// transferEncoding says of the whole what is in it (RFC 2045, 6.4).
func (d *dresser) transferEncoding() string {
	if d.footing.way != footAround || !d.footing.eightBit {
		return ""
	}
	return "8bit"
}

// mediaType is the type of a Content-Type in lower case, also of one whose
// parameters are broken.
func mediaType(value string) string {
	value = skipComments(value)
	if end := strings.IndexAny(value, " \t\r\n;("); end >= 0 {
		value = value[:end]
	}
	return strings.ToLower(value)
}

// isSealed knows the types whose bodies are signed or encrypted (RFC 1847,
// RFC 8551), or mean something only where they stand: a report, a fragment.
func isSealed(kind string) bool {
	switch kind {
	case "multipart/signed", "multipart/encrypted", "multipart/report", "message/partial",
		"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pkcs7-signature",
		"application/pgp", "application/pgp-encrypted":
		return true
	}
	return false
}

// sealed looks for signed or encrypted text, and parts, within a body. A mail
// that only quotes one at the start of a line gets no footer either.
func sealed(body []byte) bool {
	const field = "content-type:"
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		if bytes.HasPrefix(line, []byte("-----BEGIN PGP MESSAGE")) || bytes.HasPrefix(line, []byte("-----BEGIN PGP SIGNED")) {
			return true
		}
		if len(line) >= len(field) && strings.EqualFold(string(line[:len(field)]), field) {
			value := body[len(field):min(len(field)+200, len(body))] // the type may stand on the next line
			if isSealed(mediaType(strings.TrimLeft(string(value), " \t\r\n"))) {
				return true
			}
		}
		body = rest
	}
	return false
}

// endOf is where the line starts that ends a multipart (RFC 2046, 5.1.1), -1
// if there is none.
func endOf(body []byte, boundary string) int {
	if boundary == "" {
		return -1
	}
	end := []byte("--" + boundary + "--")
	for from := 0; ; {
		i := bytes.Index(body[from:], end)
		if i < 0 {
			return -1
		}
		i += from
		from = i + len(end)
		line, _, _ := bytes.Cut(body[from:], []byte("\n"))
		if (i == 0 || body[i-1] == '\n') && len(bytes.Trim(line, " \t\r")) == 0 {
			return i
		}
	}
}
