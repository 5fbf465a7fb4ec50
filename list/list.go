// Package list holds the rules of a discussion list: who may post, what waits
// for a moderator, which post belongs to which thread, and what a copy looks
// like. It reads mail through package message and remembers through the Store
// that it is given; it knows nothing of SMTP, HTTP or SQL.
//
// Desk is its front: everything that changes a list comes in through a method
// of Desk, from whichever side.
package list

import (
	"strings"
	"time"
)

// The identities of things in the store. Each has its own type, so that a
// post's number can never stand where a list's is meant.
type (
	ListID   int64
	MemberID int64
	PostID   int64
	ThreadID int64
	NodeID   int64 // a place in a thread: a post, or the ghost of a missing one
	HeldID   int64
	JobID    int64 // one mail to send, to one or to many
	CopyID   int64 // one outgoing transaction of a job
)

// Who may do something on a list.
type Access string

// The values of a list's post and start options.
const (
	Anyone    Access = "anyone"    // everybody, without waiting
	Members   Access = "members"   // proven members; the post of anybody else waits
	Moderated Access = "moderated" // every post waits, but those of proven owners and moderators
	Nobody    Access = "nobody"    // no post at all: refused
)

// Archive says who may read a list's archive.
type Archive string

// The values of a list's archive option.
const (
	ArchivePublic  Archive = "public"
	ArchiveMembers Archive = "members"
	ArchiveNone    Archive = "none"
)

// List is one discussion list with its options.
type List struct {
	ID          ListID
	Address     string // canonical: dev@lists.example.org
	ListID      string // RFC 2919: dev.lists.example.org; stays when the address changes
	Description string
	Owners      []string // canonical addresses; none: the operator stands in
	Moderators  []string // canonical addresses

	Post          Access
	Start         Access // who may start a thread; "" is the same as Post
	Archive       Archive
	Masked        bool  // strangers see masked addresses in the archive
	Shared        bool  // copies are shared, up to 100 recipients each
	MaxSize       int64 // bytes of a post as received
	SubjectPrefix string
	Footer        string
	ReplyToList   bool
	Banned        []string // addresses, or @domain for a whole domain
	Removed       bool     // taken off by `parley list remove`; its archive stays in the database
	FileKeys      []string // option names that the config file sets
}

// Local is the local part of the list's address: dev.
func (l List) Local() string { local, _, _ := strings.Cut(l.Address, "@"); return local }

// Domain is the domain of the list's address: lists.example.org.
func (l List) Domain() string { _, domain, _ := strings.Cut(l.Address, "@"); return domain }

// Delivery is what a member gets.
type Delivery string

// The deliveries of this version.
const (
	DeliverEach Delivery = "each" // each post as it comes
	DeliverNone Delivery = "none" // nothing: reads the archive, may post
)

// State is where a membership stands.
type State string

// The states of a membership. A row is never deleted: whoever left or was
// removed is not added again by the config file.
const (
	Active    State = "active"
	Left      State = "left"
	Removed   State = "removed"
	Suspended State = "suspended"
)

// Member is one address on one list.
type Member struct {
	ID       MemberID
	List     ListID
	Address  string // canonical, see message.Canonical
	Name     string
	Delivery Delivery
	Own      bool // gets copies of their own posts
	State    State
	Since    time.Time
}
