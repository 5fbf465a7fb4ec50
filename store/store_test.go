package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"parley/list"
)

// databases is every database that the suite runs on: one name, and how a
// fresh one is opened. A second database joins here.
var databases = map[string]func(*testing.T, Config) *Store{
	"sqlite": func(t *testing.T, c Config) *Store {
		c.Dir = t.TempDir()
		return reopen(t, c)
	},
}

func reopen(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// conform runs a test on every database.
func conform(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Parallel()
	for name, open := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t, testConfig()))
		})
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testConfig() Config {
	return Config{Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return noon }}
}

// write is a transaction that must not fail.
func write(t *testing.T, s *Store, fn func(list.Tx) error) {
	t.Helper()
	if err := s.Write(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s *Store, fn func(list.Tx) error) {
	t.Helper()
	if err := s.Read(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func addList(t *testing.T, s *Store, address string, change ...func(*list.List)) (l list.List) {
	t.Helper()
	write(t, s, func(tx list.Tx) (err error) {
		l = list.NewList(address)
		for _, c := range change {
			c(&l)
		}
		l.ID, err = tx.AddList(l)
		return err
	})
	return l
}

func addMember(t *testing.T, s *Store, l list.List, address string) (m list.Member) {
	t.Helper()
	write(t, s, func(tx list.Tx) (err error) {
		m = list.Member{List: l.ID, Address: address, Delivery: list.DeliverEach, Own: true, State: list.Active, Since: noon}
		m.ID, err = tx.AddMember(m)
		return err
	})
	return m
}

// post is a post with its node, outside any thread but its own.
func addPost(t *testing.T, s *Store, l list.List, id string) (p list.PostID) {
	t.Helper()
	write(t, s, func(tx list.Tx) error {
		var err error
		if p, err = tx.AddPost(newPost(l, id)); err != nil {
			return err
		}
		_, err = tx.AddNode(l.ID, list.NewNode{MessageID: id, Post: p, Received: noon})
		return err
	})
	return p
}

func newPost(l list.List, id string) list.NewPost {
	raw := []byte("From: ann@example.org\r\nSubject: " + id + "\r\n\r\nHello.\r\n")
	return list.NewPost{List: l.ID, MessageID: id, Hash: sha256.Sum256(raw), FromName: "Ann", FromAddr: "ann@example.org",
		Subject: id, Date: noon, Received: noon, Trace: "from x", Session: "s1", Packed: Pack(raw)}
}

func TestListsKeepTheirOptions(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		made := addList(t, s, "dev@lists.example.org", func(l *list.List) {
			l.Post, l.Shared, l.Owners, l.Footer = list.Anyone, true, []string{"ann@example.org", "bo@example.org"}, "first line\nlast line"
			l.FileKeys = []string{"address", "post"}
		})
		lists, err := s.Lists(context.Background())
		if err != nil || len(lists) != 1 {
			t.Fatalf("lists %v, %v", lists, err)
		}
		got := lists[0]
		if got.Post != list.Anyone || !got.Shared || got.Footer != made.Footer || fmt.Sprint(got.Owners) != fmt.Sprint(made.Owners) || fmt.Sprint(got.FileKeys) != "[address post]" {
			t.Errorf("read back %+v", got)
		}
		err = s.Write(context.Background(), func(tx list.Tx) error {
			_, err := tx.AddList(list.NewList("dev@lists.example.org"))
			return err
		})
		if list.KindOf(err) != list.Conflict {
			t.Errorf("a second list of one address: %v", err)
		}
	})
}

func TestMembersAreOneForEachAddress(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		other := addList(t, s, "ops@lists.example.org")
		m := addMember(t, s, l, "Ann@example.org")
		addMember(t, s, other, "ann@example.org")
		err := s.Write(context.Background(), func(tx list.Tx) error {
			_, err := tx.AddMember(list.Member{List: l.ID, Address: "ann@EXAMPLE.org", State: list.Active})
			return err
		})
		if list.KindOf(err) != list.Conflict {
			t.Errorf("the same address in other case: %v", err)
		}
		write(t, s, func(tx list.Tx) error { return tx.SetKeys(l.ID, m.ID, list.Keys{Bounce: []byte("key")}) })
		read(t, s, func(tx list.Tx) error {
			got, ok, err := tx.FindMember(l.ID, "ANN@example.org")
			if err != nil || !ok || got.Address != "Ann@example.org" || !got.Since.Equal(noon) {
				t.Errorf("found %+v, %v, %v", got, ok, err)
			}
			if id, ok, _ := tx.FindBounceKey(l.ID, []byte("key")); !ok || id != m.ID {
				t.Errorf("bounce key of %v, %v", id, ok)
			}
			if _, ok, _ := tx.FindBounceKey(other.ID, []byte("key")); ok {
				t.Error("a bounce key counts on another list")
			}
			return nil
		})
	})
}

func TestTransactionsShareACommitButNotAFate(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		add := func(address string, end func() error) error {
			return s.Write(context.Background(), func(tx list.Tx) error {
				if _, err := tx.AddMember(list.Member{List: l.ID, Address: address, State: list.Active}); err != nil {
					return err
				}
				return end()
			})
		}
		const n = 60
		answers := make(chan error, n)
		for i := range n {
			go func() {
				answers <- add(fmt.Sprintf("m%d@example.org", i), func() error {
					switch i % 3 {
					case 1:
						return list.Errorf(list.Refused, "no")
					case 2:
						panic("in a transaction")
					}
					return nil
				})
			}()
		}
		failed := 0
		for range n {
			if <-answers != nil {
				failed++
			}
		}
		read(t, s, func(tx list.Tx) error {
			members, err := tx.ListMembers(l.ID)
			if len(members) != n/3 || failed != n-n/3 {
				t.Errorf("%d members kept, %d answers were errors: %v", len(members), failed, err)
			}
			return err
		})
	})
}

func TestReadsCannotWrite(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		err := s.Read(context.Background(), func(tx list.Tx) error { return tx.SetNoticed(l.ID, noon) })
		if err == nil {
			t.Error("a read wrote")
		}
	})
}

func TestWriteAfterCloseIsTemporary(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.Dir = t.TempDir()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err = s.Write(context.Background(), func(list.Tx) error { return nil })
	if err == nil || list.KindOf(err) != list.Temporary {
		t.Errorf("write after close: %v", err)
	}
}

func TestHeldPostsWait(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		env := list.Envelope{From: "ann@example.org", To: []string{l.Address}, Session: "s9", Auth: list.Auth{DMARC: "example.org"}}
		var id list.HeldID
		write(t, s, func(tx list.Tx) (err error) {
			id, err = tx.AddHeld(list.NewHeld{Post: newPost(l, "1@example.org"), Envelope: env, Reason: "a stranger"})
			return err
		})
		read(t, s, func(tx list.Tx) error {
			row, got, err := tx.FindHeld(id)
			if err != nil || row.Reason != "a stranger" || row.Address != l.Address || got.Session != "s9" || row.Auth.DMARC != "example.org" || len(row.Raw) != int(row.Size) {
				t.Errorf("held %+v %+v, %v", row, got, err)
			}
			repeat, err := tx.FindRepeat(l.ID, "1@example.org", newPost(l, "1@example.org").Hash)
			if err != nil || !repeat {
				t.Errorf("a held post again: %v, %v", repeat, err)
			}
			return nil
		})
		write(t, s, func(tx list.Tx) error { return tx.DeleteHeld(l.ID, id) })
		err := s.Read(context.Background(), func(tx list.Tx) error { _, _, err := tx.FindHeld(id); return err })
		if list.KindOf(err) != list.Unknown {
			t.Errorf("decided already: %v", err)
		}
	})
}

func TestTextsFollowTheirCursor(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		for i := range 3 {
			addPost(t, s, l, fmt.Sprintf("%d@example.org", i))
		}
		version := func() int64 {
			v, err := s.Version(context.Background(), l.ID)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		before := version()
		var posts []list.PostID
		read(t, s, func(tx list.Tx) (err error) { posts, err = tx.NextTexts(2); return err })
		if len(posts) != 2 {
			t.Fatalf("next texts %v", posts)
		}
		for range 2 { // the second time replaces
			write(t, s, func(tx list.Tx) error {
				return tx.SetText(list.PostText{Post: posts[0], List: l.ID, Text: "Hello.", Attachments: "[]", Index: "Hello."})
			})
		}
		read(t, s, func(tx list.Tx) (err error) { posts, err = tx.NextTexts(9); return err })
		if len(posts) != 2 || version() == before {
			t.Errorf("after one text: next %v, version %d after %d", posts, version(), before)
		}
		row, err := s.FindPost(context.Background(), l.ID, "0@example.org")
		if err != nil || !row.Ready || row.Text != "Hello." || row.Number != 1 {
			t.Errorf("post %+v, %v", row, err)
		}
	})
}

func TestPostsAreFoundByIDAndNumber(t *testing.T) {
	conform(t, func(t *testing.T, s *Store) {
		l := addList(t, s, "dev@lists.example.org")
		other := addList(t, s, "ops@lists.example.org")
		addPost(t, s, l, "no-at-sign")
		p := addPost(t, s, l, "a/b@example.org")
		ctx := context.Background()
		for key, want := range map[string]string{"~1": "~1", "~2": "a/b@example.org", "a/b@example.org": "a/b@example.org"} {
			if row, err := s.FindPost(ctx, l.ID, key); err != nil || row.Key != want {
				t.Errorf("%s: %+v, %v", key, row, err)
			}
		}
		for _, key := range []string{"~3", "~x", "~", "none@example.org"} {
			if _, err := s.FindPost(ctx, l.ID, key); list.KindOf(err) != list.Unknown {
				t.Errorf("%s: %v", key, err)
			}
		}
		if _, err := s.FindPost(ctx, other.ID, "a/b@example.org"); list.KindOf(err) != list.Unknown {
			t.Errorf("found on another list: %v", err)
		}
		if _, err := s.Raw(ctx, other.ID, p); list.KindOf(err) != list.Unknown {
			t.Errorf("bytes of another list's post: %v", err)
		}
	})
}
