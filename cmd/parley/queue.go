package main

import (
	"context"
	"fmt"
	"time"

	"parley/list"
)

// queueCmds are `parley queue ...`.
type queueCmds struct {
	Ls    queueLs    `cmd:"" help:"Show the copies that are not delivered yet."`
	Retry queueRetry `cmd:"" help:"Try copies again at once, all of them without an ID."`
	Drop  queueDrop  `cmd:"" help:"Give copies up."`
}

type queueLs struct{}

// Run prints the queue.
func (c *queueLs) Run(ctx context.Context, p *program) error {
	return p.withDesk(ctx, func(d desk) error {
		rows, err := d.ListQueue(ctx)
		if err != nil {
			return err
		}
		if p.cli.JSON {
			return p.printJSON(views(rows, viewQueue))
		}
		if len(rows) == 0 {
			return p.say("The queue is empty.")
		}
		t := newTable("ID", "LIST", "TO", "TRIES", "SINCE", "NEXT", "SUBJECT", "LAST ANSWER")
		for _, r := range rows {
			t.add(queueID(r), r.List, recipients(r), fmt.Sprint(r.Tries), day(r.Since), nextTry(r), oneLine(r.Subject), orNone(oneLine(r.Last)))
		}
		return p.printTable(t)
	})
}

// queueID is the number of a copy; a job that still expands has none to name.
func queueID(r list.QueueRow) string {
	if r.ID == 0 {
		return "-"
	}
	return fmt.Sprint(r.ID)
}

// nextTry is when a copy goes out, or what it waits for.
func nextTry(r list.QueueRow) string {
	switch {
	case r.ID == 0:
		return "-"
	case r.Waits == list.WaitsOwners:
		return "when the owners decide"
	case r.Waits == list.WaitsHours:
		return day(r.Due) + ", in its reader's hours"
	}
	return day(r.Due)
}

func recipients(r list.QueueRow) string {
	switch {
	case r.ID == 0:
		return "(copies still being made)"
	case len(r.Rcpts) == 1:
		return oneLine(r.Rcpts[0])
	}
	return count(len(r.Rcpts), "recipient")
}

// queueView is a row of the queue in JSON.
type queueView struct {
	ID         list.CopyID `json:"id"` // 0: a job whose copies are still being made
	Job        list.JobID  `json:"job"`
	List       string      `json:"list"`
	Subject    string      `json:"subject"`
	Recipients []string    `json:"recipients"`
	Tries      int         `json:"tries"`
	Since      time.Time   `json:"since"`
	Due        *time.Time  `json:"due"`   // null for such a job, and for what waits for the owners
	Waits      string      `json:"waits"` // for what besides its turn: hours, of its reader; owners; ""
	Last       string      `json:"last"`  // the last answer, in the server's words
}

func viewQueue(r list.QueueRow) queueView {
	v := queueView{
		ID: r.ID, Job: r.Job, List: r.List, Subject: r.Subject, Recipients: some(r.Rcpts),
		Tries: r.Tries, Since: r.Since.UTC(), Last: r.Last, Waits: r.Waits,
	}
	if due := r.Due.UTC(); r.ID != 0 && !due.IsZero() {
		v.Due = &due
	}
	return v
}

type queueRetry struct {
	IDs []string `arg:"" optional:"" name:"id" help:"Numbers in queue ls."`
}

// Run makes copies due at once.
func (c *queueRetry) Run(ctx context.Context, p *program) error {
	ids, err := parseIDs[list.CopyID](c.IDs)
	if err != nil {
		return err
	}
	return p.withDesk(ctx, func(d desk) error {
		n, err := d.RetryQueue(ctx, ids)
		return p.queueDone(queueChange{"due now", "retried", len(ids), n}, err)
	})
}

type queueDrop struct {
	IDs []string `arg:"" name:"id" help:"Numbers in queue ls."`
}

// Run gives copies up.
func (c *queueDrop) Run(ctx context.Context, p *program) error {
	ids, err := parseIDs[list.CopyID](c.IDs)
	if err != nil {
		return err
	}
	return p.withDesk(ctx, func(d desk) error {
		n, err := d.DropQueue(ctx, ids)
		return p.queueDone(queueChange{"dropped", "dropped", len(ids), n}, err)
	})
}

// queueChange is what became of copies: in words, and as a key in JSON.
type queueChange struct {
	words, key  string
	asked, done int
}

// queueDone prints a change. Fewer copies than were asked for is a refusal: the
// others are not in the queue any more.
func (p *program) queueDone(c queueChange, err error) error {
	const look = "`parley queue ls` shows the queue"
	if err != nil {
		return advise(err, look)
	}
	if p.cli.JSON {
		err = p.printJSON(map[string]int{c.key: c.done})
	} else {
		err = p.say("%s %s.", countCopies(c.done), c.words)
	}
	if err == nil && c.done < c.asked {
		return advise(fmt.Errorf("%s not in the queue any more", countCopies(c.asked-c.done)), look)
	}
	return err
}

func countCopies(n int) string {
	switch n {
	case 0:
		return "no copy is"
	case 1:
		return "1 copy is"
	}
	return fmt.Sprintf("%d copies are", n)
}
