package list

import "strings"

// Action is what is done with a post.
type Action int

// The actions.
const (
	Accept  Action = iota
	Hold           // waits for a moderator
	Refuse         // 5xx: the sender hears of it from their own server
	Discard        // 250, logged, nothing kept
)

// Sender is what is known about who wrote a post.
type Sender struct {
	Address   string // canonical address of From
	Proven    bool   // Auth says that it is who it says (see Auth.Proves)
	Member    bool   // an active member has this address
	Moderator bool   // a moderator or owner has this address
}

// Post is what the rules need to know of a post.
type Post struct {
	Size      int64
	Reply     bool // answers a post that the list has, or knows of
	Automatic bool // RFC 3834: written by a machine, such as a build server
	AutoReply bool // and as an answer: out of office, a report
}

// Verdict is the decision about a post with the reason in words, which are
// shown to moderators (Hold), to the sender (Refuse) or to the log (Discard).
type Verdict struct {
	Action Action
	Kind   Kind   // of the refusal
	Reason string // plain ASCII, one sentence without a full stop
}

// Proves reports whether a mail with this domain in From is proven to come
// from there: the client is trusted, DMARC passed for it, or a passing
// signature names exactly it. A signature of a parent or a child domain counts
// only through DMARC: relaxed alignment needs to know where organisations
// begin (RFC 9989), and a guess would let d=co.example speak for everybody.
func (a Auth) Proves(fromDomain string) bool {
	if a.Trusted {
		return true
	}
	if fromDomain == "" {
		return false
	}
	if strings.EqualFold(a.DMARC, fromDomain) {
		return true
	}
	for _, d := range a.DKIM {
		if strings.EqualFold(d, fromDomain) {
			return true
		}
	}
	return false
}

// Decide says what happens to a post on a list. It is pure. A ban and the size
// limit hold for everybody, proven or not; so does a list that nobody may post
// to. What a machine wrote is never redistributed unseen, which stops loops:
// its answers are dropped, the rest waits. Then the moderators may, and last
// the list's own rule decides.
func Decide(l List, s Sender, p Post) Verdict {
	access := l.accessFor(p)
	switch {
	case l.bans(s.Address):
		return Verdict{Refuse, Refused, "the sender is banned from this list"}
	case l.MaxSize > 0 && p.Size > l.MaxSize:
		return Verdict{Refuse, TooLarge, "the post is larger than this list takes"}
	case p.AutoReply: // RFC 3834, 2: an answer to it would go round for ever
		return Verdict{Action: Discard, Reason: "automatic replies are not redistributed"}
	case l.Post == Nobody:
		return Verdict{Refuse, Refused, "nobody may post to this list"}
	case access == Nobody:
		return Verdict{Refuse, Refused, "nobody may start a thread on this list"}
	case p.Automatic:
		return Verdict{Action: Hold, Reason: "a machine wrote the mail"}
	case s.Moderator && s.Proven:
		return Verdict{Action: Accept}
	}
	return access.judge(s)
}

// accessFor is the rule that counts for a post: Start for one that answers
// nothing, where the list has it, else Post.
func (l List) accessFor(p Post) Access {
	if !p.Reply && l.Start != "" {
		return l.Start
	}
	return l.Post
}

// judge applies one rule to a sender whom nothing else let in or kept out. A
// rule that it does not know lets nobody in unseen.
func (a Access) judge(s Sender) Verdict {
	switch {
	case a == Anyone:
		return Verdict{Action: Accept}
	case a != Members:
		return Verdict{Action: Hold, Reason: "every post is moderated here"}
	case s.Member && s.Proven:
		return Verdict{Action: Accept}
	case s.Member || s.Moderator:
		return Verdict{Action: Hold, Reason: "the sender is not authenticated"}
	}
	return Verdict{Action: Hold, Reason: "the sender is not a member"}
}

// bans reports whether address, or its whole domain, is banned. The case of
// the local part does not matter: a ban must not be escaped by a capital.
func (l List) bans(address string) bool {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return false
	}
	for _, ban := range l.Banned {
		if strings.EqualFold(ban, address) || strings.EqualFold(ban, address[at:]) {
			return true
		}
	}
	return false
}
