package list

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"parley/message"
)

// Limits of a mail, whatever the list.
const (
	maxHeader     = 256 << 10 // bytes of header: HOSTILE inputs hold megabytes, real mail less than 64 KiB
	maxReceived   = 100       // Received fields before it is a loop (RFC 5321, 6.3)
	maxReferences = 100       // ids of a References field that are looked at: the first and the last ones
	maxReport     = 256 << 10 // bytes of a bounce that are kept
	maxSubject    = 500       // bytes of a subject that pages and lists know
)

// Receive takes one mail for all recipients of env, or for none. It returns
// nil only when the mail is on the disk as the posts, held posts, bounces and
// forwards that it became (promise 1); any error means that nothing of it is
// kept (promise 2).
func (d *Desk) Receive(ctx context.Context, env Envelope, raw []byte) error {
	in := d.open(env, raw)
	var notes []note
	err := d.store.Write(ctx, func(tx Tx) error {
		notes = notes[:0]
		for _, rcpt := range env.To {
			n, err := d.take(tx, in, rcpt)
			if err != nil {
				return refusedFor(rcpt, len(env.To), err)
			}
			notes = append(notes, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range notes {
		d.log.Log(ctx, n.level(), n.event, append(n.about, "session", env.Session)...)
	}
	return nil
}

// ReceiveEach takes one mail for each recipient of env on its own, with one
// answer for each in their order, as LMTP wants it (RFC 2033, 4.2).
func (d *Desk) ReceiveEach(ctx context.Context, env Envelope, raw []byte) []error {
	answers := make([]error, len(env.To))
	for i, rcpt := range env.To {
		one := env
		one.To = []string{rcpt}
		answers[i] = d.Receive(ctx, one, raw)
	}
	return answers
}

// refusedFor names the recipient that refused when there were several: all
// share one answer, so that none gets what the others do not.
func refusedFor(rcpt string, of int, err error) error {
	if of == 1 || TextOf(err) == "" {
		return err
	}
	return &Error{Kind: KindOf(err), Text: TextOf(err) + " (one of several recipients; nobody got it: send to each alone)",
		Err: fmt.Errorf("recipient %q: %w", masked(rcpt), err)}
}

// masked is an address of ours for the log: without the token that it may have.
func masked(rcpt string) string {
	local, domain, _ := strings.Cut(rcpt, "@")
	name, _, plus := strings.Cut(local, "+")
	if !plus {
		return rcpt
	}
	return name + "+...@" + domain
}

// note is what the log says of a mail that was taken.
type note struct {
	event string // post, repeat, held, discarded, forwarded, bounce
	about []any  // attributes, by turns name and value
}

// level is Debug for what is as it should be: smtpd has a line for each mail.
func (n note) level() slog.Level {
	if n.event == "post" {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// A step decides about a post, or leaves it to the next one by returning nil.
type step struct {
	name string
	run  func(*Desk, Tx, *incoming) (*note, error)
}

// postSteps is a post's way through the rules of one list, in this order.
func postSteps() []step {
	return []step{
		{"refuse what is broken", (*Desk).refuseBroken},
		{"stop loops", (*Desk).stopLoops},
		{"fold a repeat", (*Desk).foldRepeat},
		{"keep secrets", (*Desk).keepSecrets},
		{"know the sender", (*Desk).knowSender},
		{"decide, and keep", (*Desk).decide},
	}
}

// take carries out what one recipient of a mail asks for.
func (d *Desk) take(tx Tx, in *incoming, rcpt string) (note, error) {
	to, err := d.resolve(tx, rcpt)
	if err != nil {
		return note{}, err
	}
	in.to = to
	switch to.Verb {
	case ToPosts:
		return d.takePost(tx, in)
	case ToBounce, ToBounces:
		return d.takeBounce(tx, in)
	case ToPostmaster, ToAbuse:
		return d.forward(tx, in, []string{d.site.Operator})
	case ToRequest, ToSubscribe, ToUnsubscribe, ToHelp, ToConfirm, ToOK, ToNo, ToMe, ToLeave:
		return d.takeRequest(tx, in)
	default:
		return d.forward(tx, in, d.owners(to.list))
	}
}

func (d *Desk) takePost(tx Tx, in *incoming) (note, error) {
	for _, s := range postSteps() {
		n, err := s.run(d, tx, in)
		if err != nil {
			return note{}, fmt.Errorf("%s: %w", s.name, err)
		}
		if n != nil {
			n.about = append([]any{"list", in.to.list.Address}, n.about...)
			return *n, nil
		}
	}
	return note{}, Errorf(Temporary, "no rule decided about the post")
}

// wellFormed is nil for a mail that can be a post (RFC 5322, 3.6): exactly one
// From, and a header that mail programs can read.
func wellFormed(m *message.Message) error {
	switch {
	case m.HeaderSize() > maxHeader:
		return Errorf(TooLarge, "the header is larger than %d bytes", maxHeader)
	case m.Count("From") == 0:
		return Errorf(Malformed, "the mail has no From field")
	case m.Count("From") > 1:
		return Errorf(Malformed, "the mail has more than one From field")
	}
	return nil
}

func (d *Desk) refuseBroken(_ Tx, in *incoming) (*note, error) {
	if in.env.From == "" {
		// RFC 3834, RFC 5321, 4.5.5: only reports have the null sender.
		return nil, Errorf(Refused, "reports do not belong on the list; its bounces go elsewhere")
	}
	return nil, in.broken
}

// stopLoops refuses what this list sent out itself (RFC 2919, 8) and what went
// through too many hands (RFC 5321, 6.3).
func (d *Desk) stopLoops(_ Tx, in *incoming) (*note, error) {
	if n := in.msg.Count("Received"); n > maxReceived {
		return nil, Errorf(Loop, "the mail went through %d servers: it loops", n)
	}
	if in.wasHere(d.site.Hostname, in.to.list.Address) {
		return nil, Errorf(Loop, "the mail was on this list already")
	}
	own := "<" + strings.ToLower(in.to.list.ListID) + ">"
	for _, id := range in.msg.All("List-Id") {
		if strings.Contains(strings.ToLower(id), own) {
			return nil, Errorf(Loop, "the mail was on this list already")
		}
	}
	return nil, nil
}

// wasHere knows the Received field that our copies carry: another list that is
// a member takes our List-Id away, but nobody takes that.
func (in *incoming) wasHere(hostname, address string) bool {
	for _, v := range in.msg.All("Received") {
		if strings.Contains(v, "by "+hostname+" (Parley) ") && strings.Contains(v, "for <"+address+">") {
			return true
		}
	}
	return false
}

func (d *Desk) foldRepeat(tx Tx, in *incoming) (*note, error) {
	known, err := tx.FindRepeat(in.to.list.ID, in.messageID, in.hash)
	if err != nil || !known {
		return nil, err
	}
	return &note{event: "repeat"}, nil
}

func (d *Desk) knowSender(tx Tx, in *incoming) (*note, error) {
	l := in.to.list
	s := Sender{Address: in.from.Addr}
	if s.Address != "" {
		m, ok, err := tx.FindMember(l.ID, s.Address)
		if err != nil {
			return nil, fmt.Errorf("look up member: %w", err)
		}
		s.Member = ok && m.State == Active
		in.member = m
		s.Moderator = anyAddress(l.Moderators, s.Address) || anyAddress(l.Owners, s.Address)
		_, domain, _ := strings.Cut(s.Address, "@")
		s.Proven = in.env.Auth.Proves(domain)
	}
	in.sender = s
	return nil, nil
}

func (d *Desk) decide(tx Tx, in *incoming) (*note, error) {
	reply, err := d.isReply(tx, in)
	if err != nil {
		return nil, err
	}
	automatic := message.Automatic(in.msg)
	post := Post{Size: in.packed.Size, Reply: reply, Automatic: automatic, AutoReply: automatic && !announcement(in.msg)}
	v := Decide(in.to.list, in.sender, post)
	switch v.Action {
	case Accept:
		id, err := d.keep(tx, in.to.list, d.newPost(in), in.refs)
		if err == nil {
			err = d.thank(tx, in, id)
		}
		return &note{event: "post", about: []any{"post", id}}, err
	case Hold:
		_, err := tx.AddHeld(NewHeld{Post: d.newPost(in), Envelope: in.env, Reason: v.Reason})
		return &note{event: "held", about: []any{"reason", v.Reason}}, err
	case Discard:
		return &note{event: "discarded", about: []any{"reason", v.Reason}}, nil
	default:
		return nil, Errorf(v.Kind, "%s", v.Reason)
	}
}

// announcement tells a machine's own mail from its answer to another
// (RFC 3834, 5.1; RFC 5436 for auto-notified).
func announcement(m *message.Message) bool {
	word := strings.ToLower(m.Get("Auto-Submitted"))
	return strings.HasPrefix(word, "auto-generated") || strings.HasPrefix(word, "auto-notified")
}

// isReply tells whether the list has, or knows of, what the post answers. It
// matters only where starting a thread is another right than answering.
func (d *Desk) isReply(tx Tx, in *incoming) (bool, error) {
	l := in.to.list
	if l.Start == "" || l.Start == l.Post || len(in.refs) == 0 {
		return len(in.refs) > 0, nil
	}
	nodes, err := tx.FindNodes(l.ID, in.refs)
	if err != nil {
		return false, fmt.Errorf("look up parents: %w", err)
	}
	for _, n := range nodes {
		if !n.Ghost {
			return true, nil
		}
	}
	return false, nil
}

// takeBounce keeps a report about a copy, of a long one the beginning.
func (d *Desk) takeBounce(tx Tx, in *incoming) (note, error) {
	if in.to.member == 0 && in.complaint != nil {
		return note{event: "complaint", about: []any{"list", in.to.list.Address}}, d.takeComplaint(tx, in)
	}
	err := tx.AddBounce(NewBounce{List: in.to.list.ID, Member: in.to.member, Probe: in.to.pending != 0, At: d.now(), Report: in.report})
	return note{event: "bounce", about: []any{"list", in.to.list.Address, "member", in.to.member}}, err
}
