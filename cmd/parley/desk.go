package main

import (
	"context"

	"parley/list"
	"parley/message"
)

// desk is what the commands ask of the lists; *list.Desk is one. Each method
// that changes something is one transaction.
type desk interface {
	Lists(ctx context.Context) ([]list.List, error)
	// FindList takes an address, or its local part where that is clear.
	FindList(ctx context.Context, name string) (list.List, error)
	CreateList(ctx context.Context, address string, options map[string]string) (list.List, error)
	// SetList refuses, naming it, an option that the config file sets.
	SetList(ctx context.Context, id list.ListID, options map[string]string) (list.List, error)
	// RemoveList ends posts and pages; the archive stays in the database.
	RemoveList(ctx context.Context, id list.ListID) error

	ListMembers(ctx context.Context, id list.ListID) ([]list.Member, error)
	// Troubles is why the suspended ones of them are.
	Troubles(ctx context.Context, id list.ListID) (map[list.MemberID]string, error)
	// AddMembers adds those who left or were removed, too: the operator says so.
	AddMembers(ctx context.Context, id list.ListID, members []message.Address) (added int, err error)
	// Invite refuses all when one of them cannot join.
	Invite(ctx context.Context, id list.ListID, who []message.Address, person string) (invited, members []string, err error)
	SetMember(ctx context.Context, id list.ListID, address string, options map[string]string) error
	RemoveMembers(ctx context.Context, id list.ListID, addresses []string) (removed int, err error)

	// ListHeld lists what waits, on all lists when id is 0.
	ListHeld(ctx context.Context, id list.ListID) ([]list.HeldRow, error)
	ShowHeld(ctx context.Context, id list.HeldID) (list.HeldRow, error)
	AcceptHeld(ctx context.Context, id list.HeldID) error
	// RejectHeld says whether the author was told.
	RejectHeld(ctx context.Context, id list.HeldID, reason string) (told bool, err error)
	DiscardHeld(ctx context.Context, id list.HeldID) error

	ListQueue(ctx context.Context) ([]list.QueueRow, error)
	// RetryQueue makes copies due at once, all of them when ids is empty.
	RetryQueue(ctx context.Context, ids []list.CopyID) (int, error)
	DropQueue(ctx context.Context, ids []list.CopyID) (int, error)
}
