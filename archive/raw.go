package archive

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"parley/list"
	"parley/message"
)

// raw shows a post as it was received: to the byte, or, on a list that masks
// addresses, with every one of them masked (see maskraw.go).
func (h *Handler) raw(v *visit) error {
	post, err := h.findPost(v)
	if err != nil {
		return err
	}
	raw, err := h.rawOf(v, post)
	if err != nil {
		return err
	}
	if v.mask != nil {
		raw = v.mask.mail(raw, 0)
	}
	kind := "text/plain"
	if utf8.Valid(raw) {
		kind += "; charset=utf-8"
	}
	v.w.Header().Set("Content-Disposition", `inline; filename="`+asciiName(v.list.Local())+"-"+
		strconv.FormatInt(post.Number, 10)+`.eml"`)
	return h.send(v, http.StatusOK, kind, raw)
}

// rawOf reads the bytes of a post, when there is memory for them.
func (h *Handler) rawOf(v *visit, post list.PostRow) ([]byte, error) {
	size := int(post.Size)
	if !h.memory.take(size) {
		return nil, list.Errorf(list.Temporary, "Many large posts are being read at this moment. Please try again soon")
	}
	defer h.memory.give(size)
	return h.store.Raw(v.ctx, v.list.ID, post.ID)
}

// attachment sends a file for saving. Whatever its sender called it, a browser
// does not open it as a page of ours.
func (h *Handler) attachment(v *visit) error {
	post, err := h.findPost(v)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(v.args[1])
	if err != nil || n < 1 || strconv.Itoa(n) != v.args[1] {
		return errNoFile()
	}
	raw, err := h.rawOf(v, post)
	if err != nil {
		return err
	}
	file, content, err := message.OpenAttachment(raw, n)
	if err != nil || fileName(v.mask, file) != v.args[2] {
		return errNoFile()
	}
	if v.mask != nil {
		content = v.mask.part(file.Type, content, 0)
	}
	header := v.w.Header()
	header.Set("Content-Security-Policy", policy+"; sandbox")
	header.Set("Content-Disposition", disposition(v.args[2]))
	return h.send(v, http.StatusOK, "application/octet-stream", content)
}

func errNoFile() error {
	return list.Errorf(list.Unknown, "This post has no such attachment")
}

// disposition asks the browser to save a file under this name: in ASCII for
// old ones, and in UTF-8 (RFC 6266, 4.3; RFC 8187).
func disposition(name string) string {
	return `attachment; filename="` + asciiName(name) + `"; filename*=UTF-8''` + extValue(name)
}

// asciiName is a name without what a quoted string or a file system could
// take for something else. Its type stays at its end.
func asciiName(name string) string {
	s := strings.Map(func(r rune) rune {
		if r < 0x80 && (isAlnum(byte(r)) || strings.ContainsRune("-._ ()+,=@", r)) {
			return r
		}
		return '_'
	}, name)
	if len(s) > 100 {
		s = s[:60] + "_" + s[len(s)-39:]
	}
	return strings.TrimLeft(s, ".")
}

// extValue percent-encodes all but attr-char (RFC 8187, 3.2.1).
func extValue(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; isAlnum(c) || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
