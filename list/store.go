package list

import (
	"context"
	"time"
)

// Store is what the desk needs of a database.
type Store interface {
	// Write runs fn in one transaction. When Write returns nil, everything
	// that fn did is on the disk (fsynced). When it returns an error, nothing
	// of it is kept. An error of fn is returned as it is. Transactions of
	// others may share the commit, so fn waits for nothing but its tx.
	Write(ctx context.Context, fn func(Tx) error) error
	// WriteBehind is Write for work that nobody waits for: it gives way to
	// the answers of those who do.
	WriteBehind(ctx context.Context, fn func(Tx) error) error
	// Read runs fn on one snapshot of the database; a write in it fails.
	Read(ctx context.Context, fn func(Tx) error) error
	// Lists is every list, removed ones too, by address. It is a snapshot
	// that at most a second of other processes' changes is missing from.
	// Do not write to it.
	Lists(ctx context.Context) ([]List, error)
}

// Tx is one transaction. Every method on posts or members names its list.
type Tx interface {
	ListTx
	MemberTx
	RhythmTx
	PendingTx
	ReportTx
	PostTx
	ThreadTx
	HeldTx
	QueueTx
}

// ListTx keeps lists.
type ListTx interface {
	Lists() ([]List, error)
	AddList(l List) (ListID, error)      // Conflict when the address is taken
	SetList(l List) error                // all options, and whether it is removed
	Noticed(l ListID) (time.Time, error) // the last mail about held posts
	SetNoticed(l ListID, at time.Time) error
}

// Keys are the TokenHash of the tokens that name a member: in the envelope
// sender of copies, in their unsubscribe link, and in the address that a reply
// to a mail of ours goes to.
type Keys struct{ Bounce, Leave, Self []byte }

// MemberTx keeps members.
type MemberTx interface {
	ListMembers(l ListID) ([]Member, error)
	Member(l ListID, m MemberID) (Member, error)               // Unknown when there is none
	FindMember(l ListID, address string) (Member, bool, error) // whatever its state; case of the local part is ignored
	Memberships(address string) ([]Member, error)              // the active and the suspended ones, on every list
	AddMember(m Member) (MemberID, error)                      // Conflict when the address is there already
	SetMember(m Member) error                                  // all but the address
	SetKeys(l ListID, m MemberID, k Keys) error
	WithoutKeys(n int) ([]Member, error)                        // up to n members who have no keys yet
	FindBounceKey(l ListID, key []byte) (MemberID, bool, error) // whatever the member's state
	FindSelfKey(l ListID, key []byte) (MemberID, bool, error)
	FindLeaveKey(key []byte) (ListID, MemberID, bool, error)
}

// RhythmTx keeps what members get, and when.
type RhythmTx interface {
	LastNumber(l ListID) (int64, error) // of its newest post, 0 when it has none
	// SendOpen makes the copies of a member that fan-outs still owe them, so
	// that what they want can change with the next post.
	SendOpen(m Member, now time.Time) error
	// SetMark marks the thread of a post for a member; NoMark forgets it. The
	// mark stays with the post when its thread is joined to another, or cut.
	SetMark(m Member, p PostRow, mark Mark) error
	Marks(l ListID, m MemberID) (map[ThreadID]Mark, error)
	// PostsAfter is the posts after a number, in their order: up to n of them,
	// without bytes or texts.
	PostsAfter(l ListID, number int64, n int) ([]PostRow, error)
	PostsSince(l ListID, since time.Time, n int) ([]PostRow, error)
	ThreadPosts(l ListID, t ThreadID, n int) ([]PostRow, error)
	FindPost(l ListID, key string) (PostRow, bool, error) // by its Message-ID, or ~ and its number
	Post(l ListID, p PostID) (PostRow, error)             // Unknown when there is none
	Text(l ListID, p PostID, most int) (string, error)    // up to so many characters of its display text, "" while it is not made
	Search(l ListID, words string, n int) ([]PostRow, error)

	ListOwed(now time.Time, after MemberID, n int) ([]Member, error) // to whom a mail is due that comes before copies; of lists that are there
	// Collected is up to n active members of this delivery who are not paused
	// and have not seen the newest post, in the order of their ids.
	Collected(l ListID, d Delivery, last int64, after MemberID, n int) ([]Member, error)
	SetSeen(l ListID, members []MemberID, from, to int64) (int, error) // of those who stand at from
	Slot(l ListID, d Delivery) (Slot, error)
	SetSlot(l ListID, d Delivery, s Slot) error
	// SendSince makes the copies of a member of every post after a number.
	SendSince(m Member, number int64, now time.Time) error
}

// Slot is when digests of one delivery last went out. UpTo is the last post of
// those that are going out at this moment, 0 when all of them are out.
type Slot struct {
	At   time.Time
	UpTo int64
}

// Pending is what waits for an answer by mail.
type Pending struct {
	ID      int64
	Kind    PendingKind
	List    ListID
	Address string // whom it concerns
	Data    string // JSON, as its kind needs it
	Expires time.Time
	Used    bool
}

// Request is a mail with commands, or an answer, that is not carried out yet.
type Request struct {
	ID       int64
	List     ListID
	Received time.Time
	Data     string // JSON
}

// PendingTx keeps what waits for an answer, and counts what is limited.
type PendingTx interface {
	AddPending(p Pending) (int64, error)
	SetPendingKey(id int64, key []byte) error
	FindPending(l ListID, key []byte) (Pending, bool, error) // used ones too, until they expire
	FindPendingID(l ListID, id int64) (Pending, bool, error)
	// IsPending tells whether an answer of this kind is waited for.
	IsPending(l ListID, kind PendingKind, address string, now time.Time) (bool, error)
	PairPending(a, b int64) error // an answer to one of them is one to both
	UsePending(id int64) error    // and what is paired with it

	AddRequest(l ListID, at time.Time, data string) error
	NextRequests(after int64, n int) ([]Request, error)
	DeleteRequest(id int64) (bool, error) // false when somebody else has carried it out

	Tally(what, name string, since, now time.Time) (int, error) // those of a clock that was ahead do not count
	AddTally(what, name string, at time.Time) error
	// Expire drops what is pending no longer, and tallies and judged reports
	// from before a time.
	// It drops tallies of the future, too: the clock was ahead when they were made.
	Expire(now, pending, tallies, reports time.Time) error
}

// NewBounce is a mail to an envelope sender of ours.
type NewBounce struct {
	List   ListID   // 0: to an address of the site
	Member MemberID // whom the address names; 0: nobody, dev-bounces@
	Probe  bool     // it is the sender of a probe
	At     time.Time
	Report Packed
}

// Bounce is a report about a copy that nobody has judged yet.
type Bounce struct {
	ID       int64
	List     ListID
	Member   MemberID // 0: it came to an address that names nobody
	Probe    bool
	Received time.Time
	Raw      []byte
}

// Refusal is a final answer of a server that nobody has judged yet.
type Refusal struct {
	ID       int64
	List     ListID
	Member   MemberID
	Address  string
	Job      JobID
	Post     PostID // 0: mail of ours
	Sender   string // envelope sender of mail of ours
	At       time.Time
	Code     int
	Enhanced string
	Text     string
}

// LaneSums is how the members of one destination stand to one post.
type LaneSums struct {
	Members int  // who get posts as they come there, as far as they matter: at most ten
	Waiting int  // copies that wait
	Open    bool // more may be made
}

// ReportTx keeps bounces and what follows from them.
type ReportTx interface {
	AddBounce(b NewBounce) error
	NextBounces(after int64, n int) ([]Bounce, error)
	NextRefusals(after int64, n int) ([]Refusal, error)
	BounceJudged(id int64) error
	RefusalJudged(id int64) error
	AddStrike(l ListID, m MemberID, day time.Time, why string) error
	Strikes(l ListID, m MemberID, since time.Time) (days []time.Time, why string, err error)
	ClearStrikes(l ListID, m MemberID) error
	ListProbed(before time.Time, n int) ([]Member, error)

	// AddUnwanted counts a refusal of a post at a destination.
	AddUnwanted(j JobID, lane string) (refused int, state UnwantedState, err error)
	LaneSums(l ListID, j JobID, lane string) (LaneSums, error)
	SetUnwanted(j JobID, lane string, state UnwantedState, now time.Time) error // and its copies
	ListUnwanted(before time.Time) ([]Unwanted, error)                          // those that wait for their owners since before then
	JobOf(l ListID, p PostID) (JobID, error)                                    // the fan-out of a post; 0: none
	JobPost(l ListID, j JobID) (PostRow, error)                                 // the post of a fan-out; zero: none
}

// Unwanted is a post that a destination refuses; on a list with shared copies
// the lane is "".
type Unwanted struct {
	Job  JobID
	Lane string
}

// UnwantedState is what is done with the copies of a post that a destination refuses.
type UnwantedState string

// The states of such copies.
const (
	UnwantedNone  UnwantedState = ""
	UnwantedWaits UnwantedState = "waits" // for the owners
	UnwantedGo    UnwantedState = "go"
	UnwantedDrop  UnwantedState = "drop"
)

// NewPost is a post on its way into the store.
type NewPost struct {
	List      ListID
	MessageID string // without brackets, never empty: as received, or supplied
	Hash      [32]byte
	FromName  string
	FromAddr  string
	Subject   string
	Date      time.Time // zero when the post has no sane one
	Received  time.Time
	Trace     string // value of the Received field of its copies
	Session   string
	Auth      Auth
	Packed    Packed
	Taken     bool // another post of the list has its Message-ID
}

// Packed is raw mail as the store keeps it: one compressed frame. It is made
// before the transaction, so that the single writer never waits for it.
type Packed struct {
	Bytes []byte
	Size  int64 // of the mail as received
}

// PostTx keeps posts.
type PostTx interface {
	// FindRepeat tells whether the list has the post already, in its archive
	// or among the held ones (promise 3).
	FindRepeat(l ListID, messageID string, hash [32]byte) (bool, error)
	// AddPost keeps the post. It has no place in a thread yet.
	AddPost(p NewPost) (PostID, error)
	// NextTexts is up to n posts whose display text is not made yet, the
	// oldest first.
	NextTexts(n int) ([]PostID, error)
	RawPost(p PostID) (ListID, []byte, error)
	SetText(t PostText) error
}

// PostText is the display text of a post.
type PostText struct {
	Post        PostID
	List        ListID
	Text        string
	Attachments string // JSON of []message.Attachment
	Index       string // Text, the attachments' names: what search sees
}

// ThreadNode is a node as the threading needs it.
type ThreadNode struct {
	ID     NodeID
	Parent NodeID // 0: none
	Thread ThreadID
	Ghost  bool
}

// NewNode is a node on its way into the store: of a post, or of a ghost.
type NewNode struct {
	MessageID string    // "" for a post whose Message-ID another post has
	Parent    NodeID    // 0: none
	Thread    ThreadID  // 0: a new one
	Post      PostID    // 0: a ghost
	Received  time.Time // of the post
}

// ThreadTx keeps the shape of threads. A thread is a label that all nodes of
// one tree share.
type ThreadTx interface {
	// FindNodes is the nodes of these Message-IDs; those that are not there are missing from the map.
	FindNodes(l ListID, ids []string) (map[string]ThreadNode, error)
	AddNode(l ListID, n NewNode) (ThreadNode, error)
	// Realize makes a ghost the node of a post.
	Realize(l ListID, n NodeID, p PostID, received time.Time) error
	Node(l ListID, n NodeID) (ThreadNode, error)
	SetParent(l ListID, n, parent NodeID) error
	// Children is the children of the nodes; at most limit.
	Children(l ListID, nodes []NodeID, limit int) ([]NodeID, error)
	// ThreadNodes is how many nodes a thread has.
	ThreadNodes(l ListID, t ThreadID) (int, error)
	CountThread(l ListID, t ThreadID) (int, error) // its posts, without ghosts
	// Relabel moves nodes to another thread (0: a new one); a thread that has no nodes left is dropped.
	Relabel(l ListID, nodes []NodeID, from, to ThreadID) error
}

// NewHeld is a post that is going to wait.
type NewHeld struct {
	Post     NewPost
	Envelope Envelope
	Reason   string
}

// HeldTx keeps what waits.
type HeldTx interface {
	AddHeld(h NewHeld) (HeldID, error)
	ListHeld(l ListID) ([]HeldRow, error) // 0: of all lists
	FindHeld(id HeldID) (HeldRow, Envelope, error)
	DeleteHeld(l ListID, id HeldID) error // Unknown when it does not wait any more
	CountHeld(l ListID) (int, error)
}

// NewJob is a mail to send.
type NewJob struct {
	List ListID // 0: mail of the operator's addresses
	Post PostID // a fan-out of this post to the members; 0: Mail to Rcpts or Members
	At   time.Time

	Node  NodeID // of the post, in its thread
	First bool   // the post starts its thread

	Mail    Packed
	Sender  string // envelope sender of Mail
	Rcpts   []string
	Members []Member // a digest: each gets it as their own, within their hours
}

// QueueTx keeps what is to be sent.
type QueueTx interface {
	AddJob(j NewJob) (JobID, error)
	ListQueue() ([]QueueRow, error)
	RetryQueue(ids []CopyID, now time.Time) (int, error) // none: all
	DropQueue(ids []CopyID) (int, error)                 // ends them as cancelled
}
