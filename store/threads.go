package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"parley/list"
)

func (t *tx) FindNodes(l list.ListID, ids []string) (map[string]list.ThreadNode, error) {
	args := make([]any, 0, len(ids)+1)
	args = append(args, l)
	for _, id := range ids {
		args = append(args, id)
	}
	nodes := make(map[string]list.ThreadNode, len(ids))
	err := t.each(`SELECT message_id, id, COALESCE(parent, 0), thread, post IS NULL FROM nodes WHERE list = $1 AND message_id IN `+in(2, len(ids)), args,
		func(rows *sql.Rows) error {
			var id string
			var n list.ThreadNode
			if err := rows.Scan(&id, &n.ID, &n.Parent, &n.Thread, &n.Ghost); err != nil {
				return err
			}
			nodes[id] = n
			return nil
		})
	return nodes, err
}

func (t *tx) Node(l list.ListID, id list.NodeID) (n list.ThreadNode, err error) {
	ok, err := t.one(`SELECT id, COALESCE(parent, 0), thread, post IS NULL FROM nodes WHERE list = $1 AND id = $2`,
		[]any{l, id}, &n.ID, &n.Parent, &n.Thread, &n.Ghost)
	if err == nil && !ok {
		err = errors.New("a node that others point at is missing")
	}
	return n, err
}

func (t *tx) AddNode(l list.ListID, n list.NewNode) (list.ThreadNode, error) {
	node := list.ThreadNode{Parent: n.Parent, Thread: n.Thread, Ghost: n.Post == 0}
	var err error
	if n.Thread == 0 {
		node.Thread, err = t.addThread(l, n)
	} else {
		err = t.growThread(l, n)
	}
	if err != nil {
		return node, fmt.Errorf("count in its thread: %w", err)
	}
	var messageID any
	if n.MessageID != "" {
		messageID = n.MessageID
	}
	id, err := t.insert(`INSERT INTO nodes (list, message_id, post, parent, thread) VALUES ($1, $2, $3, $4, $5)`,
		l, messageID, none(int64(n.Post)), none(int64(n.Parent)), node.Thread)
	node.ID = list.NodeID(id)
	return node, err
}

func (t *tx) addThread(l list.ListID, first list.NewNode) (list.ThreadID, error) {
	posts := 0
	if first.Post != 0 {
		posts = 1
	}
	id, err := t.insert(`INSERT INTO threads (list, nodes, posts, first_post, first_at, last_at) VALUES ($1, 1, $2, $3, $4, $4)`,
		l, posts, first.Post, at(first.Received))
	return list.ThreadID(id), err
}

// growThread counts a new node of a thread, and the post in it.
func (t *tx) growThread(l list.ListID, n list.NewNode) error {
	if n.Post == 0 {
		_, err := t.exec(`UPDATE threads SET nodes = nodes + 1 WHERE list = $1 AND id = $2`, l, n.Thread)
		return err
	}
	return t.countPost(l, n.Thread, n.Post, n.Received, 1)
}

// countPost counts a post, and nodes more nodes, in a thread.
func (t *tx) countPost(l list.ListID, thread list.ThreadID, p list.PostID, received time.Time, nodes int) error {
	_, err := t.exec(`UPDATE threads SET nodes = nodes + $1, posts = posts + 1,
			first_post = CASE WHEN posts = 0 THEN $2 ELSE first_post END,
			first_at = CASE WHEN posts = 0 THEN $3 ELSE first_at END,
			last_at = CASE WHEN $3 > last_at THEN $3 ELSE last_at END
		WHERE list = $4 AND id = $5`, nodes, p, at(received), l, thread)
	return err
}

func (t *tx) Realize(l list.ListID, n list.NodeID, p list.PostID, received time.Time) error {
	if _, err := t.exec(`UPDATE nodes SET post = $1 WHERE list = $2 AND id = $3`, p, l, n); err != nil {
		return err
	}
	node, err := t.Node(l, n)
	if err != nil {
		return err
	}
	return t.countPost(l, node.Thread, p, received, 0)
}

func (t *tx) SetParent(l list.ListID, n, parent list.NodeID) error {
	_, err := t.exec(`UPDATE nodes SET parent = $1 WHERE list = $2 AND id = $3`, none(int64(parent)), l, n)
	return err
}

func (t *tx) Children(l list.ListID, nodes []list.NodeID, limit int) ([]list.NodeID, error) {
	var children []list.NodeID
	for len(nodes) > 0 && len(children) < limit {
		part := nodes[:min(len(nodes), argsMax)]
		nodes = nodes[len(part):]
		args := []any{l}
		for _, n := range part {
			args = append(args, n)
		}
		err := t.upTo(limit-len(children), `SELECT id FROM nodes WHERE list = $1 AND parent IN `+in(2, len(part)), args, func(rows *sql.Rows) error {
			var n list.NodeID
			if err := rows.Scan(&n); err != nil {
				return err
			}
			children = append(children, n)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return children, nil
}

// argsMax is how many placeholders one statement gets at most, so that few
// different statements are prepared.
const argsMax = 100

func (t *tx) ThreadNodes(l list.ListID, thread list.ThreadID) (n int, err error) {
	_, err = t.one(`SELECT nodes FROM threads WHERE list = $1 AND id = $2`, []any{l, thread}, &n)
	return n, err
}

func (t *tx) CountThread(l list.ListID, thread list.ThreadID) (n int, err error) {
	_, err = t.one(`SELECT posts FROM threads WHERE list = $1 AND id = $2`, []any{l, thread}, &n)
	return n, err
}

func (t *tx) Relabel(l list.ListID, nodes []list.NodeID, from, to list.ThreadID) error {
	if to == 0 {
		made, err := t.insert(`INSERT INTO threads (list, nodes, posts, first_post, first_at, last_at) VALUES ($1, 0, 0, 0, 0, 0)`, l)
		if err != nil {
			return err
		}
		to = list.ThreadID(made)
	}
	for len(nodes) > 0 {
		part := nodes[:min(len(nodes), argsMax)]
		nodes = nodes[len(part):]
		if err := t.relabelPart(l, part, from, to); err != nil {
			return err
		}
	}
	t.group.dirty[l] = true
	gone, err := t.exec(`DELETE FROM threads WHERE list = $1 AND id = $2 AND nodes = 0`, l, from)
	if err != nil {
		return err
	}
	if n, err := gone.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return t.recount(l, from)
}

// relabelPart moves a few nodes and adds their sums to the new thread, so that
// joining a small thread to a large one costs what the small one has.
func (t *tx) relabelPart(l list.ListID, nodes []list.NodeID, from, to list.ThreadID) error {
	args := []any{l, to}
	for _, n := range nodes {
		args = append(args, n)
	}
	if _, err := t.exec(`UPDATE nodes SET thread = $2 WHERE list = $1 AND id IN `+in(3, len(nodes)), args...); err != nil {
		return err
	}
	var posts, firstPost, firstAt, lastAt int64
	_, err := t.one(`SELECT COUNT(posts.id), COALESCE(MIN(posts.id), 0), COALESCE(MIN(posts.received), 0), COALESCE(MAX(posts.received), 0)
		FROM nodes JOIN posts ON posts.id = nodes.post WHERE nodes.list = $1 AND nodes.thread = $2 AND nodes.id IN `+in(3, len(nodes)),
		args, &posts, &firstPost, &firstAt, &lastAt)
	if err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE threads SET nodes = nodes - $1 WHERE list = $2 AND id = $3`, len(nodes), l, from); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE threads SET nodes = nodes + $1, posts = posts + $2,
			first_post = CASE WHEN $2 = 0 THEN first_post WHEN posts = 0 OR $3 < first_post THEN $3 ELSE first_post END,
			first_at = CASE WHEN $2 = 0 THEN first_at WHEN posts = 0 OR $4 < first_at THEN $4 ELSE first_at END,
			last_at = CASE WHEN $5 > last_at THEN $5 ELSE last_at END
		WHERE list = $6 AND id = $7`, len(nodes), posts, firstPost, firstAt, lastAt, l, to)
	return err
}

// recount makes a thread's sums anew from its nodes, after some were cut off.
func (t *tx) recount(l list.ListID, thread list.ThreadID) error {
	_, err := t.exec(`UPDATE threads SET (nodes, posts, first_post, first_at, last_at) = (
			SELECT COUNT(*), COUNT(posts.id), COALESCE(MIN(posts.id), 0), COALESCE(MIN(posts.received), 0), COALESCE(MAX(posts.received), 0)
			FROM nodes LEFT JOIN posts ON posts.id = nodes.post WHERE nodes.list = $1 AND nodes.thread = $2)
		WHERE list = $1 AND id = $2`, l, thread)
	return err
}
