package list

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"parley/message"
)

const (
	followBatch = 32             // requests, reports and owed mails that are looked at at once
	requestLife = 24 * time.Hour // a request that fails, and is older than this, is dropped
)

// FollowUp does what follows from what was accepted: it carries out commands
// and answers, judges bounces and refusals, and writes mails that are owed. It
// returns how many things it did. One that fails does not stop the others; it
// is tried again with the next call.
func (d *Desk) FollowUp(ctx context.Context) (int, error) {
	done := 0
	var failed error
	for _, work := range []func(context.Context) (int, error){d.carryOut, d.judgeReports, d.sendOwed} {
		n, err := work(ctx)
		done += n
		failed = errors.Join(failed, err)
	}
	return done, failed
}

// carryOut carries out every request that waits.
func (d *Desk) carryOut(ctx context.Context) (done int, failed error) {
	for after := int64(0); ; {
		var requests []Request
		err := d.store.Read(ctx, func(tx Tx) (err error) { requests, err = tx.NextRequests(after, followBatch); return err })
		if err != nil || len(requests) == 0 {
			return done, errors.Join(failed, err)
		}
		for _, r := range requests {
			after = r.ID
			err := d.carryOutOne(ctx, r)
			if err != nil && ctx.Err() == nil && d.now().Sub(r.Received) > requestLife {
				err = d.dropRequest(ctx, r, err)
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("request %d: %w", r.ID, err))
				continue
			}
			done++
		}
	}
}

// dropRequest gives a request up for what kept it from being carried out. Its
// age alone does not: it may come from before days in which nothing ran here.
func (d *Desk) dropRequest(ctx context.Context, kept Request, why error) error {
	d.log.Error("request dropped", "request", kept.ID, "err", why)
	return d.store.Write(ctx, func(tx Tx) error { _, err := tx.DeleteRequest(kept.ID); return err })
}

// errGone says that somebody else has done it meanwhile.
var errGone = errors.New("carried out already")

// carryOutOne carries out one request, in one transaction with its end: it is
// done once, whatever happens. What it has to look up at length is read before.
func (d *Desk) carryOutOne(ctx context.Context, kept Request) error {
	var r request
	if err := json.Unmarshal([]byte(kept.Data), &r); err != nil {
		return d.dropRequest(ctx, kept, err)
	}
	c := &caller{Desk: d.carrying(asked{r.From, r.MessageID}), request: r, received: kept.Received}
	err := d.store.Read(ctx, func(tx Tx) error { return c.prepare(tx, kept.List) })
	if KindOf(err) == Unknown { // its list or its member is gone
		return d.dropRequest(ctx, kept, err)
	}
	if err != nil {
		return err
	}
	var n note
	err = d.store.Write(ctx, func(tx Tx) error {
		mine, err := tx.DeleteRequest(kept.ID)
		if err != nil || !mine {
			return errors.Join(err, errGone)
		}
		c.tx = tx
		n, err = c.run()
		return err
	})
	if errors.Is(err, errGone) {
		return nil
	}
	if err == nil {
		d.log.Log(ctx, n.level(), n.event, append(n.about, "list", c.list.Address, "session", r.Session)...)
	}
	return err
}

// caller is who asks for something, and what they ask for.
type caller struct {
	*Desk
	request
	list     List
	pending  Pending   // what an answer answers
	received time.Time // when they asked
	tx       Tx

	who      message.Address // whom the commands concern
	proven   bool            // it is they who ask
	findings []finding       // what was looked up for Commands, one for each
	masked   bool            // they see no addresses of others
	fetched  int64           // bytes of posts that the reply has
	mute     bool            // there were replies enough today
}

// prepare finds out who asks, and reads what their commands ask to see.
func (c *caller) prepare(tx Tx, id ListID) (err error) {
	if c.list, err = listByID(tx, id); err != nil {
		return err
	}
	c.who, c.proven = message.Address{Name: c.Name, Addr: c.From}, c.Proven
	switch c.To {
	case ToMe, ToLeave:
		m, err := tx.Member(id, c.Member)
		if err != nil {
			return err
		}
		// The token alone does not do for commands: whoever a mail was
		// forwarded to has it.
		if c.To == ToLeave || sameAddress(m.Address, c.From) {
			c.who, c.proven = message.Address{Name: m.Name, Addr: m.Address}, true
		}
	case ToConfirm, ToOK, ToNo:
		var ok bool
		if c.pending, ok, err = tx.FindPendingID(id, c.Pending); err != nil || !ok {
			return err // expired meanwhile
		}
		if c.pending.Kind == PendingCommands {
			w, err := c.pending.wish()
			if err != nil {
				return err
			}
			c.Commands, c.proven = w.Commands, true
			c.who = message.Address{Addr: c.pending.Address}
		}
	}
	if c.proven {
		c.findings, err = c.lookUp(tx)
	}
	return err
}

// run does it, and returns what the log says.
func (c *caller) run() (note, error) {
	switch c.To {
	case ToConfirm, ToOK, ToNo:
		return c.answerPending()
	case ToLeave:
		left, err := c.leave(c.tx, c.list, c.who.Addr)
		return note{event: either(left, "left", "left before")}, err
	}
	if c.proven {
		return c.runCommands()
	}
	return c.askBack()
}

// answerPending does what was waiting for this answer, once. A second one, of
// a mail program or of another moderator, changes nothing.
func (c *caller) answerPending() (note, error) {
	p := c.pending
	fresh, ok, err := c.tx.FindPendingID(c.list.ID, p.ID)
	if err != nil {
		return note{}, err
	}
	if !ok || fresh.Used || fresh.Expires.Before(c.received) {
		return note{event: "answered before", about: []any{"kind", p.Kind}}, nil
	}
	if err := c.tx.UsePending(p.ID); err != nil {
		return note{}, err
	}
	w, err := p.wish()
	if err != nil {
		return note{}, err
	}
	n, err := c.grantPending(p, w)
	n.about = append(n.about, "kind", p.Kind)
	return n, err
}

func (c *caller) grantPending(p Pending, w wish) (note, error) {
	who := message.Address{Name: w.Name, Addr: p.Address}
	switch p.Kind {
	case PendingJoin:
		return c.join(c.tx, c.list, who, false)
	case PendingReturn:
		m, _, err := c.tx.FindMember(c.list.ID, p.Address)
		if err != nil {
			return note{}, err
		}
		return c.join(c.tx, c.list, who, w.Invited || m.State != Removed) // whom the owners took off is no guest any more
	case PendingLeave:
		return c.confirmedLeave(p.Address)
	case PendingCommands:
		return c.runCommands()
	case PendingApprove:
		return c.join(c.tx, c.list, who, true)
	case PendingDeny:
		return note{event: "join refused"}, c.refuseJoin(c.tx, c.list, p.Address, "refused")
	case PendingGo, PendingDrop:
		return c.decideUnwanted(p, w)
	}
	return note{event: "answer to nothing"}, nil
}

func (c *caller) confirmedLeave(address string) (note, error) {
	left, err := c.leave(c.tx, c.list, address)
	if err != nil || left {
		return note{event: "left"}, err
	}
	_, err = c.mail(c.tx, notice{List: c.list, To: []string{address}, Template: "not-member", Data: map[string]any{"Address": address}})
	return note{event: "left before"}, err
}

// Limits of answers, so that nobody can be flooded through us.
const (
	repliesADay   = 30   // to a proven sender
	joinsPerList  = 1    // confirmations of joining to one address in a day, for each list
	joinsOverall  = 3    // and for all lists
	asksPerKind   = 1    // confirmations of other commands to one address in an hour, for each kind
	asksADay      = 10   // and of all kinds in a day
	asksOfAllHour = 1000 // confirmations to everybody in an hour
)

// askBack asks the address itself whether the commands are its own: a From
// proves nothing. Members and strangers get the same mail. What concerns
// nobody is answered at once, as rarely.
func (c *caller) askBack() (note, error) {
	commands, err := c.askable()
	if err != nil {
		return note{}, err
	}
	if len(commands) == 0 {
		return note{event: "not asked back", about: []any{"reason", "limit, or no address for it"}}, nil
	}
	for i, one := range commands {
		commands[i].Line = one.plainly(c.list.Language)
	}
	if concernsNobody(commands) {
		c.Commands = commands
		return c.reply()
	}
	kind, template := PendingCommands, "confirm-commands"
	data := map[string]any{"Address": c.who.Addr, "Asked": "by mail in the name of " + c.who.Addr, "Days": daysOf(confirmTime)}
	switch {
	case len(commands) == 1 && commands[0].Verb == DoSubscribe:
		kind, template = PendingJoin, "confirm-join"
		data["Description"] = c.list.Description
	case len(commands) == 1 && commands[0].Verb == DoUnsubscribe:
		kind, template = PendingLeave, "confirm-leave"
	default:
		var lines []string
		for _, one := range commands {
			lines = append(lines, one.Line)
		}
		data["Commands"] = lines
	}
	to, _, err := c.ask(c.tx, c.list, kind, c.who.Addr, wish{Name: c.who.Name, Commands: commands}, confirmTime)
	if err != nil {
		return note{}, err
	}
	_, err = c.mail(c.tx, notice{List: c.list, To: []string{c.who.Addr}, Template: template, ReplyTo: to, InReplyTo: c.MessageID, Data: data})
	return note{event: "asked back", about: []any{"kind", kind}}, err
}

// plainly is a command in our own words, without what its author was free to
// write: whoever forges a From must not write to somebody through us.
func (one Command) plainly(language string) string {
	line := string(one.Verb)
	switch one.Verb {
	case NotUnderstood:
		return sayIn(language, "a line")[0]
	case DoSet:
		line += " " + one.Setting
		if one.Setting != SettingName {
			line += " " + one.Value
		}
	case DoPause:
		line += " until " + one.Until.Format(time.DateOnly)
	case DoCatchUp:
		line += fmt.Sprintf(" %d days", int(one.Period/(24*time.Hour)))
	case DoSearch:
		line += " ..."
	case DoGet:
		line = strings.TrimSpace(line + " " + one.Setting)
	}
	if one.takesPost() && one.Arg != "" && strings.Trim(one.Arg, "0123456789") == "" {
		line += " " + one.Arg
	}
	return line
}

// concernsNobody reports whether the answers are the same for everybody.
func concernsNobody(commands []Command) bool {
	for _, one := range commands {
		switch one.Verb {
		case DoHelp, DoInfo, DoLists, NotUnderstood:
		default:
			return false
		}
	}
	return true
}

// askable is the commands that may be asked back about now. What the mail
// answers is remembered with them: the confirmation answers something else.
func (c *caller) askable() ([]Command, error) {
	var kept []Command
	may := map[CommandVerb]bool{} // one question for all of a kind in a mail
	for _, one := range c.Commands {
		if _, asked := may[one.Verb]; !asked {
			ok, err := c.mayAsk(one.Verb)
			if err != nil {
				return nil, err
			}
			may[one.Verb] = ok
		}
		if !may[one.Verb] {
			continue
		}
		if one.Arg == "" && one.takesPost() {
			one.Arg = c.Parent
		}
		kept = append(kept, one)
	}
	return kept, nil
}

// changes reports whether a command does more than answer.
func (one Command) changes() bool {
	switch one.Verb {
	case DoSubscribe, DoUnsubscribe, DoSet, DoPause, DoResume, DoMute, DoUnmute, DoFollow, DoUnfollow:
		return true
	}
	return false
}

func (one Command) takesPost() bool {
	switch one.Verb {
	case DoGet, DoMute, DoUnmute, DoFollow, DoUnfollow:
		return true
	}
	return false
}

// limit is how often something may happen to a name within a time.
type limit struct {
	what, name string
	most       int
	within     time.Duration
}

func (c *caller) mayAsk(v CommandVerb) (bool, error) {
	who := countedAs(c.who.Addr)
	// Leaving has a share of its own: a flood of others must keep nobody here.
	limits := []limit{{"asked all", either(v == DoUnsubscribe, "leave", "other"), asksOfAllHour, time.Hour}}
	if v == DoSubscribe {
		if c.mayJoin(c.list, c.who.Addr) != nil {
			return false, nil
		}
		limits = append(limits, limit{"asked to join", c.list.Address + " " + who, joinsPerList, 24 * time.Hour},
			limit{"asked to join", who, joinsOverall, 24 * time.Hour})
	} else {
		limits = append(limits, limit{"asked " + string(v), c.list.Address + " " + who, asksPerKind, time.Hour},
			limit{"asked", who, asksADay, 24 * time.Hour})
	}
	return c.within(c.tx, limits)
}

// within counts one more where no limit is reached yet.
func (d *Desk) within(tx Tx, limits []limit) (bool, error) {
	for _, m := range limits {
		n, err := tx.Tally(m.what, m.name, d.now().Add(-m.within), d.now())
		if err == nil && n >= m.most && m.what == "asked all" {
			d.log.Warn("confirmations to everybody stopped for now: too many in an hour", "most", m.most)
		}
		if err != nil || n >= m.most {
			return false, err
		}
	}
	for _, m := range limits {
		if err := tx.AddTally(m.what, m.name, d.now()); err != nil {
			return false, err
		}
	}
	return true, nil
}

// countedAs is an address as limits count it: without a tag, in lower case, so
// that ann+1@, ann+2@ and so on are one mailbox. It is for counting only.
func countedAs(address string) string {
	_, domain, _ := strings.Cut(strings.ToLower(address), "@")
	return untagged(address) + "@" + domain
}
