package list

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/message"
)

// Declared is a list as the config file has it. Options that the file does not
// name are left as they are in the database.
type Declared struct {
	Address string
	Options map[string]string // by the names of OptionNames; lists of addresses joined with ", "
	Members []message.Address // added once: whoever left, was removed or suspended is not added again
}

// HeldRow is a post that waits for a moderator.
type HeldRow struct {
	ID       HeldID
	List     ListID
	Address  string // of the list
	From     string // as in the post, decoded for display
	Subject  string // decoded for display
	Reason   string
	Received time.Time
	Size     int64
	Auth     Auth
	Raw      []byte // only from ShowHeld
}

// QueueRow is a copy that has not ended yet, or a job that still expands.
type QueueRow struct {
	ID      CopyID // 0: a job that still expands
	Job     JobID
	List    string // its address
	Subject string
	Rcpts   []string
	Tries   int
	Since   time.Time
	Due     time.Time
	Last    string // the last answer, in the server's words
}

// Lists is every list that is not removed, by address.
func (d *Desk) Lists(ctx context.Context) ([]List, error) {
	all, err := d.store.Lists(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(l List) bool { return l.Removed }), nil
}

// FindList is the list of an address, or of a local part where that is clear.
func (d *Desk) FindList(ctx context.Context, name string) (List, error) {
	lists, err := d.Lists(ctx)
	if err != nil {
		return List{}, err
	}
	if strings.Contains(name, "@") {
		if l, ok := findAddress(lists, canonical(name)); ok {
			return l, nil
		}
		return List{}, Errorf(Unknown, "there is no list %s; `parley list ls` shows those there are", name)
	}
	var found []List
	for _, l := range lists {
		if strings.EqualFold(l.Local(), name) {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return List{}, Errorf(Unknown, "there is no list %s; `parley list ls` shows those there are", name)
	default:
		return List{}, Errorf(Conflict, "%s is a list in several domains: give its whole address, such as %s", name, found[0].Address)
	}
}

// CreateList makes a list in the database, with the options that differ from
// the defaults. A removed list of the same address comes back with its archive
// and members.
func (d *Desk) CreateList(ctx context.Context, address string, options map[string]string) (l List, err error) {
	address = strings.ToLower(address)
	if err := ValidListAddress(address, d.site.Domains); err != nil {
		return List{}, err
	}
	err = d.store.Write(ctx, func(tx Tx) error {
		l, err = d.createList(tx, address, options)
		return err
	})
	return l, err
}

func (d *Desk) createList(tx Tx, address string, options map[string]string) (List, error) {
	lists, err := tx.Lists()
	if err != nil {
		return List{}, err
	}
	l := NewList(address)
	i := slices.IndexFunc(lists, func(l List) bool { return l.Address == address })
	if i >= 0 {
		l = lists[i]
		if !l.Removed {
			return List{}, Errorf(Conflict, "the list %s is there already; `parley list set` changes it", address)
		}
		l.Removed = false
	}
	if err := setOptions(&l, options); err != nil {
		return List{}, err
	}
	if i >= 0 {
		return l, tx.SetList(l)
	}
	l.ID, err = tx.AddList(l)
	return l, err
}

func setOptions(l *List, options map[string]string) error {
	for _, name := range OptionNames() {
		value, given := options[name]
		if !given {
			continue
		}
		if err := SetOption(l, name, value); err != nil {
			return err
		}
	}
	for name := range options {
		if !slices.Contains(OptionNames(), name) {
			return Errorf(Malformed, "a list has no option %s; it has %s", name, strings.Join(OptionNames(), ", "))
		}
	}
	return nil
}

// SetList changes options of a list. One that the config file sets is refused,
// because the next start would change it back.
func (d *Desk) SetList(ctx context.Context, id ListID, options map[string]string) (l List, err error) {
	err = d.store.Write(ctx, func(tx Tx) error {
		if l, err = listByID(tx, id); err != nil {
			return err
		}
		for name := range options {
			if slices.Contains(l.FileKeys, name) {
				return Errorf(Conflict, "%s of %s is set in the config file: change it there", name, l.Address)
			}
		}
		if err := setOptions(&l, options); err != nil {
			return err
		}
		return tx.SetList(l)
	})
	return l, err
}

// RemoveList takes a list off: no posts, no pages any more. Its archive and
// members stay in the database; creating it again brings them back.
func (d *Desk) RemoveList(ctx context.Context, id ListID) error {
	return d.store.Write(ctx, func(tx Tx) error {
		l, err := listByID(tx, id)
		if err != nil {
			return err
		}
		if len(l.FileKeys) > 0 {
			return Errorf(Conflict, "%s stands in the config file: take it out there and let serve reread it (SIGHUP, or a restart) first", l.Address)
		}
		l.Removed = true
		return tx.SetList(l)
	})
}

// Apply brings the lists of the config file into the database: it creates and
// updates, and removes nothing. Lists that are not in the file are kept.
func (d *Desk) Apply(ctx context.Context, declared []Declared) error {
	return d.store.Write(ctx, func(tx Tx) error {
		for _, decl := range declared {
			if err := d.apply(tx, decl); err != nil {
				return fmt.Errorf("list %s: %w", decl.Address, err)
			}
		}
		return d.forgetFileKeys(tx, declared)
	})
}

func (d *Desk) apply(tx Tx, decl Declared) error {
	lists, err := tx.Lists()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(lists, func(l List) bool { return l.Address == decl.Address })
	var l List
	if i < 0 {
		l, err = d.createList(tx, decl.Address, nil)
	} else {
		l = lists[i]
	}
	if err != nil {
		return err
	}
	l.Removed = false
	if err := setOptions(&l, decl.Options); err != nil {
		return err
	}
	l.FileKeys = []string{"address"}
	for _, name := range OptionNames() {
		if _, given := decl.Options[name]; given {
			l.FileKeys = append(l.FileKeys, name)
		}
	}
	if err := tx.SetList(l); err != nil {
		return err
	}
	_, err = d.addMembers(tx, l, decl.Members, false)
	return err
}

// forgetFileKeys lets commands change the lists that the file no longer has.
func (d *Desk) forgetFileKeys(tx Tx, declared []Declared) error {
	lists, err := tx.Lists()
	if err != nil {
		return err
	}
	for _, l := range lists {
		gone := !slices.ContainsFunc(declared, func(decl Declared) bool { return decl.Address == l.Address })
		if gone && len(l.FileKeys) > 0 {
			l.FileKeys = nil
			if err := tx.SetList(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// ListMembers is the members of a list, those who left too, by address.
func (d *Desk) ListMembers(ctx context.Context, l ListID) (members []Member, err error) {
	err = d.store.Read(ctx, func(tx Tx) error { members, err = tx.ListMembers(l); return err })
	return members, err
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
	return address, nil
}

func (d *Desk) addMember(tx Tx, l List, who message.Address, again bool) (bool, error) {
	m, known, err := tx.FindMember(l.ID, who.Addr)
	if err != nil {
		return false, err
	}
	if known {
		if m.State == Active || !again {
			return false, nil
		}
		m.State, m.Since = Active, d.now()
		return true, tx.SetMember(m)
	}
	m = Member{List: l.ID, Address: who.Addr, Name: who.Name, Delivery: DeliverEach, Own: true, State: Active, Since: d.now()}
	if m.ID, err = tx.AddMember(m); err != nil {
		return false, err
	}
	return true, tx.SetBounceKey(l.ID, m.ID, TokenHash(d.site.bounceToken(l.ID, m.ID)))
}

// SetMember changes a member: role=member|moderator|owner, delivery=each|none,
// own=yes|no, name=TEXT. A role may be given to somebody who is no member.
func (d *Desk) SetMember(ctx context.Context, id ListID, address string, options map[string]string) error {
	address = canonical(address)
	return d.store.Write(ctx, func(tx Tx) error {
		l, err := listByID(tx, id)
		if err != nil {
			return err
		}
		rest := map[string]string{}
		for name, value := range options {
			if name != "role" {
				rest[name] = value
				continue
			}
			if err := setRole(tx, &l, address, value); err != nil {
				return err
			}
		}
		if len(rest) == 0 {
			return nil
		}
		return setMember(tx, l, address, rest)
	})
}

func setMember(tx Tx, l List, address string, options map[string]string) error {
	m, known, err := tx.FindMember(l.ID, address)
	if err != nil {
		return err
	}
	if !known || m.State != Active {
		return Errorf(Unknown, "%s is not a member of %s; `parley member add` makes one", address, l.Address)
	}
	for name, value := range options {
		switch {
		case name == "name":
			m.Name = message.DecodeHeader(value)
		case name == "delivery" && (value == string(DeliverEach) || value == string(DeliverNone)):
			m.Delivery = Delivery(value)
		case name == "own" && (value == "yes" || value == "no"):
			m.Own = value == "yes"
		default:
			return Errorf(Malformed, "%s=%s is not known: a member has role=member|moderator|owner, delivery=each|none, own=yes|no, name=TEXT", name, value)
		}
	}
	return tx.SetMember(m)
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

// ListQueue is every copy that has not ended, and every job that still expands.
func (d *Desk) ListQueue(ctx context.Context) (rows []QueueRow, err error) {
	err = d.store.Read(ctx, func(tx Tx) error { rows, err = tx.ListQueue(); return err })
	return rows, err
}

// RetryQueue makes copies due at once; without ids, all of them.
func (d *Desk) RetryQueue(ctx context.Context, ids []CopyID) (n int, err error) {
	err = d.store.Write(ctx, func(tx Tx) error { n, err = tx.RetryQueue(ids, d.now()); return err })
	return n, err
}

// DropQueue ends copies as cancelled by the operator.
func (d *Desk) DropQueue(ctx context.Context, ids []CopyID) (n int, err error) {
	err = d.store.Write(ctx, func(tx Tx) error { n, err = tx.DropQueue(ids); return err })
	return n, err
}

// domainOf is the domain of an address, "" when it has none.
func domainOf(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}
