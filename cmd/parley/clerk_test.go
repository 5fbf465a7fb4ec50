package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"parley/list"
	"parley/message"
)

// clerk is a desk that keeps everything in its head.
type clerk struct {
	lists   []list.List
	members []list.Member
	held    []list.HeldRow
	queue   []list.QueueRow
}

func newClerk() *clerk {
	then := time.Date(2031, 5, 1, 12, 30, 0, 0, time.UTC)
	dev, news, old := list.NewList("dev@lists.example.org"), list.NewList("news@lists.example.org"), list.NewList("old@lists.example.org")
	dev.ID, dev.Description, dev.Owners, dev.FileKeys = 1, "Where the work is talked over", []string{"you@example.org"}, []string{"description"}
	news.ID, news.Post, news.Archive, news.Shared, news.Moderators = 2, list.Moderated, list.ArchiveNone, true, []string{"mo@example.org"}
	old.ID, old.Removed = 3, true
	return &clerk{
		lists: []list.List{dev, news, old},
		members: []list.Member{
			{ID: 1, List: 1, Address: "ada@example.org", Name: "Ada \x1b[2J", Delivery: list.DeliverEach, Own: true, State: list.Active, Since: then},
			{ID: 2, List: 1, Address: "you@example.org", Name: "山田", Delivery: list.DeliverDaily, Plain: true, Ack: true, Hours: "08:00-18:00 UTC", State: list.Active, Since: then,
				Owed: list.OwedCatchUp, PausedUntil: then.AddDate(0, 0, 7)},
			{ID: 3, List: 1, Address: "deaf@example.org", Delivery: list.DeliverEach, Own: true, State: list.Suspended, Since: then},
			{ID: 4, List: 1, Address: "gone@example.org", Delivery: list.DeliverEach, Own: true, State: list.Left, Since: then},
		},
		held: []list.HeldRow{
			{ID: 1, List: 1, Address: dev.Address, From: "Eve <eve@evil.example.org>", Subject: "\x1b]0;owned\a  hello", Reason: "the sender is not a member",
				Received: then, Size: 1536, Auth: list.Auth{DKIM: []string{"evil.example.org"}, By: "mx.example.org"}, Raw: []byte("From: eve@evil.example.org\r\n\r\n\x1b[31mhello")},
			{ID: 2, List: 1, Address: dev.Address, From: "mo@example.org", Subject: "-", Reason: "every post waits",
				Received: then, Size: 3, Auth: list.Auth{Trusted: true}, Raw: []byte("one")},
		},
		queue: []list.QueueRow{
			{ID: 3, Job: 5, List: dev.Address, Subject: "Hello", Rcpts: []string{"ada@example.org"}, Tries: 2, Since: then, Due: then.Add(15 * time.Minute), Last: "451 4.3.0 later"},
			{ID: 4, Job: 5, List: dev.Address, Subject: "Hello", Rcpts: []string{"bo@example.org", "cy@example.org"}, Since: then, Due: then.Add(15 * time.Minute)},
			{ID: 7, Job: 5, List: dev.Address, Subject: "Hello", Rcpts: []string{"di@example.org"}, Since: then, Due: then.Add(6 * time.Hour), Waits: list.WaitsHours},
			{ID: 8, Job: 5, List: dev.Address, Subject: "Hello", Rcpts: []string{"ed@example.org"}, Since: then, Waits: list.WaitsOwners, Last: "550 5.7.1 unwanted"},
			{Job: 6, List: dev.Address, Subject: "Hello", Since: then, Due: then},
		},
	}
}

func (c *clerk) Lists(context.Context) ([]list.List, error) {
	return slices.DeleteFunc(slices.Clone(c.lists), func(l list.List) bool { return l.Removed }), nil
}

func (c *clerk) FindList(_ context.Context, name string) (list.List, error) {
	for _, l := range c.lists {
		if !l.Removed && (l.Address == name || l.Local() == name) {
			return l, nil
		}
	}
	return list.List{}, list.Errorf(list.Unknown, "there is no list %s; `parley list ls` shows those there are", name)
}

func (c *clerk) CreateList(ctx context.Context, address string, options map[string]string) (list.List, error) {
	if _, err := c.FindList(ctx, address); err == nil {
		return list.List{}, list.Errorf(list.Conflict, "the list %s is there already; `parley list set` changes it", address)
	}
	l := list.NewList(address)
	l.ID = list.ListID(len(c.lists) + 1)
	c.lists = append(c.lists, l)
	return c.SetList(ctx, l.ID, options)
}

func (c *clerk) SetList(_ context.Context, id list.ListID, options map[string]string) (list.List, error) {
	l := &c.lists[id-1]
	for name, value := range options {
		if slices.Contains(l.FileKeys, name) {
			return *l, list.Errorf(list.Conflict, "%s of %s is set in the config file: change it there", name, l.Address)
		}
		if err := list.SetOption(l, name, value); err != nil {
			return *l, err
		}
	}
	return *l, nil
}

func (c *clerk) RemoveList(_ context.Context, id list.ListID) error {
	c.lists[id-1].Removed = true
	return nil
}

func (c *clerk) ListMembers(_ context.Context, id list.ListID) ([]list.Member, error) {
	return slices.DeleteFunc(slices.Clone(c.members), func(m list.Member) bool { return m.List != id }), nil
}

func (c *clerk) find(id list.ListID, address string) int {
	return slices.IndexFunc(c.members, func(m list.Member) bool { return m.List == id && m.Address == address })
}

func (c *clerk) AddMembers(_ context.Context, id list.ListID, members []message.Address) (int, error) {
	added := 0
	for _, m := range members {
		if c.find(id, m.Addr) < 0 {
			c.members = append(c.members, list.Member{List: id, Address: m.Addr, Name: m.Name, State: list.Active})
			added++
		}
	}
	return added, nil
}

func (c *clerk) Troubles(context.Context, list.ListID) (map[list.MemberID]string, error) {
	return map[list.MemberID]string{3: "550 5.1.1 no such\nmailbox"}, nil
}

// Invite lets nobody in who is called noreply.
func (c *clerk) Invite(_ context.Context, id list.ListID, who []message.Address, _ string) (invited, members []string, err error) {
	for _, a := range who {
		switch {
		case strings.HasPrefix(a.Addr, "noreply@"):
			return nil, nil, list.Errorf(list.BadAddress, "%s cannot join dev@lists.example.org: it is an address that no person reads as their own", a.Addr)
		case c.find(id, a.Addr) >= 0:
			members = append(members, a.Addr)
		default:
			invited = append(invited, a.Addr)
		}
	}
	return invited, members, nil
}

func (c *clerk) SetMember(_ context.Context, id list.ListID, address string, _ map[string]string) error {
	if c.find(id, address) < 0 {
		return list.Errorf(list.Unknown, "%s is not on the list", address)
	}
	return nil
}

func (c *clerk) RemoveMembers(_ context.Context, id list.ListID, addresses []string) (int, error) {
	before := len(c.members)
	c.members = slices.DeleteFunc(c.members, func(m list.Member) bool { return m.List == id && slices.Contains(addresses, m.Address) })
	return before - len(c.members), nil
}

func (c *clerk) ListHeld(_ context.Context, id list.ListID) ([]list.HeldRow, error) {
	return slices.DeleteFunc(slices.Clone(c.held), func(r list.HeldRow) bool { return id != 0 && r.List != id }), nil
}

func (c *clerk) ShowHeld(_ context.Context, id list.HeldID) (list.HeldRow, error) {
	if id < 1 || int(id) > len(c.held) {
		return list.HeldRow{}, list.Errorf(list.Unknown, "no post %d waits", id)
	}
	return c.held[id-1], nil
}

func (c *clerk) AcceptHeld(ctx context.Context, id list.HeldID) error {
	_, err := c.ShowHeld(ctx, id)
	return err
}

// RejectHeld tells the authors who gave a name.
func (c *clerk) RejectHeld(ctx context.Context, id list.HeldID, _ string) (bool, error) {
	r, err := c.ShowHeld(ctx, id)
	return strings.Contains(r.From, "<"), err
}

func (c *clerk) DiscardHeld(ctx context.Context, id list.HeldID) error { return c.AcceptHeld(ctx, id) }

func (c *clerk) ListQueue(context.Context) ([]list.QueueRow, error) { return c.queue, nil }

func (c *clerk) RetryQueue(_ context.Context, ids []list.CopyID) (int, error) {
	n := 0
	for _, r := range c.queue {
		if r.ID != 0 && (len(ids) == 0 && r.Waits == "" || slices.Contains(ids, r.ID)) {
			n++
		}
	}
	return n, nil
}

func (c *clerk) DropQueue(_ context.Context, ids []list.CopyID) (int, error) {
	before := len(c.queue)
	c.queue = slices.DeleteFunc(c.queue, func(r list.QueueRow) bool { return slices.Contains(ids, r.ID) })
	return before - len(c.queue), nil
}
