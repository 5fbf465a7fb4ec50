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
	PostTx
	ThreadTx
	HeldTx
	QueueTx
}

// ListTx keeps lists and their members.
type ListTx interface {
	Lists() ([]List, error)
	AddList(l List) (ListID, error) // Conflict when the address is taken
	SetList(l List) error           // all options, and whether it is removed

	ListMembers(l ListID) ([]Member, error)
	FindMember(l ListID, address string) (Member, bool, error) // whatever its state; case of the local part is ignored
	AddMember(m Member) (MemberID, error)                      // Conflict when the address is there already
	SetMember(m Member) error
	SetBounceKey(l ListID, m MemberID, key []byte) error               // TokenHash of the member's bounce token
	FindBounceKey(l ListID, key []byte) (MemberID, bool, error)        // whatever the member's state
	AddBounce(l ListID, m MemberID, at time.Time, report Packed) error // m = 0: to dev-bounces@
	Noticed(l ListID) (time.Time, error)                               // the last mail about held posts
	SetNoticed(l ListID, at time.Time) error
}

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
	Post PostID // a fan-out of this post to the members; 0: Mail to Rcpts
	At   time.Time

	Mail   Packed
	Sender string // envelope sender of Mail
	Rcpts  []string
}

// QueueTx keeps what is to be sent.
type QueueTx interface {
	AddJob(j NewJob) (JobID, error)
	ListQueue() ([]QueueRow, error)
	RetryQueue(ids []CopyID, now time.Time) (int, error) // none: all
	DropQueue(ids []CopyID) (int, error)                 // ends them as cancelled
}
