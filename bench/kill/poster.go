package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"parley/bench/rig"
)

// redial is how long a client waits before it connects again.
const redial = 20 * time.Millisecond

// letter is one mail with what the ledgers say of it.
type letter struct {
	mid   string
	lists []string
	txns  int // that it becomes
	acked int // how often it was acknowledged
	mail  rig.Mail
}

// poster plays one client: it posts, keeps what it saw acknowledged, and posts
// a mail again whose answer it did not see, as a mail server does.
type poster struct {
	h       *harness
	n       int // its number, from 1
	rand    *rand.Rand
	written int      // letters so far
	last    string   // Message-ID of the letter before, to answer to
	pending *letter  // posted or about to be, and not answered
	cries   []cry    // read when it has ended
	targets []target // where it posts to
}

// target is a set of lists that one letter goes to, with a member who may.
type target struct {
	lists  []string
	author string
	txns   int // outgoing transactions that a letter becomes
}

// run posts until it is told to finish and its last letter is answered, or
// until ctx ends.
func (p *poster) run(ctx context.Context) {
	for ctx.Err() == nil && !p.finished() {
		client, err := rig.Dial(p.h.house.SMTP, fmt.Sprintf("127.0.0.%d", 1+p.n))
		if err != nil {
			pause(ctx, redial)
			continue
		}
		p.h.connected.Add(1)
		p.session(ctx, client)
		p.h.connected.Add(-1)
		_ = client.Close()
	}
}

func (p *poster) finished() bool { return p.h.finishing.Load() && p.pending == nil }

// session posts over one connection, until it breaks or all is done.
func (p *poster) session(ctx context.Context, client *rig.Client) {
	for ctx.Err() == nil && !p.finished() {
		if p.pending == nil {
			p.h.brake.wait(ctx)
			pause(ctx, time.Duration(p.rand.Int64N(int64(p.h.pause))))
			if p.h.finishing.Load() {
				continue
			}
			if err := p.write(); err != nil {
				p.cries = append(p.cries, cry{broken, err.Error()})
				return
			}
		}
		reply, err := client.Post(p.pending.mail)
		if err != nil {
			p.h.repeats.Add(1)
			return
		}
		if err := p.answered(reply); err != nil {
			p.cries = append(p.cries, cry{broken, err.Error()})
			return
		}
	}
}

// answered notes what became of the pending letter. One in 40 acknowledged
// letters goes out once more: it must add nothing.
func (p *poster) answered(reply rig.Reply) error {
	l := p.pending
	switch {
	case reply.OK():
		p.h.trigger()
		if err := p.h.acks.Add(l.mid, fmt.Sprint(p.n)); err != nil {
			return err
		}
		p.h.acked.Add(1)
		if l.acked++; l.acked == 1 {
			p.h.brake.expect(l.txns)
		}
		if p.rand.IntN(40) > 0 {
			p.pending = nil
		}
	case reply.Temporary():
		p.h.deferred.Add(1)
	default:
		p.cries = append(p.cries, cry{refused, fmt.Sprintf("<%s> got %s", l.mid, reply)})
		p.pending = nil
	}
	return nil
}

// write makes the next letter and puts it into the ledger of posts.
func (p *poster) write() error {
	p.written++
	to := p.targets[p.rand.IntN(len(p.targets))]
	mid := fmt.Sprintf("%d.%d.%x@client.example.org", p.n, p.written, p.h.seed)
	data := p.text(mid, to)
	sum := sumOf(data)
	p.pending = &letter{mid: mid, lists: to.lists, txns: to.txns, mail: rig.Mail{From: to.author, To: to.lists, Data: data}}
	p.last = mid
	return p.h.posts.Add(mid, strings.Join(to.lists, ","), sum)
}

func (p *poster) text(mid string, to target) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: Client %d <%s>\r\nTo: %s\r\n", p.n, to.author, strings.Join(to.lists, ",\r\n\t"))
	fmt.Fprintf(&b, "Subject: letter %d of client %d\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\n", p.written, p.n)
	fmt.Fprintf(&b, "Message-ID: <%s>\r\n", mid)
	if p.last != "" && p.rand.IntN(2) == 0 {
		fmt.Fprintf(&b, "In-Reply-To: <%s>\r\nReferences: <%s>\r\n", p.last, p.last)
	}
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n")
	size := 200 << p.rand.IntN(9) // up to 50 KiB, small ones as often as large ones
	for b.Len() < size {
		b.WriteString(p.line())
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// line is one body line, now and then one that mail software gets wrong.
func (p *poster) line() string {
	switch p.rand.IntN(12) {
	case 0:
		return "."
	case 1:
		return "..two dots"
	case 2:
		return "From the beginning"
	case 3:
		return "Gr\u00fc\u00dfe aus K\u00f6ln"
	case 4:
		return ""
	}
	return strings.Repeat(fmt.Sprintf("%x ", p.rand.Uint32()), 1+p.rand.IntN(8))
}

// sumOf covers what a copy must not change: From, To, Subject, Date and body.
func sumOf(data []byte) string {
	fields, body := rig.Split(data)
	parts := [][]byte{body}
	for _, name := range []string{"from", "to", "subject", "date"} {
		parts = append(parts, []byte(name+":"+rig.Value(fields, name)+"\n"))
	}
	return rig.Sum(parts...)
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
