package list

import (
	"context"
	"strconv"
	"time"

	"parley/message"
)

// linkPause is the pause that a link's page offers.
const linkPause = 7 * 24 * time.Hour

// Subscription is the membership that a link's token names, with the thread of
// the post of that number (0: none). Unknown when the token names none.
func (d *Desk) Subscription(ctx context.Context, token string, post int64) (s Subscription, err error) {
	err = d.store.Read(ctx, func(tx Tx) error {
		l, m, err := d.linked(tx, token)
		if err != nil {
			return err
		}
		s = Subscription{List: l, Address: m.Address, State: m.State, Delivery: m.Delivery}
		if m.Paused(d.now()) {
			s.PausedUntil = m.PausedUntil
		}
		if post == 0 {
			return nil
		}
		p, ok, err := tx.FindPost(l.ID, postKey(post))
		if err != nil || !ok || m.State != Active {
			return err
		}
		marks, err := tx.Marks(l.ID, m.ID)
		s.Subject, s.Muted = p.Subject, marks[p.Thread] == Mute
		if l.Archive != ArchivePublic {
			s.Subject = "(a thread of this list)" // a forwarded link must not read a private archive, number by number
		} else if s.Subject == "" {
			s.Subject = "(no subject)"
		}
		return err
	})
	return s, err
}

// Grant does what the page of a link asks for. Doing it again does no harm.
// Unknown when the token names no membership, or the number no post.
func (d *Desk) Grant(ctx context.Context, token string, post int64, w Wish) error {
	return d.store.Write(ctx, func(tx Tx) error {
		l, m, err := d.linked(tx, token)
		if err != nil {
			return err
		}
		if err := d.grant(tx, l, m, post, w); err != nil {
			return err
		}
		d.log.Info("wish granted", "list", l.Address, "member", m.ID, "wish", w)
		return nil
	})
}

func (d *Desk) grant(tx Tx, l List, m Member, post int64, w Wish) error {
	switch w {
	case WishLeave:
		_, err := d.leave(tx, l, m.Address)
		return err
	case WishJoin:
		if m.State == Removed || l.bans(m.Address) {
			return Errorf(Refused, "The owners of this list took the address off. Write to %s", l.role(ToOwner))
		}
		_, _, err := d.subscribe(tx, l, message.Address{Name: m.Name, Addr: m.Address})
		return err
	}
	if m.State != Active {
		return Errorf(Refused, "The address is not subscribed")
	}
	switch w {
	case WishPause:
		if m.Paused(d.now()) {
			return nil
		}
		return d.pause(tx, &m, d.now().Add(linkPause))
	case WishResume:
		return d.resumeQuietly(tx, &m)
	case WishDaily:
		return d.setDelivery(tx, &m, DeliverDaily, m.Plain)
	case WishEach:
		return d.setDelivery(tx, &m, DeliverEach, m.Plain)
	case WishMute, WishUnmute:
		return d.markByNumber(tx, l, m, post, w)
	}
	return Errorf(Malformed, "There is no such wish")
}

// resumeQuietly ends a pause without a mail where there is nothing to tell: a
// link may be pressed by whoever has it, as often as they like.
func (d *Desk) resumeQuietly(tx Tx, m *Member) error {
	last, err := tx.LastNumber(m.List)
	if err != nil {
		return err
	}
	if m.Owed != OwedCatchUp || m.Seen < last {
		_, err := d.resume(tx, m)
		return err
	}
	m.Owed, m.PausedUntil = OwedNothing, time.Time{}
	return tx.SetMember(*m)
}

func (d *Desk) markByNumber(tx Tx, l List, m Member, post int64, w Wish) error {
	p, ok, err := tx.FindPost(l.ID, postKey(post))
	if err != nil {
		return err
	}
	if !ok {
		return Errorf(Malformed, "The link names no thread")
	}
	mark := Mute
	if w == WishUnmute {
		mark = NoMark
	}
	return tx.SetMark(m, p, mark)
}

// postKey is what finds a post by its number.
func postKey(number int64) string { return "~" + strconv.FormatInt(number, 10) }

// linked finds the membership of a link's token. A wrong token costs the same
// one lookup, whatever is wrong with it.
func (d *Desk) linked(tx Tx, token string) (List, Member, error) {
	id, member, ok, err := tx.FindLeaveKey(TokenHash(token))
	if err != nil {
		return List{}, Member{}, err
	}
	if !ok || !isToken(token) {
		return List{}, Member{}, Errorf(Unknown, "no such link here")
	}
	l, err := listByID(tx, id)
	if err != nil {
		return List{}, Member{}, err
	}
	m, err := tx.Member(id, member)
	return l, m, err
}
