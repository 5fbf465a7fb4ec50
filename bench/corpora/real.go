package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// real posts one list whole, in its order, and compares copies and threads.
func (p *proof) real(ctx context.Context, list, corpus string, want int) error {
	mails, err := readMbox(filepath.Join(p.corpora, "lists", corpus+".mbox.gz"))
	if err != nil {
		return err
	}
	if len(mails) != want {
		return fmt.Errorf("the corpus has %d posts, not %d: the mbox is read wrongly, or is another", len(mails), want)
	}
	began := time.Now()
	first, err := p.postAll(ctx, list, mails)
	if err != nil {
		return err
	}
	took := time.Since(began)
	distinct := 0
	for i, f := range first {
		if f == i {
			distinct++
		}
	}
	if err := p.settle(ctx, list, 3*distinct); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s: %d posts in %.1f s (%.0f/s, one connection), %d distinct, %d copies\n",
		list, len(mails), took.Seconds(), float64(len(mails))/took.Seconds(), distinct, p.count(list))
	p.compareCopies(list, mails, first)
	return p.compareThreads(ctx, list, corpus, mails, first)
}

// postAll posts the mails over one connection, one after the other. It returns
// for each mail the place of the first that is the same by promise 3: its own,
// for most.
func (p *proof) postAll(ctx context.Context, list string, mails [][]byte) ([]int, error) {
	seen := map[string]int{}
	first := make([]int, len(mails))
	for i, raw := range mails {
		id := identity(raw)
		if _, again := seen[id]; !again {
			seen[id] = i
		}
		first[i] = seen[id]
		reply, err := p.post(list, raw)
		if err != nil {
			return nil, fmt.Errorf("post %d: %w", i+1, err)
		}
		if !reply.OK() {
			p.cry("%s: post %d was answered %s", list, i+1, reply)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return first, nil
}

// compareCopies demands that every member has one copy of each distinct post,
// with its bytes, and nothing else.
func (p *proof) compareCopies(list string, mails [][]byte, first []int) {
	want := map[string]int{}
	for i, raw := range mails {
		if first[i] == i {
			want[p.dressing.postKey(raw)] = i + 1
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range members(list) {
		p.compareMember(m, p.copies[m], want)
	}
}

func (p *proof) compareMember(member string, copies []received, want map[string]int) {
	got := map[int]int{}
	strange := 0
	for _, c := range copies {
		seq := 0
		for _, key := range c.keys {
			seq = max(seq, want[key])
		}
		if seq == 0 {
			strange++
			if strange <= told {
				p.cry("%s got a copy that is no post byte for byte: %s", member, c.page)
			}
		}
		got[seq]++
	}
	missing := 0
	for _, seq := range want {
		if got[seq] != 1 {
			missing++
			if missing <= told {
				p.cry("%s has %d copies of post %d", member, got[seq], seq)
			}
		}
	}
	fmt.Fprintf(p.out, "%s: %d copies, %d not byte-identical, %d posts without exactly one\n", member, len(copies), strange, missing)
}
