package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"parley/list"
	"parley/templates"
)

// policy lets a page load its style and its icon from here, and nothing else
// from anywhere.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'"

// secure sets the headers that every answer has.
func secure(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// href marks an address as safe for a page. It is only called with addresses
// that href and mailtoEscape made.
func href(s string) template.URL { return template.URL(s) }

// frame is the frame of a page.
func (h *Handler) frame(v *visit, title string) templates.Frame {
	f := templates.Frame{
		Title: title,
		Site:  h.siteName(),
		Home:  href(h.href("")),
		Style: href(h.href("style.css") + "?v=" + h.pages.Fingerprint()),
		Icon:  href(h.href("favicon.ico")),
	}
	if v.list != nil {
		head := h.head(*v.list)
		f.List = &head
	}
	return f
}

func (h *Handler) siteName() string {
	if len(h.site.Domains) > 0 {
		return clean(h.site.Domains[0])
	}
	return clean(h.site.Hostname)
}

// canonical is the whole address of a page, as search engines should know it.
func (h *Handler) canonical(segments ...string) template.URL {
	return href(strings.TrimSuffix(h.site.URL, h.base) + h.href(segments...))
}

// page sends a page. It is made whole before its first byte goes out, so that
// a slow reader holds no read of the database.
func (h *Handler) page(v *visit, status int, view templates.Page) error {
	var b bytes.Buffer
	if err := h.pages.Write(&b, view); err != nil {
		return err
	}
	return h.send(v, status, "text/html; charset=utf-8", b.Bytes())
}

// send sends an answer that is whole in memory.
func (h *Handler) send(v *visit, status int, contentType string, body []byte) error {
	if !h.memory.take(len(body)) {
		return list.Errorf(list.Temporary, "Many large posts are being read at this moment. Please try again soon")
	}
	defer h.memory.give(len(body))
	header := v.w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if status != http.StatusOK {
		header.Set("Cache-Control", "no-store")
	} else if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", "no-cache") // kept, but asked for each time: see ETag
	}
	if v.etag != "" && status == http.StatusOK {
		header.Set("ETag", v.etag)
	}
	v.w.WriteHeader(status)
	_, err := v.w.Write(body)
	if err != nil {
		h.log.Debug("reader went away", "path", loggable(v.r.URL.Path), "err", err)
	}
	return nil
}

// versionTag is the ETag of a list's page: it changes with the list, its
// options, the templates, the site and the address that was asked for. It is
// weak, because the same page goes out compressed and plain (RFC 9110, 8.8.1).
func (h *Handler) versionTag(v *visit, version int64) string {
	return h.tag("%d %d %v %s %s %s", v.list.ID, version, v.list.Masked, v.list.Address, h.site.URL, v.r.URL.RequestURI())
}

func (h *Handler) tag(format string, a ...any) string {
	sum := sha256.Sum256([]byte(h.pages.Fingerprint() + " " + fmt.Sprintf(format, a...)))
	return `W/"` + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:10])) + `"`
}

// notModified answers 304 when the reader already has v.etag (RFC 9110, 13.1.2).
func (h *Handler) notModified(v *visit) bool {
	for _, given := range v.r.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(given, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if "W/"+tag != v.etag {
				continue
			}
			v.w.Header().Set("ETag", v.etag)
			if v.w.Header().Get("Cache-Control") == "" {
				v.w.Header().Set("Cache-Control", "no-cache")
			}
			v.w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// static sends a file of the program. Pages name the style sheet with its
// fingerprint, so it may be kept for a day.
func (h *Handler) static(v *visit, contentType string, body []byte) error {
	v.etag = h.tag("%s %x", contentType, sha256.Sum256(body))
	v.w.Header().Set("Cache-Control", "public, max-age=86400")
	if h.notModified(v) {
		return nil
	}
	return h.send(v, http.StatusOK, contentType, body)
}

// robots lets everybody read the pages, and leaves the files behind them alone,
// and the links of mails.
func (h *Handler) robots() []byte {
	return fmt.Appendf(nil, "User-agent: *\nDisallow: %[1]s/u/\nDisallow: %[1]s/*/*/attachment/\nDisallow: %[1]s/*/*/raw$\n", h.base)
}

// problem sends the page of whatever went wrong. text is one sentence without
// a full stop; without it the page has words of its own.
func (h *Handler) problem(v *visit, status int, text string) {
	words := map[int][2]string{
		http.StatusBadRequest:            {"That is not understood", "Something in this address is broken"},
		http.StatusForbidden:             {"Not here", "The list's rules say no"},
		http.StatusNotFound:              {"Nothing here", "There is nothing at this address"},
		http.StatusMethodNotAllowed:      {"For reading only", "These pages can be read, and not written to"},
		http.StatusRequestURITooLong:     {"That address is too long", "No page here has an address of this length"},
		http.StatusRequestEntityTooLarge: {"Too large", "That is larger than what is shown here"},
		http.StatusInternalServerError:   {"A mistake of ours", "This page could not be made. It has been noted"},
		http.StatusServiceUnavailable:    {"Back in a moment", "This page cannot be shown right now. Please try again soon"},
	}
	word, ok := words[status]
	if !ok {
		word = [2]string{"Something went wrong", "This page cannot be shown"}
	}
	if text == "" {
		text = word[1]
	}
	if status == http.StatusServiceUnavailable {
		v.w.Header().Set("Retry-After", "10") // seconds
	}
	v.w.Header().Del("Content-Disposition")
	v.etag = ""
	view := templates.Problem{Frame: h.frame(v, word[0]), Heading: word[0], Text: clean(text) + "."}
	view.Bare = true
	if err := h.page(v, status, view); err != nil {
		h.log.Error("problem page failed", "err", err)
		v.w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// budget is a number of bytes of memory for large answers. It is taken without
// waiting: whoever comes when it is used up is asked to come again.
type budget struct {
	mu   sync.Mutex
	free int
}

// smallAnswer is the size in bytes up to which answers are not counted: they
// fit into the buffers that each connection has anyway.
const smallAnswer = 64 << 10

func (b *budget) take(n int) bool {
	if n <= smallAnswer {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > b.free {
		return false
	}
	b.free -= n
	return true
}

func (b *budget) give(n int) {
	if n <= smallAnswer {
		return
	}
	b.mu.Lock()
	b.free += n
	b.mu.Unlock()
}
