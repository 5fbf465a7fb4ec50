package list

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"parley/message"
)

// request is a mail with commands, or an answer, as it waits to be carried out.
// It is kept with the 250 and carried out after it, so that neither who is a
// member nor what a command costs shows in the time of an answer (HOSTILE 91).
type request struct {
	To        Verb      `json:"to"`
	Pending   int64     `json:"pending,omitempty"` // what a confirm, ok or no answers
	Member    MemberID  `json:"member,omitempty"`  // whom a me or leave names
	From      string    `json:"from,omitempty"`    // canonical
	Name      string    `json:"name,omitempty"`
	Proven    bool      `json:"proven,omitempty"` // the From is
	MessageID string    `json:"message_id,omitempty"`
	Parent    string    `json:"parent,omitempty"` // Message-ID of what the mail answers
	Commands  []Command `json:"commands,omitempty"`
	Session   string    `json:"session,omitempty"`
}

// isRequest reports whether mail to v asks for something.
func (v Verb) isRequest() bool {
	switch v {
	case ToRequest, ToSubscribe, ToUnsubscribe, ToHelp, ToConfirm, ToOK, ToNo, ToMe, ToLeave:
		return true
	}
	return false
}

// takeRequest keeps a mail with commands, or drops what nobody may answer.
func (d *Desk) takeRequest(tx Tx, in *incoming) (note, error) {
	l := in.to.list
	own, err := ours(tx, in.from.Addr, d.site)
	if err != nil {
		return note{}, err
	}
	if reason := d.unanswerable(in, own); reason != "" {
		return note{event: "discarded", about: []any{"list", l.Address, "to", in.to.Verb, "reason", reason}}, nil
	}
	if in.broken != nil {
		return note{}, in.broken
	}
	r := d.request(in)
	if r.To == ToRequest && !r.Proven && !slices.ContainsFunc(r.Commands, func(c Command) bool { return c.Verb != NotUnderstood }) {
		// Their own server tells them, if it is they: an answer of ours to
		// spam would go to whoever stands in its From.
		return note{}, Errorf(Refused, "there is no command in this mail; send the one word help to this address")
	}
	data, err := json.Marshal(r)
	if err != nil {
		return note{}, err
	}
	if err := tx.AddRequest(l.ID, d.now(), string(data)); err != nil {
		return note{}, fmt.Errorf("keep a request: %w", err)
	}
	return note{event: "request", about: []any{"list", l.Address, "to", in.to.Verb}}, nil
}

func (d *Desk) request(in *incoming) request {
	r := request{To: in.to.Verb, Pending: in.to.pending, Member: in.to.member, From: in.from.Addr, Name: clip(in.from.Name, maxMemberName),
		Proven: in.env.Auth.Proves(domainOf(in.from.Addr)), MessageID: in.messageID, Session: in.env.Session}
	if n := len(in.refs); n > 0 {
		r.Parent = in.refs[n-1]
	}
	switch r.To {
	case ToRequest, ToMe:
		r.Commands = in.commands
	case ToSubscribe:
		r.Commands = []Command{{Verb: DoSubscribe, Line: "subscribe"}}
	case ToUnsubscribe:
		r.Commands = []Command{{Verb: DoUnsubscribe, Line: "unsubscribe"}}
	case ToHelp:
		r.Commands = []Command{{Verb: DoHelp, Line: "help"}}
	}
	return r
}

// unanswerable is why a mail must not be answered, "" when it may be
// (RFC 3834, 2): a machine wrote it, it came through a list, or it claims to
// come from an address that nobody reads. An answer to any of them is how
// loops and backscatter begin. The unsubscribe address takes mail of machines,
// too: mail providers write there for their users, and no answering machine
// ever sees it.
func (d *Desk) unanswerable(in *incoming, own bool) string {
	switch {
	case in.env.From == "":
		return "the null sender"
	case in.to.Verb == ToLeave:
		return ""
	case message.Automatic(in.msg), d.soundsAutomatic(in):
		return "a machine wrote it"
	case throughList(in.msg):
		return "it came through a list"
	case in.from.Addr == "" && in.broken == nil:
		return "no address in From"
	case own || isMachine(in.from.Addr) || isReturnPath(in.env.From):
		return "nobody reads answers there"
	}
	return ""
}

// robotWords begin the subjects of answering machines that do not say in their
// header what they are. A person who answers us writes Re: and our subject.
var robotWords = []string{"auto:", "autoreply", "auto-reply", "auto reply", "automatic reply", "automatic response", "automated reply",
	"automated response", "out of office", "out of the office", "out-of-office", "away from", "on vacation", "vacation",
	"automatische antwort", "abwesenheit", "abwesend", "nicht im büro", "réponse automatique", "absence", "respuesta automática",
	"risposta automatica", "automatisch antwoord", "automatisk", "resposta automática", "delivery status notification", "undeliver",
	"mail delivery", "returned mail", "read:", "gelesen:", "[ticket", "ticket #", "[#", "[case"}

func (d *Desk) soundsAutomatic(in *incoming) bool {
	subject := strings.ToLower(strings.TrimSpace(message.DecodeHeader(in.msg.Get("Subject"))))
	if c, ok := readCommand(subject, d.now()); ok && c.Problem == "" {
		return false // vacation until Friday
	}
	for _, re := range []string{"re:", "aw:", "antw:"} {
		subject = strings.TrimSpace(strings.TrimPrefix(subject, re))
	}
	if strings.HasPrefix(subject, in.to.list.Local()+":") {
		return false // an answer to a mail of ours, of a list that may be called auto
	}
	for _, w := range robotWords {
		if strings.HasPrefix(subject, w) {
			return true
		}
	}
	return false
}

// ours reports whether an address is one that we take mail for. People may have
// addresses in a domain of lists, where a front server sorts them out.
func ours(tx Tx, address string, site Site) (bool, error) {
	t, err := ParseTarget(address, site)
	if err != nil || t.Verb != ToPosts {
		return err == nil, nil
	}
	lists, err := tx.Lists()
	if err != nil {
		return false, err // not a reason to drop the mail
	}
	_, known := findAddress(lists, t.Local+"@"+t.Domain)
	return known, nil
}

// throughList knows mail that a list sent (RFC 2919, RFC 3834, 2).
func throughList(m *message.Message) bool {
	for _, name := range []string{"List-Id", "List-Post", "List-Unsubscribe", "Mailing-List", "X-Mailing-List", "X-Loop"} {
		if m.Count(name) > 0 {
			return true
		}
	}
	switch strings.ToLower(strings.TrimSpace(m.Get("Precedence"))) {
	case "bulk", "list", "junk":
		return true
	}
	return false
}

// readCommands reads the commands of a mail, before the transaction: a
// stranger's MIME must not keep the writer from others.
func (d *Desk) readCommands(in *incoming) []Command {
	text := d.readMail(0, in.msg.Raw).Text
	return ParseCommands(message.DecodeHeader(in.msg.Get("Subject")), text, d.now())
}
