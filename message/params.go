package message

import (
	"strconv"
	"strings"
)

// maxParams is how many parameters of one field are read.
const maxParams = 200

// params are the parameters of a Content-Type or Content-Disposition field by
// their names in lower case, as written: see get for those that RFC 2231 cuts
// and encodes.
type params map[string]string

// parseParams reads a value with parameters (RFC 2045, 5.1) and what is written
// instead of one: values without quotes that need them, quotes that do not
// close, missing semicolons at the end. The first of two with one name wins.
func parseParams(value string) (kind string, p params) {
	if len(value) > maxValue {
		value = value[:maxValue]
	}
	kind, rest, _ := strings.Cut(value, ";")
	kind, _, _ = strings.Cut(kind, "(")
	for len(p) < maxParams && rest != "" {
		rest = strings.TrimLeft(rest, "; \t\r\n")
		end := strings.IndexAny(rest, "=;")
		if end < 0 {
			break
		}
		name := strings.ToLower(strings.TrimSpace(rest[:end]))
		var text string
		if rest[end] == '=' {
			text, rest = cutParam(strings.TrimLeft(rest[end+1:], " \t\r\n"))
		} else {
			rest = rest[end:]
		}
		if _, seen := p[name]; !seen && name != "" {
			if p == nil {
				p = params{}
			}
			p[name] = text
		}
	}
	return strings.ToLower(strings.TrimSpace(kind)), p
}

// cutParam reads the value that starts s.
func cutParam(s string) (text, rest string) {
	if strings.HasPrefix(s, `"`) {
		if _, end := unquote(s); end > 0 {
			_, rest, _ = strings.Cut(s[end:], ";")
			return unquoteParam(s[1 : end-1]), rest
		}
		s = s[1:]
	}
	text, rest, _ = strings.Cut(s, ";")
	// A comment may follow (RFC 2045, 5.1: us-ascii (Plain text)).
	text, _, _ = strings.Cut(text, " (")
	return strings.TrimSpace(text), rest
}

// unquoteParam leaves backslashes that quote nothing: some write file names
// with those of their folders.
func unquoteParam(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(s)
}

// get returns a parameter as text; extended and cut ones (RFC 2231, 3 and 4)
// before the plain one.
func (p params) get(name string) string {
	if v, ok := p[name+"*"]; ok {
		return decodeExtended([]string{v + "*"})
	}
	var pieces []string
	for n := 0; n < maxParams; n++ {
		key := name + "*" + strconv.Itoa(n)
		if v, ok := p[key+"*"]; ok {
			pieces = append(pieces, v+"*")
		} else if v, ok := p[key]; ok {
			pieces = append(pieces, v)
		} else {
			break
		}
	}
	if pieces != nil {
		return decodeExtended(pieces)
	}
	return p[name]
}

// decodeExtended joins pieces of a value; a star at the end of a piece says
// that it is percent-encoded. The first of those starts with charset'language'.
func decodeExtended(pieces []string) string {
	var b []byte
	charset, named := "", false
	for _, s := range pieces {
		s, encoded := strings.CutSuffix(s, "*")
		if !encoded {
			b = append(b, s...)
			continue
		}
		if !named {
			named = true
			if parts := strings.SplitN(s, "'", 3); len(parts) == 3 {
				charset, s = parts[0], parts[2]
			}
		}
		b = appendUnescaped(b, s)
	}
	text, _ := decodeCharset(charset, b)
	return text
}

func appendUnescaped(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	return b
}
