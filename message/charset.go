package message

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// decodeCharset turns bytes of a named charset into valid UTF-8. Where the
// charset is unknown it guesses, and problem says so.
func decodeCharset(name string, b []byte) (text, problem string) {
	name = strings.TrimPrefix(strings.ToLower(strings.Trim(name, " \t\r\n\"'")), "charset=")
	switch name {
	case "", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "unknown", "default", "8bit", "utf-8", "utf8":
		return guess(b), ""
	}
	if enc := findEncoding(name); enc != nil {
		out, err := enc.NewDecoder().Bytes(b)
		if err == nil {
			return strings.ToValidUTF8(string(out), "\ufffd"), ""
		}
	} else if r, err := charset.Reader(name, bytes.NewReader(b)); err == nil {
		if out, err := io.ReadAll(r); err == nil {
			return strings.ToValidUTF8(string(out), "\ufffd"), ""
		}
	}
	return guess(b), "unknown charset " + oneLine(cutRunes(guess([]byte(name)), 60))
}

// findEncoding knows a charset as browsers do: mail that says ISO-8859-1 means
// Windows-1252, and GB2312 means GBK. What they refuse (their "replacement"),
// or take for something else than mail does, is left to go-message; UTF-16
// without a byte order mark is big-endian in mail (RFC 2781, 4.3).
func findEncoding(name string) encoding.Encoding {
	if strings.HasPrefix(name, "utf-16") {
		return nil
	}
	enc, err := htmlindex.Get(name)
	if err != nil || enc == encoding.Replacement {
		return nil
	}
	return enc
}

// guess makes text of bytes whose charset is not known, or is not what was
// said: UTF-8 when they are that but for a few broken bytes, otherwise
// Windows-1252.
func guess(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	if hasMultibyte(b) {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	return string(out)
}

// hasMultibyte says whether b has at least as many whole characters of several
// bytes as places with broken ones.
func hasMultibyte(b []byte) bool {
	good, bad, broken := 0, 0, false
	for len(b) > 0 {
		r, n := utf8.DecodeRune(b)
		switch wasBroken := broken; {
		case r == utf8.RuneError && n == 1:
			broken = true
			if !wasBroken {
				bad++
			}
		case n > 1:
			good++
			broken = false
		default:
			broken = false
		}
		b = b[n:]
	}
	return good >= bad
}
