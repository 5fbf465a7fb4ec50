package list

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"parley/message"
)

// Desk takes mail in and carries out what owners, moderators and the operator
// decide. It holds no state of its own: two desks on one database agree.
type Desk struct {
	store Store
	site  Site
	now   func() time.Time
	log   *slog.Logger
	pack  func(raw []byte) Packed
	words Words

	asked asked
}

// asked is a mail that is being carried out: what goes to its author then is an
// answer to it (RFC 3834, 5). Zero on a desk where nobody wrote.
type asked struct{ by, messageID string }

// carrying is the desk while it carries out a mail.
func (d *Desk) carrying(a asked) *Desk {
	c := *d
	c.asked = a
	return &c
}

// DeskConfig is what a Desk is made from.
type DeskConfig struct {
	Store Store
	Site  Site
	Now   func() time.Time
	Log   *slog.Logger
	Pack  func(raw []byte) Packed // the store's compression, safe for concurrent use
	Words Words
}

// NewDesk makes a Desk.
func NewDesk(c DeskConfig) *Desk {
	return &Desk{store: c.Store, site: c.Site, now: c.Now, log: c.Log, pack: c.Pack, words: c.Words}
}

// Site is what the desk's addresses and links are made from.
func (d *Desk) Site() Site { return d.site }

// Knows tells whether mail for rcpt is taken: nil, or an Error that says why
// not. It costs one lookup, whatever the address.
func (d *Desk) Knows(ctx context.Context, env Envelope, rcpt string) error {
	return d.store.Read(ctx, func(tx Tx) error {
		_, err := d.resolve(tx, rcpt)
		return err
	})
}

// delivery is a recipient that is known: what to do with a mail for it.
type delivery struct {
	Target
	list    List
	member  MemberID // whom its token names
	pending int64    // what its token answers
	rcpt    string
}

// resolve finds what stands behind a recipient address.
func (d *Desk) resolve(tx Tx, rcpt string) (delivery, error) {
	target, err := ParseTarget(rcpt, d.site)
	if err != nil {
		return delivery{}, err
	}
	to := delivery{Target: target, rcpt: rcpt}
	if target.Verb == ToPostmaster || target.Verb == ToAbuse {
		if d.site.Operator == "" {
			return delivery{}, Errorf(Unknown, "no operator is configured here")
		}
		return to, nil
	}
	lists, err := tx.Lists()
	if err != nil {
		return delivery{}, err
	}
	l, ok := findAddress(lists, target.Local+"@"+target.Domain)
	if !ok {
		return delivery{}, Errorf(Unknown, "no such list here")
	}
	to.list = l
	if target.Token != "" {
		err = d.resolveToken(tx, &to)
	}
	return to, err
}

// resolveToken finds what the token of an address stands for. One that is
// wrong, and one that has expired, is an address that does not exist.
func (d *Desk) resolveToken(tx Tx, to *delivery) (err error) {
	key, ok := TokenHash(to.Token), false
	switch to.Verb {
	case ToBounce:
		if to.member, ok, err = tx.FindBounceKey(to.list.ID, key); err == nil && !ok {
			ok, err = d.resolveProbe(tx, to, key)
		}
	case ToMe:
		to.member, ok, err = tx.FindSelfKey(to.list.ID, key)
	case ToLeave:
		var l ListID
		l, to.member, ok, err = tx.FindLeaveKey(key)
		ok = ok && l == to.list.ID
	default:
		ok, err = d.resolvePending(tx, to, key)
	}
	if err == nil && !ok {
		err = Errorf(Unknown, "no such address here; one that was to be answered may have expired, so ask again")
	}
	return err
}

// resolveProbe finds the member whom a probe went to.
func (d *Desk) resolveProbe(tx Tx, to *delivery, key []byte) (bool, error) {
	p, ok, err := tx.FindPending(to.list.ID, key)
	if err != nil || !ok || p.Kind != PendingProbe || !p.Expires.After(d.now()) {
		return false, err
	}
	w, err := p.wish()
	to.pending, to.member = p.ID, w.Member
	return err == nil, err
}

func (d *Desk) resolvePending(tx Tx, to *delivery, key []byte) (bool, error) {
	p, ok, err := tx.FindPending(to.list.ID, key)
	to.pending = p.ID
	return ok && p.Kind.verb() == to.Verb && p.Expires.After(d.now()), err
}

// findAddress is the list of this address that is not removed.
func findAddress(lists []List, address string) (List, bool) {
	for _, l := range lists {
		if !l.Removed && strings.EqualFold(l.Address, address) {
			return l, true
		}
	}
	return List{}, false
}

// owners is who gets the mail of a list's owners: the operator where it has none.
func (d *Desk) owners(l List) []string {
	if len(l.Owners) > 0 {
		return l.Owners
	}
	if d.site.Operator != "" {
		return []string{d.site.Operator}
	}
	return nil
}

// sameAddress compares two addresses as members are compared: without case.
func sameAddress(a, b string) bool { return strings.EqualFold(a, b) }

func anyAddress(list []string, address string) bool {
	for _, a := range list {
		if sameAddress(a, address) {
			return true
		}
	}
	return false
}

// canonical is the canonical form of an address, or the address as it is when it has none.
func canonical(address string) string {
	if c, err := message.Canonical(address); err == nil {
		return c
	}
	return address
}
