package list

import (
	"encoding/json"
	"fmt"
	"time"
)

// PendingKind is what a reply to a mail of ours does.
type PendingKind string

// The kinds of what waits for an answer. Those of owners and moderators have
// an address for yes and one for no.
const (
	PendingJoin     PendingKind = "join"     // the address wants to be a member
	PendingLeave    PendingKind = "leave"    // and not to be one any more
	PendingCommands PendingKind = "commands" // carry these out
	PendingReturn   PendingKind = "return"   // after a goodbye, an invitation or a suspension: be a member (again)
	PendingApprove  PendingKind = "approve"  // a moderator lets somebody in
	PendingDeny     PendingKind = "deny"     // or does not
	PendingGo       PendingKind = "go"       // the owners let the copies of a post go out
	PendingDrop     PendingKind = "drop"     // or drop them
	PendingProbe    PendingKind = "probe"    // the envelope sender of a probe: a bounce suspends
)

// How long an answer is waited for.
const (
	confirmTime = 3 * 24 * time.Hour
	returnTime  = 30 * 24 * time.Hour
	decideTime  = 7 * 24 * time.Hour
	probeTime   = 3 * 24 * time.Hour // without a bounce the address is alive
)

// verb is the address that an answer goes to.
func (k PendingKind) verb() Verb {
	switch k {
	case PendingApprove, PendingGo:
		return ToOK
	case PendingDeny, PendingDrop:
		return ToNo
	case PendingProbe:
		return ToBounce
	}
	return ToConfirm
}

// wish is what a pending answer carries out, as it is kept.
type wish struct {
	Name     string    `json:"name,omitempty"`     // of who joins
	Commands []Command `json:"commands,omitempty"` // of PendingCommands
	Invited  bool      `json:"invited,omitempty"`  // by the owners' own word
	Job      JobID     `json:"job,omitempty"`      // of PendingGo and PendingDrop
	Lane     string    `json:"lane,omitempty"`
	Member   MemberID  `json:"member,omitempty"` // of PendingProbe
}

// ask keeps what waits for an answer and returns the address that gives it.
// The token in it stands nowhere but in the mail that goes out.
func (d *Desk) ask(tx Tx, l List, kind PendingKind, address string, w wish, life time.Duration) (to string, id int64, err error) {
	data, err := json.Marshal(w)
	if err != nil {
		return "", 0, err
	}
	id, err = tx.AddPending(Pending{Kind: kind, List: l.ID, Address: address, Data: string(data), Expires: d.now().Add(life)})
	if err != nil {
		return "", 0, fmt.Errorf("keep what waits for an answer: %w", err)
	}
	token := d.site.Token("pending", id)
	if err := tx.SetPendingKey(id, TokenHash(token)); err != nil {
		return "", 0, fmt.Errorf("keep what waits for an answer: %w", err)
	}
	return Target{Verb: kind.verb(), Local: l.Local(), Domain: l.Domain(), Token: token}.String(), id, nil
}

// askEither asks for one of two answers. The first that comes decides: it uses
// up both.
func (d *Desk) askEither(tx Tx, l List, yes, no PendingKind, address string, w wish) (yesTo, noTo string, err error) {
	yesTo, first, err := d.ask(tx, l, yes, address, w, decideTime)
	if err != nil {
		return "", "", err
	}
	noTo, second, err := d.ask(tx, l, no, address, w, decideTime)
	if err != nil {
		return "", "", err
	}
	return yesTo, noTo, tx.PairPending(first, second)
}

// wish reads what ask kept.
func (p Pending) wish() (w wish, err error) {
	if err := json.Unmarshal([]byte(p.Data), &w); err != nil {
		return w, fmt.Errorf("read what waits for an answer: %w", err)
	}
	return w, nil
}
