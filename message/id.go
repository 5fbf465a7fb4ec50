package message

import "strings"

// maxID is the longest Message-ID that is read: it has to fit into a line
// (RFC 5322, 2.1.1). A longer one is skipped, because a cut one could be
// another post's.
const maxID = 998

// IDs returns the Message-IDs in the value of a Message-ID, References or
// In-Reply-To field (RFC 5322, 3.6.4) in their order, without brackets. White
// space inside the brackets, which folding leaves there, is removed; junk
// between them is skipped. Without any bracket it takes the words that have an
// @, or the only one.
func IDs(value string) []string {
	if strings.IndexByte(value, '<') < 0 {
		return bareIDs(value)
	}
	var ids []string
	if n := strings.Count(value, "<"); n > 1 {
		ids = make([]string, 0, n)
	}
	for {
		i := strings.IndexByte(value, '<')
		if i < 0 {
			return ids
		}
		value = value[i+1:]
		end := strings.IndexAny(value, "<>")
		switch {
		case end < 0:
			return appendID(ids, unclosed(value))
		case value[end] == '<':
			ids = appendID(ids, unclosed(value[:end]))
			value = value[end:]
		default:
			ids = appendID(ids, value[:end])
			value = value[end+1:]
		}
	}
}

// unclosed is the id that starts s, of which the closing bracket is missing.
func unclosed(s string) string {
	word := s
	if i := strings.IndexAny(s, " \t\r\n,;"); i >= 0 {
		word = s[:i]
	}
	if strings.IndexByte(word, '@') <= 0 {
		return ""
	}
	return word
}

func bareIDs(value string) []string {
	words := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;>", r) })
	var ids []string
	for _, w := range words {
		if strings.IndexByte(w, '@') > 0 || len(words) == 1 {
			ids = appendID(ids, w)
		}
	}
	return ids
}

// appendID leaves out white space and control characters, and what is then
// empty or too long. Bytes that are not UTF-8 become U+FFFD: ids are kept and
// compared as text.
func appendID(ids []string, id string) []string {
	if !isPlain(id) || strings.IndexByte(id, ' ') >= 0 {
		id = strings.Map(func(r rune) rune {
			if isControl(r) || r == ' ' || r == '\t' || r == '\r' || r == '\n' {
				return -1
			}
			return r
		}, id)
	}
	if id == "" || len(id) > maxID {
		return ids
	}
	return append(ids, id)
}
