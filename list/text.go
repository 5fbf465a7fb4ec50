package list

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"parley/message"
)

// textBatch is how many posts get their text in one transaction: so few that a
// waiting 250 never notices.
const textBatch = 16

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
	for _, id := range posts {
		t, err := d.makeText(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("text of post %d: %w", id, err)
		}
		texts = append(texts, t)
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

func (d *Desk) makeText(ctx context.Context, id PostID) (PostText, error) {
	var raw []byte
	var l ListID
	err := d.store.Read(ctx, func(tx Tx) (err error) { l, raw, err = tx.RawPost(id); return err })
	if err != nil {
		return PostText{}, err
	}
	view := d.readMail(id, raw)
	attachments, err := json.Marshal(view.Attachments)
	if err != nil {
		return PostText{}, err
	}
	index := []string{view.Text}
	for _, a := range view.Attachments {
		index = append(index, a.Name)
	}
	return PostText{Post: id, List: l, Text: view.Text, Attachments: string(attachments), Index: strings.Join(index, "\n")}, nil
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
