package list

import (
	"fmt"
	"time"

	"parley/message"
)

// relabelMax bounds the work of one post: a link that would move more nodes
// than this into another thread is left out, and the parts stay two threads.
// Real lists stay far below it; without it a stranger could make every post
// cost a whole archive.
const relabelMax = 2000

// climbMax bounds the walk to the root that looks for a loop.
const climbMax = 2000

// references is the ids of a post's ancestors, the direct parent last: those
// of References, then In-Reply-To when there are none (RFC 5322, 3.6.4). The
// post's own id is left out, of a long chain the middle.
func references(m *message.Message, own string) []string {
	ids := message.IDs(m.Get("References"))
	if len(ids) == 0 {
		if id := firstID(m.Get("In-Reply-To")); id != "" {
			ids = []string{id}
		}
	}
	return chain(ids, own)
}

// chain drops repeats (the last one stands, it is the nearest ancestor), the
// post itself, and the middle of what is longer than maxReferences.
func chain(ids []string, own string) []string {
	seen := map[string]bool{own: true}
	kept := make([]string, 0, min(len(ids), maxReferences))
	for i := len(ids) - 1; i >= 0 && len(kept) < maxReferences; i-- {
		if !seen[ids[i]] {
			seen[ids[i]] = true
			kept = append(kept, ids[i])
		}
	}
	if len(kept) == maxReferences && !seen[ids[0]] {
		kept[maxReferences-1] = ids[0] // the thread's start is worth more than its middle
	}
	for i, j := 0, len(kept)-1; i < j; i, j = i+1, j-1 {
		kept[i], kept[j] = kept[j], kept[i]
	}
	return kept
}

// threader links one post into the threads of its list.
type threader struct {
	tx    Tx
	list  ListID
	moved bool // a label changed: nodes read before may have an old one
}

// place is where a post belongs: what its thread is found by before it is kept.
type place struct {
	own    ThreadNode // the node that has its Message-ID, if known
	known  bool
	parent ThreadNode
}

// taken tells whether another post has the Message-ID.
func (p place) taken() bool { return p.known && !p.own.Ghost }

// findPlace links the ancestors that a post names and finds its place among
// them: a new node, or the ghost that waited for it. The links follow RFC 5256's
// REFERENCES, step 1, without its merging by subject, one post at a time. A
// post's own header fields decide about its parent, whenever it comes; what
// others say about it holds only while it is a ghost. So the order of arrival
// does not matter.
func (t *threader) findPlace(id string, refs []string) (place, error) {
	nodes, err := t.tx.FindNodes(t.list, append([]string{id}, refs...))
	if err != nil {
		return place{}, fmt.Errorf("look up ids: %w", err)
	}
	parent, err := t.linkChain(refs, nodes)
	if err != nil {
		return place{}, err
	}
	own, known := nodes[id]
	return place{own: own, known: known, parent: parent}, nil
}

// put gives a kept post the node of its place, and returns it.
func (t *threader) put(p place, id string, post PostID, received time.Time) (NodeID, error) {
	if p.known && p.own.Ghost {
		if err := t.settle(p.own.ID, p.parent.ID); err != nil {
			return 0, err
		}
		return p.own.ID, t.tx.Realize(t.list, p.own.ID, post, received)
	}
	if p.taken() { // the same id with other content: a post of its own (promise 3)
		id = ""
	}
	n, err := t.add(NewNode{MessageID: id, Parent: p.parent.ID, Thread: p.parent.Thread, Post: post, Received: received})
	return n.ID, err
}

// isFirst tells whether a kept post is the first one that the list has of its
// thread: who gets only first posts wants it, also when it answers something
// that was never here.
func (t *threader) isFirst(p place) (bool, error) {
	if p.parent.ID == 0 {
		return true, nil
	}
	n, err := t.tx.Node(t.list, p.parent.ID)
	if err != nil || !n.Ghost {
		return false, err
	}
	posts, err := t.tx.CountThread(t.list, n.Thread)
	return posts == 1, err
}

// linkChain makes ghosts for missing ancestors and links each ghost to the one
// before it, where it has no parent yet. It returns the direct parent.
func (t *threader) linkChain(refs []string, nodes map[string]ThreadNode) (above ThreadNode, err error) {
	for _, id := range refs {
		n, known := nodes[id]
		switch {
		case !known:
			n, err = t.add(NewNode{MessageID: id, Parent: above.ID, Thread: above.Thread})
		case n.Ghost && n.Parent == 0 && above.ID != 0:
			n, err = t.link(n.ID, above.ID)
		case t.moved:
			n, err = t.tx.Node(t.list, n.ID)
		}
		if err != nil {
			return above, err
		}
		above = n
	}
	return above, nil
}

func (t *threader) add(node NewNode) (ThreadNode, error) {
	n, err := t.tx.AddNode(t.list, node)
	if err != nil {
		return n, fmt.Errorf("add node: %w", err)
	}
	return n, nil
}

// settle gives a ghost that turned real the parent that its own fields name.
func (t *threader) settle(id, parent NodeID) error {
	n, err := t.tx.Node(t.list, id)
	if err != nil || n.Parent == parent {
		return err
	}
	if n.Parent != 0 {
		if err := t.cut(n); err != nil {
			return err
		}
	}
	if parent != 0 {
		_, err = t.link(id, parent)
	}
	return err
}

// link makes parent the parent of the root id, unless that closes a loop.
func (t *threader) link(id, parent NodeID) (ThreadNode, error) {
	n, err := t.tx.Node(t.list, id)
	if err != nil {
		return n, fmt.Errorf("read node: %w", err)
	}
	p, err := t.tx.Node(t.list, parent)
	if err != nil {
		return n, fmt.Errorf("read parent: %w", err)
	}
	if n.Thread == p.Thread {
		loop, err := t.above(p, n.ID)
		if err != nil || loop {
			return n, err
		}
	} else {
		joined, err := t.join(n, p)
		if err != nil || !joined {
			return n, err
		}
	}
	if err := t.tx.SetParent(t.list, id, parent); err != nil {
		return n, fmt.Errorf("set parent: %w", err)
	}
	return t.tx.Node(t.list, id)
}

// above tells whether ancestor is above n, or n itself. A chain too long to
// climb counts as a loop: the link is left out.
func (t *threader) above(n ThreadNode, ancestor NodeID) (bool, error) {
	for range climbMax {
		if n.ID == ancestor {
			return true, nil
		}
		if n.Parent == 0 {
			return false, nil
		}
		up, err := t.tx.Node(t.list, n.Parent)
		if err != nil {
			return false, fmt.Errorf("climb to the root: %w", err)
		}
		n = up
	}
	return true, nil
}

// join gives the trees of a, a root, and of b one label by moving the smaller
// one. It returns false when both are too large to move.
func (t *threader) join(a, b ThreadNode) (bool, error) {
	sizeA, err := t.tx.ThreadNodes(t.list, a.Thread)
	if err != nil {
		return false, err
	}
	sizeB, err := t.tx.ThreadNodes(t.list, b.Thread)
	if err != nil {
		return false, err
	}
	if min(sizeA, sizeB) > relabelMax {
		return false, nil
	}
	from, to, root := a, b, a.ID
	if sizeB < sizeA {
		from, to = b, a
		if root, err = t.root(b); err != nil {
			return false, err
		}
	}
	return t.relabel(root, from.Thread, to.Thread)
}

// cut takes n with all below it out of its thread into a new one, moving the
// smaller of the two parts. When both are too large to move they stay under
// one label, and their page shows both.
func (t *threader) cut(n ThreadNode) error {
	root, err := t.root(n)
	if err != nil {
		return err
	}
	size, err := t.tx.ThreadNodes(t.list, n.Thread)
	if err != nil {
		return err
	}
	if err := t.tx.SetParent(t.list, n.ID, 0); err != nil {
		return fmt.Errorf("cut from parent: %w", err)
	}
	below, whole, err := t.subtree(n.ID, min(size/2+1, relabelMax))
	if err != nil {
		return err
	}
	if !whole {
		_, err = t.relabel(root, n.Thread, 0)
		return err
	}
	t.moved = true
	return t.tx.Relabel(t.list, below, n.Thread, 0)
}

// relabel moves the tree below root from one label to another (0: a new one),
// unless it is too large.
func (t *threader) relabel(root NodeID, from, to ThreadID) (bool, error) {
	nodes, whole, err := t.subtree(root, relabelMax)
	if err != nil || !whole {
		return false, err
	}
	t.moved = true
	return true, t.tx.Relabel(t.list, nodes, from, to)
}

// subtree is n with all below it, and whether that is all: it stops at limit.
func (t *threader) subtree(n NodeID, limit int) ([]NodeID, bool, error) {
	all, level := []NodeID{n}, []NodeID{n}
	for len(level) > 0 && len(all) <= limit {
		next, err := t.tx.Children(t.list, level, limit+1)
		if err != nil {
			return nil, false, fmt.Errorf("walk down: %w", err)
		}
		all = append(all, next...)
		level = next
	}
	return all, len(all) <= limit, nil
}

func (t *threader) root(n ThreadNode) (NodeID, error) {
	for range climbMax {
		if n.Parent == 0 {
			break
		}
		up, err := t.tx.Node(t.list, n.Parent)
		if err != nil {
			return 0, fmt.Errorf("climb to the root: %w", err)
		}
		n = up
	}
	return n.ID, nil
}
