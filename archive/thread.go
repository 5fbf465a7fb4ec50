package archive

import (
	"context"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"parley/list"
	"parley/message"
	"parley/templates"
)

// A page has room for maxPostText bytes of the text of one post and for
// maxPageText of all; what goes beyond is read raw. The post that was asked
// for comes first.
const (
	maxPostText = 512 << 10
	maxPageText = 4 << 20
)

// maxKey is the longest Message-ID in bytes: a line of a header (RFC 5322, 2.1.1).
const maxKey = 998

// findPost finds the post that the address names.
func (h *Handler) findPost(v *visit) (list.PostRow, error) {
	post, err := h.store.FindPost(v.ctx, v.list.ID, v.args[0])
	if err != nil && list.KindOf(err) == list.Unknown {
		return post, errNoPost()
	}
	return post, err
}

func errNoPost() error {
	return list.Errorf(list.Unknown, "This post is not in the archive of this list")
}

// thread is the page of a whole thread, at one of its posts.
func (h *Handler) thread(v *visit) error {
	post, err := h.findPost(v)
	if err != nil {
		return err
	}
	nodes, err := h.store.Thread(v.ctx, v.list.ID, post.Thread)
	if err != nil {
		return err
	}
	t := threadPage{h: h, v: v, nodes: nodes, here: post.ID, room: maxPageText, index: map[list.NodeID]int{}}
	if v.mask != nil {
		v.mask.ids = idsOf(nodes)
	}
	view, err := t.view()
	if err != nil {
		return err
	}
	return h.page(v, http.StatusOK, view)
}

// idsOf is the Message-IDs of posts. Those of ghosts are hearsay: some mail
// programs write the address of a person where the id belongs.
func idsOf(nodes []list.Node) map[string]bool {
	ids := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		if !n.Ghost {
			ids[n.Post.MessageID] = true
		}
	}
	return ids
}

// threadPage makes the view of a thread.
type threadPage struct {
	h       *Handler
	v       *visit
	nodes   []list.Node
	here    list.PostID // the post that was asked for
	at      string      // its anchor; "" when it is the first of the page
	subject string      // of the first post, without Re:
	room    int         // bytes of text that the page still takes
	index   map[list.NodeID]int
}

func (t *threadPage) view() (templates.Thread, error) {
	view := templates.Thread{Places: make([]templates.Place, len(t.nodes))}
	people := map[string]bool{}
	first := true
	var oldest, newest time.Time
	for i, n := range t.nodes {
		t.index[n.ID] = i
		if n.Ghost {
			continue
		}
		people[strings.ToLower(n.Post.FromAddr)] = true
		view.Posts++
		if first {
			t.subject = bareSubject(t.v.mask.line(n.Post.Subject))
			oldest = dateOf(n.Post)
			view.Canonical = t.h.canonical(t.h.nameOf(*t.v.list), n.Post.Key, "")
		}
		if n.Post.ID == t.here && !first {
			t.at = anchorOf(n)
		}
		oldest, newest = earlier(oldest, dateOf(n.Post)), later(newest, dateOf(n.Post))
		first = false
	}
	view.Frame, view.Here, view.Span = t.frame(view.Canonical), t.at, spanOf(oldest, newest)
	view.Subject, view.People = orElse(t.subject, noSubject), len(people)
	return view, t.places(view.Places)
}

const noSubject = "(no subject)"

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// spanOf is the days of a thread: 2 Mar 2026, or 27 Feb to 2 Mar 2026.
func spanOf(oldest, newest time.Time) string {
	from, to := oldest.UTC(), newest.UTC()
	last := to.Format("2 Jan 2006")
	switch {
	case from.Format("2 Jan 2006") == last:
		return last
	case from.Year() == to.Year():
		return from.Format("2 Jan") + " to " + last
	default:
		return from.Format("2 Jan 2006") + " to " + last
	}
}

func (t *threadPage) frame(canonical template.URL) templates.Frame {
	f := t.h.frame(t.v, orElse(t.subject, noSubject)+" - "+cleanLine(t.v.list.Local()))
	f.Canonical = canonical
	return f
}

// places makes every place of the page; the one that was asked for first, so
// that it has its text whatever the others need.
func (t *threadPage) places(out []templates.Place) error {
	order := make([]int, 0, len(t.nodes))
	for i, n := range t.nodes {
		if !n.Ghost && n.Post.ID == t.here {
			order = append([]int{i}, order...)
		} else {
			order = append(order, i)
		}
	}
	for _, i := range order {
		place, err := t.place(t.nodes[i])
		if err != nil {
			return err
		}
		out[i] = place
	}
	return nil
}

func (t *threadPage) place(n list.Node) (templates.Place, error) {
	p := templates.Place{Anchor: anchorOf(n), Indent: min(max(n.Depth, 0), templates.MaxIndent), Ghost: n.Ghost}
	if i, ok := t.index[n.Parent]; ok && n.Parent != n.ID {
		p.Parent, p.ParentName = anchorOf(t.nodes[i]), t.nameOf(t.nodes[i])
	}
	if n.Ghost {
		return p, nil
	}
	post, mask := n.Post, t.v.mask
	name := t.h.nameOf(*t.v.list)
	p.Here = post.ID == t.here && anchorOf(n) == t.at
	p.Name, p.Address = t.nameOf(n), t.addressOf(post)
	p.Subject = t.newSubject(n)
	at := dateOf(post)
	p.At, p.Day = templates.NewStamp(at), at.UTC().Format("2 Jan")
	p.Href = href(t.h.href(name, post.Key, ""))
	p.Raw = href(t.h.href(name, post.Key, "raw"))
	p.Reply = t.reply(post)
	view, err := t.h.viewOf(t.v.ctx, post)
	if err != nil {
		return p, err
	}
	text, cut := t.fit(view.Text)
	p.Text, p.Cut = bodyHTML(mask.text(text)), cut
	for _, a := range view.Attachments {
		p.Files = append(p.Files, t.file(post, a))
	}
	return p, nil
}

// newSubject is the subject of a post that changes it: another one than that
// of the post it answers, or of the thread.
func (t *threadPage) newSubject(n list.Node) string {
	before := t.subject
	if i, ok := t.index[n.Parent]; ok && !t.nodes[i].Ghost {
		before = bareSubject(t.v.mask.line(t.nodes[i].Post.Subject))
	}
	subject := t.v.mask.line(n.Post.Subject)
	if bareSubject(subject) == before {
		return ""
	}
	return orElse(subject, noSubject)
}

// fit cuts a text to the room that the page has for it, at the end of a line.
func (t *threadPage) fit(text string) (string, bool) {
	room := min(maxPostText, t.room)
	if len(text) <= room {
		t.room -= len(text)
		return text, false
	}
	text = text[:room]
	text = text[:strings.LastIndexByte(text, '\n')+1]
	t.room -= room
	return text, true
}

func anchorOf(n list.Node) string {
	if n.Ghost {
		return "g" + strconv.FormatInt(int64(n.ID), 10)
	}
	return "p" + strconv.FormatInt(n.Post.Number, 10)
}

// nameOf is who wrote a post; "" for a ghost.
func (t *threadPage) nameOf(n list.Node) string {
	if n.Ghost {
		return ""
	}
	mask := t.v.mask
	return shorten(orElse(mask.line(n.Post.FromName), orElse(mask.line(n.Post.FromAddr), "somebody")), maxName)
}

// addressOf is the address beside the name, where it is shown at all. A masked
// one says nothing.
func (t *threadPage) addressOf(post list.PostRow) string {
	if t.v.mask != nil || strings.TrimSpace(post.FromName) == "" || post.FromName == post.FromAddr {
		return ""
	}
	return cleanLine(post.FromAddr)
}

// reply is a link that begins an answer in the reader's mail program, with the
// fields that keep it in this thread (RFC 6068, 2).
func (t *threadPage) reply(post list.PostRow) template.URL {
	if t.v.list.Post == list.Nobody || post.MessageID == "" {
		return ""
	}
	id := mailtoEscape("<" + post.MessageID + ">")
	subject := orElse("Re: "+bareSubject(t.v.mask.line(post.Subject)), "Re: ")
	return href("mailto:" + mailtoEscape(t.v.list.Address) + "?In-Reply-To=" + id + "&References=" + id +
		"&Subject=" + mailtoEscape(subject))
}

func (t *threadPage) file(post list.PostRow, a message.Attachment) templates.File {
	name := fileName(t.v.mask, a)
	to := t.h.href(t.h.nameOf(*t.v.list), post.Key, "attachment", strconv.Itoa(a.N), name)
	return templates.File{Href: href(to), Name: name, Type: cleanLine(a.Type), Size: sizeOf(a.Size)}
}

// sizeOf is a size for people.
func sizeOf(n int64) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 1000:
		return strconv.FormatInt(n, 10) + " bytes"
	case n < 1000*1000:
		return strconv.FormatInt((n+500)/1000, 10) + " kB"
	default:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
}

// dateOf is when a post was written, or when it came, where what its author's
// clock said cannot be: it lies more than a day after the post was here.
func dateOf(post list.PostRow) time.Time {
	if post.Date.IsZero() || post.Date.After(post.Received.Add(24*time.Hour)) {
		return post.Received
	}
	return post.Date
}

// bareSubject is a subject without the marks of an answer.
func bareSubject(s string) string {
	for {
		s = strings.TrimSpace(s)
		head, rest, ok := strings.Cut(s, ":")
		switch strings.ToLower(strings.TrimSpace(head)) {
		case "re", "aw", "sv", "antw":
		default:
			return s
		}
		if !ok {
			return s
		}
		s = rest
	}
}

// viewOf is the text and the attachments of a post. They follow the post by
// about a second; until then they are made here, for few posts at a time.
func (h *Handler) viewOf(ctx context.Context, post list.PostRow) (message.View, error) {
	if post.Ready {
		return message.View{Text: post.Text, Attachments: post.Attachments}, nil
	}
	select {
	case h.readers <- struct{}{}:
		defer func() { <-h.readers }()
	case <-ctx.Done():
		return message.View{}, ctx.Err()
	}
	raw, err := h.store.Raw(ctx, post.List, post.ID)
	if err != nil {
		return message.View{}, err
	}
	return h.readMail(post, raw), nil
}

// readMail reads a stranger's MIME. A post that breaks the reader is shown
// without text, and the rest of its thread with it.
func (h *Handler) readMail(post list.PostRow, raw []byte) (view message.View) {
	defer func() {
		if p := recover(); p != nil {
			h.panics.Add(1)
			h.log.Error("panic while reading a post", "list", post.List, "post", post.ID, "panic", p)
			view = message.View{}
		}
	}()
	return h.read(raw)
}

// pathName is a file name that can stand at the end of a path: browsers take
// "." and ".." for something else, however they are written.
func pathName(name string) string {
	name = strings.ReplaceAll(name, "/", "_")
	if strings.Trim(name, ".") == "" {
		return "_" + name
	}
	return name
}

func fileName(mask *masker, a message.Attachment) string {
	name := mask.line(a.Name)
	return pathName(orElse(name, "attachment"))
}
