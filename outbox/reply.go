package outbox

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"parley/list"
)

const (
	maxText       = 500  // bytes of an answer that are kept
	maxReplyText  = 8192 // bytes of a reply that are read; the rest is skipped
	maxReplyLines = 256
	readBuffer    = 4096 // also the longest reply line; RFC 5321, 4.5.3.1.5 allows 512
)

// reply is one answer of the server. The lines of its text are joined by LF.
type reply struct {
	code int
	text string
}

// errReply is a server that does not speak SMTP.
var errReply = errors.New("the server's answer is no SMTP reply")

// readReply reads one reply of one or many lines (RFC 5321, 4.2). A code that
// changes between its lines is a mistake that was seen in the wild; the last
// line's is taken, as the one that a simple client would see.
func readReply(r *bufio.Reader) (reply, error) {
	var rep reply
	for n := 0; ; n++ {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return rep, fmt.Errorf("read a reply: %w", err)
		}
		code, text, more, ok := splitReply(line)
		if !ok || n == maxReplyLines {
			return rep, fmt.Errorf("%w: %q", errReply, clip(string(line)))
		}
		rep.code = code
		rep.add(text, n)
		if !more {
			return rep, nil
		}
	}
}

func (r *reply) add(text []byte, n int) {
	switch {
	case n == 0:
		r.text = string(text)
	case len(r.text)+len(text) < maxReplyText:
		r.text += "\n" + string(text)
	}
}

// splitReply takes one line apart: three digits, then a space, a hyphen when
// more lines follow, or nothing.
func splitReply(line []byte) (code int, text []byte, more, ok bool) {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	if len(line) < 3 || line[0] < '2' || line[0] > '5' {
		return 0, nil, false, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, nil, false, false
		}
		code = code*10 + int(c-'0')
	}
	if len(line) == 3 {
		return code, nil, false, true
	}
	return code, line[4:], line[3] == '-', line[3] == '-' || line[3] == ' '
}

// answer is what the reply means for a recipient. What is neither a clear yes
// nor a clear no is Later.
func (r reply) answer() list.Answer {
	enhanced, text := r.enhanced()
	a := list.Answer{Outcome: list.Later, Code: r.code, Enhanced: enhanced, Text: clip(text)}
	switch r.code / 100 {
	case 2:
		a.Outcome = list.Delivered
	case 5:
		a.Outcome = list.Bounced
	}
	return a
}

// enhanced takes the enhanced status code off the text's first line (RFC 2034).
// One of another class than the reply is not believed.
func (r reply) enhanced() (code, text string) {
	word, rest, _ := strings.Cut(r.text, " ")
	if !isEnhanced(word) || int(word[0]-'0') != r.code/100 {
		return "", r.text
	}
	return word, strings.ReplaceAll(rest, "\n"+word+" ", "\n")
}

// isEnhanced says whether s is class.subject.detail (RFC 3463, 2).
func isEnhanced(s string) bool {
	if len(s) < 5 || len(s) > 9 || s[0] != '2' && s[0] != '4' && s[0] != '5' {
		return false
	}
	parts := strings.Split(s, ".")
	if len(parts) != 3 || len(parts[0]) != 1 {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	return true
}

// clip makes a server's words, or a local error's, fit to be kept and shown:
// one line of at most maxText bytes of UTF-8 without control characters.
func clip(s string) string {
	if len(s) <= maxText && isPlain(s) {
		return s
	}
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	for len(s) > maxText {
		_, size := utf8.DecodeLastRuneInString(s[:min(len(s), maxText+utf8.UTFMax)])
		s = s[:min(len(s), maxText+utf8.UTFMax)-size]
	}
	return strings.TrimSpace(s)
}

// isPlain says whether s is printable ASCII throughout.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
