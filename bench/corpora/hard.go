package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pageWait is the longest that one page may take.
const pageWait = 10 * time.Second

// torture is one malformed mail with what became of it.
type torture struct {
	name  string // of its file
	raw   []byte
	fate  fate
	took  time.Duration // to the answer
	page  time.Duration
	reply string
}

// fate is what became of a mail.
type fate string

const (
	accepted  fate = "accepted"
	held      fate = "held"
	refused   fate = "refused"
	repeated  fate = "folded, a repeat"
	discarded fate = "discarded, with a line in the log"
	failed    fate = "failed"
)

// hard posts all of corpora/hard and looks at what became of each mail.
func (p *proof) hard(ctx context.Context) error {
	all, err := readHard(filepath.Join(p.corpora, "hard"))
	if err != nil {
		return err
	}
	if len(all) < 200 {
		return fmt.Errorf("the corpus has only %d mails", len(all))
	}
	seen := map[string]bool{}
	for i := range all {
		if err := p.torment(ctx, &all[i], seen); err != nil {
			return fmt.Errorf("%s: %w", all[i].name, err)
		}
	}
	if err := p.showHard(ctx, all); err != nil {
		return err
	}
	p.tellHard(all)
	return nil
}

func readHard(dir string) ([]torture, error) {
	var all []torture
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".golden") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		raw = wire(raw)
		if !bytes.HasSuffix(raw, []byte("\r\n")) {
			raw = append(raw, "\r\n"...) // a client must: the final dot stands on a line of its own
		}
		all = append(all, torture{name: name, raw: raw})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the hard mail: %w", err)
	}
	return all, nil
}

// torment posts one mail and finds out its fate: by the answer, and by the
// rows that it left.
func (p *proof) torment(ctx context.Context, t *torture, seen map[string]bool) error {
	posts, heldBefore, err := p.rows(ctx)
	if err != nil {
		return err
	}
	said := p.logSize()
	began := time.Now()
	reply, err := p.post("hard", t.raw)
	if err != nil {
		return err
	}
	t.took, t.reply = time.Since(began), reply.String()
	postsNow, heldNow, err := p.rows(ctx)
	if err != nil {
		return err
	}
	id := identity(t.raw)
	switch {
	case reply.Code/100 == 5:
		t.fate = refused
	case !reply.OK():
		t.fate = failed
	case postsNow > posts:
		t.fate = accepted
	case heldNow > heldBefore:
		t.fate = held
	case seen[id]:
		t.fate = repeated
	case p.logged(said, "discard"):
		t.fate = discarded
	default:
		t.fate = failed
	}
	seen[id] = seen[id] || reply.OK()
	if t.fate == failed || (t.fate == refused && (postsNow > posts || heldNow > heldBefore)) {
		p.cry("hard mail %s: answered %s, and %d posts, %d held came of it", t.name, reply, postsNow-posts, heldNow-heldBefore)
	}
	return nil
}

func (p *proof) rows(ctx context.Context) (posts, held int, err error) {
	err = p.db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM posts p JOIN lists l ON l.id = p.list WHERE l.address = $1),
		(SELECT COUNT(*) FROM held h JOIN lists l ON l.id = h.list WHERE l.address = $1)`, "hard@lists.test").Scan(&posts, &held)
	if err != nil {
		err = fmt.Errorf("count posts and held posts: %w", err)
	}
	return posts, held, err
}

func (p *proof) logSize() int64 {
	info, err := os.Stat(p.house.Log())
	if err != nil {
		return 0
	}
	return info.Size()
}

// logged says that the log behind from holds word.
func (p *proof) logged(from int64, word string) bool {
	log, err := os.ReadFile(p.house.Log())
	return err == nil && bytes.Contains(log[from:], []byte(word))
}

// showHard waits for the copies and texts of the accepted mails and fetches
// their pages.
func (p *proof) showHard(ctx context.Context, all []torture) error {
	n := 0
	for _, t := range all {
		if t.fate == accepted {
			n++
		}
	}
	if err := p.settle(ctx, "hard", n); err != nil {
		return err
	}
	if err := p.texts(ctx); err != nil {
		return err
	}
	pages := p.pages("hard")
	for i := range all {
		if all[i].fate != accepted {
			continue
		}
		page, there := pages[p.dressing.postKey(all[i].raw)]
		if !there {
			p.cry("hard mail %s: no copy of it is byte-identical", all[i].name)
			continue
		}
		p.show(ctx, &all[i], page)
	}
	return nil
}

// pages are the addresses of a list's posts, as its copies name them, by key.
func (p *proof) pages(list string) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	pages := map[string]string{}
	for _, c := range p.copies[members(list)[0]] {
		for _, key := range c.keys {
			pages[key] = strings.Trim(c.page, "<>")
		}
	}
	return pages
}

// texts waits until every post has its text: it follows the 250.
func (p *proof) texts(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		var missing int
		err := p.db.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM posts) - (SELECT COUNT(*) FROM texts)").Scan(&missing)
		if err != nil {
			return fmt.Errorf("wait for the texts: %w", err)
		}
		if missing == 0 {
			return nil
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return fmt.Errorf("wait for the texts: %d posts have none", missing)
		}
	}
}

// show fetches the page of a mail and its raw form.
func (p *proof) show(ctx context.Context, t *torture, page string) {
	began := time.Now()
	html, err := fetch(ctx, page)
	t.page = time.Since(began)
	if err == nil {
		err = wellFormed(html)
	}
	if err != nil {
		p.cry("hard mail %s: its page %s: %w", t.name, page, err)
		return
	}
	raw, err := fetch(ctx, page+"raw")
	switch {
	case err != nil:
		p.cry("hard mail %s: its raw form: %w", t.name, err)
	case !bytes.Equal(raw, t.raw):
		p.cry("hard mail %s: its raw form has %d bytes, posted were %d others", t.name, len(raw), len(t.raw))
	}
}

func fetch(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, pageWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch a page: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetch a page: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch a page: %s", res.Status)
	}
	return io.ReadAll(res.Body)
}

func (p *proof) tellHard(all []torture) {
	count := map[fate]int{}
	slow, slowPage := all[0], all[0]
	for _, t := range all {
		count[t.fate]++
		if t.took > slow.took {
			slow = t
		}
		if t.page > slowPage.page {
			slowPage = t
		}
		if t.fate != accepted {
			fmt.Fprintf(p.out, "hard: %s: %s: %s\n", t.fate, t.name, t.reply)
		}
	}
	fmt.Fprintf(p.out, "hard: %d mails: %d accepted, %d held, %d refused, %d repeats, %d discarded, %d failed\n", len(all),
		count[accepted], count[held], count[refused], count[repeated], count[discarded], count[failed])
	fmt.Fprintf(p.out, "hard: slowest answer %.1f ms (%s), slowest page %.1f ms (%s)\n",
		float64(slow.took.Microseconds())/1000, slow.name, float64(slowPage.page.Microseconds())/1000, slowPage.name)
}
