package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/list"
	"parley/message"
	"parley/templates"
)

// office is a desk on a real database, with a clock that stands still and the
// whole world as its post: what it sends lies in mailboxes at once.
type office struct {
	*testing.T
	desk  *list.Desk
	store *Store
	list  list.List
	clock *clock
	log   *bytes.Buffer

	boxes   map[string][]letter   // by recipient; those that are not read yet
	wrote   map[string]string     // the template of each mail of ours, by its subject
	during  func(template string) // runs when one is written; of a digest, no transaction is open then
	refuse  func(l letter) *list.Answer
	numbers int
}

// clock is the time, moved by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// letter is a mail that was delivered.
type letter struct {
	sender, to string // of the envelope
	raw        []byte
	*message.Message
}

// text is what a person reads.
func (l letter) text() string { return message.Read(l.raw).Text }

// replyTo is where an answer goes.
func (l letter) replyTo() string {
	field := l.Get("Reply-To")
	if field == "" {
		field = l.Get("From")
	}
	return message.ParseAddresses(field)[0].Addr
}

// openOffice has the list dev with these options, as "name=value" pairs.
func openOffice(t *testing.T, options ...string) *office {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)} // a Monday
	config := testConfig()
	config.Dir, config.Now = t.TempDir(), c.time
	s := reopen(t, config)
	words, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, store: s, clock: c, log: &bytes.Buffer{}, boxes: map[string][]letter{}, wrote: map[string]string{}}
	site := list.Site{Hostname: "mx.example.org", Domains: []string{"lists.example.org"}, URL: "https://lists.example.org",
		Operator: "op@example.org", Key: []byte("0123456789abcdef0123456789abcdef")}
	write := func(l, language, template string, data any) (string, string, error) {
		subject, body, err := words.Mail(l, language, template, data)
		o.wrote[subject] = template
		if o.during != nil {
			o.during(template)
		}
		return subject, body, err
	}
	o.desk = list.NewDesk(list.DeskConfig{Store: s, Site: site, Now: c.time, Log: slog.New(slog.NewTextHandler(o.log, nil)), Pack: Pack, Words: write})
	set := map[string]string{"owners": "owner@example.org"}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		set[name] = value
	}
	if o.list, err = o.desk.CreateList(context.Background(), "dev@lists.example.org", set); err != nil {
		t.Fatal(err)
	}
	o.work()
	return o
}

// members adds people, without a welcome.
func (o *office) members(addresses ...string) {
	o.Helper()
	var all []message.Address
	for _, a := range addresses {
		all = append(all, message.Address{Addr: a})
	}
	if _, err := o.desk.AddMembers(context.Background(), o.list.ID, all); err != nil {
		o.Fatal(err)
	}
}

// mail is one that somebody writes.
type written struct {
	from, to, subject, body string
	fields                  []string // more of them
	unproven, null          bool
}

// send hands a mail in and returns what the client is told.
func (o *office) send(w written) error {
	o.Helper()
	o.numbers++
	env := list.Envelope{From: w.from, To: []string{w.to}, Helo: "mail.example.org", Protocol: "ESMTP",
		Session: fmt.Sprintf("s%d", o.numbers), Received: o.clock.time(), Auth: list.Auth{Trusted: !w.unproven}}
	if w.null {
		env.From = ""
	}
	head := []string{"From: " + w.from, "To: " + w.to, "Subject: " + w.subject, fmt.Sprintf("Message-ID: <m%d@example.org>", o.numbers),
		"Date: " + o.clock.time().Format(time.RFC1123Z)}
	raw := strings.Join(append(head, w.fields...), "\r\n") + "\r\n\r\n" + strings.ReplaceAll(w.body, "\n", "\r\n") + "\r\n"
	return o.desk.Receive(context.Background(), env, []byte(raw))
}

// command sends commands of somebody who is proven, and does what follows.
func (o *office) command(from, body string) {
	o.Helper()
	o.say(written{from: from, to: "dev-request@lists.example.org", body: body})
}

// post posts, and does what follows. It returns the Message-ID.
func (o *office) post(from, subject string, fields ...string) string {
	o.Helper()
	o.say(written{from: from, to: "dev@lists.example.org", subject: subject, body: "Body of " + subject + ".", fields: fields})
	return fmt.Sprintf("m%d@example.org", o.numbers)
}

// answer replies to a letter, as a mail program does, from another address if
// from is not its recipient.
func (o *office) answer(l letter, from, body string, unproven bool) {
	o.Helper()
	o.say(written{from: from, to: l.replyTo(), subject: "Re: " + l.Get("Subject"), body: body + "\n\nOn some day, somebody wrote:\n> " +
		strings.ReplaceAll(l.text(), "\n", "\n> "), fields: []string{"In-Reply-To: " + l.Get("Message-ID")}, unproven: unproven})
}

// decide writes to the address that a letter names for a decision: ok, no.
func (o *office) decide(l letter, from, word string) {
	o.Helper()
	to := regexp.MustCompile(`\S+\+` + word + `-[a-z2-7]{26}@\S+`).FindString(l.text())
	if to == "" {
		o.Fatalf("no address for %s in\n%s", word, l.text())
	}
	o.say(written{from: from, to: to, unproven: true})
}

func (o *office) say(w written) {
	o.Helper()
	if err := o.send(w); err != nil {
		o.Fatalf("%s to %s: %v", w.from, w.to, err)
	}
	o.work()
}

// work does everything that is due at this moment, until nothing is.
func (o *office) work() {
	o.Helper()
	ctx := context.Background()
	for range 50 {
		if _, err := o.desk.MakeTexts(ctx); err != nil {
			o.Fatal(err)
		}
		n, err := o.desk.FollowUp(ctx)
		if err != nil {
			o.Fatal(err)
		}
		if err := o.desk.Tick(ctx); err != nil {
			o.Fatal(err)
		}
		if o.deliver()+n == 0 {
			return
		}
	}
	o.Fatal("there is always more to do")
}

// deliver sends what is due into the mailboxes.
func (o *office) deliver() int {
	o.Helper()
	ctx := context.Background()
	sent := 0
	for {
		copies, next, err := o.store.Claim(ctx, list.Claim{Now: o.clock.time(), Max: 500})
		if err != nil {
			o.Fatal(err)
		}
		var results []list.Result
		for _, c := range copies {
			results = append(results, o.carry(c))
			sent++
		}
		if err := o.store.Settle(ctx, results); err != nil {
			o.Fatal(err)
		}
		if len(copies) == 0 && !next.Equal(o.clock.time()) {
			return sent
		}
	}
}

// carry delivers one copy as outbox does.
func (o *office) carry(c list.Copy) list.Result {
	o.Helper()
	site := o.desk.Site()
	src, err := o.store.Source(context.Background(), c.Job)
	if err != nil {
		o.Fatal(err)
	}
	dressed := list.Dress(src, site)
	res := list.Result{Copy: c, Answers: make([]list.Answer, len(c.Rcpts))}
	for i, r := range c.Rcpts {
		sender, raw := src.Sender, slices.Concat(dressed.Head, dressed.Body)
		if src.Kind != list.SourceMail {
			sender = site.BounceAddress(src.List, r.Member)
		}
		if dressed.Seam >= 0 {
			fields := site.PersonalFields(src.List, r.Member, src.Number)
			raw = slices.Concat(dressed.Head[:dressed.Seam], fields, dressed.Head[dressed.Seam:], dressed.Body)
		}
		l := letter{sender: sender, to: r.Address, raw: raw, Message: message.Parse(raw)}
		if o.refuse != nil {
			if a := o.refuse(l); a != nil {
				res.Answers[i] = *a
				continue
			}
		}
		o.boxes[r.Address] = append(o.boxes[r.Address], l)
	}
	return res
}

// inbox takes what lies in somebody's mailbox out of it.
func (o *office) inbox(address string) []letter {
	letters := o.boxes[address]
	delete(o.boxes, address)
	return letters
}

// one is the only letter in a mailbox.
func (o *office) one(address string) letter {
	o.Helper()
	letters := o.inbox(address)
	if len(letters) != 1 {
		o.Fatalf("%s has %d letters: %s", address, len(letters), subjects(letters))
	}
	return letters[0]
}

// empty wants no mail for an address.
func (o *office) empty(address string) {
	o.Helper()
	if letters := o.inbox(address); len(letters) != 0 {
		o.Errorf("%s has mail: %s", address, subjects(letters))
	}
}

func subjects(letters []letter) string {
	var all []string
	for _, l := range letters {
		all = append(all, message.DecodeHeader(l.Get("Subject")))
	}
	return strings.Join(all, " | ")
}

// gets wants these subjects in a mailbox.
func (o *office) gets(address string, want ...string) []letter {
	o.Helper()
	letters := o.inbox(address)
	if got := subjects(letters); got != strings.Join(want, " | ") {
		o.Errorf("%s has mail: %s; want %s", address, got, strings.Join(want, " | "))
	}
	return letters
}

// member is how somebody stands to the list.
func (o *office) member(address string) list.Member {
	o.Helper()
	var m list.Member
	read(o.T, o.store, func(tx list.Tx) (err error) { m, _, err = tx.FindMember(o.list.ID, address); return err })
	return m
}

// link is the token of a copy's one-click link.
func link(l letter) string {
	found := regexp.MustCompile(`/u/([a-z2-7]{26})`).FindStringSubmatch(l.Get("List-Unsubscribe"))
	if found == nil {
		return ""
	}
	return found[1]
}
