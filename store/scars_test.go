package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/list"
)

// Defects that were found once, each with the way it was provoked.

// A mail that was refused after it had been taken for one of its lists left
// itself behind in memory under an id that the next mail got.
func TestARefusedMailIsNeverSentInPlaceOfAnother(t *testing.T) {
	onDesk(t, "owners=owner@example.org", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		ctx := context.Background()
		if _, err := d.CreateList(ctx, "closed@lists.example.org", map[string]string{"post": "nobody"}); err != nil {
			t.Fatal(err)
		}
		env, raw := mail("Subject: refused")
		env.To = []string{"dev@lists.example.org", "closed@lists.example.org"}
		if err := d.Receive(ctx, env, raw); list.KindOf(err) != list.Refused {
			t.Fatalf("not refused: %v", err)
		}
		env, raw = mail("Subject: to the owner")
		env.To = []string{"dev-owner@lists.example.org"}
		if err := d.Receive(ctx, env, raw); err != nil {
			t.Fatal(err)
		}
		copies, _ := claimNow(t, s, noon, 9)
		src, err := s.Source(ctx, copies[0].Job)
		if err != nil || src.Kind != list.SourceMail || !strings.Contains(string(src.Raw), "Subject: to the owner") {
			t.Errorf("the owner gets %s\n%s, %v", src.Kind, src.Raw, err)
		}
	})
}

// A role for something that is no address was kept, and no list could be read
// any more.
func TestABadRoleIsRefusedAndABadOptionHurtsOnlyItself(t *testing.T) {
	onDesk(t, "", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		ctx := context.Background()
		for _, address := range []string{"me@@example", "not an address", `"a,b"@example.org`} {
			if err := d.SetMember(ctx, l.ID, address, map[string]string{"role": "owner"}); err == nil {
				t.Errorf("%s is an owner", address)
			}
		}
		write(t, s, func(x list.Tx) error {
			tx := x.(*tx)
			tx.group.lists = true
			_, err := tx.exec(`INSERT INTO options (list, name, value, in_file) VALUES ($1, 'archive', 'nonsense', 0), ($1, 'owners', 'a@@b', 0)`, l.ID)
			return err
		})
		got, err := d.FindList(ctx, "dev")
		if err != nil || got.Archive != list.ArchiveNone {
			t.Errorf("with options that cannot be read: %+v, %v", got, err)
		}
	})
}

// Ids were used again: a late decision fell on another post.
func TestIdsOfHeldPostsAreNotUsedAgain(t *testing.T) {
	onDesk(t, "", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		ctx := context.Background()
		hold := func(id string) list.HeldID {
			if err := receive(t, d, "From: eve@example.org", "Message-ID: <"+id+">"); err != nil {
				t.Fatal(err)
			}
			rows, err := d.ListHeld(ctx, l.ID)
			if err != nil || len(rows) != 1 {
				t.Fatalf("held %v, %v", rows, err)
			}
			return rows[0].ID
		}
		first := hold("1@x")
		if err := d.DiscardHeld(ctx, first); err != nil {
			t.Fatal(err)
		}
		if second := hold("2@x"); second == first {
			t.Errorf("a second post is held under %d again", first)
		}
		if err := d.AcceptHeld(ctx, first); list.KindOf(err) != list.Unknown {
			t.Errorf("a late decision: %v", err)
		}
	})
}

// And the late answer about a dropped copy changed another one.
func TestIdsOfCopiesAreNotUsedAgain(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l, _ := fanned(t, s, 1, false)
		dropped, _ := claimNow(t, s, noon, 9)
		write(t, s, func(tx list.Tx) error { _, err := tx.DropQueue([]list.CopyID{dropped[0].ID}); return err })
		fanOutPost(t, s, l, "2@example.org")
		fresh, _ := claimNow(t, s, noon, 9)
		settle(t, s, all(dropped[0], list.Answer{Outcome: list.Later, Due: noon.Add(time.Hour)}))
		if rows := queue(t, s); len(rows) != 1 || rows[0].ID != fresh[0].ID || fresh[0].ID == dropped[0].ID || rows[0].Tries != 0 {
			t.Errorf("after the answer about a dropped copy: %+v", rows)
		}
	})
}

// A large list whose members are all at one busy domain was expanded in one
// transaction.
func TestAClaimDoesABoundedPiece(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		write(t, s, func(tx list.Tx) error {
			for i := range 300 {
				m := list.Member{List: l.ID, Address: fmt.Sprintf("m%d@big.example.org", i), Delivery: list.DeliverEach, Own: true, State: list.Active, Since: noon}
				if _, err := tx.AddMember(m); err != nil {
					return err
				}
			}
			return nil
		})
		fanOutPost(t, s, l, "1@example.org")
		got := map[string]bool{}
		made := 0
		for rounds := 0; len(got) < 300 && rounds < 100; rounds++ {
			var skip []string
			if rounds%2 == 0 {
				skip = []string{"big.example.org"}
			}
			copies, next := claimNow(t, s, noon, 10, skip...)
			for _, c := range copies {
				got[c.Rcpts[0].Address] = true
			}
			rows := len(queue(t, s))
			if grown := rows - made; grown > 10*rowsMax+1 {
				t.Fatalf("one claim made %d copies", grown)
			}
			made = rows
			if len(got) < 300 && skip == nil && next.IsZero() {
				t.Fatal("it says that nothing waits")
			}
		}
		if len(got) != 300 {
			t.Errorf("%d of 300 got a copy", len(got))
		}
	})
}

// Two lists that are members of each other took each other's List-Id away.
func TestOurOwnTraceStopsALoop(t *testing.T) {
	onDesk(t, "post=anyone", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		err := receive(t, d, "Received: from elsewhere\r\n\tby mx.example.org (Parley) with ESMTP id s7\r\n\tfor <dev@lists.example.org>; Sun, 01 Mar 2026 12:00:00 +0000")
		if list.KindOf(err) != list.Loop {
			t.Errorf("a mail that was here: %v", err)
		}
		err = receive(t, d, "Received: from elsewhere\r\n\tby mx.example.org (Parley) with ESMTP id s7\r\n\tfor <ops@lists.example.org>; Sun, 01 Mar 2026 12:00:00 +0000")
		if err != nil {
			t.Errorf("a mail that was on another list: %v", err)
		}
	})
}

// A reader cached lists of before a change under the generation of after it.
func TestAnOldSnapshotIsNotTakenForNew(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		read(t, s, func(tx list.Tx) error {
			if _, err := tx.CountHeld(l.ID); err != nil { // the snapshot begins
				return err
			}
			write(t, s, func(tx list.Tx) error {
				l.Archive = list.ArchiveNone
				return tx.SetList(l)
			})
			_, err := tx.Lists()
			return err
		})
		lists, err := s.Lists(context.Background())
		if err != nil || lists[0].Archive != list.ArchiveNone {
			t.Errorf("afterwards: %+v, %v", lists, err)
		}
	})
}

// Readers learned of a change only after its writer was told.
func TestWhoChangedAListSeesTheChange(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		for n := range int64(500) {
			l.MaxSize = (n%50 + 1) << 20
			write(t, s, func(tx list.Tx) error { return tx.SetList(l) })
			lists, err := s.Lists(context.Background())
			if err != nil || lists[0].MaxSize != l.MaxSize {
				t.Fatalf("change %d: %+v, %v", n, lists, err)
			}
		}
	})
}
