package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"parley/list"
)

// listCmds are `parley list ...`.
type listCmds struct {
	Ls     listLs     `cmd:"" help:"Show the lists."`
	Create listCreate `cmd:"" help:"Make a list in the database."`
	Set    listSet    `cmd:"" help:"Change options of a list."`
	Show   listShow   `cmd:"" help:"Show a list with its options."`
	Remove listRemove `cmd:"" help:"End a list. Its archive stays in the database."`
}

type listLs struct{}

// Run prints the lists.
func (c *listLs) Run(ctx context.Context, p *program) error {
	return p.withDesk(ctx, func(d desk) error {
		lists, err := d.Lists(ctx)
		if err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(views(lists, viewList))
		}
		if len(lists) == 0 {
			return p.say("No lists yet. `parley list create ADDRESS` makes one.")
		}
		t := newTable("ADDRESS", "POST", "ARCHIVE", "COPIES", "DESCRIPTION")
		for _, l := range lists {
			t.add(l.Address, list.Option(l, "post"), list.Option(l, "archive"), list.Option(l, "copies"), oneLine(l.Description))
		}
		return p.printTable(t)
	})
}

type listCreate struct {
	Address string   `arg:"" help:"The list's address, such as dev@lists.example.org."`
	Options []string `arg:"" optional:"" name:"k=v" help:"Options, such as post=members."`
}

// Run makes a list.
func (c *listCreate) Run(ctx context.Context, p *program) error {
	options, err := parseOptions(c.Options, list.OptionNames())
	if err != nil {
		return err
	}
	return p.withDesk(ctx, func(d desk) error {
		l, err := d.CreateList(ctx, c.Address, options)
		if err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(viewList(l))
		}
		return p.say("%s is there. `parley member add %s ADDRESS ...` adds its members.", l.Address, l.Address)
	})
}

type listSet struct {
	List    string   `arg:"" name:"address" help:"The list."`
	Options []string `arg:"" name:"k=v" help:"Options, such as post=members."`
}

// Run changes options of a list.
func (c *listSet) Run(ctx context.Context, p *program) error {
	options, err := parseOptions(c.Options, list.OptionNames())
	if err != nil {
		return err
	}
	return p.withList(ctx, c.List, func(d desk, l list.List) error {
		changed, err := d.SetList(ctx, l.ID, options)
		if err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(viewList(changed))
		}
		for _, name := range sortedKeys(options) {
			if err := p.say("%s: %s = %s", changed.Address, name, orNone(list.Option(changed, name))); err != nil {
				return err
			}
		}
		return nil
	})
}

type listShow struct {
	List string `arg:"" name:"address" help:"The list."`
}

// Run prints a list with all its options.
func (c *listShow) Run(ctx context.Context, p *program) error {
	return p.withList(ctx, c.List, func(_ desk, l list.List) error {
		if p.cli.JSON {
			return p.printJSON(viewList(l))
		}
		t := newTable("address", l.Address)
		t.add("list_id", l.ListID)
		for _, name := range list.OptionNames() {
			value := orNone(oneLine(list.Option(l, name)))
			if slices.Contains(l.FileKeys, name) {
				value += "  (set in the config file)"
			}
			t.add(name, value)
		}
		return p.printTable(t)
	})
}

type listRemove struct {
	List string `arg:"" name:"address" help:"The list."`
}

// Run ends a list.
func (c *listRemove) Run(ctx context.Context, p *program) error {
	return p.withList(ctx, c.List, func(d desk, l list.List) error {
		if err := d.RemoveList(ctx, l.ID); err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(map[string]string{"removed": l.Address})
		}
		return p.say("%s takes no more posts and shows no pages. Its archive stays in the database.", l.Address)
	})
}

// withList runs do with the database open and the list found.
func (p *program) withList(ctx context.Context, name string, do func(desk, list.List) error) error {
	return p.withDesk(ctx, func(d desk) error {
		l, err := d.FindList(ctx, name)
		if err != nil {
			return err
		}
		return do(d, l)
	})
}

// parseOptions reads k=v arguments whose keys are among names.
func parseOptions(args, names []string) (map[string]string, error) {
	options := map[string]string{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		switch {
		case !ok:
			return nil, usagef("%q is not of the form option=value", arg)
		case !slices.Contains(names, name):
			return nil, usagef("there is no option %q; there are: %s", name, strings.Join(names, ", "))
		}
		if _, twice := options[name]; twice {
			return nil, usagef("the option %q is given twice", name)
		}
		options[name] = value
	}
	return options, nil
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// listView is a list in JSON.
type listView struct {
	Address       string   `json:"address"`
	ListID        string   `json:"list_id"`
	Description   string   `json:"description"`
	Owners        []string `json:"owners"`
	Moderators    []string `json:"moderators"`
	Post          string   `json:"post"`
	Start         string   `json:"start"`
	Archive       string   `json:"archive"`
	Addresses     string   `json:"addresses"`
	Copies        string   `json:"copies"`
	MaxSize       int64    `json:"max_size"` // bytes
	SubjectPrefix string   `json:"subject_prefix"`
	Footer        string   `json:"footer"`
	ReplyTo       string   `json:"reply_to"`
	Join          string   `json:"join"`
	Customs       string   `json:"customs"`
	Language      string   `json:"language"`
	DigestAt      string   `json:"digest_at"`
	Roster        string   `json:"roster"`
	Banned        []string `json:"banned"`
	FileKeys      []string `json:"file_keys"` // options that the config file sets
}

func viewList(l list.List) listView {
	return listView{
		Address: l.Address, ListID: l.ListID, Description: l.Description,
		Owners: some(l.Owners), Moderators: some(l.Moderators),
		Post: list.Option(l, "post"), Start: list.Option(l, "start"), Archive: list.Option(l, "archive"),
		Addresses: list.Option(l, "addresses"), Copies: list.Option(l, "copies"), MaxSize: l.MaxSize,
		SubjectPrefix: l.SubjectPrefix, Footer: l.Footer, ReplyTo: list.Option(l, "reply_to"),
		Join: list.Option(l, "join"), Customs: l.Customs, Language: l.Language,
		DigestAt: list.Option(l, "digest_at"), Roster: list.Option(l, "roster"),
		Banned: some(l.Banned), FileKeys: some(l.FileKeys),
	}
}

// views turns rows into what JSON shows of them, never nil.
func views[T, V any](rows []T, view func(T) V) []V {
	all := make([]V, 0, len(rows))
	for _, r := range rows {
		all = append(all, view(r))
	}
	return all
}

// parseIDs reads the numbers that the ls commands show.
func parseIDs[ID ~int64](args []string) ([]ID, error) {
	var ids []ID
	for _, arg := range args {
		var n int64
		if _, err := fmt.Sscanf(arg, "%d", &n); err != nil || fmt.Sprint(n) != arg || n < 1 {
			return nil, usagef("%q is not the number of a row", arg)
		}
		ids = append(ids, ID(n))
	}
	return ids, nil
}
