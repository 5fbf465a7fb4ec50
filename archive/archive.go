// Package archive shows, over HTTP: the lists, their threads, and every post
// as text, raw, and with its attachments; and the page of a mail's unsubscribe
// link, whose buttons go to the list's desk. Everything else only reads. It sets
// no cookie, needs no script, and answers for a list whose archive is not public
// exactly as it does for a list that does not exist. It knows nothing of SMTP or SQL.
package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzhttp"

	"parley/list"
	"parley/message"
	"parley/templates"
)

// Store is what the pages need of a database. It is asked for reading only,
// and it caps how many reads run at once, so that a crawler cannot starve the mail.
type Store interface {
	// Threads is up to n threads, the newest activity first, that come after
	// the cursor; a zero cursor begins with the newest.
	Threads(ctx context.Context, l list.ListID, before list.Cursor, n int) ([]list.ThreadRow, error)
	// Thread is a whole thread in reading order.
	Thread(ctx context.Context, l list.ListID, t list.ThreadID) ([]list.Node, error)
	// FindPost finds a post by its Message-ID or by ~ and its number; an
	// Error of kind Unknown when there is none.
	FindPost(ctx context.Context, l list.ListID, key string) (list.PostRow, error)
	// Raw is the bytes of a post as received.
	Raw(ctx context.Context, l list.ListID, p list.PostID) ([]byte, error)
	// Version changes with every post and every option of a list.
	Version(ctx context.Context, l list.ListID) (int64, error)
}

// Lists knows every list, removed ones too. It is asked for each request.
type Lists interface {
	Lists(ctx context.Context) ([]list.List, error)
}

// Config is what a Handler is made from.
type Config struct {
	Site      list.Site
	Store     Store
	Lists     Lists
	Desk      Desk             // nil: no link of a mail leads anywhere
	Templates *templates.Set   // nil: parsed here
	Log       *slog.Logger     // nil: slog.Default()
	Deadline  time.Duration    // for all reads of one request; 0: 5 s
	PageSize  int              // threads on a page; 0: 50
	Now       func() time.Time // nil: time.Now
}

// Handler serves the pages. It is safe for concurrent use and has no state
// but its counters.
type Handler struct {
	site     list.Site
	base     string // path of Site.URL, without a slash at the end; mostly ""
	store    Store
	lists    Lists
	desk     Desk
	pages    *templates.Set
	log      *slog.Logger
	deadline time.Duration
	pageSize int
	now      func() time.Time

	routes  []route
	read    func(raw []byte) message.View // makes the text of a post that has none yet
	readers chan struct{}                 // one for each post that is being read right now
	memory  *budget
	zipped  http.Handler
	panics  atomic.Int64
}

const (
	defaultDeadline = 5 * time.Second
	defaultPageSize = 50
	maxReaders      = 2        // posts whose MIME is read at the same moment
	maxInFlight     = 96 << 20 // bytes of large answers held for slow clients
	maxURI          = 8000     // bytes: an id of 998 bytes, each percent-encoded, and a file name
)

// New makes a Handler. It fails when the templates are broken or the site's
// URL is not one that links can be made from.
func New(c Config) (*Handler, error) {
	base, err := basePath(c.Site.URL)
	if err != nil {
		return nil, err
	}
	h := &Handler{site: c.Site, base: base, store: c.Store, lists: c.Lists, desk: c.Desk, pages: c.Templates,
		log: c.Log, deadline: c.Deadline, pageSize: c.PageSize, now: c.Now, routes: listRoutes(), read: message.Read,
		readers: make(chan struct{}, maxReaders), memory: &budget{free: maxInFlight}}
	h.site.URL = strings.TrimRight(c.Site.URL, "/")
	if h.deadline <= 0 {
		h.deadline = defaultDeadline
	}
	if h.pageSize <= 0 {
		h.pageSize = defaultPageSize
	}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.now == nil {
		h.now = time.Now
	}
	if h.pages == nil {
		if h.pages, err = templates.New(); err != nil {
			return nil, err
		}
	}
	return h, h.zip()
}

// zip puts compression around the pages. Attachments are left alone: they are
// mostly compressed already.
func (h *Handler) zip() error {
	wrap, err := gzhttp.NewWrapper(gzhttp.EnableZstd(false), gzhttp.ExceptContentTypes([]string{"application/octet-stream"}))
	if err != nil {
		return fmt.Errorf("set up compression: %w", err)
	}
	h.zipped = wrap(http.HandlerFunc(h.answer))
	return nil
}

// basePath is the path that all pages stand below: "" for https://example.org,
// "/lists" for https://example.org/lists/. A front server has to pass it on.
func basePath(site string) (string, error) {
	u, err := url.Parse(site)
	if err != nil {
		return "", fmt.Errorf("web url: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("web url %q: must be http:// or https:// with a host, without ? and #", site)
	}
	return strings.TrimRight(u.EscapedPath(), "/"), nil
}

// Panics is how many requests ended in a panic. Anything but 0 is a bug.
func (h *Handler) Panics() int64 { return h.panics.Load() }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header())
	h.zipped.ServeHTTP(w, r)
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), h.deadline)
	defer cancel()
	v := &visit{ctx: ctx, w: w, r: r}
	defer func() {
		if p := recover(); p != nil {
			h.panics.Add(1)
			h.log.Error("panic while making a page", "path", loggable(r.URL.Path), "panic", p, "stack", string(debug.Stack()))
			h.problem(v, http.StatusInternalServerError, "")
		}
	}()
	if err := h.dispatch(v); err != nil {
		h.fail(v, err)
	}
}

// fail makes the page of an error. It is the one place where an error becomes
// an HTTP status; one that nobody thought of is temporary.
func (h *Handler) fail(v *visit, err error) {
	status := statusOf(list.KindOf(err))
	if status == http.StatusServiceUnavailable {
		level := slog.LevelError
		if errors.Is(err, context.Canceled) {
			level = slog.LevelDebug // the reader went away
		}
		h.log.Log(v.ctx, level, "page failed", "path", loggable(v.r.URL.Path), "err", err)
	}
	h.problem(v, status, list.TextOf(err))
}

func statusOf(k list.Kind) int {
	switch k {
	case list.Unknown, list.Foreign:
		return http.StatusNotFound
	case list.Refused:
		return http.StatusForbidden
	case list.Malformed, list.BadAddress, list.Loop:
		return http.StatusBadRequest
	case list.TooLarge:
		return http.StatusRequestEntityTooLarge
	case list.Conflict:
		return http.StatusConflict
	default:
		return http.StatusServiceUnavailable
	}
}

// Server is an HTTP server for h whose limits leave a slow or greedy client no
// hold on it: 5 s for the header, 15 s for a request, 60 s for an answer or
// between two requests, 16 KiB of header.
func Server(h http.Handler) *http.Server {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
	if a, ok := h.(*Handler); ok {
		s.ErrorLog = slog.NewLogLogger(a.log.Handler(), slog.LevelDebug) // strangers' broken TLS and the like
	}
	return s
}
