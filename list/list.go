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

// Join says how somebody becomes a member of their own accord.
type Join string

// The values of a list's join option.
const (
	JoinOpen       Join = "open"       // whoever confirms
	JoinApproval   Join = "approval"   // whoever confirms and a moderator lets in
	JoinInvitation Join = "invitation" // who was invited
	JoinClosed     Join = "closed"     // nobody: the operator adds members
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

	Join     Join
	Customs  string  // what newcomers read: what belongs here, how soon an answer is usual
	Language string  // of the mails that Parley writes: en, de
	DigestAt DailyAt // when digests and summaries go out; the weekly ones on Mondays
	Roster   bool    // members may ask who is subscribed

	Removed  bool     // taken off by `parley list remove`; its archive stays in the database
	FileKeys []string // option names that the config file sets
}

// Local is the local part of the list's address: dev.
func (l List) Local() string { local, _, _ := strings.Cut(l.Address, "@"); return local }

// Domain is the domain of the list's address: lists.example.org.
func (l List) Domain() string { _, domain, _ := strings.Cut(l.Address, "@"); return domain }

// Delivery is what a member gets, and when.
type Delivery string

// The deliveries.
const (
	DeliverEach     Delivery = "each"     // each post as it comes
	DeliverFirst    Delivery = "first"    // the first post of each thread, and threads they follow
	DeliverFollowed Delivery = "followed" // threads they follow
	DeliverDaily    Delivery = "daily"    // a digest a day
	DeliverWeekly   Delivery = "weekly"   // a digest a week
	DeliverSummary  Delivery = "summary"  // subjects, who and first lines, once a day
	DeliverNone     Delivery = "none"     // nothing: reads the archive, may post
)

// Collected reports whether posts wait for a day or a week and come in one mail.
func (d Delivery) Collected() bool {
	return d == DeliverDaily || d == DeliverWeekly || d == DeliverSummary
}

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
	Plain    bool  // digests as plain text (RFC 1153), not as MIME
	Own      bool  // gets copies of their own posts
	Ack      bool  // gets a mail when a post of theirs went out
	Hours    Hours // copies wait for this part of the day; "" for any time
	State    State
	Since    time.Time

	// PausedUntil ends a pause; zero when there is none. Seen is the number of
	// the last post that no copy goes out of any more: a digest, a summary or a
	// catch-up told of it, or it came before the delivery was changed.
	PausedUntil time.Time
	Seen        int64
	Owed        Owed
	Probed      time.Time // when a probe went out that is not judged yet; zero: none
}

// Owed is a mail that a member gets before any further copy. As long as it is
// owed, posts wait to be told of in it.
type Owed string

// What can be owed.
const (
	OwedNothing Owed = ""
	OwedCatchUp Owed = "catchup" // when the pause ends
	OwedDigest  Owed = "digest"  // the last one, after digests were given up
	OwedSummary Owed = "summary" // likewise
)

// Paused reports whether the member is away at this moment.
func (m Member) Paused(now time.Time) bool {
	return m.Owed == OwedCatchUp && now.Before(m.PausedUntil)
}

// Mark is what a member wants of a thread.
type Mark string

// The marks of a thread.
const (
	NoMark Mark = ""
	Mute   Mark = "mute"
	Follow Mark = "follow"
)

// Wants reports whether the member gets a copy of a post, as it comes: first
// says that it starts its thread, mark what they want of the thread.
func (m Member) Wants(first bool, mark Mark) bool {
	if m.State != Active || m.Owed != OwedNothing || mark == Mute {
		return false
	}
	switch m.Delivery {
	case DeliverEach:
		return true
	case DeliverFirst:
		return first || mark == Follow
	case DeliverFollowed:
		return mark == Follow
	}
	return false
}
