package list

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"parley/message"
)

// ListMembers is the members of a list, those who left too, by address.
func (d *Desk) ListMembers(ctx context.Context, l ListID) (members []Member, err error) {
	err = d.store.Read(ctx, func(tx Tx) error { members, err = tx.ListMembers(l); return err })
	return members, err
}

// Troubles is why members of a list are suspended: the last answer that a mail
// server gave about them.
func (d *Desk) Troubles(ctx context.Context, id ListID) (why map[MemberID]string, err error) {
	why = map[MemberID]string{}
	err = d.store.Read(ctx, func(tx Tx) error {
		members, err := tx.ListMembers(id)
		if err != nil {
			return err
		}
		for _, m := range members {
			if m.State != Suspended {
				continue
			}
			if _, why[m.ID], err = tx.Strikes(id, m.ID, time.Time{}); err != nil {
				return fmt.Errorf("look up bounces: %w", err)
			}
		}
		return nil
	})
	return why, err
}

// AddMembers adds addresses to a list, or brings back those who left: it is
// the operator's word. It returns how many were not active members before.
func (d *Desk) AddMembers(ctx context.Context, id ListID, who []message.Address) (added int, err error) {
	for part := range slices.Chunk(who, membersPart) {
		n := 0
		err := d.store.Write(ctx, func(tx Tx) error {
			l, err := listByID(tx, id)
			if err != nil {
				return err
			}
			n, err = d.addMembers(tx, l, part, true)
			return err
		})
		if err != nil {
			return added, err
		}
		added += n
	}
	return added, nil
}

// membersPart is how many members one transaction adds: a command must not
// keep a running serve from its writes.
const membersPart = 500

func (d *Desk) addMembers(tx Tx, l List, who []message.Address, again bool) (added int, err error) {
	for _, a := range who {
		address, err := d.memberAddress(l, a.Addr)
		if err != nil {
			return added, err
		}
		fresh, err := d.addMember(tx, l, message.Address{Name: a.Name, Addr: address}, again)
		if err != nil {
			return added, fmt.Errorf("add member %s: %w", address, err)
		}
		if fresh {
			added++
		}
	}
	return added, nil
}

// memberAddress is the canonical form of an address that may be a member: not
// an address of ours, which would make a loop.
func (d *Desk) memberAddress(l List, given string) (string, error) {
	address, err := message.Canonical(given)
	if err != nil {
		return "", Errorf(BadAddress, "%q is not an address: %v", given, err)
	}
	if slices.ContainsFunc(d.site.Domains, func(domain string) bool { return strings.EqualFold(domain, domainOf(address)) }) {
		if t, err := ParseTarget(address, d.site); err == nil && (t.Verb != ToPosts || sameAddress(address, l.Address)) {
			return "", Errorf(BadAddress, "%s is an address of the list itself and cannot be a member", address)
		}
	}
	if local := untagged(address); local == "postmaster" || local == "mailer-daemon" { // RFC 5321, 4.5.1: a server's, nobody's own
		return "", Errorf(BadAddress, "%s is a mail server's own address and cannot be a member", address)
	}
	return address, nil
}

func (d *Desk) addMember(tx Tx, l List, who message.Address, again bool) (bool, error) {
	if !again {
		if _, known, err := tx.FindMember(l.ID, who.Addr); err != nil || known {
			return false, err
		}
	}
	_, fresh, err := d.subscribe(tx, l, who)
	return fresh, err
}

// MemberSettings are the names that SetMember takes, besides role.
var MemberSettings = []string{SettingDelivery, SettingOwn, SettingAck, SettingHours, SettingName, "pause"}

// SetMember changes a member: role=member|moderator|owner, and what they may
// set by mail themselves. A role may be given to somebody who is no member.
func (d *Desk) SetMember(ctx context.Context, id ListID, address string, options map[string]string) error {
	address = canonical(address)
	return d.store.Write(ctx, func(tx Tx) error {
		l, err := listByID(tx, id)
		if err != nil {
			return err
		}
		if role, given := options["role"]; given {
			if err := setRole(tx, &l, address, role); err != nil {
				return err
			}
			if len(options) == 1 {
				return nil
			}
		}
		m, known, err := tx.FindMember(l.ID, address)
		if err != nil {
			return err
		}
		if !known || m.State != Active {
			return Errorf(Unknown, "%s is not a member of %s; `parley member add` makes one", address, l.Address)
		}
		for _, name := range slices.Sorted(maps.Keys(options)) {
			if name == "role" {
				continue
			}
			if err := d.setMember(tx, &m, name, options[name]); err != nil {
				return err
			}
		}
		return nil
	})
}

// setMember changes one setting of a member. Its error is one that they may read.
func (d *Desk) setMember(tx Tx, m *Member, name, value string) error {
	switch name {
	case SettingDelivery:
		return d.setDeliveryText(tx, m, value)
	case SettingOwn, SettingAck:
		if value != "yes" && value != "no" {
			return Errorf(Malformed, "%s is yes or no", name)
		}
		if name == SettingOwn {
			m.Own = value == "yes"
		} else {
			m.Ack = value == "yes"
		}
	case SettingHours:
		hours, err := ParseHours(value)
		if err != nil {
			return Errorf(Malformed, "%s", err)
		}
		m.Hours = hours
	case SettingName:
		m.Name = shownLine(clip(message.DecodeHeader(value), maxMemberName))
	case "pause":
		return d.setPause(tx, m, value)
	default:
		return Errorf(Malformed, "%s=%s is not known: a member has role=member|moderator|owner, delivery=each|first|followed|daily|weekly|summary|none, own=yes|no, acknowledgement=yes|no, hours=08:00-18:00 ZONE, name=TEXT, pause=DATE|off", name, value)
	}
	return tx.SetMember(*m)
}

func (d *Desk) setDeliveryText(tx Tx, m *Member, value string) error {
	word, form, _ := strings.Cut(value, " ")
	next, plain := Delivery(word), m.Plain
	switch next {
	case DeliverEach, DeliverFirst, DeliverFollowed, DeliverDaily, DeliverWeekly, DeliverSummary, DeliverNone:
	default:
		return Errorf(Malformed, "delivery is each, first, followed, daily, weekly, summary or none")
	}
	switch form {
	case "plain":
		plain = true
	case "mime":
		plain = false
	case "":
	default:
		return Errorf(Malformed, "a digest is plain or mime")
	}
	return d.setDelivery(tx, m, next, plain)
}

func (d *Desk) setPause(tx Tx, m *Member, value string) error {
	if value == "off" {
		_, err := d.resume(tx, m)
		return err
	}
	until, err := time.Parse(time.DateOnly, value)
	if err != nil || !until.After(d.now()) {
		return Errorf(Malformed, "a pause ends on a day to come, as 2027-01-08, or is off")
	}
	return d.pause(tx, m, until)
}

func setRole(tx Tx, l *List, address, role string) error {
	if _, err := message.Canonical(address); err != nil {
		return Errorf(BadAddress, "%q is not an address: %v", address, err)
	}
	without := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(a string) bool { return sameAddress(a, address) })
	}
	owners, moderators := without(l.Owners), without(l.Moderators)
	switch role {
	case "owner":
		owners = append(owners, address)
	case "moderator":
		moderators = append(moderators, address)
	case "member":
	default:
		return Errorf(Malformed, "role=%s is not known: it is member, moderator or owner", role)
	}
	for name, change := range map[string]bool{"owners": !slices.Equal(owners, l.Owners), "moderators": !slices.Equal(moderators, l.Moderators)} {
		if change && slices.Contains(l.FileKeys, name) {
			return Errorf(Conflict, "%s of %s is set in the config file: change it there", name, l.Address)
		}
	}
	for name, people := range map[string][]string{"owners": owners, "moderators": moderators} {
		if err := SetOption(l, name, strings.Join(people, ", ")); err != nil {
			return err
		}
	}
	return tx.SetList(*l)
}

// RemoveMembers takes members off a list and cancels their copies. It returns
// how many were active; an address that is not a member is Unknown, and then
// nobody is removed.
func (d *Desk) RemoveMembers(ctx context.Context, id ListID, addresses []string) (removed int, err error) {
	err = d.store.Write(ctx, func(tx Tx) error {
		removed = 0
		l, err := listByID(tx, id)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			m, known, err := tx.FindMember(id, canonical(a))
			if err != nil {
				return err
			}
			if !known || m.State == Left || m.State == Removed {
				return Errorf(Unknown, "%s is not a member of %s", a, l.Address)
			}
			m.State, m.Since = Removed, d.now()
			if err := tx.SetMember(m); err != nil {
				return err
			}
			removed++
		}
		return nil
	})
	return removed, err
}
