package list

import (
	"context"
	"fmt"

	"parley/message"
)

// ListHeld is what waits on a list, the oldest first; 0 is all lists.
func (d *Desk) ListHeld(ctx context.Context, l ListID) (rows []HeldRow, err error) {
	err = d.store.Read(ctx, func(tx Tx) error { rows, err = tx.ListHeld(l); return err })
	return rows, err
}

// ShowHeld is one held post with its bytes. Unknown when it was decided already.
func (d *Desk) ShowHeld(ctx context.Context, id HeldID) (row HeldRow, err error) {
	err = d.store.Read(ctx, func(tx Tx) error { row, _, err = tx.FindHeld(id); return err })
	return row, err
}

// AcceptHeld lets a held post through to the archive and the members. The
// first decision wins: a later one finds it gone, which is Unknown.
func (d *Desk) AcceptHeld(ctx context.Context, id HeldID) error {
	var post PostID
	err := d.decideHeld(ctx, id, func(tx Tx, l List, in *incoming) (err error) {
		if post, err = d.keep(tx, l, d.newPost(in), in.refs); err != nil {
			return err
		}
		if _, err := d.knowSender(tx, in); err != nil {
			return err
		}
		return d.thank(tx, in, post)
	})
	if err == nil {
		d.log.Info("held post accepted", "held", id, "post", post)
	}
	return err
}

// DiscardHeld drops a held post without a word to anybody.
func (d *Desk) DiscardHeld(ctx context.Context, id HeldID) error {
	err := d.decideHeld(ctx, id, func(Tx, List, *incoming) error { return nil })
	if err == nil {
		d.log.Info("held post discarded", "held", id)
	}
	return err
}

// RejectHeld drops a held post and tells its author why, if the author is
// proven: a forged sender gets nothing (no backscatter). The mail goes out with
// the null sender (RFC 3834, RFC 5321, 4.5.5). It returns whether the author was told.
func (d *Desk) RejectHeld(ctx context.Context, id HeldID, reason string) (told bool, err error) {
	err = d.decideHeld(ctx, id, func(tx Tx, l List, in *incoming) (err error) {
		told, err = d.tellAuthor(tx, l, in, reason)
		return err
	})
	if err == nil {
		d.log.Info("held post rejected", "held", id, "told", told)
	}
	return told, err
}

// decideHeld takes a post from the held ones and does with it what then says,
// both or neither. It is read before the transaction, which only looks whether
// it still waits: the first decision wins.
func (d *Desk) decideHeld(ctx context.Context, id HeldID, then func(Tx, List, *incoming) error) error {
	var row HeldRow
	var env Envelope
	err := d.store.Read(ctx, func(tx Tx) (err error) { row, env, err = tx.FindHeld(id); return err })
	if err != nil {
		return err
	}
	in := d.open(env, row.Raw)
	return d.store.Write(ctx, func(tx Tx) error {
		l, err := listByID(tx, row.List)
		if err != nil {
			return err
		}
		if err := tx.DeleteHeld(l.ID, id); err != nil {
			return fmt.Errorf("take from the held: %w", err)
		}
		in.to = delivery{list: l}
		return then(tx, l, in)
	})
}

func (d *Desk) tellAuthor(tx Tx, l List, in *incoming, reason string) (bool, error) {
	if in.from.Addr == "" || !in.env.Auth.Proves(domainOf(in.from.Addr)) || message.Automatic(in.msg) {
		return false, nil
	}
	_, err := d.mail(tx, notice{List: l, To: []string{in.from.Addr}, Template: "rejected", FromOwner: true, InReplyTo: in.messageID,
		Data: map[string]any{"Subject": message.DecodeHeader(in.msg.Get("Subject")), "Reason": reason}})
	return err == nil, err
}

func listByID(tx Tx, id ListID) (List, error) {
	lists, err := tx.Lists()
	if err != nil {
		return List{}, err
	}
	for _, l := range lists {
		if l.ID == id && !l.Removed {
			return l, nil
		}
	}
	return List{}, Errorf(Unknown, "no such list here")
}
