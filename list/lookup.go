package list

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Limits of what one command can ask to see.
const (
	foundMost      = 20       // posts of a search
	catchUpMost    = 100      // posts of a catch-up
	catchUpCounted = 2000     // and as many are counted, at most
	threadMost     = 200      // posts of a thread that is fetched
	fetchBytes     = 4 << 20  // of all posts that one mail fetches: a reply has to pass every relay
	rosterMost     = 1000     // members
	firstText      = 16 << 10 // bytes of a text that its first lines are looked for in
)

// finding is what was read for a command before it is carried out.
type finding struct {
	post  PostRow // which one is meant; zero: none
	posts []PostRow
	texts map[PostID]string
	mbox  []byte
	lines []string
	more  bool // there was more than is shown
	left  int  // posts that a catch-up leaves out
	shut  bool // it is for members alone
}

// lookUp reads what the commands ask to see, and which posts they name. It runs
// on a snapshot, before the transaction that answers.
func (c *caller) lookUp(tx Tx) ([]finding, error) {
	m, known, err := tx.FindMember(c.list.ID, c.who.Addr)
	if err != nil {
		return nil, err
	}
	inside := known && m.State == Active
	sees := c.list.Archive == ArchivePublic || inside && c.list.Archive == ArchiveMembers
	c.masked = c.list.Masked && !inside
	found := make([]finding, len(c.Commands))
	for i, one := range c.Commands {
		if found[i], err = c.find(tx, one, m, sees); err != nil {
			return nil, fmt.Errorf("look up %s: %w", one.Verb, err)
		}
	}
	return found, nil
}

func (c *caller) find(tx Tx, one Command, m Member, sees bool) (f finding, err error) {
	if one.Problem != "" {
		return f, nil
	}
	switch {
	case one.Verb == DoGet && sees && c.masked:
		f.shut = true // its bytes are full of addresses
	case one.takesPost() && (sees || one.Verb != DoGet):
		f.post, err = c.named(tx, one)
		if err == nil && one.Verb == DoGet && f.post.ID != 0 {
			err = c.fetch(tx, one, &f)
		}
	case one.Verb == DoSearch && sees:
		f.posts, err = tx.Search(c.list.ID, one.Arg, foundMost)
		c.mask(f.posts, nil)
	case one.Verb == DoCatchUp && sees:
		f.posts, err = tx.PostsSince(c.list.ID, c.now().Add(-one.Period), catchUpCounted)
		if f.left = len(f.posts) - catchUpMost; f.left > 0 {
			f.posts = f.posts[f.left:]
		}
		f.left = max(f.left, 0)
		if err == nil {
			f.texts, err = firstTexts(tx, c.list.ID, f.posts)
		}
		c.mask(f.posts, f.texts)
	case one.Verb == DoWho && c.list.Roster && m.State == Active && m.ID != 0:
		err = c.roster(tx, &f)
	}
	return f, err
}

// named is the post that a command is about; zero when the list has none such.
func (c *caller) named(tx Tx, one Command) (PostRow, error) {
	key := one.Arg
	if key == "" {
		key = c.Parent
	} else if strings.Trim(key, "0123456789") == "" {
		key = "~" + key
	}
	if key = c.keyIn(key); key == "" {
		return PostRow{}, nil
	}
	p, ok, err := tx.FindPost(c.list.ID, key)
	if !ok {
		p = PostRow{}
	}
	return p, err
}

// keyIn is what a link to a page of the list names; anything else as it is.
func (c *caller) keyIn(arg string) string {
	if !strings.HasPrefix(arg, "http://") && !strings.HasPrefix(arg, "https://") {
		return arg
	}
	rest, ok := strings.CutPrefix(arg, c.site.ListURL(c.list))
	if !ok || c.site.URL == "" {
		return ""
	}
	segment, _, _ := strings.Cut(rest, "/")
	segment, _, _ = strings.Cut(segment, "#")
	key, err := url.PathUnescape(segment)
	if err != nil {
		return ""
	}
	return key
}

// fetch reads a post, or its whole thread, as an mbox.
func (c *caller) fetch(tx Tx, one Command, f *finding) (err error) {
	f.posts = []PostRow{f.post}
	if one.Setting == SettingThread {
		if f.posts, err = tx.ThreadPosts(c.list.ID, f.post.Thread, threadMost+1); err != nil {
			return err
		}
	}
	for i, p := range f.posts {
		if i == threadMost || c.fetched > 0 && c.fetched+p.Size > fetchBytes {
			f.posts, f.more = f.posts[:i], true
			break
		}
		raw, err := c.rawOrNote(tx, p)
		if err != nil {
			return err
		}
		c.fetched += p.Size
		f.mbox = AppendMbox(f.mbox, raw, p.Received)
	}
	return nil
}

// address is what looks like one in a text.
var address = regexp.MustCompile(`([\pL\pN._%+-]+)@[\pL\pN-]+(\.[\pL\pN-]+)+`)

// mask hides the addresses of a list with masked ones from who is no member, as
// the archive does (HOSTILE 104).
func (c *caller) mask(posts []PostRow, texts map[PostID]string) {
	if !c.masked {
		return
	}
	hide := func(s string) string { return address.ReplaceAllString(s, "$1@...") }
	for i, p := range posts {
		posts[i].FromName, posts[i].FromAddr, posts[i].Subject = hide(p.FromName), hide(p.FromAddr), hide(p.Subject)
		if text, ok := texts[p.ID]; ok {
			texts[p.ID] = hide(text)
		}
	}
}

// firstTexts is the beginnings of the texts of posts.
func firstTexts(tx Tx, l ListID, posts []PostRow) (map[PostID]string, error) {
	texts := make(map[PostID]string, len(posts))
	for _, p := range posts {
		text, err := tx.Text(l, p.ID, firstText)
		if err != nil {
			return nil, err
		}
		texts[p.ID] = text
	}
	return texts, nil
}

func (c *caller) roster(tx Tx, f *finding) error {
	members, err := tx.ListMembers(c.list.ID)
	for _, m := range members {
		switch {
		case m.State != Active:
		case len(f.lines) == rosterMost:
			f.more = true
		case m.Name == "":
			f.lines = append(f.lines, "    "+m.Address)
		default:
			f.lines = append(f.lines, "    "+m.Name+" <"+m.Address+">")
		}
	}
	return err
}

// digestPosts are rows as a table of contents needs them.
func digestRows(rows []PostRow, texts map[PostID]string) []DigestPost {
	posts := make([]DigestPost, len(rows))
	for i, p := range rows {
		posts[i] = DigestPost{Number: p.Number, Thread: p.Thread, MessageID: p.MessageID, Key: p.Key, FromName: p.FromName,
			FromAddr: p.FromAddr, Subject: p.Subject, Date: p.Date, Received: p.Received, Text: texts[p.ID]}
	}
	return posts
}

// AppendMbox appends a mail to a file of mails as mboxrd: a From line, LF line
// ends, and one more > before every line that begins like a From line
// (RFC 4155 has the form; the quoting can be undone exactly).
func AppendMbox(dst, raw []byte, received time.Time) []byte {
	dst = append(dst, "From parley "+received.UTC().Format(time.ANSIC)+"\n"...)
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") {
			dst = append(dst, '>')
		}
		dst = append(append(dst, line...), '\n')
	}
	return append(dst, '\n')
}
