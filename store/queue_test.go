package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"parley/list"
)

// fanned is a list with n members and one post that is not sent yet.
func fanned(t *testing.T, s *Store, n int, shared bool) (list.List, []list.Member) {
	t.Helper()
	l := addList(t, s, "dev@lists.example.org", func(l *list.List) { l.Shared = shared })
	var members []list.Member
	for i := range n {
		members = append(members, addMember(t, s, l, fmt.Sprintf("m%d@d%d.example.org", i, i%2)))
	}
	fanOutPost(t, s, l, "1@example.org")
	return l, members
}

func fanOutPost(t *testing.T, s *Store, l list.List, id string) {
	t.Helper()
	p := addPost(t, s, l, id)
	write(t, s, func(tx list.Tx) error {
		_, err := tx.AddJob(list.NewJob{List: l.ID, Post: p, At: noon})
		return err
	})
}

func claimNow(t *testing.T, s *Store, now time.Time, n int, skip ...string) ([]list.Copy, time.Time) {
	t.Helper()
	copies, next, err := s.Claim(context.Background(), list.Claim{Now: now, Max: n, Skip: skip})
	if err != nil {
		t.Fatal(err)
	}
	return copies, next
}

func settle(t *testing.T, s *Store, results ...list.Result) {
	t.Helper()
	if err := s.Settle(context.Background(), results); err != nil {
		t.Fatal(err)
	}
}

func queue(t *testing.T, s *Store) (rows []list.QueueRow) {
	t.Helper()
	read(t, s, func(tx list.Tx) (err error) { rows, err = tx.ListQueue(); return err })
	return rows
}

func all(c list.Copy, a list.Answer) list.Result {
	r := list.Result{Copy: c}
	for range c.Rcpts {
		r.Answers = append(r.Answers, a)
	}
	return r
}

func TestFanOutExpandsInBatches(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l, members := fanned(t, s, 7, false)
		late := addMember(t, s, l, "late@example.org")
		write(t, s, func(tx list.Tx) error { late.Seen = 1; return tx.SetMember(late) })
		gone := members[5]
		got := map[string]int{}
		for round := 0; round < 4; round++ {
			copies, _ := claimNow(t, s, noon, 3)
			for _, c := range copies {
				got[c.Rcpts[0].Address]++
				settle(t, s, all(c, list.Answer{Outcome: list.Delivered}))
			}
			if round == 0 {
				write(t, s, func(tx list.Tx) error { gone.State = list.Left; return tx.SetMember(gone) })
			}
		}
		if len(got) != 6 || got[gone.Address] != 0 || got[late.Address] != 0 {
			t.Errorf("copies went to %v", got)
		}
		if rows := queue(t, s); len(rows) != 0 {
			t.Errorf("still in the queue: %v", rows)
		}
	})
}

func TestSharedCopiesHoldAHundred(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		fanned(t, s, 230, true)
		copies, _ := claimNow(t, s, noon, 10)
		sizes := []int{}
		for _, c := range copies {
			sizes = append(sizes, len(c.Rcpts))
		}
		if fmt.Sprint(sizes) != "[100 100 30]" {
			t.Errorf("sizes %v", sizes)
		}
	})
}

func TestAttemptsWithoutAResultAreDueAtStart(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		fanned(t, s, 2, false)
		first, _ := claimNow(t, s, noon, 9)
		if again, _ := claimNow(t, s, noon.Add(time.Hour), 9); len(again) != 0 {
			t.Fatalf("handed out twice: %v", again)
		}
		settle(t, s, all(first[0], list.Answer{Outcome: list.Delivered}))
		if err := s.ResetAttempts(context.Background()); err != nil {
			t.Fatal(err)
		}
		again, _ := claimNow(t, s, noon, 9)
		if len(again) != 1 || again[0].ID != first[1].ID {
			t.Errorf("due after a crash: %v", again)
		}
	})
}

func TestResultsSplitAndWait(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l, members := fanned(t, s, 4, true)
		copies, _ := claimNow(t, s, noon, 9)
		later := noon.Add(5 * time.Minute)
		settle(t, s, list.Result{Copy: copies[0], Answers: []list.Answer{
			{Outcome: list.Delivered},
			{Outcome: list.Bounced, Code: 550, Enhanced: "5.1.1", Text: "no such user"},
			{Outcome: list.Later, Code: 451, Text: "busy", Due: later},
			{Outcome: list.Later, Code: 452, Text: "too many", Due: noon},
		}})
		now, next := claimNow(t, s, noon, 9)
		if len(now) != 1 || len(now[0].Rcpts) != 1 || now[0].Rcpts[0].Member != members[3].ID || now[0].Tries != 0 || !next.Equal(later) {
			t.Errorf("at once: %+v, next %v", now, next)
		}
		then, _ := claimNow(t, s, later, 9)
		if len(then) != 1 || then[0].Rcpts[0].Member != members[2].ID || then[0].Tries != 1 {
			t.Errorf("five minutes later: %+v", then)
		}
		refused := 0
		read(t, s, func(x list.Tx) error {
			_, err := x.(*tx).one(`SELECT COUNT(*) FROM refusals WHERE list = $1 AND member = $2 AND enhanced = '5.1.1'`, []any{l.ID, members[1].ID}, &refused)
			return err
		})
		if refused != 1 {
			t.Errorf("%d refusals recorded for the member", refused)
		}
	})
}

func TestLanesThatAreFullAreLeftAlone(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		fanned(t, s, 4, false) // d0 and d1 by turns
		copies, _ := claimNow(t, s, noon, 9, "d1.example.org")
		for _, c := range copies {
			if c.Lane != "d0.example.org" {
				t.Errorf("handed out %+v", c)
			}
		}
		rest, _ := claimNow(t, s, noon, 9)
		if len(copies) != 2 || len(rest) != 2 {
			t.Errorf("%d at first, %d when the lane is free", len(copies), len(rest))
		}
	})
}

func TestAWaitingCopyEndsWithItsMember(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		_, members := fanned(t, s, 1, false)
		copies, _ := claimNow(t, s, noon, 9)
		settle(t, s, all(copies[0], list.Answer{Outcome: list.Later, Due: noon.Add(time.Minute)}))
		write(t, s, func(tx list.Tx) error { m := members[0]; m.State = list.Left; return tx.SetMember(m) })
		if again, _ := claimNow(t, s, noon.Add(time.Hour), 9); len(again) != 0 {
			t.Errorf("a copy to who left: %v", again)
		}
		if rows := queue(t, s); len(rows) != 0 {
			t.Errorf("still waiting: %v", rows)
		}
	})
}

func TestMailOfOurOwnIsKeptUntilItIsSent(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		write(t, s, func(tx list.Tx) error {
			_, err := tx.AddJob(list.NewJob{List: l.ID, At: noon, Mail: Pack([]byte("Subject: x\r\n\r\nHi.\r\n")),
				Sender: "dev-bounces@lists.example.org", Rcpts: []string{"ann@example.org", "bo@example.org"}})
			return err
		})
		copies, _ := claimNow(t, s, noon, 9)
		if len(copies) != 2 {
			t.Fatalf("copies %v", copies)
		}
		src, err := s.Source(context.Background(), copies[0].Job)
		if err != nil || src.Kind != list.SourceMail || src.Sender != "dev-bounces@lists.example.org" || string(src.Raw) != "Subject: x\r\n\r\nHi.\r\n" {
			t.Errorf("source %+v, %v", src, err)
		}
		settle(t, s, all(copies[0], list.Answer{Outcome: list.Delivered}))
		if _, err := s.Source(context.Background(), copies[0].Job); err != nil {
			t.Errorf("gone before the second was sent: %v", err)
		}
		settle(t, s, all(copies[1], list.Answer{Outcome: list.Bounced}))
		if _, err := s.Source(context.Background(), copies[0].Job); list.KindOf(err) != list.Unknown {
			t.Errorf("kept after the last: %v", err)
		}
	})
}

func TestSourceOfAPostKnowsItsPage(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l, _ := fanned(t, s, 1, false)
		copies, _ := claimNow(t, s, noon, 9)
		src, err := s.Source(context.Background(), copies[0].Job)
		if err != nil || src.Kind != list.SourcePost || src.List.Address != l.Address || src.Key != "1@example.org" || src.Trace != "from x" {
			t.Errorf("source %+v, %v", src, err)
		}
	})
}

func TestOperatorsRetryAndDrop(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		fanned(t, s, 2, false)
		copies, _ := claimNow(t, s, noon, 9)
		for _, c := range copies {
			settle(t, s, all(c, list.Answer{Outcome: list.Later, Code: 451, Text: "busy", Due: noon.Add(time.Hour)}))
		}
		rows := queue(t, s)
		if len(rows) != 2 || rows[0].Last != "451 busy" || rows[0].Tries != 1 || len(rows[0].Rcpts) != 1 {
			t.Fatalf("queue %+v", rows)
		}
		write(t, s, func(tx list.Tx) error {
			if n, err := tx.RetryQueue(nil, noon); n != 2 || err != nil {
				t.Errorf("retried %d, %v", n, err)
			}
			n, err := tx.DropQueue([]list.CopyID{rows[0].ID})
			if n != 1 {
				t.Errorf("dropped %d", n)
			}
			return err
		})
		if again, _ := claimNow(t, s, noon, 9); len(again) != 1 || again[0].ID != rows[1].ID {
			t.Errorf("left to send: %v", again)
		}
	})
}

func TestAClockSetBackDelaysNothing(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		fanned(t, s, 2, false)
		copies, _ := claimNow(t, s, noon, 9)
		settle(t, s, all(copies[0], list.Answer{Outcome: list.Later, Due: noon.Add(24 * time.Hour)}))
		settle(t, s, all(copies[1], list.Answer{Outcome: list.Later, Due: noon.Add(time.Hour)}))
		if err := s.ClampQueue(context.Background(), noon.Add(4*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if now, next := claimNow(t, s, noon, 9); len(now) != 1 || now[0].ID != copies[0].ID || !next.Equal(noon.Add(time.Hour)) {
			t.Errorf("due at once: %v, then at %v", now, next)
		}
	})
}
