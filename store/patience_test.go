package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/list"
)

func TestAClockSetBackSkipsNoPost(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org", "bo@example.org", "dot@example.org")
	o.command("dot@example.org", "set delivery daily")
	o.one("dot@example.org")
	o.clock.pass(-2 * time.Hour)
	o.post("eve@example.org", "One")
	o.gets("ann@example.org", "One")
	if err := o.send(written{from: "eve@example.org", to: o.list.Address, subject: "Two"}); err != nil {
		t.Fatal(err)
	}
	o.command("bo@example.org", "set delivery summary") // while a fan-out is open
	o.gets("ann@example.org", "Two")
	o.gets("bo@example.org", "One", "Two", "dev: your commands")
	o.clock.pass(48 * time.Hour)
	o.work()
	o.one("dot@example.org")
	o.empty("bo@example.org")
}

// A list that is taken off writes to nobody. When it is back, so is what it owed.
func TestAPauseOutlivesItsList(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.command("ann@example.org", "pause until 2026-03-04")
	o.one("ann@example.org")
	o.post("eve@example.org", "Meanwhile")
	if err := o.desk.RemoveList(ctx, o.list.ID); err != nil {
		t.Fatal(err)
	}
	o.clock.pass(72 * time.Hour)
	o.work()
	o.empty("ann@example.org")
	if _, err := o.desk.CreateList(ctx, o.list.Address, nil); err != nil {
		t.Fatal(err)
	}
	o.work()
	if mail := o.one("ann@example.org"); !strings.Contains(mail.text(), "Meanwhile") {
		t.Errorf("%s", mail.raw)
	}
}

func TestACommandOutlivesDaysWithoutPower(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org")
	if err := o.send(written{from: "ann@example.org", to: "dev-request@lists.example.org", body: "set delivery weekly"}); err != nil {
		t.Fatal(err)
	}
	o.clock.pass(10 * 24 * time.Hour)
	o.work()
	o.one("ann@example.org")
	if m := o.member("ann@example.org"); m.Delivery != list.DeliverWeekly {
		t.Errorf("%+v", m)
	}
}

// Copies that are due, but end or wait on, do not hide those behind them.
func TestAClaimLooksBehindCopiesThatEnd(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		_, members := fanned(t, s, 8, false)
		copies, _ := claimNow(t, s, noon, 8)
		for _, c := range copies {
			settle(t, s, all(c, list.Answer{Outcome: list.Later, Due: noon.Add(time.Minute)}))
		}
		write(t, s, func(tx list.Tx) error {
			for _, m := range members[:6] {
				m.State = list.Left
				if err := tx.SetMember(m); err != nil {
					return err
				}
			}
			return nil
		})
		if got, _ := claimNow(t, s, noon.Add(time.Hour), 2); len(got) != 2 {
			t.Errorf("%d copies of 2 that are due", len(got))
		}
	})
}

// What was going out at an upgrade goes to those who were members by the clock
// that the old version believed.
func TestAnUpgradeKeepsNewcomersFromOlderPosts(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	path := filepath.Join(c.Dir, fileName)
	thaw(t, "testdata/schema-0001.db.gz", path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 { // the second one joins a microsecond after the post
		_, err := db.Exec(fmt.Sprintf(`INSERT INTO members (list, fold, address, name, delivery, own, state, since)
			SELECT list, 'm%d@example.org', 'm%d@example.org', '', 'each', 1, 'active', received + %d FROM posts`, i, i, i))
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err = db.Exec(`INSERT INTO jobs (list, post, at, cursor, sender, rcpts, delivered, bounced, cancelled)
		SELECT list, id, received, (SELECT MIN(id) - 1 FROM members WHERE address LIKE 'm_@example.org'), '', 0, 0, 0, 0 FROM posts`)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	copies, _, err := reopen(t, c).Claim(context.Background(), list.Claim{Now: noon, Max: 9})
	if err != nil || len(copies) != 1 || copies[0].Rcpts[0].Address != "m0@example.org" {
		t.Errorf("copies: %+v, %v", copies, err)
	}
}
