package list

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

// TestFooterWhere: what has no place for a footer goes out without one.
func TestFooterWhere(t *testing.T) {
	t.Parallel()
	const mixed = "Content-Type: multipart/mixed; boundary=b\n\n"
	for _, c := range []struct {
		name, mail string // below a From field
		way        footWay
	}{
		{"plain", "\ntext\n", footAround},
		{"html", "Content-Type: text/html\n\n<p>\n", footAround},
		{"no type that anybody knows", "Content-Type: text\n\ntext\n", footAround},
		{"empty", "\n", footAround},
		{"mixed", mixed + "--b\n\ntext\n--b--\n", footInside},
		{"mixed in capitals", "CONTENT-TYPE: (c) Multipart/Mixed ; BOUNDARY=b\n\n--b\n\ntext\n--b--", footInside},
		{"mixed without end", mixed + "--b\n\ntext\n", footNot},
		{"mixed with a longer line", mixed + "--b\n\n--b--x\n", footNot},
		{"mixed with the end in a line", mixed + "--b\n\nx --b--\n", footNot},
		{"mixed without boundary", "Content-Type: multipart/mixed\n\n--b--\n", footNot},
		{"mixed with broken parameters", "Content-Type: multipart/mixed; boundary=b; boundary=c\n\n--b--\n", footNot},
		{"two types", "Content-Type: text/plain\nContent-Type: text/html\n\ntext\n", footNot},
		{"signed", "Content-Type: multipart/signed; boundary=b\n\n--b--\n", footNot},
		{"encrypted", "Content-Type:\n  Multipart/Encrypted\n\n--b--\n", footNot},
		{"S/MIME", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nAAAA\n", footNot},
		{"old S/MIME", "Content-Type: application/x-pkcs7-mime\n\nAAAA\n", footNot},
		{"report", "Content-Type: multipart/report; boundary=b\n\n--b--\n", footNot},
		{"fragment", "Content-Type: message/partial; id=1\n\ntext\n", footNot},
		{"signed text", "\nHello\n-----BEGIN PGP SIGNED MESSAGE-----\n", footNot},
		{"encrypted text", "\n-----BEGIN PGP MESSAGE-----\n", footNot},
		{"a key is no signature", "\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n", footAround},
		{"signed part", mixed + "--b\nContent-Type: multipart/signed; boundary=c\n\n--c--\n--b--\n", footNot},
		{"signed part, folded", mixed + "--b\ncontent-type:\n multipart/signed; boundary=c\n\n--c--\n--b--\n", footNot},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			raw := crlf("From: ann@example.org\n" + c.mail)
			l := aList(func(l *List) { l.Footer = "A footer" })
			d := Dress(aSource(l, raw), aSite())
			had := bytes.Contains(d.Body, []byte("A footer"))
			if had != (c.way != footNot) {
				t.Fatalf("footer %v:\n%s%s", had, d.Head, d.Body)
			}
			if inside := !bytes.Contains(d.Head, []byte("boundary=\"=_")); had && inside != (c.way == footInside) {
				t.Errorf("inside %v:\n%s%s", inside, d.Head, d.Body)
			}
		})
	}
}

// TestFooterParts reads copies with an independent MIME reader: the last part
// is the footer, the others are what the author sent, byte for byte.
func TestFooterParts(t *testing.T) {
	t.Parallel()
	const footer = "dev, die Liste für alle\n-- \nhttps://lists.example.org/dev/ " + "a line that is longer than seventy-eight bytes, and goes on"
	for _, name := range []string{"plain", "text", "alternative", "bare"} {
		raw := fixture(t, name+".eml")
		l := aList(nil)
		if err := SetOption(&l, "footer", footer); err != nil {
			t.Fatal(err)
		}
		d := Dress(aSource(l, raw), aSite())
		parts := readParts(t, slices.Concat(d.Head, d.Body))
		if len(parts) != 2 {
			t.Fatalf("%s: %d parts", name, len(parts))
		}
		_, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
		if parts[0] != string(body) {
			t.Errorf("%s: first part\n%q\nwant\n%q", name, parts[0], body)
		}
		if want := strings.ReplaceAll(l.Footer, "\n", "\r\n"); parts[1] != want {
			t.Errorf("%s: footer\n%q\nwant\n%q", name, parts[1], want)
		}
	}
}

// readParts is the text of each part of a multipart; of quoted-printable ones,
// decoded.
func readParts(t *testing.T, raw []byte) (parts []string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, string(b))
	}
}

// TestFooterSameOnRetry: two calls make the same copy, two mails different
// boundaries.
func TestFooterSameOnRetry(t *testing.T) {
	t.Parallel()
	l := aList(func(l *List) { l.Footer = "x" })
	a, b := aSource(l, fixture(t, "plain.eml")), aSource(l, fixture(t, "text.eml"))
	one, two, three := Dress(a, aSite()), Dress(a, aSite()), Dress(b, aSite())
	if !bytes.Equal(one.Head, two.Head) || !bytes.Equal(one.Body, two.Body) {
		t.Error("the same mail was dressed in two ways")
	}
	if bytes.Equal(one.Body[:30], three.Body[:30]) {
		t.Error("two mails share a boundary")
	}
}
