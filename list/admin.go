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
	Due     time.Time // zero: when the owners decide
	Last    string    // the last answer, in the server's words
	Waits   string    // for what besides its turn: WaitsHours, WaitsOwners or ""
}

// What a copy can wait for besides its turn.
const (
	WaitsHours  = "hours"  // of its reader
	WaitsOwners = "owners" // to say what is done with a post that a destination refuses
)

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

// MakeKeys gives keys to members who were there before there were such keys.
func (d *Desk) MakeKeys(ctx context.Context) error {
	for {
		var without []Member
		err := d.store.Read(ctx, func(tx Tx) (err error) { without, err = tx.WithoutKeys(collectBatch); return err })
		if err != nil || len(without) == 0 {
			return err
		}
		err = d.store.Write(ctx, func(tx Tx) error {
			for _, m := range without {
				if err := tx.SetKeys(m.List, m.ID, d.keysOf(m.List, m.ID)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
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
