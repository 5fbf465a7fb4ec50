package archive

import (
	"bytes"
	"encoding/base64"
	"html"
	"io"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"strings"

	"parley/message"
)

// The raw view of a post on a list that masks addresses is the mail as it was
// received, with every address masked:
//
//   - in the header, encoded words too, but for the ids in Message-ID,
//     References and In-Reply-To;
//   - in the body, byte for byte where it is not encoded;
//   - in a part that is base64 or quoted-printable and holds text, after
//     decoding; if that changes it, it goes out as 8bit.
//
// Text in which addresses cannot be found is replaced by a sentence that says
// so. Parts that hold no text are left as they are. Signatures over a masked
// mail no longer verify: who needs the bytes is a member and has them.

// maxMaskDepth is how deep parts are looked into; deeper ones are left out.
const maxMaskDepth = 20

const leftOut = "(Left out here: addresses in this part cannot be masked.)\r\n"

// mail masks a whole mail, or a part of one with its header.
func (m *masker) mail(raw []byte, depth int) []byte {
	msg := message.Parse(raw)
	size := 0
	for _, f := range msg.Fields {
		size += len(f.Raw)
	}
	gap := len(raw) - len(msg.Body)
	if size > gap {
		return m.bytes(raw) // no header that could be told from the body
	}
	body, decoded := m.body(msg, depth)
	out := make([]byte, 0, len(raw)+256)
	for _, f := range msg.Fields {
		if decoded && strings.EqualFold(f.Name, "Content-Transfer-Encoding") {
			out = append(out, "Content-Transfer-Encoding: 8bit\r\n"...)
			continue
		}
		out = append(out, m.field(f)...)
	}
	out = append(out, raw[size:gap]...)
	return append(out, body...)
}

// idFields hold Message-IDs.
func isIDField(name string) bool {
	switch strings.ToLower(name) {
	case "message-id", "resent-message-id", "references", "in-reply-to":
		return true
	}
	return false
}

var (
	bracketed = regexp.MustCompile(`<[^<>]*>`)
	// RFC 2047, 2: one encoded word after another, which are read as one text.
	encodedWords = regexp.MustCompile(`=\?[^?\s]+\?[bBqQ]\?[^?]*\?=(\s+=\?[^?\s]+\?[bBqQ]\?[^?]*\?=)*`)
)

// field masks a header field. Old programs wrote names and addresses into
// In-Reply-To: what does not begin with a bracket is no id.
func (m *masker) field(f message.Field) []byte {
	if !isIDField(f.Name) || !strings.HasPrefix(f.Value(), "<") {
		masked := encodedWords.ReplaceAllFunc(f.Raw, m.words)
		return m.folded(m.bytes(masked))
	}
	ids := bracketed.FindAllIndex(f.Raw, -1)
	var out []byte
	done := 0
	for _, id := range ids {
		out = append(out, m.bytes(f.Raw[done:id[0]])...)
		out = append(out, f.Raw[id[0]:id[1]]...)
		done = id[1]
	}
	return append(out, m.bytes(f.Raw[done:])...)
}

// spacedAt is an @ with white space or a fold around it (RFC 5322, 4.4).
var spacedAt = regexp.MustCompile(`[ \t]*(?:\r?\n[ \t]+)?@[ \t]*(?:\r?\n[ \t]+)?`)

// folded masks addresses in a field that white space divides at their @.
func (m *masker) folded(raw []byte) []byte {
	joined := spacedAt.ReplaceAll(raw, []byte("@"))
	if len(joined) == len(raw) {
		return raw
	}
	if masked := m.bytes(joined); !bytes.Equal(masked, joined) {
		return masked
	}
	return raw
}

// words masks encoded words. They are decoded to bytes, whatever their charset
// says: an address is ASCII in nearly all.
func (m *masker) words(words []byte) []byte {
	var text []byte
	for word := range strings.FieldsSeq(string(words)) {
		parts := strings.SplitN(word, "?", 5)
		if len(parts) != 5 {
			return words
		}
		if strings.EqualFold(parts[2], "b") {
			text = append(text, fromBase64([]byte(parts[3]))...)
		} else {
			text = append(text, fromQuoted([]byte(strings.ReplaceAll(parts[3], "_", " ")))...)
		}
	}
	masked := m.text(string(text))
	if masked == string(text) {
		return words
	}
	return []byte(mime.QEncoding.Encode("utf-8", strings.ToValidUTF8(clean(masked), "?")))
}

// body masks the body of a mail or part; decoded tells that its transfer
// encoding was taken off.
func (m *masker) body(msg *message.Message, depth int) (masked []byte, decoded bool) {
	kind, params := mediaType(msg.Get("Content-Type"))
	if kind == "" {
		kind = "text/plain" // RFC 2045, 5.2
	}
	var plain []byte
	switch encoding, _, _ := strings.Cut(strings.ToLower(msg.Get("Content-Transfer-Encoding")), " "); encoding {
	case "base64":
		plain = fromBase64(msg.Body)
	case "quoted-printable":
		plain = fromQuoted(msg.Body)
	default:
		if boundary := params["boundary"]; boundary != "" && strings.HasPrefix(kind, "multipart/") {
			return m.parts(msg.Body, boundary, depth+1), false
		}
		if !isText(kind) && isOpaque(msg.Body) {
			return m.bytes(msg.Body), false // binary, but its ASCII can be read as it stands
		}
		return m.part(kind, msg.Body, depth), false
	}
	masked = m.part(kind, plain, depth)
	if bytes.Equal(masked, plain) {
		return msg.Body, false
	}
	return crlf(masked), true
}

// part masks the decoded content of a part.
func (m *masker) part(kind string, content []byte, depth int) []byte {
	switch {
	case isOpaque(content):
		if isText(kind) {
			return []byte(leftOut)
		}
		return content
	case kind == "message/rfc822" || kind == "message/global":
		if depth >= maxMaskDepth {
			return []byte(leftOut)
		}
		return m.mail(content, depth+1)
	}
	masked := m.bytes(content)
	if strings.HasSuffix(kind, "html") || strings.HasSuffix(kind, "xml") {
		plain := html.UnescapeString(string(masked))
		if m.text(plain) != plain {
			return []byte(leftOut) // an address written in entities
		}
	}
	return masked
}

func isText(kind string) bool {
	return strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "message/")
}

// isOpaque tells content in which an address does not stand as ASCII: binary,
// UTF-16, UTF-32, UTF-7.
func isOpaque(content []byte) bool {
	return bytes.IndexByte(content, 0) >= 0 || bytes.Contains(content, []byte("+AEA"))
}

// parts masks every part of a multipart body, and what stands around them.
func (m *masker) parts(body []byte, boundary string, depth int) []byte {
	if depth > maxMaskDepth {
		return []byte(leftOut)
	}
	out := make([]byte, 0, len(body)+256)
	inside, done := false, 0
	flush := func(to int) {
		if inside {
			out = append(out, m.mail(body[done:to], depth)...)
		} else {
			out = append(out, m.bytes(body[done:to])...)
		}
	}
	for from := 0; ; {
		start, end, last := nextDelimiter(body, from, boundary)
		if start < 0 {
			flush(len(body))
			return out
		}
		start = max(start, done) // two delimiters may share the line end between them
		flush(start)
		out = append(out, body[start:end]...)
		inside, done, from = !last, end, end
	}
}

// nextDelimiter finds the next line that parts the body at or after from
// (RFC 2046, 5.1.1), with the line end before it, which belongs to it.
func nextDelimiter(body []byte, from int, boundary string) (start, end int, last bool) {
	mark := []byte("--" + boundary)
	for {
		i := bytes.Index(body[from:], mark)
		if i < 0 {
			return -1, 0, false
		}
		start, after := from+i, from+i+len(mark)
		from = after
		if start > 0 && body[start-1] != '\n' {
			continue
		}
		rest := body[after:]
		if eol := bytes.IndexByte(rest, '\n'); eol >= 0 {
			rest = rest[:eol+1]
		}
		tail := strings.TrimSpace(string(rest))
		if tail != "" && tail != "--" {
			continue
		}
		end := after + len(rest)
		if start > 0 {
			start--
		}
		if start > 0 && body[start] == '\n' && body[start-1] == '\r' {
			start--
		}
		return start, end, tail == "--"
	}
}

// mediaType reads a Content-Type, also one that is broken behind its type.
func mediaType(value string) (kind string, params map[string]string) {
	kind, params, err := mime.ParseMediaType(value)
	if err == nil {
		return kind, params
	}
	kind, rest, _ := strings.Cut(value, ";")
	params = map[string]string{}
	if i := strings.Index(strings.ToLower(rest), "boundary="); i >= 0 {
		b := rest[i+len("boundary="):]
		if quoted, ok := strings.CutPrefix(b, `"`); ok {
			b, _, _ = strings.Cut(quoted, `"`)
		} else if end := strings.IndexAny(b, "; \t"); end >= 0 {
			b = b[:end]
		}
		params["boundary"] = b
	}
	return strings.ToLower(strings.TrimSpace(kind)), params
}

// fromBase64 decodes as much as there is, and passes over what is none of it.
func fromBase64(b []byte) []byte {
	letters := bytes.Map(func(r rune) rune {
		if r < 0x80 && (isAlnum(byte(r)) || r == '+' || r == '/') {
			return r
		}
		return -1
	}, b)
	if len(letters)%4 == 1 {
		letters = letters[:len(letters)-1]
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(letters)))
	n, _ := base64.RawStdEncoding.Decode(out, letters) // what is decoded counts, whatever comes behind
	return out[:n]
}

// fromQuoted decodes quoted-printable. From a line on that is broken, the rest
// is taken as it is.
func fromQuoted(b []byte) []byte {
	r := bytes.NewReader(b)
	out, err := io.ReadAll(quotedprintable.NewReader(r))
	if err != nil {
		return bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("=\r\n"), nil), []byte("=40"), []byte("@"))
	}
	return out
}

// crlf gives decoded text the line ends of mail.
func crlf(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

func (m *masker) bytes(b []byte) []byte {
	if masked := m.text(string(b)); masked != string(b) {
		return []byte(masked)
	}
	return b
}
