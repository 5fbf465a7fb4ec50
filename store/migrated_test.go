package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/templates"
)

// TestTheWorkOfTheFirstVersionGoesOn opens a database of the first version in
// which work was left: a fan-out that has come to the first member, a copy that
// waits, a notice to an owner, and a held post.
func TestTheWorkOfTheFirstVersionGoesOn(t *testing.T) {
	t.Parallel()
	o := thawOffice(t)
	ctx := context.Background()
	if err := o.desk.MakeKeys(ctx); err != nil {
		t.Fatal(err)
	}
	read(t, o.store, func(tx list.Tx) error {
		left, err := tx.WithoutKeys(10)
		if len(left) != 0 {
			t.Errorf("without keys: %+v", left)
		}
		return err
	})
	for _, who := range []string{"ann", "bo"} {
		m := o.member(who + "@example.org")
		if err := o.desk.Knows(ctx, list.Envelope{}, o.desk.Site().BounceAddress(o.list, m.ID)); err != nil {
			t.Errorf("envelope sender of %s: %v", who, err)
		}
		if s, err := o.desk.Subscription(ctx, o.desk.Site().LeaveToken(o.list.ID, m.ID), 0); err != nil || s.Address != m.Address {
			t.Errorf("link of %s: %+v, %v", who, s, err)
		}
	}
	if err := o.store.ResetAttempts(ctx); err != nil { // as a starting serve does
		t.Fatal(err)
	}
	o.work()
	for _, who := range []string{"ann", "bo", "Cem"} {
		if l := o.one(who + "@example.org"); l.Get("Subject") != "frozen@example.org" || link(l) == "" {
			t.Errorf("%s:\n%s", who, l.raw)
		}
	}
	letters := o.inbox("owner@example.org")
	if len(letters) != 2 || letters[0].Get("Subject") != "An old notice" || letters[1].Get("Subject") != "1 post waits on dev" {
		t.Errorf("the owner has %s", subjects(letters))
	}
	held, err := o.desk.ListHeld(ctx, o.list.ID)
	if err != nil || len(held) != 1 {
		t.Fatalf("%+v, %v", held, err)
	}
	if err := o.desk.AcceptHeld(ctx, held[0].ID); err != nil {
		t.Fatal(err)
	}
	o.work()
	o.gets("ann@example.org", "From the past")
	o.post("ann@example.org", "From now")
	o.gets("bo@example.org", "From the past", "From now")
	o.command("bo@example.org", "set delivery daily\nmute 1")
	o.one("bo@example.org")
	o.post("ann@example.org", "Re: old", "In-Reply-To: <frozen@example.org>")
	o.post("ann@example.org", "For the digest")
	o.clock.pass(24 * time.Hour)
	o.work()
	if l := o.one("bo@example.org"); strings.Contains(string(l.raw), "Re: old") || !strings.Contains(string(l.raw), "For the digest") {
		t.Errorf("%s", l.raw)
	}
}

// thawOffice is an office on the frozen file of the first version.
func thawOffice(t *testing.T) *office {
	c := &clock{now: noon.Add(48 * time.Hour)}
	config := testConfig()
	config.Dir, config.Now = t.TempDir(), c.time
	thaw(t, "testdata/schema-0001.db.gz", filepath.Join(config.Dir, fileName))
	leaveWork(t, config.Dir)
	s := reopen(t, config)
	words, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, store: s, clock: c, log: &bytes.Buffer{}, boxes: map[string][]letter{}, wrote: map[string]string{}}
	site := list.Site{Hostname: "mx.example.org", Domains: []string{"lists.example.org"}, URL: "https://lists.example.org", Key: []byte("0123456789abcdef0123456789abcdef")}
	o.desk = list.NewDesk(list.DeskConfig{Store: s, Site: site, Now: c.time, Log: slog.New(slog.NewTextHandler(o.log, nil)), Pack: Pack, Words: words.Mail})
	if o.list, err = o.desk.FindList(context.Background(), "dev"); err != nil {
		t.Fatal(err)
	}
	return o
}

// leaveWork writes rows as the first version did.
func leaveWork(t *testing.T, dir string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	notice := Pack([]byte("From: dev-owner@lists.example.org\r\nTo: owner@example.org\r\nSubject: An old notice\r\n\r\nSomething waits.\r\n"))
	held := Pack([]byte("From: eve@example.org\r\nMessage-ID: <past@example.org>\r\nSubject: From the past\r\n\r\nHello.\r\n"))
	envelope, err := json.Marshal(list.Envelope{From: "eve@example.org", To: []string{"dev@lists.example.org"}, Protocol: "ESMTP", Session: "s2", Received: noon})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []struct {
		query string
		args  []any
	}{
		{`INSERT INTO options (list, name, value, in_file) VALUES (1, 'owners', 'owner@example.org', 0)`, nil},
		{`INSERT INTO members (list, fold, address, name, delivery, own, state, since) VALUES (1, 'bo@example.org', 'bo@example.org', '', 'each', 1, 'active', $1)`, []any{at(noon) - 1}},
		{`INSERT INTO members (list, fold, address, name, delivery, own, state, since) VALUES (1, 'cem@example.org', 'Cem@example.org', '', 'each', 1, 'active', $1)`, []any{at(noon) - 1}},
		{`INSERT INTO jobs (list, post, at, cursor, sender, rcpts, delivered, bounced, cancelled) VALUES (1, 1, $1, 2, '', 0, 0, 0, 0)`, []any{at(noon)}},
		{`INSERT INTO copies (job, lane, rcpts, tries, since, due, attempt, last) VALUES (1, 'example.org', '[1]', 3, $1, $1, NULL, '451 busy')`, []any{at(noon)}},
		{`INSERT INTO copies (job, lane, rcpts, tries, since, due, attempt, last) VALUES (1, 'example.org', '[2]', 0, $1, $1, $1, '')`, []any{at(noon)}},
		{`INSERT INTO jobs (list, at, sender, zstd, rcpts, delivered, bounced, cancelled) VALUES (1, $1, '', $2, 1, 0, 0, 0)`, []any{at(noon), notice.Bytes}},
		{`INSERT INTO copies (job, lane, rcpts, tries, since, due, attempt, last) VALUES (2, 'example.org', '["owner@example.org"]', 0, $1, $1, NULL, '')`, []any{at(noon)}},
		{`INSERT INTO held (list, message_id, hash, author, subject, reason, received, size, envelope, zstd)
			VALUES (1, 'past@example.org', x'00', 'eve@example.org', 'From the past', 'not a member', $1, $2, $3, $4)`, []any{at(noon), held.Size, string(envelope), held.Bytes}},
	} {
		if _, err := db.Exec(w.query, w.args...); err != nil {
			t.Fatalf("%s: %v", w.query, err)
		}
	}
}
