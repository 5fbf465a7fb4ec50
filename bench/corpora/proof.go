package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"parley/bench/rig"
)

// Times of a proof.
const (
	noMove = 30 * time.Second // a sink that gets nothing for so long gets nothing more
	poll   = 50 * time.Millisecond
	told   = 10 // violations of one sort that are spelled out
)

// proof is one run of the real binary with its sink.
type proof struct {
	settings
	house    rig.House
	sink     *rig.Sink
	server   *rig.Process
	client   *rig.Client
	db       *sql.DB
	dressing *dressing
	report   *os.File
	cries    []error

	mu      sync.Mutex            // protects what the sink writes
	copies  map[string][]received // by recipient, in the order in which they came
	arrived time.Time             // when the last one came
}

// received is a copy: the hashes that its post may have, and the address of
// its page.
type received struct {
	keys []string
	page string
}

func open(ctx context.Context, s settings, dir string) (*proof, error) {
	p := &proof{settings: s, copies: map[string][]received{}, arrived: time.Now()}
	root, err := rig.Root(ctx)
	if err != nil {
		return nil, err
	}
	if p.dressing, err = readDressing(filepath.Join(root, "doc", "headers.md")); err != nil {
		return nil, err
	}
	if p.report, err = os.Create(s.report); err != nil {
		return nil, fmt.Errorf("open the report: %w", err)
	}
	fmt.Fprintln(p.report, "# list\tseq\tmessage-id\tparent, root of the judge\tparent, root of ours (ghosts are negative)\treason")
	if p.sink, err = rig.NewSink(p.receive); err != nil {
		return nil, err
	}
	if err := p.furnish(dir); err != nil {
		return nil, err
	}
	if p.server, err = p.house.Serve(p.binary); err != nil {
		return nil, err
	}
	return p, p.connect(ctx)
}

func (p *proof) connect(ctx context.Context) (err error) {
	if err := p.server.Ready(ctx); err != nil {
		return err
	}
	if p.client, err = rig.Dial(p.house.SMTP, ""); err != nil {
		return err
	}
	p.db, err = p.house.OpenDatabase()
	return err
}

// furnish writes the config: each real list with three members, and one for
// the hard mail, which shows addresses, so that its raw pages are the posts.
func (p *proof) furnish(dir string) error {
	smtp, err := rig.FreeAddr()
	if err != nil {
		return err
	}
	web, err := rig.FreeAddr()
	if err != nil {
		return err
	}
	p.house = rig.House{Dir: dir, SMTP: smtp, Web: web, Relay: "smtp://" + p.sink.Addr(), Trust: []string{"127.0.0.0/8"}}
	for _, l := range realLists {
		p.house.Lists = append(p.house.Lists, rig.List{Address: l.name + "@lists.test", Members: members(l.name),
			Options: map[string]string{"post": "anyone"}})
	}
	p.house.Lists = append(p.house.Lists, rig.List{Address: "hard@lists.test", Members: members("hard")[:1],
		Options: map[string]string{"post": "anyone", "addresses": "shown"}})
	return p.house.Write()
}

func members(list string) []string {
	var m []string
	for _, name := range []string{"a", "b", "c"} {
		m = append(m, name+"@"+list+".example.org")
	}
	return m
}

// receive is the sink's side. It keeps hashes only: two lists are 120 MB.
func (p *proof) receive(d rig.Delivery) error {
	fields, _ := rig.Split(d.Data)
	c := received{keys: p.dressing.copyKeys(d.Data), page: rig.Value(fields, "archived-at")}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, rcpt := range d.Rcpts {
		p.copies[rcpt] = append(p.copies[rcpt], c)
	}
	p.arrived = time.Now()
	return nil
}

// post posts one mail to one of our lists.
func (p *proof) post(list string, raw []byte) (rig.Reply, error) {
	return p.client.Post(rig.Mail{From: "poster@example.org", To: []string{list + "@lists.test"}, Data: raw})
}

// settle waits until the members of a list have so many copies, and the queue
// is empty; it returns early when nothing comes any more.
func (p *proof) settle(ctx context.Context, list string, copies int) error {
	for p.count(list) < copies {
		if p.silence() > noMove {
			return nil // the comparison will say what is missing
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return p.emptied(ctx)
}

func (p *proof) emptied(ctx context.Context) error {
	for {
		var n int
		err := p.db.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM copies) + (SELECT COUNT(*) FROM jobs WHERE cursor IS NOT NULL)").Scan(&n)
		if err != nil {
			return fmt.Errorf("look at the queue: %w", err)
		}
		if n == 0 || p.silence() > noMove {
			return nil
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *proof) count(list string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, m := range members(list) {
		n += len(p.copies[m])
	}
	return n
}

func (p *proof) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.arrived)
}

func (p *proof) cry(format string, a ...any) {
	p.cries = append(p.cries, fmt.Errorf("CRIES: "+format, a...))
}

// verdict is all violations, the first ones spelled out.
func (p *proof) verdict() error {
	const most = 40
	if n := len(p.cries); n > most {
		p.cries = append(p.cries[:most], fmt.Errorf("CRIES: %d violations in all", n))
	}
	return errors.Join(p.cries...)
}

// finish stops the server as an operator does and looks into its log.
func (p *proof) finish() error {
	p.client.Close()
	if err := p.server.Stop(); err != nil {
		p.cry("%w", err)
	}
	panics, err := p.house.Panics()
	if err != nil {
		return err
	}
	for _, line := range panics {
		p.cry("in the log: %s", line)
	}
	answer, err := rig.Integrity(p.db)
	if err == nil && answer != "ok" {
		err = errors.New("integrity_check: " + answer)
	}
	return err
}

func (p *proof) close() {
	p.server.Kill()
	p.sink.Close()
	if p.db != nil {
		p.db.Close()
	}
	p.report.Close()
}
