package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"parley/list"
)

// listsSnapshot is every list as of a generation.
type listsSnapshot struct {
	generation int64
	lists      []list.List
}

// Lists is every list by address. It is answered from memory until a list
// changes, here or in another process. See list.Store.
func (s *Store) Lists(ctx context.Context) (all []list.List, err error) {
	err = s.reading(ctx, func(t *tx) error { all, err = t.Lists(); return err })
	return all, err
}

// Lists is list.ListTx's. Within a group that changes lists it reads them
// anew, so that each transaction sees those before it.
func (t *tx) Lists() ([]list.List, error) {
	generation := t.generation
	if t.conn == nil || t.group != nil { // a reader's snapshot has the one that it began with
		generation = t.store.generation.Load()
	}
	snapshot := t.store.lists.Load()
	changing := t.group != nil && t.group.lists
	if !changing && snapshot != nil && snapshot.generation == generation {
		return snapshot.lists, nil
	}
	lists, err := t.readLists()
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	if !changing {
		t.store.lists.Store(&listsSnapshot{generation, lists})
	}
	return lists, nil
}

func (t *tx) readLists() ([]list.List, error) {
	var lists []list.List
	err := t.each(`SELECT id, address, list_id, removed FROM lists ORDER BY address`, nil, func(rows *sql.Rows) error {
		var id list.ListID
		var address, listID string
		var removed bool
		if err := rows.Scan(&id, &address, &listID, &removed); err != nil {
			return err
		}
		l := list.NewList(address)
		l.ID, l.ListID, l.Removed = id, listID, removed
		lists = append(lists, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return lists, t.readOptions(lists)
}

func (t *tx) readOptions(lists []list.List) error {
	byID := map[list.ListID]*list.List{}
	for i := range lists {
		byID[lists[i].ID] = &lists[i]
	}
	return t.each(`SELECT list, name, value, in_file FROM options ORDER BY list, name`, nil, func(rows *sql.Rows) error {
		var id list.ListID
		var name, value string
		var inFile bool
		if err := rows.Scan(&id, &name, &value, &inFile); err != nil {
			return err
		}
		l := byID[id]
		if inFile {
			l.FileKeys = append(l.FileKeys, name)
		}
		if slices.Contains(list.OptionNames(), name) { // else a mark such as "address"
			t.setOption(l, name, value)
		}
		return nil
	})
}

// setOption sets an option as it is kept. One that cannot be read must not take
// all lists with it; where it guards something, the guard closes.
func (t *tx) setOption(l *list.List, name, value string) {
	err := list.SetOption(l, name, value)
	if err == nil {
		return
	}
	t.store.log.Error("an option of a list cannot be read", "list", l.Address, "option", name, "err", err)
	switch name {
	case "archive":
		l.Archive = list.ArchiveNone
	case "addresses":
		l.Masked = true
	case "post", "start", "banned":
		l.Post, l.Start = list.Moderated, list.Moderated
	}
}

func (t *tx) AddList(l list.List) (list.ListID, error) {
	id, err := t.insert(`INSERT INTO lists (address, list_id, removed, noticed, version) VALUES ($1, $2, 0, 0, 1)`,
		l.Address, l.ListID)
	if err != nil {
		return 0, err
	}
	l.ID = list.ListID(id)
	return l.ID, t.SetList(l)
}

func (t *tx) SetList(l list.List) error {
	if _, err := t.exec(`UPDATE lists SET removed = $1 WHERE id = $2`, l.Removed, l.ID); err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM options WHERE list = $1`, l.ID); err != nil {
		return err
	}
	blank := list.NewList(l.Address)
	for _, name := range append(list.OptionNames(), "address") {
		inFile := slices.Contains(l.FileKeys, name)
		value := ""
		if name != "address" {
			value = list.Option(l, name)
		}
		if !inFile && (name == "address" || value == list.Option(blank, name)) {
			continue
		}
		if _, err := t.exec(`INSERT INTO options (list, name, value, in_file) VALUES ($1, $2, $3, $4)`, l.ID, name, value, inFile); err != nil {
			return fmt.Errorf("keep option %s: %w", name, err)
		}
	}
	t.group.lists = true
	t.group.dirty[l.ID] = true
	return nil
}

func (t *tx) Noticed(l list.ListID) (time.Time, error) {
	var micros int64
	_, err := t.one(`SELECT noticed FROM lists WHERE id = $1`, []any{l}, &micros)
	return moment(micros), err
}

func (t *tx) SetNoticed(l list.ListID, when time.Time) error {
	_, err := t.exec(`UPDATE lists SET noticed = $1 WHERE id = $2`, at(when), l)
	return err
}

// Version rises with everything that the pages of a list show: posts, texts,
// options.
func (s *Store) Version(ctx context.Context, l list.ListID) (v int64, err error) {
	err = s.reading(ctx, func(t *tx) error {
		_, err := t.one(`SELECT version FROM lists WHERE id = $1`, []any{l}, &v)
		return err
	})
	return v, err
}

// Secret is the installation's secret of this name, made by fresh when there
// is none yet.
func (s *Store) Secret(ctx context.Context, name string, fresh func() []byte) (value []byte, err error) {
	err = s.writing(ctx, func(t *tx) error {
		known, err := t.one(`SELECT value FROM settings WHERE name = $1`, []any{name}, &value)
		if err != nil || known {
			return err
		}
		value = fresh()
		_, err = t.exec(`INSERT INTO settings (name, value) VALUES ($1, $2)`, name, value)
		return err
	})
	return value, err
}
