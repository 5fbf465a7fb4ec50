package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"parley/bench/rig"
)

// place is where a post stands in its thread: the seq of its parent (0: it is
// the root; negative: a missing post) and of the root.
type place struct{ parent, root int }

// readJudge reads a tree of the corpora: the place of each post by its seq.
func readJudge(path string) (map[int]place, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open a judge's tree: %w", err)
	}
	defer file.Close()
	tree := map[int]place{}
	scan := bufio.NewScanner(file)
	for scan.Scan() {
		cells := strings.Split(scan.Text(), "\t")
		if strings.HasPrefix(scan.Text(), "#") || len(cells) != 4 {
			continue
		}
		var n [3]int
		for i, cell := range []string{cells[0], cells[2], cells[3]} {
			if n[i], err = strconv.Atoi(cell); err != nil {
				return nil, fmt.Errorf("read a judge's tree: %w", err)
			}
		}
		tree[n[0]] = place{parent: n[1], root: n[2]}
	}
	return tree, scan.Err()
}

// node is one row of our threads.
type node struct {
	id, parent, thread int64
	number             int64 // of the post in its list, 0 for a ghost
	messageID          string
}

func (p *proof) readNodes(ctx context.Context, list string) ([]node, error) {
	rows, err := p.db.QueryContext(ctx, `SELECT n.id, n.parent, n.thread, p.number, COALESCE(p.message_id, n.message_id)
		FROM nodes n JOIN lists l ON l.id = n.list LEFT JOIN posts p ON p.id = n.post
		WHERE l.address = $1 ORDER BY p.number`, list+"@lists.test")
	if err != nil {
		return nil, fmt.Errorf("read the threads: %w", err)
	}
	defer rows.Close()
	var nodes []node
	for rows.Next() {
		var n node
		var parent, number sql.NullInt64
		var mid sql.NullString
		if err := rows.Scan(&n.id, &parent, &n.thread, &number, &mid); err != nil {
			return nil, fmt.Errorf("read the threads: %w", err)
		}
		n.parent, n.number, n.messageID = parent.Int64, number.Int64, mid.String
		nodes = append(nodes, n)
	}
	return nodes, rows.Err()
}

// forest is our threads, joined to the places of the posts in the mbox.
type forest struct {
	nodes    map[int64]node
	seq      map[int64]int // of a real node
	at       map[int]int64 // its inverse
	children map[int64]int // children that count, see kept
}

// grow joins the nodes to the distinct posts by their order: both are by arrival.
func grow(nodes []node, distinct []int) (*forest, error) {
	f := &forest{nodes: map[int64]node{}, seq: map[int64]int{}, at: map[int]int64{}, children: map[int64]int{}}
	next := 0
	for _, n := range nodes {
		f.nodes[n.id] = n
		if n.number == 0 {
			continue
		}
		if next == len(distinct) {
			return nil, fmt.Errorf("more than the %d distinct posts are stored", len(distinct))
		}
		f.seq[n.id], f.at[distinct[next]] = distinct[next], n.id
		next++
	}
	if next != len(distinct) {
		return nil, fmt.Errorf("%d posts are stored, and %d were distinct", next, len(distinct))
	}
	for id := range f.seq {
		f.children[f.holder(id)]++
	}
	return f, nil
}

// holder is the node below which a post hangs when ghosts in the middle of a
// tree are left out, as RFC 5256 and the judge do: a real post, the ghost at
// the root, or 0.
func (f *forest) holder(id int64) int64 {
	above := f.nodes[id].parent
	for above != 0 && f.seq[above] == 0 && f.nodes[above].parent != 0 {
		above = f.nodes[above].parent
	}
	return above
}

// parent is the holder, but for a ghost at the root that holds one post only:
// the judge leaves it out as well, and the post is the root.
func (f *forest) parent(id int64) int64 {
	above := f.holder(id)
	if above != 0 && f.seq[above] == 0 && f.children[above] < 2 {
		return 0
	}
	return above
}

func (f *forest) root(id int64) int64 {
	for range len(f.nodes) + 1 {
		above := f.parent(id)
		if above == 0 {
			return id
		}
		id = above
	}
	return 0 // a cycle: agrees with no judge
}

// name is the seq of a real node, the negative id of a ghost, or 0.
func (f *forest) name(id int64) int {
	if seq := f.seq[id]; seq != 0 {
		return seq
	}
	return -int(id)
}

// disagreement is one post that stands elsewhere than the judge has it.
type disagreement struct {
	seq         int
	judge, ours place
}

// compare compares the place of every distinct post with the judge's. The
// seq of a repeat stands for its first; a missing post is named differently by
// both, so names are paired when they first meet.
func (f *forest) compare(tree map[int]place, distinct []int, canon func(int) int) []disagreement {
	pairs, back := map[int]int{}, map[int]int{}
	same := func(judge, ours int) bool {
		if judge >= 0 || ours >= 0 {
			return canon(judge) == ours
		}
		if pairs[judge] == 0 && back[ours] == 0 {
			pairs[judge], back[ours] = ours, judge
		}
		return pairs[judge] == ours
	}
	var all []disagreement
	for _, seq := range distinct {
		id := f.at[seq]
		ours := place{parent: f.name(f.parent(id)), root: f.name(f.root(id))}
		judge := tree[seq]
		if !same(judge.parent, ours.parent) || !same(judge.root, ours.root) {
			all = append(all, disagreement{seq, judge, ours})
		}
	}
	return all
}

func (p *proof) compareThreads(ctx context.Context, list, corpus string, mails [][]byte, first []int) error {
	tree, err := readJudge(filepath.Join(p.corpora, "threads", corpus+".REFS.tsv"))
	if err != nil {
		return err
	}
	var distinct []int
	for i, f := range first {
		if f == i {
			distinct = append(distinct, i+1)
		}
	}
	nodes, err := p.readNodes(ctx, list)
	if err != nil {
		return err
	}
	f, err := grow(nodes, distinct)
	if err != nil {
		p.cry("%s: %w", list, err)
		return nil
	}
	canon := func(seq int) int {
		if seq > 0 && seq <= len(first) {
			return first[seq-1] + 1
		}
		return seq
	}
	all := f.compare(tree, distinct, canon)
	p.disagree(list, mails, all)
	agree := 100 * float64(len(distinct)-len(all)) / float64(len(distinct))
	fmt.Fprintf(p.out, "%s: parent and root agree with the judge for %d of %d posts (%.2f %%)\n", list, len(distinct)-len(all), len(distinct), agree)
	if agree < 99 {
		p.cry("%s: threads agree with the judge for %.2f %% only", list, agree)
	}
	p.compareSizes(list, nodes, tree)
	return nil
}

// compareSizes demands that no thread of ours is larger than the judge's largest.
func (p *proof) compareSizes(list string, nodes []node, tree map[int]place) {
	ours, judge := map[int64]int{}, map[int]int{}
	largest, most := 0, 0
	for _, n := range nodes {
		if n.number > 0 {
			ours[n.thread]++
			largest = max(largest, ours[n.thread])
		}
	}
	for _, at := range tree {
		judge[at.root]++
		most = max(most, judge[at.root])
	}
	fmt.Fprintf(p.out, "%s: %d threads, the largest has %d posts (the judge's: %d)\n", list, len(ours), largest, most)
	if largest > most {
		p.cry("%s: a thread has %d posts, the judge's largest %d", list, largest, most)
	}
}

// disagree writes each disagreement with its reason into the report.
func (p *proof) disagree(list string, mails [][]byte, all []disagreement) {
	for _, d := range all {
		fields, _ := rig.Split(mails[d.seq-1])
		fmt.Fprintf(p.report, "%s\t%d\t%s\t%d, %d\t%d, %d\t%s\n", list, d.seq, rig.Value(fields, "message-id"),
			d.judge.parent, d.judge.root, d.ours.parent, d.ours.root, reason(fields, mails, d))
	}
}

// reason says where the two parents stand in the post's own header.
func reason(fields []rig.Field, mails [][]byte, d disagreement) string {
	if d.judge.parent == d.ours.parent {
		return "same parent, whose own place differs"
	}
	return "judge's parent: " + stands(fields, mails, d.judge.parent) + "; ours: " + stands(fields, mails, d.ours.parent)
}

func stands(fields []rig.Field, mails [][]byte, parent int) string {
	if parent == 0 {
		return "none"
	}
	if parent < 0 {
		return "a missing post"
	}
	above, _ := rig.Split(mails[parent-1])
	mid := strings.Trim(rig.Value(above, "message-id"), "<> ")
	refs := rig.Value(fields, "references")
	switch {
	case mid == "":
		return "a post without Message-ID"
	case strings.HasSuffix(strings.TrimRight(refs, "> "), mid):
		return "last in References"
	case strings.Contains(refs, mid):
		return "in References, not last"
	case strings.Contains(rig.Value(fields, "in-reply-to"), mid):
		return "in In-Reply-To"
	}
	return "not named by this post, but on the way to one that is"
}
