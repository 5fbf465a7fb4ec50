package list

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"parley/message"
)

// Limits of one transaction of texts: so little that a waiting 250 never
// notices. A longer text is shown whole, but search finds only its beginning.
const (
	textBatch = 16        // posts
	textBytes = 128 << 10 // bytes of text for the index
)

// MakeTexts makes the display text and the search index of posts that have
// none yet, oldest first, and returns how many it did. It runs after the 250,
// so that a stranger's MIME can delay nobody's post.
func (d *Desk) MakeTexts(ctx context.Context) (int, error) {
	var posts []PostID
	err := d.store.Read(ctx, func(tx Tx) (err error) { posts, err = tx.NextTexts(textBatch); return err })
	if err != nil || len(posts) == 0 {
		return 0, err
	}
	texts := make([]PostText, 0, len(posts))
	for size := 0; len(texts) < len(posts) && size < textBytes; {
		id := posts[len(texts)]
		t, err := d.makeText(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("text of post %d: %w", id, err)
		}
		texts = append(texts, t)
		size += len(t.Index)
	}
	err = d.store.WriteBehind(ctx, func(tx Tx) error {
		for _, t := range texts {
			if err := tx.SetText(t); err != nil {
				return fmt.Errorf("keep text of post %d: %w", t.Post, err)
			}
		}
		return nil
	})
	return len(texts), err
}

// makeText reads one post. A post that is damaged in the database gets an empty
// text, so that those behind it get theirs.
func (d *Desk) makeText(ctx context.Context, id PostID) (PostText, error) {
	var raw []byte
	var l List
	err := d.store.Read(ctx, func(tx Tx) error {
		of, bytes, err := tx.RawPost(id)
		if KindOf(err) == Malformed {
			d.log.Error("a post is damaged in the database", "post", id, "err", err)
			err = nil
		}
		raw, l.ID = bytes, of
		return err
	})
	if err != nil {
		return PostText{}, err
	}
	d.tellBrokenSignatures(ctx, l.ID, id, raw)
	view := d.readMail(id, raw)
	attachments, err := json.Marshal(view.Attachments)
	if err != nil {
		return PostText{}, err
	}
	index := []string{view.Text}
	for _, a := range view.Attachments {
		index = append(index, a.Name)
	}
	return PostText{Post: id, List: l.ID, Text: view.Text, Attachments: string(attachments),
		Index: clip(strings.Join(index, "\n"), textBytes)}, nil
}

// tellBrokenSignatures names the domains whose signatures no copy of the post
// carries whole, because they cover a field that we add, replace or remove. It
// is for the log only, so it is done here, after the 250.
func (d *Desk) tellBrokenSignatures(ctx context.Context, id ListID, post PostID, raw []byte) {
	lists, err := d.store.Lists(ctx)
	i := slices.IndexFunc(lists, func(l List) bool { return l.ID == id })
	if err != nil || i < 0 {
		return
	}
	src := Source{Kind: SourcePost, List: lists[i], Raw: raw, Trace: "x", MessageID: "x", Received: d.now(), Key: "x"}
	if broken := BreaksSignatures(src, d.site); len(broken) > 0 {
		d.log.Info("copies break signatures", "list", lists[i].Address, "post", post, "domains", broken)
	}
}

// readMail reads a stranger's MIME. Should the reader ever panic, the post is
// shown without text, and the others are not held up behind it.
func (d *Desk) readMail(id PostID, raw []byte) (view message.View) {
	defer func() {
		if r := recover(); r != nil {
			d.log.Error("panic while reading a post", "post", id, "panic", r)
			view = message.View{Problems: []string{"this post could not be read"}}
		}
	}()
	return message.Read(raw)
}
