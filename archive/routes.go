package archive

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"parley/list"
	"parley/templates"
)

// visit is one request on its way to its page.
type visit struct {
	ctx context.Context
	w   http.ResponseWriter
	r   *http.Request

	list *list.List // nil until a list is open to this reader
	mask *masker    // hides the addresses of the list; nil: they are shown
	args []string   // what stands in the holes of the route
	etag string     // "" for answers that are not kept
}

// route is one kind of page below /{list}/. A {hole} takes one segment of the
// path; a page's pattern ends in a slash, that of a file does not.
type route struct {
	pattern string
	serve   func(*Handler, *visit) error
}

// listRoutes is everything that stands below /{list}/. Tests walk this table,
// so a new route cannot be forgotten by them.
func listRoutes() []route {
	return []route{
		{"", (*Handler).threads},
		{"{key}/", (*Handler).thread},
		{"{key}/raw", (*Handler).raw},
		{"{key}/attachment/{n}/{name}", (*Handler).attachment},
	}
}

// match puts the path's segments into the holes of the pattern.
func (rt route) match(segments []string) (args []string, ok bool) {
	parts := strings.Split(rt.pattern, "/")
	if len(parts) != len(segments) {
		return nil, false
	}
	for i, part := range parts {
		switch hole := strings.HasPrefix(part, "{"); {
		case hole && segments[i] != "" && (part != "{key}" || isKey(segments[i])):
			args = append(args, segments[i])
		case hole || part != segments[i]:
			return nil, false
		}
	}
	return args, true
}

// isKey tells what can name a post: an id with an @ in it, or ~ and a number.
func isKey(s string) bool {
	return len(s) <= maxKey && (strings.HasPrefix(s, "~") || strings.Contains(s, "@"))
}

// errNoPage is every 404: whoever asks for a private list, a removed one or
// one that never was reads the same words.
func errNoPage() error {
	return list.Errorf(list.Unknown, "There is nothing at this address. It may have been mistyped, or moved")
}

// dispatch finds the page of a request. The path is split before it is
// unescaped, because a Message-ID may hold slashes.
func (h *Handler) dispatch(v *visit) error {
	if len(v.r.RequestURI) > maxURI {
		h.problem(v, http.StatusRequestURITooLong, "")
		return nil
	}
	path, ok := strings.CutPrefix(v.r.URL.EscapedPath(), h.base+"/")
	if ok && isLink(path) {
		return h.link(v, path)
	}
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		v.w.Header().Set("Allow", "GET, HEAD")
		v.w.Header().Set("Connection", "close") // whatever the body is, it is not read
		h.problem(v, http.StatusMethodNotAllowed, "")
		return nil
	}
	if !ok {
		return errNoPage()
	}
	switch path {
	case "":
		return h.front(v)
	case "style.css":
		return h.static(v, "text/css; charset=utf-8", h.pages.Style())
	case "favicon.ico":
		return h.static(v, "image/svg+xml", h.pages.Icon())
	case "robots.txt":
		return h.static(v, "text/plain; charset=utf-8", h.robots())
	}
	segments, err := unescape(path)
	if err != nil {
		return err
	}
	return h.below(v, segments)
}

// unescape splits a path into its segments. Nothing that a file system or a
// proxy could take for something else gets past it.
func unescape(path string) ([]string, error) {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		s, err := url.PathUnescape(s)
		last := i == len(segments)-1
		if err != nil || s == "." || s == ".." || (s == "" && (!last || i == 0)) || strings.ContainsFunc(s, isControl) {
			return nil, errNoPage()
		}
		segments[i] = s
	}
	return segments, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// below serves a page of a list.
func (h *Handler) below(v *visit, segments []string) error {
	l, err := h.open(v.ctx, segments[0])
	if err != nil {
		return err
	}
	v.list = &l
	if l.Masked {
		v.mask = &masker{base: h.site.URL + "/", own: l.Address}
	}
	for _, rt := range h.routes {
		if args, ok := rt.match(segments[1:]); ok {
			v.args = args
			return h.kept(v, rt)
		}
		if _, ok := rt.match(append(segments[1:len(segments):len(segments)], "")); ok {
			return h.toSlash(v)
		}
	}
	return errNoPage()
}

// open is the one check that stands before everything of a list: it exists, it
// is not removed, and its archive is public. Every other list is unknown.
func (h *Handler) open(ctx context.Context, name string) (list.List, error) {
	lists, err := h.lists.Lists(ctx)
	if err != nil {
		return list.List{}, err
	}
	for _, l := range lists {
		if h.nameOf(l) == name && isOpen(l) {
			return l, nil
		}
	}
	return list.List{}, errNoPage()
}

func isOpen(l list.List) bool { return !l.Removed && l.Archive == list.ArchivePublic }

// nameOf is the path segment of a list: its local part in the first domain,
// else its whole address.
func (h *Handler) nameOf(l list.List) string {
	if len(h.site.Domains) > 0 && strings.EqualFold(l.Domain(), h.site.Domains[0]) {
		return l.Local()
	}
	return l.Address
}

// kept answers 304 when the reader has the page already, before anything but
// the list's version is read, and serves it otherwise.
func (h *Handler) kept(v *visit, rt route) error {
	version, err := h.store.Version(v.ctx, v.list.ID)
	if err != nil {
		return err
	}
	v.etag = h.versionTag(v, version)
	if h.notModified(v) {
		return nil
	}
	return rt.serve(h, v)
}

// toSlash leads to the same page with a slash at its end. The address is made
// of the path alone: the Host that a client claims is never used.
func (h *Handler) toSlash(v *visit) error {
	to := v.r.URL.EscapedPath() + "/"
	if v.r.URL.RawQuery != "" {
		to += "?" + v.r.URL.RawQuery
	}
	v.w.Header().Set("Location", to)
	v.w.Header().Set("Cache-Control", "no-cache")
	v.w.WriteHeader(http.StatusMovedPermanently)
	return nil
}

// href is the address of a page: the segments behind the site's path, each
// escaped. A segment "" at the end makes the slash.
func (h *Handler) href(segments ...string) string {
	var b strings.Builder
	b.WriteString(h.base)
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// head is the list as its pages name it.
func (h *Handler) head(l list.List) templates.ListHead {
	head := templates.ListHead{
		Name:        clean(l.Local()),
		Href:        href(h.href(h.nameOf(l), "")),
		Description: clean(l.Description),
		Address:     clean(l.Address),
	}
	if l.Masked {
		head.Description = (&masker{own: l.Address}).text(head.Description)
	}
	if l.Post != list.Nobody {
		head.Mailto = href("mailto:" + mailtoEscape(l.Address))
	}
	return head
}
