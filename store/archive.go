package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"parley/list"
)

// Threads is a page of a list's threads, newest activity first. See archive.Store.
func (s *Store) Threads(ctx context.Context, l list.ListID, before list.Cursor, n int) (threads []list.ThreadRow, err error) {
	last, id := at(before.Last), int64(before.ID)
	if before.Last.IsZero() {
		last, id = 1<<62, 1<<62
	}
	err = s.reading(ctx, func(t *tx) error {
		threads = nil
		return t.upTo(n, `SELECT threads.id, threads.posts, threads.first_at, threads.last_at,
				posts.subject, posts.from_name, posts.from_addr, posts.page
			FROM threads JOIN posts ON posts.id = threads.first_post
			WHERE threads.list = $1 AND threads.posts > 0 AND (threads.last_at, threads.id) < ($2, $3)
			ORDER BY threads.last_at DESC, threads.id DESC`, []any{l, last, id}, func(rows *sql.Rows) error {
			var row list.ThreadRow
			var first, last int64
			var name, addr string
			if err := rows.Scan(&row.ID, &row.Posts, &first, &last, &row.Subject, &name, &addr, &row.Key); err != nil {
				return err
			}
			row.First, row.Last = moment(first), moment(last)
			row.From = name
			if name == "" {
				row.From = addr
			}
			threads = append(threads, row)
			return nil
		})
	})
	return threads, err
}

const postColumns = `posts.id, posts.number, posts.list, nodes.thread, posts.message_id, posts.page, posts.from_name, posts.from_addr,
	posts.subject, posts.date, posts.received, posts.size, texts.post IS NOT NULL, COALESCE(substr(texts.body, 1, 524288), ''), COALESCE(texts.attachments, '')`

// postScan reads postColumns.
type postScan struct {
	post           list.PostRow
	date, received int64
	attachments    string
}

func (p *postScan) dest() []any {
	r := &p.post
	return []any{&r.ID, &r.Number, &r.List, &r.Thread, &r.MessageID, &r.Key, &r.FromName, &r.FromAddr,
		&r.Subject, &p.date, &p.received, &r.Size, &r.Ready, &r.Text, &p.attachments}
}

func (p *postScan) row() (list.PostRow, error) {
	r := p.post
	r.Date, r.Received = moment(p.date), moment(p.received)
	if p.attachments != "" {
		if err := json.Unmarshal([]byte(p.attachments), &r.Attachments); err != nil {
			return r, fmt.Errorf("read attachments of post %d: %w", r.ID, err)
		}
	}
	return r, nil
}

// FindPost finds a post by its key. See archive.Store.
func (s *Store) FindPost(ctx context.Context, l list.ListID, key string) (post list.PostRow, err error) {
	err = s.reading(ctx, func(t *tx) error { post, err = t.findPost(l, key); return err })
	return post, err
}

func (t *tx) findPost(l list.ListID, key string) (list.PostRow, error) {
	where, arg := `nodes.list = $1 AND nodes.message_id = $2`, any(key)
	if number, ok := strings.CutPrefix(key, "~"); ok {
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return list.PostRow{}, errNoPost
		}
		var id string
		var post list.PostID
		ok, err := t.one(`SELECT id, message_id FROM posts WHERE list = $1 AND number = $2`, []any{l, n}, &post, &id)
		if err != nil {
			return list.PostRow{}, err
		}
		if !ok {
			return list.PostRow{}, errNoPost
		}
		where, arg = `nodes.list = $1 AND nodes.post = $2 AND nodes.message_id IS NULL`, post
		if taken, err := t.one(`SELECT 1 FROM nodes WHERE post = $1 AND message_id IS NULL`, []any{post}, new(int)); err != nil {
			return list.PostRow{}, err
		} else if !taken {
			where, arg = `nodes.list = $1 AND nodes.message_id = $2`, id
		}
	}
	var p postScan
	ok, err := t.one(`SELECT `+postColumns+` FROM nodes JOIN posts ON posts.id = nodes.post LEFT JOIN texts ON texts.post = posts.id WHERE `+where,
		[]any{l, arg}, p.dest()...)
	if err != nil {
		return list.PostRow{}, err
	}
	if !ok {
		return list.PostRow{}, errNoPost
	}
	return p.row()
}

var errNoPost = list.Errorf(list.Unknown, "no such post")

// Thread is a whole thread in reading order. See archive.Store.
func (s *Store) Thread(ctx context.Context, l list.ListID, thread list.ThreadID) (nodes []list.Node, err error) {
	err = s.reading(ctx, func(t *tx) error {
		nodes, err = t.threadNodes(l, thread)
		return err
	})
	return inOrder(nodes), err
}

// threadText is how many bytes of text a thread brings along. Posts beyond it
// come as if their text was not made yet.
const threadText = 8 << 20

// threadNodes is the nodes of a thread by arrival: ghosts in the order in
// which they were first heard of, among the posts.
func (t *tx) threadNodes(l list.ListID, thread list.ThreadID) ([]list.Node, error) {
	var nodes []list.Node
	err := t.each(`SELECT id, COALESCE(parent, 0), COALESCE(message_id, '') FROM nodes
		WHERE list = $1 AND thread = $2 AND post IS NULL`, []any{l, thread}, func(rows *sql.Rows) error {
		n := list.Node{Ghost: true}
		if err := rows.Scan(&n.ID, &n.Parent, &n.Post.MessageID); err != nil {
			return err
		}
		nodes = append(nodes, n)
		return nil
	})
	if err != nil {
		return nil, err
	}
	room := threadText
	err = t.each(`SELECT nodes.id, COALESCE(nodes.parent, 0), `+postColumns+`
		FROM nodes JOIN posts ON posts.id = nodes.post LEFT JOIN texts ON texts.post = posts.id
		WHERE nodes.list = $1 AND nodes.thread = $2 ORDER BY posts.id`, []any{l, thread}, func(rows *sql.Rows) error {
		var n list.Node
		var p postScan
		if err := rows.Scan(append([]any{&n.ID, &n.Parent}, p.dest()...)...); err != nil {
			return err
		}
		var err error
		n.Post, err = p.row()
		if room -= len(n.Post.Text); room < 0 {
			n.Post.Text, n.Post.Ready = "", false
		}
		nodes = append(nodes, n)
		return err
	})
	return nodes, err
}

// inOrder sorts nodes depth first, siblings by the order they come in: ghosts,
// then posts by arrival. It is linear and needs no recursion, however deep a
// thread is. A node whose parent is not among them is a root.
func inOrder(nodes []list.Node) []list.Node {
	index := make(map[list.NodeID]int, len(nodes))
	for i, n := range nodes {
		index[n.ID] = i
	}
	children := make(map[list.NodeID][]int, len(nodes))
	for i, n := range nodes {
		parent := n.Parent
		if _, known := index[parent]; !known {
			parent = 0
		}
		children[parent] = append(children[parent], i)
	}
	ordered := make([]list.Node, 0, len(nodes))
	stack := reversed(children[0])
	for len(stack) > 0 {
		i := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		n := nodes[i]
		if up, ok := index[n.Parent]; ok {
			n.Depth = nodes[up].Depth + 1
			nodes[i].Depth = n.Depth
		}
		ordered = append(ordered, n)
		stack = append(stack, reversed(children[n.ID])...)
	}
	return ordered
}

func reversed(list []int) []int {
	r := make([]int, len(list))
	for i, v := range list {
		r[len(list)-1-i] = v
	}
	return r
}

// Raw is the bytes of a post as received. See archive.Store.
func (s *Store) Raw(ctx context.Context, l list.ListID, p list.PostID) (raw []byte, err error) {
	err = s.reading(ctx, func(t *tx) error {
		of, bytes, err := t.RawPost(p)
		if err != nil {
			return err
		}
		if of != l {
			return list.Errorf(list.Unknown, "no such post")
		}
		raw = bytes
		return nil
	})
	return raw, err
}
