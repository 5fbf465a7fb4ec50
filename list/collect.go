package list

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"parley/message"
	"parley/templates"
)

// collectBatch is how many members one look for digests takes.
const collectBatch = 500

// DigestDue is the moment at which digests of this delivery are due that have
// not gone out, the zero time when none are. It is pure. A list that never had
// any begins with the next one. A clock that was set back far delays them by one
// turn at most.
func DigestDue(l List, d Delivery, last, now time.Time) time.Time {
	slot, turn := l.DigestAt.Last(now), 24*time.Hour
	if d == DeliverWeekly {
		slot, turn = l.DigestAt.LastWeekly(now), 7*24*time.Hour
	}
	if slot.After(last) || last.Sub(slot) > turn+2*time.Hour {
		return slot
	}
	return time.Time{}
}

// sendCollected sends the digests and summaries of a list that are due.
func (d *Desk) sendCollected(ctx context.Context, l List) error {
	var failed error
	for _, delivery := range []Delivery{DeliverDaily, DeliverWeekly, DeliverSummary} {
		upTo, due, err := d.openSlot(ctx, l, delivery)
		if err == nil && due {
			err = d.sendSlot(ctx, l, delivery, upTo)
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s of %s: %w", delivery, l.Address, err))
		}
	}
	return failed
}

// openSlot fixes up to which post the digests that are due go: after a crash in
// their middle the rest goes up to the same one, and nobody gets two.
func (d *Desk) openSlot(ctx context.Context, l List, delivery Delivery) (upTo int64, due bool, err error) {
	now := d.now()
	var slot Slot
	err = d.store.Read(ctx, func(tx Tx) (err error) { slot, err = tx.Slot(l.ID, delivery); return err })
	if err != nil || slot.UpTo != 0 {
		return slot.UpTo, err == nil, err
	}
	when := DigestDue(l, delivery, slot.At, now)
	if when.IsZero() {
		return 0, false, nil
	}
	err = d.store.WriteBehind(ctx, func(tx Tx) error {
		last, err := tx.LastNumber(l.ID)
		if err != nil {
			return err
		}
		if !slot.At.IsZero() { // the first slot of a list only begins to count
			upTo = last
		}
		return tx.SetSlot(l.ID, delivery, Slot{At: when, UpTo: upTo})
	})
	return upTo, upTo != 0, err
}

// sendSlot sends the digests of one slot, a batch of members at a time. Those
// who stand at the same post and mute nothing share one mail, as it is made.
func (d *Desk) sendSlot(ctx context.Context, l List, delivery Delivery, upTo int64) error {
	for {
		found, err := d.sendRound(ctx, l, delivery, upTo)
		if err != nil {
			return err
		}
		if found == 0 {
			break
		}
	}
	return d.store.WriteBehind(ctx, func(tx Tx) error {
		slot, err := tx.Slot(l.ID, delivery)
		if err != nil {
			return err
		}
		return tx.SetSlot(l.ID, delivery, Slot{At: slot.At})
	})
}

// sendRound sends one digest to everybody who has not seen the last post yet;
// what does not fit comes in the next round. A digest that fails does not stop
// those of others.
func (d *Desk) sendRound(ctx context.Context, l List, delivery Delivery, upTo int64) (found int, failed error) {
	for after := MemberID(0); ; {
		var members []Member
		err := d.store.Read(ctx, func(tx Tx) (err error) {
			members, err = tx.Collected(l.ID, delivery, upTo, after, collectBatch)
			return err
		})
		if err != nil || len(members) == 0 {
			return found, errors.Join(failed, err)
		}
		after = members[len(members)-1].ID
		found += len(members)
		for _, group := range sameDigest(members) {
			if err := d.sendCollection(ctx, l, group, string(delivery), upTo); err != nil {
				failed = errors.Join(failed, err)
			}
		}
	}
}

// sameDigest puts members together who get the same posts in the same form.
func sameDigest(members []Member) [][]Member {
	var groups [][]Member
	at := map[string]int{}
	for _, m := range members {
		key := fmt.Sprint(m.Seen, m.Plain)
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], m)
	}
	return groups
}

// collection is posts on their way into one mail.
type collection struct {
	from, to int64 // numbers: after from, up to to
	rows     []PostRow
	posts    []DigestPost
}

// sendCollection makes the next digest or summary of members who have seen the
// same posts, and moves them past it in the same transaction: a crash before it
// sends nothing, one after it nothing again.
func (d *Desk) sendCollection(ctx context.Context, l List, members []Member, kind string, upTo int64) error {
	var c collection
	quiet := map[MemberID]map[ThreadID]Mark{}
	err := d.store.Read(ctx, func(tx Tx) (err error) {
		if c, err = d.collect(tx, l, members[0].Seen, upTo, kind == string(DeliverSummary)); err != nil {
			return err
		}
		for _, m := range members {
			marks, err := tx.Marks(l.ID, m.ID)
			if err != nil {
				return err
			}
			quiet[m.ID] = marks
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, part := range sameMutes(members, quiet, c.posts) {
		if err := d.sendPart(ctx, l, part, kind, c); err != nil {
			return err
		}
	}
	return nil
}

// part is members who get the same of a collection.
type part struct {
	members []Member
	posts   []DigestPost
}

// sameMutes splits members by which of the posts they do not want.
func sameMutes(members []Member, marks map[MemberID]map[ThreadID]Mark, posts []DigestPost) []part {
	parts := map[string]*part{}
	var keys []string
	for _, m := range members {
		var wanted []DigestPost
		key := strings.Builder{}
		for i, p := range posts {
			if marks[m.ID][p.Thread] == Mute {
				fmt.Fprint(&key, i, " ")
				continue
			}
			wanted = append(wanted, p)
		}
		if parts[key.String()] == nil {
			parts[key.String()] = &part{posts: wanted}
			keys = append(keys, key.String())
		}
		parts[key.String()].members = append(parts[key.String()].members, m)
	}
	sort.Strings(keys)
	out := make([]part, len(keys))
	for i, k := range keys {
		out[i] = *parts[k]
	}
	return out
}

// collect reads the next posts of a digest, with their bytes, or of a summary,
// with the beginnings of their texts.
func (d *Desk) collect(tx Tx, l List, from, upTo int64, summary bool) (c collection, err error) {
	c.from, c.to = from, upTo
	rows, err := tx.PostsAfter(l.ID, from, digestPosts+1)
	if err != nil {
		return c, err
	}
	rows = slices.DeleteFunc(rows, func(p PostRow) bool { return p.Number > upTo })
	sizes := make([]int64, len(rows))
	for i, p := range rows {
		sizes[i] = p.Size
		if summary {
			sizes[i] = 0
		}
	}
	if n := TakeDigest(sizes); n < len(rows) {
		rows = rows[:n]
		c.to = rows[n-1].Number
	}
	texts, err := firstTexts(tx, l.ID, rows)
	if err != nil {
		return c, err
	}
	c.rows, c.posts = rows, digestRows(rows, texts)
	for i := range c.posts {
		if summary {
			continue
		}
		if c.posts[i].Raw, err = d.rawOrNote(tx, rows[i]); err != nil {
			return c, err
		}
	}
	return c, nil
}

// rawOrNote is the bytes of a post. One that is damaged in the database is named
// in its place: the others are not held up behind it.
func (d *Desk) rawOrNote(tx Tx, p PostRow) ([]byte, error) {
	_, raw, err := tx.RawPost(p.ID)
	if KindOf(err) == Malformed {
		d.log.Error("a post is damaged in the database", "post", p.ID, "err", err)
		return []byte("Subject: " + headerText(p.Subject, len("Subject: ")) + "\r\nMessage-ID: <" + p.MessageID +
			">\r\n\r\nThis post is damaged in the database of the list and cannot be shown.\r\n"), nil
	}
	return raw, err
}

// sendPart writes the mail before the transaction, and in it moves each member
// who still stands where they stood.
func (d *Desk) sendPart(ctx context.Context, l List, p part, kind string, c collection) error {
	n := notice{List: l, Members: p.members}
	var mail Packed
	if len(p.posts) > 0 {
		raw, err := d.write(d.collected(n, kind, p.posts))
		if err != nil {
			return err
		}
		mail = d.pack(raw)
	}
	return d.store.WriteBehind(ctx, func(tx Tx) error {
		n.Members = n.Members[:0:0]
		for _, m := range p.members {
			moved, err := tx.SetSeen(l.ID, []MemberID{m.ID}, c.from, c.to)
			if err != nil {
				return err
			}
			if moved == 1 {
				n.Members = append(n.Members, m)
			}
		}
		if len(p.posts) == 0 || len(n.Members) == 0 {
			return nil
		}
		_, err := d.queue(tx, n, mail)
		return err
	})
}

// collected completes the notice of a digest or a summary.
func (d *Desk) collected(n notice, kind string, posts []DigestPost) notice {
	plain := n.Members[0].Plain
	n.Template, n.Data = "digest", d.topics(n.List, posts)
	n.Data["Plain"] = plain
	if kind == string(DeliverSummary) {
		n.Template = "summary"
		return n
	}
	digest := Digest{List: n.List, Site: d.site, Posts: posts, Issue: fmt.Sprint(n.Data["Span"]), Read: func(p DigestPost) message.View { return d.readMail(0, p.Raw) }}
	n.Body = func(words string) Content {
		digest.Intro = words
		if plain {
			return PlainDigest(digest)
		}
		return MIMEDigest(digest)
	}
	return n
}

// topics is what the words of a digest, a summary and a catch-up know of posts.
func (d *Desk) topics(l List, posts []DigestPost) map[string]any {
	zone := l.DigestAt.location()
	data := map[string]any{"Count": len(posts), "Threads": GroupThreads(l, d.site, posts), "Plain": false, "Span": ""}
	if len(posts) > 0 {
		data["Span"] = templates.Span(l.Language, posts[0].Received.In(zone), posts[len(posts)-1].Received.In(zone))
	}
	return data
}

func (d *Desk) catchUpData(l List, posts []DigestPost, since, until time.Time, more int) map[string]any {
	data := d.topics(l, posts)
	zone := l.DigestAt.location()
	data["Since"], data["Until"], data["More"] = since.In(zone), until.In(zone), more
	return data
}
