package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"parley/list"
	"parley/message"
)

// memberCmds are `parley member ...`.
type memberCmds struct {
	Ls       memberLs     `cmd:"" help:"Show the members of a list."`
	Add      memberAdd    `cmd:"" help:"Add members to a list, also those who left."`
	Invite   memberInvite `cmd:"" help:"Ask people by mail to join: a reply subscribes them."`
	Set      memberSet    `cmd:"" help:"Change what a member is and gets."`
	Remove   memberRemove `cmd:"" help:"Take members off a list."`
	Password laterCmd     `cmd:"" hidden:"" help:"Comes in a later version."`
}

// memberOptions are the names that `member set` takes; the desk knows their values.
func memberOptions() []string { return append([]string{"role"}, list.MemberSettings...) }

type memberLs struct {
	List string `arg:"" help:"An address, or its local part where that is clear."`
	All  bool   `help:"Those who left or were removed, too."`
}

// Run prints the members of a list.
func (c *memberLs) Run(ctx context.Context, p *program) error {
	return p.withList(ctx, c.List, func(d desk, l list.List) error {
		members, err := d.ListMembers(ctx, l.ID)
		if err != nil {
			return err
		}
		members = slices.DeleteFunc(members, func(m list.Member) bool {
			return !c.All && (m.State == list.Left || m.State == list.Removed)
		})
		why, err := d.Troubles(ctx, l.ID)
		if err != nil {
			return err
		}
		rows := views(members, func(m list.Member) memberView { return viewMember(l, m, why[m.ID]) })
		if p.cli.JSON {
			return p.printJSON(rows)
		}
		if len(rows) == 0 {
			return p.say("%s has no members. `parley member add %s ADDRESS ...` adds some.", l.Address, l.Address)
		}
		t := newTable("ADDRESS", "NAME", "ROLE", "DELIVERY", "OWN", "STATE", "SINCE", "NOTE")
		for _, v := range rows {
			t.add(v.Address, orNone(oneLine(v.Name)), v.Role, v.delivery(), yesNo(v.Own), v.State, day(v.Since), orNone(v.note()))
		}
		return p.printTable(t)
	})
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// memberView is a member in JSON.
type memberView struct {
	Address  string     `json:"address"`
	Name     string     `json:"name"`
	Role     string     `json:"role"`     // member, moderator, owner
	Delivery string     `json:"delivery"` // each, first, followed, daily, weekly, summary, none
	Plain    bool       `json:"plain"`    // digests as plain text
	Own      bool       `json:"own"`      // gets copies of their own posts
	Ack      bool       `json:"acknowledgement"`
	Hours    string     `json:"hours"`        // 08:00-18:00 Europe/Berlin; "" for any time
	Paused   *time.Time `json:"paused_until"` // null: no pause
	State    string     `json:"state"`        // active, left, removed, suspended
	Why      string     `json:"why"`          // the mail server's words about who is suspended
	Since    time.Time  `json:"since"`
}

// delivery is what a member gets, in words for a table.
func (v memberView) delivery() string {
	if v.Plain {
		return v.Delivery + " plain"
	}
	return v.Delivery
}

// note is what else is to be known of a member, "" for most.
func (v memberView) note() string {
	var notes []string
	if v.Why != "" {
		notes = append(notes, oneLine(v.Why))
	}
	if v.Paused != nil {
		notes = append(notes, "paused until "+day(*v.Paused))
	}
	if v.Hours != "" {
		notes = append(notes, "mail "+v.Hours)
	}
	return strings.Join(notes, "; ")
}

func viewMember(l list.List, m list.Member, why string) memberView {
	role := "member"
	switch {
	case slices.Contains(l.Owners, m.Address):
		role = "owner"
	case slices.Contains(l.Moderators, m.Address):
		role = "moderator"
	}
	v := memberView{Address: m.Address, Name: m.Name, Role: role, Delivery: string(m.Delivery), Plain: m.Plain, Own: m.Own, Ack: m.Ack,
		Hours: string(m.Hours), State: string(m.State), Why: why, Since: m.Since.UTC()}
	if m.Owed == list.OwedCatchUp && m.State == list.Active {
		until := m.PausedUntil.UTC()
		v.Paused = &until
	}
	return v
}

// newcomers are the arguments of a command that names people for a list.
type newcomers struct {
	List      string   `arg:"" help:"An address, or its local part where that is clear."`
	Addresses []string `arg:"" optional:"" name:"address" help:"Addresses, or \"Name <address>\"."`
	File      string   `placeholder:"FILE" help:"A file with one \"Name <address>\" or address a line; - is the standard input."`
}

type memberAdd struct{ newcomers }

// Run adds members. One line that is no address refuses all of them: half a
// file added is harder to repair than none.
func (c *memberAdd) Run(ctx context.Context, p *program) error {
	members, err := c.read("add", p.stdin)
	if err != nil {
		return err
	}
	return p.withList(ctx, c.List, func(d desk, l list.List) error {
		added, err := d.AddMembers(ctx, l.ID, members)
		if err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(addedView{l.Address, len(members), added})
		}
		return p.say("%s: %s added, %d on the list already.", l.Address, count(added, "member"), len(members)-added)
	})
}

// addedView is what `member add` did, in JSON.
type addedView struct {
	List  string `json:"list"`
	Given int    `json:"given"`
	Added int    `json:"added"` // the others were members already
}

// read is the people whom the arguments name, at least one place for them.
func (c *newcomers) read(command string, stdin io.Reader) ([]message.Address, error) {
	if len(c.Addresses) == 0 && c.File == "" {
		return nil, usagef("member %s wants addresses, or --file FILE", command)
	}
	var all []message.Address
	for _, text := range c.Addresses {
		a, err := parseMember(text)
		if err != nil {
			return nil, advise(fmt.Errorf("%q %w", text, err), `Nothing was done; write "address" or "Name <address>"`)
		}
		all = append(all, a)
	}
	if c.File == "" {
		return all, nil
	}
	fromFile, err := readMembers(c.File, stdin)
	return append(all, fromFile...), err
}

// readMembers reads a member file; "-" is the standard input.
func readMembers(path string, stdin io.Reader) ([]message.Address, error) {
	if path == "-" {
		return parseMembers("standard input", stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, advise(fmt.Errorf("open the member file: %w", err), "Name a file that you can read")
	}
	defer f.Close()
	return parseMembers(path, f)
}

// parseMembers reads one member a line. Empty lines and lines that begin with #
// do not count. Its error names every bad line.
func parseMembers(name string, r io.Reader) ([]message.Address, error) {
	var members []message.Address
	var bad []error
	scan := bufio.NewScanner(r)
	for n := 1; scan.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(scan.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		a, err := parseMember(line)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s:%d: %q %w", name, n, line, err))
			continue
		}
		members = append(members, a)
	}
	if err := scan.Err(); err != nil {
		return nil, advise(fmt.Errorf("read %s: %w", name, err), "Nothing was done")
	}
	if len(bad) > 0 {
		return nil, advise(errors.Join(bad...), "Nothing was done; correct these lines and run it again")
	}
	return members, nil
}

type memberInvite struct {
	newcomers
	By string `placeholder:"NAME" help:"Who invites, as the mail says it. Without it, the owners do."`
}

// Run asks people to join. One who cannot refuses all of them, as with add.
func (c *memberInvite) Run(ctx context.Context, p *program) error {
	people, err := c.read("invite", p.stdin)
	if err != nil {
		return err
	}
	return p.withList(ctx, c.List, func(d desk, l list.List) error {
		invited, members, err := d.Invite(ctx, l.ID, people, c.By)
		if err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(invitedView{l.Address, some(invited), some(members)})
		}
		for _, address := range members {
			if err := p.say("%s: %s is a member already.", l.Address, address); err != nil {
				return err
			}
		}
		return p.say("%s: %s sent.", l.Address, count(len(invited), "invitation"))
	})
}

// invitedView is what `member invite` did, in JSON.
type invitedView struct {
	List    string   `json:"list"`
	Invited []string `json:"invited"`
	Members []string `json:"members"` // these were members already, and got no mail
}

type memberSet struct {
	List    string   `arg:"" help:"An address, or its local part where that is clear."`
	Address string   `arg:"" help:"The member's address."`
	Options []string `arg:"" name:"k=v" help:"role=member|moderator|owner, delivery=each|first|followed|daily|weekly|summary|none, also 'daily plain', own=yes|no, acknowledgement=yes|no, hours='08:00-18:00 ZONE'|off, name=TEXT, pause=DATE|off."`
}

// Run changes what a member is and gets.
func (c *memberSet) Run(ctx context.Context, p *program) error {
	options, err := parseOptions(c.Options, memberOptions())
	if err != nil {
		return err
	}
	return p.withList(ctx, c.List, func(d desk, l list.List) error {
		if err := d.SetMember(ctx, l.ID, c.Address, options); err != nil {
			return advise(err, fmt.Sprintf("`parley member ls %s` shows the members", l.Address))
		}
		if p.cli.JSON {
			return p.printJSON(memberSetView{l.Address, c.Address, options})
		}
		for _, name := range sortedKeys(options) {
			if err := p.say("%s: %s: %s = %s", l.Address, c.Address, name, orNone(options[name])); err != nil {
				return err
			}
		}
		return nil
	})
}

// memberSetView is what `member set` did, in JSON.
type memberSetView struct {
	List    string            `json:"list"`
	Address string            `json:"address"`
	Set     map[string]string `json:"set"`
}

type memberRemove struct {
	List      string   `arg:"" help:"An address, or its local part where that is clear."`
	Addresses []string `arg:"" name:"address" help:"Who goes."`
}

// Run takes members off a list.
func (c *memberRemove) Run(ctx context.Context, p *program) error {
	return p.withList(ctx, c.List, func(d desk, l list.List) error {
		removed, err := d.RemoveMembers(ctx, l.ID, c.Addresses)
		if err != nil {
			return advise(err, fmt.Sprintf("`parley member ls %s` shows the members", l.Address))
		}
		if p.cli.JSON {
			return p.printJSON(removedView{l.Address, len(c.Addresses), removed})
		}
		return p.say("%s: %s removed, %d not on the list.", l.Address, count(removed, "member"), len(c.Addresses)-removed)
	})
}

// removedView is what `member remove` did, in JSON.
type removedView struct {
	List    string `json:"list"`
	Given   int    `json:"given"`
	Removed int    `json:"removed"` // the others were not on the list
}
