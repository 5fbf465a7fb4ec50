package list

import (
	"fmt"

	"parley/message"
)

// keep gives a post its place in the archive and its fan-out.
func (d *Desk) keep(tx Tx, l List, p NewPost, refs []string) (PostID, error) {
	t := &threader{tx: tx, list: l.ID}
	place, err := t.findPlace(p.MessageID, refs)
	if err != nil {
		return 0, fmt.Errorf("find the thread: %w", err)
	}
	p.Taken = place.taken()
	id, err := tx.AddPost(p)
	if err != nil {
		return 0, fmt.Errorf("keep post: %w", err)
	}
	job := NewJob{List: l.ID, Post: id, At: d.now()}
	if job.Node, err = t.put(place, p.MessageID, id, p.Received); err != nil {
		return 0, fmt.Errorf("put into the thread: %w", err)
	}
	if job.First, err = t.isFirst(place); err != nil {
		return 0, fmt.Errorf("look at the thread: %w", err)
	}
	if _, err := tx.AddJob(job); err != nil {
		return 0, fmt.Errorf("start fan-out: %w", err)
	}
	return id, nil
}

func (d *Desk) newPost(in *incoming) NewPost {
	date, _ := message.ParseDate(in.msg.Get("Date"))
	return NewPost{
		List:      in.to.list.ID,
		MessageID: in.messageID,
		Hash:      in.hash,
		FromName:  in.from.Name,
		FromAddr:  in.from.Addr,
		Subject:   clip(message.DecodeHeader(in.msg.Get("Subject")), maxSubject),
		Date:      date,
		Received:  in.env.Received,
		Trace:     trace(in.env, d.site.Hostname, in.to.list.Address),
		Session:   in.env.Session,
		Auth:      in.env.Auth,
		Packed:    in.packed,
	}
}

// thank does what the author of a post wishes to follow from it: its thread is
// one of theirs, and a mail says that it went out. A From that is not proven
// wishes nothing.
func (d *Desk) thank(tx Tx, in *incoming, id PostID) error {
	m := in.member
	follows := m.Delivery == DeliverFollowed || m.Delivery == DeliverFirst
	if !in.sender.Proven || !in.sender.Member || !m.Ack && !follows {
		return nil
	}
	p, err := tx.Post(m.List, id)
	if err != nil {
		return err
	}
	if follows {
		if err := d.followOwn(tx, m, p); err != nil {
			return err
		}
	}
	if !m.Ack {
		return nil
	}
	link := ""
	if in.to.list.Archive == ArchivePublic {
		link = d.site.PostURL(in.to.list, p.Key)
	}
	n := notice{List: in.to.list, To: []string{m.Address}, Template: "ack", ReplyTo: d.replyTo(in.to.list, m), InReplyTo: in.messageID,
		Data: map[string]any{"Subject": p.Subject, "Link": link}}
	raw, err := d.write(n)
	if err != nil { // an operator's own words: the post is worth more than they are
		d.log.Error("mail not written", "mail", n.Template, "err", err)
		return nil
	}
	_, err = d.queue(tx, n, d.pack(raw))
	return err
}

// followOwn follows the thread of one's own post, unless it was muted.
func (d *Desk) followOwn(tx Tx, m Member, p PostRow) error {
	marks, err := tx.Marks(m.List, m.ID)
	if err != nil || marks[p.Thread] != NoMark {
		return err
	}
	return tx.SetMark(m, p, Follow)
}
