package archive

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/list"
	"parley/templates"
)

// front is the page of all lists that everybody may read.
func (h *Handler) front(v *visit) error {
	lists, err := h.lists.Lists(v.ctx)
	if err != nil {
		return err
	}
	view := templates.Lists{Frame: h.frame(v, "Discussion lists at "+h.siteName())}
	view.Canonical = h.canonical("")
	for _, l := range lists {
		if isOpen(l) {
			view.Lists = append(view.Lists, h.head(l))
		}
	}
	var b bytes.Buffer
	if err := h.pages.Write(&b, view); err != nil {
		return err
	}
	v.etag = h.tag("front %x", sha256.Sum256(b.Bytes()))
	if h.notModified(v) {
		return nil
	}
	return h.send(v, http.StatusOK, "text/html; charset=utf-8", b.Bytes())
}

// threads is one page of a list's threads.
func (h *Handler) threads(v *visit) error {
	before, err := parseCursor(v.r.URL.Query().Get("before"))
	if err != nil {
		return err
	}
	rows, err := h.store.Threads(v.ctx, v.list.ID, before, h.pageSize+1) // one more tells whether there is a next page
	if err != nil {
		return err
	}
	view := templates.Threads{Frame: h.frame(v, clean(v.list.Local())+", a discussion list")}
	here := string(view.List.Href)
	if len(rows) > h.pageSize {
		rows = rows[:h.pageSize]
		last := rows[len(rows)-1]
		view.Older = href(here + "?before=" + formatCursor(list.Cursor{Last: last.Last, ID: last.ID}))
	}
	if before != (list.Cursor{}) {
		view.Newest = href(here)
		view.Bare = true // these pages move with every post
	} else {
		view.Canonical = h.canonical(h.nameOf(*v.list), "")
	}
	for _, row := range rows {
		view.Threads = append(view.Threads, h.threadLine(v, row))
	}
	return h.page(v, http.StatusOK, view)
}

func (h *Handler) threadLine(v *visit, row list.ThreadRow) templates.ThreadLine {
	return templates.ThreadLine{
		Href:    href(h.href(h.nameOf(*v.list), row.Key, "")),
		Subject: orElse(bareSubject(v.mask.line(row.Subject)), noSubject),
		From:    shorten(orElse(v.mask.line(row.From), "somebody"), maxName),
		Posts:   row.Posts,
		Last:    templates.NewStamp(row.Last),
	}
}

func orElse(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}

// formatCursor writes a cursor for an address: nanoseconds since 1970 and the
// thread's number.
func formatCursor(c list.Cursor) string {
	return strconv.FormatInt(c.Last.UnixNano(), 10) + "-" + strconv.FormatInt(int64(c.ID), 10)
}

// parseCursor reads what formatCursor wrote; "" is the zero cursor.
func parseCursor(s string) (list.Cursor, error) {
	if s == "" {
		return list.Cursor{}, nil
	}
	nanos, id, ok := strings.Cut(s, "-")
	last, err1 := strconv.ParseInt(nanos, 10, 64)
	number, err2 := strconv.ParseInt(id, 10, 64)
	if !ok || err1 != nil || err2 != nil || last < 0 || number < 0 {
		return list.Cursor{}, list.Errorf(list.Malformed, "This link to older threads is broken")
	}
	return list.Cursor{Last: time.Unix(0, last).UTC(), ID: list.ThreadID(number)}, nil
}
