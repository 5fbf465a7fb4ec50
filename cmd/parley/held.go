package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"parley/list"
)

// heldCmds are `parley held ...`.
type heldCmds struct {
	Ls      heldLs      `cmd:"" help:"Show what waits, on one list or all."`
	Show    heldShow    `cmd:"" help:"Show a post that waits, with its mail as received."`
	Accept  heldAccept  `cmd:"" help:"Let posts through."`
	Reject  heldReject  `cmd:"" help:"Send posts back to their authors."`
	Discard heldDiscard `cmd:"" help:"Drop posts without a word."`
}

type heldLs struct {
	List string `arg:"" optional:"" help:"An address, or its local part where that is clear."`
}

// Run prints what waits.
func (c *heldLs) Run(ctx context.Context, p *program) error {
	return p.withDesk(ctx, func(d desk) error {
		var id list.ListID
		if c.List != "" {
			l, err := d.FindList(ctx, c.List)
			if err != nil {
				return err
			}
			id = l.ID
		}
		rows, err := d.ListHeld(ctx, id)
		if err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(views(rows, viewHeld))
		}
		if len(rows) == 0 {
			return p.say("Nothing waits.")
		}
		return p.printTable(heldTable(rows))
	})
}

func heldTable(rows []list.HeldRow) *table {
	t := newTable("ID", "LIST", "RECEIVED", "REASON", "FROM", "SUBJECT")
	for _, r := range rows {
		t.add(fmt.Sprint(r.ID), r.Address, day(r.Received), r.Reason, oneLine(r.From), oneLine(r.Subject))
	}
	return t
}

type heldShow struct {
	ID string `arg:"" name:"id" help:"Its number in held ls."`
}

// Run prints a post that waits.
func (c *heldShow) Run(ctx context.Context, p *program) error {
	ids, err := parseIDs[list.HeldID]([]string{c.ID})
	if err != nil {
		return err
	}
	return p.withDesk(ctx, func(d desk) error {
		r, err := d.ShowHeld(ctx, ids[0])
		if err != nil {
			return advise(err, "`parley held ls` shows what waits")
		}
		if p.cli.JSON {
			return p.printJSON(heldFull{viewHeld(r), r.Raw})
		}
		t := newTable("id", fmt.Sprint(r.ID))
		t.add("list", r.Address)
		t.add("from", oneLine(r.From))
		t.add("subject", oneLine(r.Subject))
		t.add("received", day(r.Received)+", "+size(r.Size))
		t.add("waits because", r.Reason)
		t.add("proven", proof(r.Auth))
		if err := p.printTable(t); err != nil {
			return err
		}
		return p.say("\n%s", strings.ReplaceAll(string(r.Raw), "\r\n", "\n"))
	})
}

// proof says in words what is proven about a sender.
func proof(a list.Auth) string {
	var parts []string
	if a.Trusted {
		parts = append(parts, "the client is trusted")
	}
	if a.DMARC != "" {
		parts = append(parts, "DMARC passed for "+a.DMARC)
	}
	if len(a.DKIM) > 0 {
		parts = append(parts, "signed by "+strings.Join(a.DKIM, ", "))
	}
	if len(parts) == 0 {
		return "nothing"
	}
	if a.By != "" {
		parts = append(parts, "says "+a.By)
	}
	return strings.Join(parts, "; ")
}

// heldView is a post that waits, in JSON.
type heldView struct {
	ID       list.HeldID `json:"id"`
	List     string      `json:"list"`
	From     string      `json:"from"`
	Subject  string      `json:"subject"`
	Reason   string      `json:"reason"`
	Received time.Time   `json:"received"`
	Size     int64       `json:"size"` // bytes as received
	Auth     authView    `json:"auth"`
}

// authView is what is proven about the sender, in JSON.
type authView struct {
	Trusted bool     `json:"trusted"`
	DMARC   string   `json:"dmarc"`
	DKIM    []string `json:"dkim"`
	By      string   `json:"by"`
}

// heldFull is a heldView with the mail as received, in base64.
type heldFull struct {
	heldView
	Raw []byte `json:"raw"`
}

func viewHeld(r list.HeldRow) heldView {
	return heldView{
		ID: r.ID, List: r.Address, From: r.From, Subject: r.Subject, Reason: r.Reason,
		Received: r.Received.UTC(), Size: r.Size,
		Auth: authView{r.Auth.Trusted, r.Auth.DMARC, some(r.Auth.DKIM), r.Auth.By},
	}
}

type heldAccept struct {
	IDs []string `arg:"" name:"id" help:"Numbers in held ls."`
}

// Run lets posts through.
func (c *heldAccept) Run(ctx context.Context, p *program) error {
	return p.decide(ctx, c.IDs, func(d desk, id list.HeldID) (string, error) {
		return "accepted", d.AcceptHeld(ctx, id)
	})
}

type heldReject struct {
	IDs    []string `arg:"" name:"id" help:"Numbers in held ls."`
	Reason string   `placeholder:"TEXT" help:"What the authors are told."`
}

// Run sends posts back.
func (c *heldReject) Run(ctx context.Context, p *program) error {
	return p.decide(ctx, c.IDs, func(d desk, id list.HeldID) (string, error) {
		told, err := d.RejectHeld(ctx, id, c.Reason)
		if told {
			return "rejected, its author is told", err
		}
		return "rejected, its author is not told: a forged one, or a machine, would be", err
	})
}

type heldDiscard struct {
	IDs []string `arg:"" name:"id" help:"Numbers in held ls."`
}

// Run drops posts.
func (c *heldDiscard) Run(ctx context.Context, p *program) error {
	return p.decide(ctx, c.IDs, func(d desk, id list.HeldID) (string, error) {
		return "discarded", d.DiscardHeld(ctx, id)
	})
}

// decisionView is what became of one post, in JSON.
type decisionView struct {
	ID    list.HeldID `json:"id"`
	Done  string      `json:"done"`  // in words; "" when it was refused
	Error string      `json:"error"` // "" when it was done
}

// decide does the same with each post. What is refused for one, because another
// moderator was faster, does not keep the others waiting; exit code 1 tells.
func (p *program) decide(ctx context.Context, args []string, do func(desk, list.HeldID) (string, error)) error {
	ids, err := parseIDs[list.HeldID](args)
	if err != nil {
		return err
	}
	return p.withDesk(ctx, func(d desk) error {
		var all []decisionView
		refused := false
		for _, id := range ids {
			v := decisionView{ID: id}
			if v.Done, err = do(d, id); err != nil {
				v.Done, v.Error, refused = "", refusal(err), true
			}
			all = append(all, v)
		}
		if err := p.printDecisions(all); err != nil {
			return err
		}
		if refused {
			return errReported
		}
		return nil
	})
}

func (p *program) printDecisions(all []decisionView) error {
	if p.cli.JSON {
		return p.printJSON(all)
	}
	for _, v := range all {
		if v.Error != "" {
			fmt.Fprintf(p.stderr, "parley: %d: %s. `parley held ls` shows what waits.\n", v.ID, sentence(v.Error))
			continue
		}
		if err := p.say("%d: %s.", v.ID, v.Done); err != nil {
			return err
		}
	}
	return nil
}
