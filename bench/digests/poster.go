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

// Times of those who write.
const (
	redial    = 20 * time.Millisecond
	moveFirst = 200 * time.Millisecond // shortest pause between two mails with commands of a member
	moveLast  = 2 * time.Second        // and the longest
)

// deliver hands a mail in until it is answered, over new connections where one
// breaks, as a mail server does. It counts the tries; false means that no
// answer came before ctx ended, or a refusal.
func (h *harness) deliver(ctx context.Context, m rig.Mail, tried func()) bool {
	for ctx.Err() == nil {
		client, err := rig.Dial(h.house.SMTP, "")
		if err != nil {
			pause(ctx, redial)
			continue
		}
		tried()
		reply, err := client.Post(m)
		_ = client.Close()
		switch {
		case err != nil || reply.Temporary():
			pause(ctx, redial)
		case reply.OK():
			return true
		default:
			h.cry(broken, "refused: %s", reply)
			return false
		}
	}
	return false
}

// poster is one client that posts to both lists.
type poster struct {
	h    *harness
	n    int
	rand *rand.Rand
	last map[string]string // Message-ID of the last post of each list that was acknowledged
}

func (p *poster) run(ctx context.Context) {
	for n := 1; ctx.Err() == nil && !p.h.finishing.Load(); n++ {
		pause(ctx, time.Duration(p.rand.Int64N(int64(p.h.options.pause))))
		list := p.h.house.Lists[p.rand.IntN(len(p.h.house.Lists))].Address
		mid := fmt.Sprintf("p%d.%d.%x@client.example.org", p.n, n, p.h.seed)
		parent := p.last[list]
		if p.rand.IntN(3) == 0 {
			parent = ""
		}
		data := p.text(mid, parent, list)
		p.h.posted(post{mid: mid, list: list, start: parent == "", data: rig.Sum(data), copy: copySum(data)})
		if p.h.deliver(ctx, rig.Mail{From: "guest@example.org", To: []string{list}, Data: data}, func() {}) {
			p.h.accepted(mid)
			p.last[list] = mid
		}
	}
}

func (p *poster) text(mid, parent, list string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: Guest %d <guest@example.org>\r\nTo: %s\r\nSubject: letter %s\r\n", p.n, list, mid)
	fmt.Fprintf(&b, "Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <%s>\r\n", mid)
	if parent != "" {
		fmt.Fprintf(&b, "In-Reply-To: <%s>\r\nReferences: <%s>\r\n", parent, parent)
	}
	if p.rand.IntN(4) == 0 {
		b.WriteString("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\u00fc\u00dfe\r\n")
	} else {
		b.WriteString("\r\n")
	}
	for range p.rand.IntN(20) {
		b.WriteString(p.line())
	}
	return b.Bytes()
}

// line is one body line, now and then one that a digest could take for its own.
func (p *poster) line() string {
	switch p.rand.IntN(8) {
	case 0:
		return ".\r\n"
	case 1:
		return "\r\n"
	case 2:
		return strings.Repeat("-", 30) + "\r\n"
	case 3:
		return "From the beginning\r\n"
	}
	return strings.Repeat(fmt.Sprintf("%x ", p.rand.Uint32()), 1+p.rand.IntN(7)) + "\r\n"
}

// copySum covers what a copy must not change: From, To, Subject, Date and body.
func copySum(data []byte) string {
	fields, body := rig.Split(data)
	parts := [][]byte{body}
	for _, name := range []string{"from", "to", "subject", "date"} {
		parts = append(parts, []byte(name+":"+rig.Value(fields, name)+"\n"))
	}
	return rig.Sum(parts...)
}

// mover is a member who writes commands.
type mover struct {
	h       *harness
	list    string
	address string
	moves   []string
	rand    *rand.Rand
	written int
}

func (m *mover) run(ctx context.Context) {
	for ctx.Err() == nil && !m.h.finishing.Load() {
		pause(ctx, moveFirst+time.Duration(m.rand.Int64N(int64(moveLast-moveFirst))))
		if m.h.finishing.Load() {
			return
		}
		m.say(ctx, m.moves[m.rand.IntN(len(m.moves))])
	}
}

// say writes a mail with commands and hands it in.
func (m *mover) say(ctx context.Context, commands string) {
	for days := 1; days <= 2; days++ {
		commands = strings.ReplaceAll(commands, fmt.Sprintf("DATE+%d", days), m.h.clock.date(time.Now(), days))
	}
	m.written++
	mid := fmt.Sprintf("c%d.%x.%s", m.written, m.h.seed, m.address)
	request := strings.Replace(m.list, "@", "-request@", 1)
	data := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: \r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <%s>\r\n\r\n%s\r\n",
		m.address, request, mid, strings.ReplaceAll(commands, "\n", "\r\n"))
	tried := func() { m.h.commanded(mid, m.address, commands) }
	if m.h.deliver(ctx, rig.Mail{From: m.address, To: []string{request}, Data: []byte(data)}, tried) {
		m.h.accepted(mid)
	}
}
