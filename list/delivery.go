package list

import "time"

// Copy is one outgoing transaction: one mail to one recipient, or, on a list
// with shared copies, to up to 100. The store hands it out with its attempt
// already committed.
type Copy struct {
	ID    CopyID
	Job   JobID
	List  ListID
	Rcpts []Rcpt
	Lane  string    // recipient domain of a personal copy, "" for a shared one: what is slow together
	Tries int       // attempts that ended without success, not counting this one
	Since time.Time // when the copy was first due: it is given up 5 days later
}

// Claim asks for copies that are due: at most Max of them, none of a lane in
// Skip.
type Claim struct {
	Now  time.Time
	Max  int
	Skip []string
}

// Rcpt is one recipient of a copy.
type Rcpt struct {
	Member  MemberID // 0: an owner or the operator, not as a member
	Address string
}

// SourceKind says how the mail of a job is made.
type SourceKind string

// The kinds of a source.
const (
	SourcePost SourceKind = "post" // a post, dressed as a copy of its list
	SourceMail SourceKind = "mail" // a mail as it is: a forward to the owners, a notice of ours

	// SourceDigest is a mail of ours to members: a digest, a summary, a catch-up.
	// It goes out as it is, but each copy has its member's bounce address as
	// envelope sender and PersonalFields on top, on lists with shared copies too.
	// So the mail itself has no List-Unsubscribe, each copy one recipient, who
	// is a Member, and a Lane.
	SourceDigest SourceKind = "digest"
)

// Source is what the copies of one job are made from.
type Source struct {
	Kind      SourceKind
	List      List   // zero for mail of the operator's addresses
	Raw       []byte // as received, or a notice as we wrote it
	Trace     string // the value of the Received field to prepend, folded with CRLF SP; "" for none
	MessageID string // without brackets; what a mail without one is given
	Received  time.Time
	Sender    string // envelope sender of a SourceMail; "" is the null sender. Other kinds have the member's
	Key       string // PostRow.Key of a SourcePost: where its page is
	Number    int64  // PostRow.Number of a SourcePost, for the link in its copies; 0: not known
}

// Outcome is how one recipient of a copy ended.
type Outcome int

// The outcomes. Cancelled is a departure, the owners or the operator.
const (
	Delivered Outcome = iota
	Bounced
	Later
	Cancelled
)

// Answer is what became of one recipient.
type Answer struct {
	Outcome  Outcome
	Code     int       // SMTP reply code, 0 when there was none
	Enhanced string    // 5.1.1, "" when there was none
	Text     string    // the server's words or the local error, for people; at most 500 bytes
	Due      time.Time // Later: when to try again
}

// Result is what became of a copy: one answer for each of its recipients, in
// their order.
type Result struct {
	Copy    Copy
	Answers []Answer
}
