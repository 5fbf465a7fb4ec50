package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/message"
	"parley/templates"
)

// The rules of package list on a real database. They stand here because list
// knows no database.

func newDesk(t *testing.T, s *Store, log slog.Handler) *list.Desk {
	t.Helper()
	words, err := templates.New()
	if err != nil {
		t.Fatal(err)
	}
	site := list.Site{Hostname: "mx.example.org", Domains: []string{"lists.example.org"}, URL: "https://lists.example.org",
		Operator: "op@example.org", Key: []byte("0123456789abcdef0123456789abcdef")}
	return list.NewDesk(list.DeskConfig{Store: s, Site: site, Now: s.now, Log: slog.New(log), Pack: Pack, Words: words.Mail})
}

// onDesk runs a test with a desk and the list dev, which ann and bo are members of.
func onDesk(t *testing.T, options string, test func(t *testing.T, d *list.Desk, s *Store, l list.List)) {
	conform(t, func(t *testing.T, s *Store) {
		d := newDesk(t, s, slog.DiscardHandler)
		set := map[string]string{}
		for _, o := range strings.Fields(options) {
			name, value, _ := strings.Cut(o, "=")
			set[name] = value
		}
		l, err := d.CreateList(context.Background(), "dev@lists.example.org", set)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []string{"ann@example.org", "bo@example.org"} {
			addMember(t, s, l, a)
		}
		test(t, d, s, l)
	})
}

// mail is a post by ann, proven by a front server.
func mail(fields ...string) (list.Envelope, []byte) {
	env := list.Envelope{From: "ann@example.org", To: []string{"dev@lists.example.org"}, Helo: "mail.example.org", Protocol: "ESMTP",
		Session: "s1", Received: noon, Auth: list.Auth{DMARC: "example.org", By: "front"}}
	head := "From: Ann <ann@example.org>\r\n"
	for _, f := range fields {
		if name, _, _ := strings.Cut(f, ":"); name == "From" || name == "X-From" {
			head = ""
		}
	}
	return env, []byte(head + strings.Join(fields, "\r\n") + "\r\n\r\nHello.\r\n")
}

func receive(t *testing.T, d *list.Desk, fields ...string) error {
	t.Helper()
	env, raw := mail(fields...)
	return d.Receive(context.Background(), env, raw)
}

// counts is how many posts, held posts, bounces and jobs there are.
func counts(t *testing.T, s *Store) string {
	t.Helper()
	var posts, held, bounces, jobs, requests int
	read(t, s, func(x list.Tx) error {
		_, err := x.(*tx).one(`SELECT (SELECT COUNT(*) FROM posts), (SELECT COUNT(*) FROM held), (SELECT COUNT(*) FROM bounces), (SELECT COUNT(*) FROM jobs), (SELECT COUNT(*) FROM requests)`,
			nil, &posts, &held, &bounces, &jobs, &requests)
		return err
	})
	text := fmt.Sprintf("%d posts, %d held, %d bounces, %d jobs", posts, held, bounces, jobs)
	if requests > 0 {
		text += fmt.Sprintf(", %d requests", requests)
	}
	return text
}

func TestReceiveDecides(t *testing.T) {
	type change func(*list.Envelope)
	unproven := func(e *list.Envelope) { e.Auth = list.Auth{} }
	null := func(e *list.Envelope) { e.From = "" }
	to := func(rcpts ...string) change { return func(e *list.Envelope) { e.To = rcpts } }
	tests := []struct {
		name    string
		options string
		change  change
		fields  string
		kind    list.Kind // of the error; -1 for none
		want    string
	}{
		{"a member's post", "", nil, "Message-ID: <1@x>", -1, "1 posts, 0 held, 0 bounces, 1 jobs"},
		{"an unproven member", "", unproven, "Message-ID: <1@x>", -1, "0 posts, 1 held, 0 bounces, 0 jobs"},
		{"a stranger", "", nil, "From: eve@example.org", -1, "0 posts, 1 held, 0 bounces, 0 jobs"},
		{"a stranger on an open list", "post=anyone", unproven, "From: eve@example.org", -1, "1 posts, 0 held, 0 bounces, 1 jobs"},
		{"a moderated list", "post=moderated", nil, "Message-ID: <1@x>", -1, "0 posts, 1 held, 0 bounces, 0 jobs"},
		{"a closed list", "post=nobody", nil, "Message-ID: <1@x>", list.Refused, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"a reply where only starting is moderated", "start=moderated", nil, "In-Reply-To: <none@x>", -1, "0 posts, 1 held, 0 bounces, 0 jobs"},
		{"two From fields", "", nil, "From: ann@example.org\r\nFrom: bo@example.org", list.Malformed, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"no From field", "", nil, "X-From: ann@example.org", list.Malformed, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"own List-Id", "", nil, "List-Id: Dev <DEV.lists.example.org>", list.Loop, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"another list's List-Id", "", nil, "List-Id: <ops.lists.example.org>", -1, "1 posts, 0 held, 0 bounces, 1 jobs"},
		{"100 hops", "", nil, strings.Repeat("Received: from a\r\n", 99) + "Received: b", -1, "1 posts, 0 held, 0 bounces, 1 jobs"},
		{"101 hops", "", nil, strings.Repeat("Received: from a\r\n", 100) + "Received: b", list.Loop, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"a huge header", "", nil, "X: " + strings.Repeat("y", 300<<10), list.TooLarge, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"an out-of-office reply", "", nil, "Auto-Submitted: auto-replied", -1, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"a build server", "", nil, "Auto-Submitted: auto-generated", -1, "0 posts, 1 held, 0 bounces, 0 jobs"},
		{"a report to the list", "", null, "Message-ID: <1@x>", list.Refused, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"a report to the bounces", "", func(e *list.Envelope) { null(e); e.To = []string{"dev-bounces@lists.example.org"} }, "Subject: x", -1, "0 posts, 0 held, 1 bounces, 0 jobs"},
		{"a bounce with a wrong token", "", to("dev+bounce-aaaaaaaaaaaaaaaaaaaaaaaaaa@lists.example.org"), "Subject: x", list.Unknown, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"mail to the owners", "owners=owner@example.org", to("dev-owner@lists.example.org"), "Subject: x", -1, "0 posts, 0 held, 0 bounces, 1 jobs"},
		{"a command", "", to("dev-request@lists.example.org"), "Subject: help", -1, "0 posts, 0 held, 0 bounces, 0 jobs, 1 requests"},
		{"postmaster", "", to("postmaster@lists.example.org"), "Subject: x", -1, "0 posts, 0 held, 0 bounces, 1 jobs"},
		{"a forward that loops", "", to("dev-owner@lists.example.org"), "Delivered-To: dev-owner@lists.example.org", list.Loop, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"an unknown list", "", to("ops@lists.example.org"), "Subject: x", list.Unknown, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"a foreign domain", "", to("dev@example.org"), "Subject: x", list.Foreign, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"one of two refuses", "", to("dev@lists.example.org", "ops@lists.example.org"), "Subject: x", list.Unknown, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"a banned sender", "post=anyone banned=@example.org", nil, "Subject: x", list.Refused, "0 posts, 0 held, 0 bounces, 0 jobs"},
		{"too large", "max_size=1KiB", nil, "X: " + strings.Repeat("y ", 600), list.TooLarge, "0 posts, 0 held, 0 bounces, 0 jobs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onDesk(t, test.options, func(t *testing.T, d *list.Desk, s *Store, l list.List) {
				env, raw := mail(test.fields)
				if test.change != nil {
					test.change(&env)
				}
				err := d.Receive(context.Background(), env, raw)
				kind := list.Kind(-1)
				if err != nil {
					kind = list.KindOf(err)
				}
				if got := counts(t, s); kind != test.kind || got != test.want {
					t.Errorf("error %v (kind %d); %s", err, kind, got)
				}
			})
		})
	}
}

func TestBouncesKnowTheirMember(t *testing.T) {
	onDesk(t, "", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		_, err := d.AddMembers(context.Background(), l.ID, []message.Address{{Addr: "cy@example.org"}})
		if err != nil {
			t.Fatal(err)
		}
		members, err := d.ListMembers(context.Background(), l.ID)
		if err != nil {
			t.Fatal(err)
		}
		cy := members[2]
		env, raw := mail("Subject: failed")
		env.From = ""
		for _, rcpt := range []string{d.Site().BounceAddress(l, cy.ID), strings.ToUpper(d.Site().BounceAddress(l, cy.ID))} {
			env.To = []string{rcpt}
			if err := d.Knows(context.Background(), env, rcpt); err != nil {
				t.Errorf("%s: %v", rcpt, err)
			}
			if err := d.Receive(context.Background(), env, raw); err != nil {
				t.Errorf("%s: %v", rcpt, err)
			}
		}
		n := 0
		read(t, s, func(x list.Tx) error {
			_, err := x.(*tx).one(`SELECT COUNT(*) FROM bounces WHERE list = $1 AND member = $2`, []any{l.ID, cy.ID}, &n)
			return err
		})
		if n != 2 {
			t.Errorf("%d bounces of the member", n)
		}
	})
}

func TestRepeatsAreFolded(t *testing.T) {
	onDesk(t, "", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		for _, fields := range [][]string{
			{"Message-ID: <1@x>", "Subject: one"},
			{"Message-ID: <1@x>", "Subject: one"},
			{"Received: another way", "Message-ID: <1@x>", "Subject: one"},
			{"Message-ID: <1@x>", "Subject: another post with the same id"},
			{"Message-ID: <1@x>", "Subject: another post with the same id"},
			{"Subject: without an id"},
			{"Subject: without an id"},
		} {
			if err := receive(t, d, fields...); err != nil {
				t.Fatalf("%v: %v", fields, err)
			}
		}
		if got := counts(t, s); got != "3 posts, 0 held, 0 bounces, 3 jobs" {
			t.Error(got)
		}
		if row, err := s.FindPost(context.Background(), l.ID, "~2"); err != nil || row.MessageID != "1@x" || row.Key != "~2" {
			t.Errorf("the other post of that id: %+v, %v", row, err)
		}
	})
}

func TestHeldPostsAreDecided(t *testing.T) {
	onDesk(t, "", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		ctx := context.Background()
		for i := range 3 {
			if err := receive(t, d, "From: eve@example.org", fmt.Sprintf("Message-ID: <%d@x>", i)); err != nil {
				t.Fatal(err)
			}
		}
		held, err := d.ListHeld(ctx, l.ID)
		if err != nil || len(held) != 3 {
			t.Fatalf("held %v, %v", held, err)
		}
		if err := d.AcceptHeld(ctx, held[0].ID); err != nil {
			t.Error(err)
		}
		if told, err := d.RejectHeld(ctx, held[1].ID, "Too short."); err != nil || !told {
			t.Errorf("told %v, %v", told, err)
		}
		if err := d.DiscardHeld(ctx, held[2].ID); err != nil {
			t.Error(err)
		}
		if got := counts(t, s); got != "1 posts, 0 held, 0 bounces, 2 jobs" {
			t.Error(got)
		}
		if err := d.AcceptHeld(ctx, held[0].ID); list.KindOf(err) != list.Unknown {
			t.Errorf("decided twice: %v", err)
		}
	})
}

func TestOwnersHearOnceADayThatPostsWait(t *testing.T) {
	onDesk(t, "owners=owner@example.org", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
		ctx := context.Background()
		now := noon
		s.now = func() time.Time { return now }
		d = newDesk(t, s, slog.DiscardHandler)
		jobs := func(when time.Duration) string {
			now = noon.Add(when)
			if err := d.Tick(ctx); err != nil {
				t.Fatal(err)
			}
			return counts(t, s)
		}
		if got := jobs(0); got != "0 posts, 0 held, 0 bounces, 0 jobs" {
			t.Errorf("nothing waits: %s", got)
		}
		if err := receive(t, d, "From: eve@example.org"); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			when time.Duration
			jobs int
		}{{0, 1}, {time.Minute, 1}, {23 * time.Hour, 1}, {24 * time.Hour, 2}, {47 * time.Hour, 2}, {48 * time.Hour, 3}} {
			if got := jobs(step.when); got != fmt.Sprintf("0 posts, 1 held, 0 bounces, %d jobs", step.jobs) {
				t.Errorf("after %v: %s", step.when, got)
			}
		}
		copies, _ := claimNow(t, s, now, 1)
		src, err := s.Source(ctx, copies[0].Job)
		if err != nil || src.Sender != "" || copies[0].Rcpts[0].Address != "owner@example.org" {
			t.Errorf("notice %+v to %v, %v", src, copies[0].Rcpts, err)
		}
		for _, line := range []string{"Subject: 1 post waits on dev\r\n", "Auto-Submitted: auto-generated\r\n", "List-Id: <dev.lists.example.org>\r\n"} {
			if !strings.Contains(string(src.Raw), line) {
				t.Errorf("no %q in\n%s", line, src.Raw)
			}
		}
	})
}

// shape is the tree of a list's posts: each id with that of its parent.
func shape(t *testing.T, s *Store, l list.List) string {
	t.Helper()
	threads, err := s.Threads(context.Background(), l.ID, list.Cursor{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	var trees []string
	for _, thread := range threads {
		nodes, err := s.Thread(context.Background(), l.ID, thread.ID)
		if err != nil {
			t.Fatal(err)
		}
		var tree []string
		posts := 0
		for _, n := range nodes {
			name := strings.TrimSuffix(n.Post.MessageID, "@x")
			if n.Ghost {
				name = "(" + name + ")"
			} else {
				posts++
			}
			tree = append(tree, strings.Repeat(" ", n.Depth)+name)
		}
		if posts != thread.Posts {
			t.Errorf("thread counts %d posts and has %d", thread.Posts, posts)
		}
		trees = append(trees, strings.Join(tree, "|"))
	}
	return strings.Join(trees, " / ")
}

func TestThreads(t *testing.T) {
	tests := []struct {
		name  string
		posts string // id:references, ...
		want  string
	}{
		{"a chain", "a: b:a c:a,b", "a| b|  c"},
		{"a missing parent", "b:a c:a,b", "(a)| b|  c"},
		{"a parent that comes late", "c:b b:a a:", "a| b|  c"},
		{"the end first", "d:a,b,c c:a,b b:a a:", "a| b|  c|   d"},
		{"a cut References field", "d:a,c b:a c:b", "(a)| b|  c|   d"},
		{"what others said was wrong", "c:x,b b:a", "(a)| b|  c / (x)"},
		{"a root that was thought a reply", "c:x,b b:", "b| c"},
		{"itself", "a:a", "a"},
		{"a circle", "a:b b:a", "b| a"},
		{"a circle of three", "a:c b:a c:b", "c| a|  b"},
		{"two threads that become one", "b:a d:c c:b", "(a)| b|  c|   d"},
		{"siblings by arrival", "a: c:a b:a", "a| c| b"},
		{"a repeated reference", "d:a,b,a,c", "(b)| (a)|  (c)|   d"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onDesk(t, "", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
				for _, p := range strings.Fields(test.posts) {
					postInThread(t, d, p)
				}
				// A thread of ghosts alone is no thread on a page.
				want, _, _ := strings.Cut(test.want, " / (")
				if got := shape(t, s, l); got != want {
					t.Errorf("%s: %s", test.posts, got)
				}
			})
		})
	}
}

func postInThread(t *testing.T, d *list.Desk, p string) {
	t.Helper()
	id, refs, _ := strings.Cut(p, ":")
	fields := []string{"Message-ID: <" + id + "@x>", "Subject: " + id}
	if refs != "" {
		fields = append(fields, "References: <"+strings.ReplaceAll(refs, ",", "@x>\r\n <")+"@x>")
	}
	if err := receive(t, d, fields...); err != nil {
		t.Fatal(err)
	}
}

// The order of arrival does not matter: posts that name all their ancestors
// make the same trees however they come.
func TestThreadsDoNotDependOnOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var posts []string
	chains := []string{}
	for i := range 60 {
		refs := ""
		if i > 0 && r.IntN(6) > 0 {
			up := r.IntN(i)
			refs = strings.TrimPrefix(chains[up]+","+fmt.Sprintf("p%02d", up), ",")
		}
		chains = append(chains, refs)
		posts = append(posts, fmt.Sprintf("p%02d:%s", i, refs))
	}
	parents := func(t *testing.T, s *Store, l list.List) map[string]string {
		found := map[string]string{}
		read(t, s, func(x list.Tx) error {
			for i := range posts {
				id := fmt.Sprintf("p%02d@x", i)
				nodes, err := x.FindNodes(l.ID, []string{id})
				if err != nil {
					return err
				}
				var up string
				if _, err := x.(*tx).one(`SELECT message_id FROM nodes WHERE id = $1`, []any{nodes[id].Parent}, &up); err != nil {
					return err
				}
				found[id] = up
			}
			return nil
		})
		return found
	}
	for round := range 4 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			order := r.Perm(len(posts))
			onDesk(t, "", func(t *testing.T, d *list.Desk, s *Store, l list.List) {
				for _, i := range order {
					postInThread(t, d, posts[i])
				}
				got := parents(t, s, l)
				for i, refs := range chains {
					want := refs[strings.LastIndexByte(refs, ',')+1:]
					if want != "" {
						want += "@x"
					}
					if id := fmt.Sprintf("p%02d@x", i); got[id] != want {
						t.Errorf("parent of %s: %q, not %q", id, got[id], want)
					}
				}
			})
		})
	}
}

// A signature that no copy will carry whole is worth a line in the log.
func TestTheLogNamesBrokenSignatures(t *testing.T) {
	signed := func(fields string) string {
		return "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=k; h=" + fields + "; bh=AAAA; b=AAAA"
	}
	for fields, broken := range map[string]bool{"From:Subject:Sender:Reply-To": false, "From:List-Id:List-Post": true} {
		t.Run(fields, func(t *testing.T) {
			conform(t, func(t *testing.T, s *Store) {
				var log bytes.Buffer
				d := newDesk(t, s, slog.NewTextHandler(&log, nil))
				if _, err := d.CreateList(context.Background(), "dev@lists.example.org", map[string]string{"post": "anyone"}); err != nil {
					t.Fatal(err)
				}
				if err := receive(t, d, signed(fields), "From: ann@example.org", "Message-ID: <1@x>"); err != nil {
					t.Fatal(err)
				}
				if _, err := d.MakeTexts(context.Background()); err != nil {
					t.Fatal(err)
				}
				if got := strings.Contains(log.String(), "copies break signatures"); got != broken {
					t.Errorf("log: %s", log.String())
				}
			})
		})
	}
}
