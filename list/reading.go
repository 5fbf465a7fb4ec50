package list

import (
	"time"

	"parley/message"
)

// ThreadRow is one line of a list's page: a thread with its newest activity.
type ThreadRow struct {
	ID      ThreadID
	Subject string // of its first post here, decoded for display, without Re:
	From    string // display name (or masked address) of who started it
	Key     string // path segment of the first post, see PostRow.Key
	Posts   int
	First   time.Time // received
	Last    time.Time // received: the newest activity
}

// Cursor is a place in a list's threads, which are ordered by newest activity
// and then by ID: the page after it begins with the next older thread. Its
// zero value stands before the newest one.
type Cursor struct {
	Last time.Time
	ID   ThreadID
}

// PostRow is what pages know of a post. All texts are decoded for display,
// without control or bidi override characters.
type PostRow struct {
	ID        PostID
	Number    int64 // within its list, ascending by arrival, never reused
	List      ListID
	Thread    ThreadID
	MessageID string // without brackets
	Key       string // the path segment of its page before escaping: the Message-ID, or ~{number}
	FromName  string
	FromAddr  string
	Subject   string
	Date      time.Time // from Date:, zero when that is not sane
	Received  time.Time
	Size      int64 // bytes as received

	Ready       bool // Text and Attachments are there: they follow the 250 by about a second
	Text        string
	Attachments []message.Attachment
}

// Node is one place in a thread, in reading order (depth first, siblings by
// arrival). A ghost is a missing post that others answer.
type Node struct {
	ID     NodeID
	Parent NodeID // 0 for a root
	Depth  int
	Ghost  bool
	Post   PostRow // zero for a ghost, but for its MessageID
}
