package message

import (
	"bytes"
	"encoding/base64"
)

const brokenBase64 = "broken base64"

// decoded returns the bytes of a part without its transfer encoding (RFC 2045,
// 6), and below them what a list's server wrote under an encoded body. What is
// broken is decoded as far as it goes; an unknown encoding is left on.
func (p *part) decoded() (b, below []byte, problem string) {
	switch p.encoding {
	case "base64":
		b, below, clean := decodeBase64(p.raw)
		if !clean {
			problem = brokenBase64
		}
		return b, below, problem
	case "quoted-printable":
		return decodeQuotedPrintable(p.raw), nil, ""
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit", "8bits", "7bits":
		return p.raw, nil, ""
	}
	return p.raw, nil, "unknown transfer encoding " + oneLine(guess([]byte(cutRunes(p.encoding, 60))))
}

// decodeQuotedPrintable decodes RFC 2045, 6.7; an equals sign that encodes
// nothing stays.
func decodeQuotedPrintable(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		line := lineAt(b, 0)
		b = b[len(line):]
		text := bytes.TrimRight(line, " \t\r\n")
		if soft := bytes.TrimSuffix(text, []byte("=")); len(soft) < len(text) {
			out = appendQuoted(out, soft)
			continue
		}
		out = appendQuoted(out, text)
		out = append(out, line[len(bytes.TrimRight(line, "\r\n")):]...)
	}
	return out
}

func appendQuoted(out, text []byte) []byte {
	for {
		i := bytes.IndexByte(text, '=')
		if i < 0 {
			return append(out, text...)
		}
		out = append(out, text[:i]...)
		if i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			out = append(out, unhex(text[i+1])<<4|unhex(text[i+2]))
			text = text[i+3:]
			continue
		}
		out = append(out, '=')
		text = text[i+1:]
	}
}

// decodeBase64 decodes what is base64 in b (RFC 2045, 6.8) and skips what is
// not. After padding, a line that cannot be base64 ends it: footers are put
// below encoded bodies. rest is what stands there; clean says that nothing was
// skipped.
func decodeBase64(b []byte) (out, rest []byte, clean bool) {
	out = make([]byte, base64.StdEncoding.DecodedLen(len(b)))
	if n, err := base64.StdEncoding.Decode(out, b); err == nil {
		return out[:n], nil, true
	}
	return salvageBase64(out[:0], b)
}

func salvageBase64(dst, b []byte) (out, rest []byte, clean bool) {
	var bits uint32
	n, padded := 0, false
	clean = true
	for i, c := range b {
		v := base64Value(c)
		switch {
		case v < 64:
			bits, n = bits<<6|uint32(v), n+1
		case c == '=':
			dst = appendQuantum(dst, bits, n)
			n, padded = 0, true
		case c == '\n' && padded && !isBase64(lineAfter(b, i)):
			return dst, b[i+1:], clean
		case c >= ' ':
			clean = false
		}
		if n == 4 {
			dst = appendQuantum(dst, bits, n)
			n = 0
		}
	}
	return appendQuantum(dst, bits, n), nil, clean
}

// appendQuantum appends the whole bytes of n base64 digits.
func appendQuantum(dst []byte, bits uint32, n int) []byte {
	bits <<= 6 * (4 - uint32(n)) & 31
	for i := 0; i < n-1; i++ {
		dst = append(dst, byte(bits>>(16-8*i)))
	}
	return dst
}

func lineAfter(b []byte, i int) []byte {
	if i+1 >= len(b) {
		return nil
	}
	return lineAt(b, i+1)
}

func isBase64(line []byte) bool {
	for _, c := range line {
		if c > ' ' && c != '=' && base64Value(c) > 63 {
			return false
		}
	}
	return true
}

// base64Value is the value of a digit, 255 for what is none.
func base64Value(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case c >= '0' && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return 255
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
