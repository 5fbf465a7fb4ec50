package archive

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/list"
	"parley/message"
)

// memory plays the database: lists with their posts, threaded by In-Reply-To.
type memory struct {
	lists   []list.List
	posts   map[list.ListID][]kept
	version int64
	late    bool         // the texts of posts are not made yet
	broken  error        // what every read answers
	reads   atomic.Int64 // of posts and threads, not of versions
}

type kept struct {
	node list.Node
	raw  []byte
}

func newMemory(lists ...list.List) *memory {
	for i := range lists {
		lists[i].ID = list.ListID(i + 1)
	}
	return &memory{lists: lists, posts: map[list.ListID][]kept{}, version: 1}
}

// add keeps a mail, LF or CRLF, as a post of the list.
func (m *memory) add(l list.ListID, mail string) list.PostRow {
	raw := []byte(strings.ReplaceAll(strings.ReplaceAll(mail, "\r\n", "\n"), "\n", "\r\n"))
	msg := message.Parse(raw)
	posts := m.posts[l]
	number := int64(len(posts) + 1)
	row := list.PostRow{ID: list.PostID(int64(l)*1_000_000 + number), Number: number, List: l, Size: int64(len(raw)),
		Subject: message.DecodeHeader(msg.Get("Subject")), Received: time.Date(2026, 3, 1, 8, int(number), 0, 0, time.UTC)}
	if date, ok := message.ParseDate(msg.Get("Date")); ok {
		row.Date = date
		row.Received = date
	}
	if from := message.ParseAddresses(msg.Get("From")); len(from) > 0 {
		row.FromName, row.FromAddr = from[0].Name, from[0].Addr
	}
	row.Key = fmt.Sprintf("~%d", number)
	if ids := message.IDs(msg.Get("Message-ID")); len(ids) > 0 {
		row.MessageID = ids[0]
		taken := slices.ContainsFunc(posts, func(k kept) bool { return k.node.Post.Key == ids[0] })
		if strings.Contains(ids[0], "@") && !taken {
			row.Key = ids[0]
		}
	}
	if !m.late {
		view := message.Read(raw)
		row.Ready, row.Text, row.Attachments = true, view.Text, view.Attachments
	}
	node := m.place(l, msg, list.NodeID(1000+number))
	row.Thread = list.ThreadID(node.Post.Thread)
	node.Post = row
	m.posts[l] = append(m.posts[l], kept{node: node, raw: raw})
	m.version++
	return row
}

// place finds the parent, or makes a ghost of it.
func (m *memory) place(l list.ListID, msg *message.Message, id list.NodeID) list.Node {
	node := list.Node{ID: id, Post: list.PostRow{Thread: list.ThreadID(id)}}
	parents := message.IDs(msg.Get("In-Reply-To"))
	if len(parents) == 0 {
		return node
	}
	for _, k := range m.posts[l] {
		if k.node.Post.MessageID == parents[0] {
			node.Parent, node.Depth, node.Post.Thread = k.node.ID, k.node.Depth+1, k.node.Post.Thread
			return node
		}
	}
	ghost := list.Node{ID: id + 500, Ghost: true, Post: list.PostRow{MessageID: parents[0], Thread: list.ThreadID(id + 500)}}
	for _, k := range m.posts[l] {
		if refs := message.IDs(msg.Get("References")); slices.Contains(refs, k.node.Post.MessageID) {
			ghost.Parent, ghost.Depth, ghost.Post.Thread = k.node.ID, k.node.Depth+1, k.node.Post.Thread
			break
		}
	}
	m.posts[l] = append(m.posts[l], kept{node: ghost})
	node.Parent, node.Depth, node.Post.Thread = ghost.ID, ghost.Depth+1, ghost.Post.Thread
	return node
}

func (m *memory) Lists(context.Context) ([]list.List, error) { return m.lists, m.broken }

func (m *memory) Version(context.Context, list.ListID) (int64, error) { return m.version, m.broken }

func (m *memory) Threads(_ context.Context, l list.ListID, before list.Cursor, n int) ([]list.ThreadRow, error) {
	m.reads.Add(1)
	var rows []list.ThreadRow
	at := map[list.ThreadID]int{}
	for _, k := range m.posts[l] {
		p := k.node.Post
		if k.node.Ghost {
			continue
		}
		i, ok := at[p.Thread]
		if !ok {
			i = len(rows)
			at[p.Thread] = i
			rows = append(rows, list.ThreadRow{ID: p.Thread, Subject: p.Subject, From: p.FromName, Key: p.Key, First: p.Received})
			if p.FromName == "" {
				rows[i].From = p.FromAddr
			}
		}
		rows[i].Posts++
		rows[i].Last = p.Received
	}
	slices.SortFunc(rows, func(a, b list.ThreadRow) int {
		if c := b.Last.Compare(a.Last); c != 0 {
			return c
		}
		return int(b.ID - a.ID)
	})
	if before != (list.Cursor{}) {
		rows = slices.DeleteFunc(rows, func(r list.ThreadRow) bool {
			return r.Last.After(before.Last) || r.Last.Equal(before.Last) && r.ID >= before.ID
		})
	}
	return rows[:min(n, len(rows))], m.broken
}

func (m *memory) Thread(_ context.Context, l list.ListID, t list.ThreadID) ([]list.Node, error) {
	m.reads.Add(1)
	var out []list.Node
	var walk func(parent list.NodeID)
	walk = func(parent list.NodeID) {
		for _, k := range m.posts[l] {
			if k.node.Post.Thread == t && k.node.Parent == parent {
				out = append(out, k.node)
				walk(k.node.ID)
			}
		}
	}
	walk(0)
	return out, m.broken
}

func (m *memory) FindPost(_ context.Context, l list.ListID, key string) (list.PostRow, error) {
	m.reads.Add(1)
	if m.broken != nil {
		return list.PostRow{}, m.broken
	}
	for _, k := range m.posts[l] {
		if !k.node.Ghost && (k.node.Post.Key == key || key == fmt.Sprintf("~%d", k.node.Post.Number)) {
			return k.node.Post, nil
		}
	}
	return list.PostRow{}, list.Errorf(list.Unknown, "no such post")
}

func (m *memory) Raw(_ context.Context, l list.ListID, p list.PostID) ([]byte, error) {
	m.reads.Add(1)
	for _, k := range m.posts[l] {
		if k.node.Post.ID == p {
			return k.raw, m.broken
		}
	}
	return nil, list.Errorf(list.Unknown, "no such post")
}

const (
	dev  = list.ListID(1) // public, masked
	open = list.ListID(2) // public, shown
)

// garden is a memory with two public lists and one of every kind that is closed.
func garden(t testing.TB) *memory {
	t.Helper()
	m := newMemory(
		list.List{Address: "dev@lists.example.org", Description: "Where the work on the garden computers is talked over",
			Archive: list.ArchivePublic, Masked: true, Post: list.Members},
		list.List{Address: "open@lists.example.org", Description: "News from all sites", Archive: list.ArchivePublic, Post: list.Nobody},
		list.List{Address: "board@lists.example.org", Archive: list.ArchiveMembers, Masked: true},
		list.List{Address: "staff@lists.example.org", Archive: list.ArchiveNone},
		list.List{Address: "gone@lists.example.org", Archive: list.ArchivePublic, Removed: true},
		list.List{Address: "dev@else.example.org", Description: "The other dev", Archive: list.ArchivePublic, Masked: true},
	)
	names, err := filepath.Glob("testdata/garden/*.eml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, name := range names {
		mail, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range m.lists {
			m.add(list.ListID(i+1), string(mail))
		}
	}
	return m
}

func site() list.Site {
	return list.Site{Hostname: "mail.example.org", Domains: []string{"lists.example.org", "else.example.org"},
		URL: "https://lists.example.org"}
}

// serve is a Handler on the memory. The test fails when a request panics.
func serve(t testing.TB, m *memory) *Handler {
	t.Helper()
	return serveSite(t, m, site())
}

func serveSite(t testing.TB, m *memory, s list.Site) *Handler {
	t.Helper()
	return serveConfig(t, Config{Site: s, Store: m, Lists: m})
}

// serveDesk is a Handler on the garden whose links lead to the clerk.
func serveDesk(t testing.TB, c *clerk) *Handler {
	t.Helper()
	m := garden(t)
	return serveConfig(t, Config{Site: site(), Store: m, Lists: m, Desk: c, Now: today})
}

func serveConfig(t testing.TB, c Config) *Handler {
	t.Helper()
	c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if n := h.Panics(); n != 0 {
			t.Errorf("%d requests panicked", n)
		}
	})
	return h
}

// get asks for a path; header is name, value, name, value.
func get(t testing.TB, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(t, h, http.MethodGet, path, header...)
}

func ask(t testing.TB, h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://asked.example.org/", nil)
	u, err := r.URL.Parse("http://asked.example.org" + path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	r.URL, r.RequestURI = u, path
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
