package list

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/message"
)

// keysOf are the hashes of the tokens that name a member.
func (d *Desk) keysOf(l ListID, m MemberID) Keys {
	return Keys{
		Bounce: TokenHash(d.site.bounceToken(l, m)),
		Leave:  TokenHash(d.site.LeaveToken(l, m)),
		Self:   TokenHash(d.site.selfToken(l, m)),
	}
}

// selfToken stands in the address that a reply to a mail of ours goes to: it
// proves that the reply comes from its reader.
func (s Site) selfToken(l ListID, m MemberID) string { return s.Token("self", int64(l), int64(m)) }

// SelfAddress takes commands of one member at their word, when they come in
// that member's name.
func (s Site) SelfAddress(l List, m MemberID) string {
	return Target{Verb: ToMe, Local: l.Local(), Domain: l.Domain(), Token: s.selfToken(l.ID, m)}.String()
}

// replyTo is where a reply to a mail for this address goes: a member's is
// taken at its word, anybody else's to the address of commands.
func (d *Desk) replyTo(l List, m Member) string {
	if m.ID == 0 || m.State != Active {
		return l.role(ToRequest)
	}
	return d.site.SelfAddress(l, m.ID)
}

// subscribe makes an address an active member, or one again, from the next post
// on. It returns false when it was one already.
func (d *Desk) subscribe(tx Tx, l List, who message.Address) (m Member, fresh bool, err error) {
	m, known, err := tx.FindMember(l.ID, who.Addr)
	if err != nil || known && m.State == Active {
		return m, false, err
	}
	last, err := tx.LastNumber(l.ID)
	if err != nil {
		return m, false, err
	}
	if !known {
		m = Member{List: l.ID, Address: who.Addr, Name: who.Name, Delivery: DeliverEach, Own: true}
	}
	m.State, m.Since, m.Seen = Active, d.now(), last
	m.Owed, m.PausedUntil, m.Probed = OwedNothing, time.Time{}, time.Time{}
	if known {
		if err := tx.ClearStrikes(l.ID, m.ID); err != nil {
			return m, false, err
		}
		return m, true, tx.SetMember(m)
	}
	if m.ID, err = tx.AddMember(m); err != nil {
		return m, false, err
	}
	return m, true, tx.SetKeys(l.ID, m.ID, d.keysOf(l.ID, m.ID))
}

// mayJoin is nil for an address that can be a member: one of ours would send
// posts in a circle, one of a machine would answer them.
func (d *Desk) mayJoin(l List, address string) error {
	canonical, err := message.Canonical(address)
	if err != nil || canonical == "" {
		return Errorf(BadAddress, "it is no address")
	}
	if t, err := ParseTarget(canonical, d.site); err == nil && (t.Verb != ToPosts || t.Local == l.Local()) {
		return Errorf(BadAddress, "it is an address of the list itself")
	}
	if isMachine(canonical) {
		return Errorf(BadAddress, "it is an address that no person reads as their own")
	}
	if l.bans(canonical) {
		return Errorf(Refused, "it is banned from this list")
	}
	return nil
}

// isMachine knows local parts behind which nobody subscribes: to answer one is
// to start a loop (RFC 2142; HOSTILE cases of answering machines).
func isMachine(address string) bool {
	local := untagged(address)
	switch local {
	case "postmaster", "mailer-daemon", "mailerdaemon", "daemon", "majordomo", "listserv", "listproc",
		"noreply", "no-reply", "donotreply", "do-not-reply", "bounce", "bounces", "abuse", "root":
		return true
	}
	return isReturnPath(address) || strings.HasSuffix(local, "-request")
}

// isReturnPath knows envelope senders that take nothing but reports: a
// mailer's, a list's.
func isReturnPath(address string) bool {
	local := untagged(address)
	return local == "mailer-daemon" || strings.HasSuffix(local, "-bounces") || strings.HasPrefix(local, "owner-")
}

// untagged is the local part of an address in lower case, up to a plus:
// other-bounces+ann=example.org@ is an address of other-bounces.
func untagged(address string) string {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	if name, _, tagged := strings.Cut(local, "+"); tagged && name != "" {
		return name
	}
	return local
}

// join lets somebody in whose address is proven, as the list has it: at once,
// after a moderator's word, or not at all. invited skips that. It sends the
// mail that says which.
func (d *Desk) join(tx Tx, l List, who message.Address, invited bool) (note, error) {
	m, known, err := tx.FindMember(l.ID, who.Addr)
	if err != nil {
		return note{}, err
	}
	if known && m.State == Active {
		_, err := d.mail(tx, notice{List: l, To: []string{m.Address}, Template: "already-member", ReplyTo: d.replyTo(l, m),
			Data: map[string]any{"Address": m.Address}})
		return note{event: "member already"}, err
	}
	if d.mayJoin(l, who.Addr) != nil {
		return note{event: "join refused"}, nil // it was no address for it before either
	}
	back := known && m.State == Suspended
	switch {
	case invited || back || l.Join == JoinOpen:
		return d.welcome(tx, l, who)
	case l.Join == JoinApproval:
		return d.askModerators(tx, l, who)
	}
	return note{event: "join refused"}, d.refuseJoin(tx, l, who.Addr, string(l.Join))
}

func (d *Desk) refuseJoin(tx Tx, l List, address, why string) error {
	_, err := d.mail(tx, notice{List: l, To: []string{address}, Template: "join-refused", FromOwner: true, Data: map[string]any{"Why": why}})
	return err
}

// welcome subscribes and says what there is to know.
func (d *Desk) welcome(tx Tx, l List, who message.Address) (note, error) {
	m, fresh, err := d.subscribe(tx, l, who)
	if err != nil {
		return note{}, fmt.Errorf("subscribe: %w", err)
	}
	if !fresh {
		return note{event: "member already"}, nil
	}
	_, err = d.mail(tx, notice{List: l, To: []string{m.Address}, Template: "welcome", ReplyTo: d.replyTo(l, m),
		Data: map[string]any{"Description": l.Description, "Customs": l.Customs, "Leave": l.role(ToUnsubscribe),
			"Archive": d.archiveLink(l), "Delivery": string(m.Delivery), "Request": l.role(ToRequest)}})
	return note{event: "joined", about: []any{"member", m.ID}}, err
}

// Invite asks addresses to join a list: a reply to the mail that each gets
// subscribes, however the list lets people join. It is the operator's word;
// person is in whose name, "" for the owners. One address that cannot join
// refuses all. It returns whom it asked, and who is a member already.
func (d *Desk) Invite(ctx context.Context, id ListID, who []message.Address, person string) (invited, members []string, err error) {
	l, err := d.invitable(ctx, id, who)
	if err != nil {
		return nil, nil, err
	}
	for part := range slices.Chunk(eachOnce(who), membersPart) {
		var asked, known []string
		err := d.store.Write(ctx, func(tx Tx) error {
			asked, known = nil, nil // of a try that failed
			for _, a := range part {
				switch fresh, err := d.invite(tx, l, a, person); {
				case err != nil:
					return fmt.Errorf("invite %s: %w", a.Addr, err)
				case fresh:
					asked = append(asked, a.Addr)
				default:
					known = append(known, a.Addr)
				}
			}
			return nil
		})
		if err != nil {
			return invited, members, err
		}
		invited, members = append(invited, asked...), append(members, known...)
	}
	return invited, members, nil
}

// eachOnce is people by their canonical addresses, each at their first place.
func eachOnce(who []message.Address) (once []message.Address) {
	seen := map[string]bool{}
	for _, a := range who {
		a.Addr = canonical(a.Addr)
		if key := strings.ToLower(a.Addr); !seen[key] {
			seen[key] = true
			once = append(once, a)
		}
	}
	return once
}

// invitable is the list, if all of these addresses can join it.
func (d *Desk) invitable(ctx context.Context, id ListID, who []message.Address) (l List, err error) {
	err = d.store.Read(ctx, func(tx Tx) error { l, err = listByID(tx, id); return err })
	if err != nil {
		return l, err
	}
	for _, a := range who {
		if err := d.mayJoin(l, a.Addr); err != nil {
			return l, Errorf(KindOf(err), "%s cannot join %s: %s", a.Addr, l.Address, TextOf(err))
		}
	}
	return l, nil
}

// invite returns false for a member, who gets no mail.
func (d *Desk) invite(tx Tx, l List, who message.Address, person string) (bool, error) {
	m, known, err := tx.FindMember(l.ID, who.Addr)
	if err != nil || known && m.State == Active {
		return false, err
	}
	to, _, err := d.ask(tx, l, PendingReturn, who.Addr, wish{Name: clip(who.Name, maxMemberName), Invited: true}, returnTime)
	if err != nil {
		return false, err
	}
	_, err = d.mail(tx, notice{List: l, To: []string{who.Addr}, Template: "invitation", ReplyTo: to,
		Data: map[string]any{"Description": l.Description, "Person": shownLine(clip(person, maxMemberName))}})
	return err == nil, err
}

// archiveLink is the page of the list, "" where strangers do not see one.
func (d *Desk) archiveLink(l List) string {
	if l.Archive != ArchivePublic {
		return ""
	}
	return d.site.ListURL(l)
}

// deciders are who decides for a list: its moderators and its owners.
func (d *Desk) deciders(l List) []string {
	all := append([]string{}, l.Moderators...)
	for _, o := range d.owners(l) {
		if !anyAddress(all, o) {
			all = append(all, o)
		}
	}
	return all
}

// askModerators tells who wants to join that it waits, and asks the moderators.
// The first of them who answers decides.
func (d *Desk) askModerators(tx Tx, l List, who message.Address) (note, error) {
	waits, err := tx.IsPending(l.ID, PendingApprove, who.Addr, d.now())
	if err != nil || waits {
		return note{event: "join waits already"}, err
	}
	yes, no, err := d.askEither(tx, l, PendingApprove, PendingDeny, who.Addr, wish{Name: who.Name})
	if err != nil {
		return note{}, err
	}
	// A reply decides nothing: an answering machine of a moderator must not let
	// anybody in (HOSTILE 74).
	_, err = d.mail(tx, notice{List: l, To: d.deciders(l), Template: "approve-join",
		Data: map[string]any{"Address": who.Addr, "Person": who.Name, "Yes": yes, "No": no, "Days": daysOf(decideTime)}})
	if err != nil {
		return note{}, err
	}
	_, err = d.mail(tx, notice{List: l, To: []string{who.Addr}, Template: "wait-approval"})
	return note{event: "join waits for approval"}, err
}

// goodbyesADay is how many goodbyes one address gets of a list: whoever has its
// link can press leave and join by turns.
const goodbyesADay = 5

// endMembership ends a membership without a word.
func (d *Desk) endMembership(tx Tx, m Member) error {
	m.State, m.Since, m.Owed = Left, d.now(), OwedNothing
	return tx.SetMember(m)
}

// leave ends a membership, and says so with a way back. It returns false when
// there was none.
func (d *Desk) leave(tx Tx, l List, address string) (bool, error) {
	m, known, err := tx.FindMember(l.ID, address)
	if err != nil || !known || m.State != Active && m.State != Suspended {
		return false, err
	}
	if err := d.endMembership(tx, m); err != nil {
		return false, err
	}
	if ok, err := d.within(tx, []limit{{"goodbye", l.Address + " " + countedAs(m.Address), goodbyesADay, 24 * time.Hour}}); err != nil || !ok {
		return err == nil, err
	}
	back, _, err := d.ask(tx, l, PendingReturn, m.Address, wish{Name: m.Name}, returnTime)
	if err != nil {
		return false, err
	}
	_, err = d.mail(tx, notice{List: l, To: []string{m.Address}, Template: "goodbye", ReplyTo: back,
		Data: map[string]any{"Address": m.Address, "Days": daysOf(returnTime)}})
	return err == nil, err
}

func daysOf(d time.Duration) int { return int(d / (24 * time.Hour)) }
