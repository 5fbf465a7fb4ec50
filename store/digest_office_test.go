package store

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/message"
)

// until moves the clock to a moment, written as 2026-03-09 05:00 in UTC, and
// does what is due then.
func (o *office) until(moment string) {
	o.Helper()
	to, err := time.Parse("2006-01-02 15:04", moment)
	if err != nil {
		o.Fatal(err)
	}
	o.clock.pass(to.Sub(o.clock.time()))
	o.work()
}

// wants makes somebody a member who gets mail in this rhythm.
func (o *office) wants(address, delivery string) {
	o.Helper()
	o.members(address)
	o.command(address, "set delivery "+delivery)
	o.one(address)
}

// shared is a letter without the fields that only its reader has.
func shared(l letter) []byte {
	_, rest, _ := bytes.Cut(l.raw, []byte("\r\nFrom: "))
	return rest
}

func TestADigestOfManyPostsComesInParts(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone", "archive=none")
	o.wants("ann@example.org", "daily")
	o.wants("bo@example.org", "daily")
	o.wants("cem@example.org", "summary")
	const posts = 450
	for i := range posts {
		if err := o.send(written{from: "eve@example.org", to: o.list.Address, subject: fmt.Sprintf("Post-%03d", i), body: fmt.Sprintf("Grüße %d.\n-- \n--=_x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	o.clock.pass(24 * time.Hour)
	o.work()
	ann, bo := o.inbox("ann@example.org"), o.inbox("bo@example.org")
	if len(ann) != 3 || len(bo) != 3 {
		t.Fatalf("%d and %d digests", len(ann), len(bo))
	}
	var all []byte
	for i := range ann {
		if !bytes.Equal(shared(ann[i]), shared(bo[i])) {
			t.Error("not the same digest for both")
		}
		all = append(all, ann[i].raw...)
	}
	read(t, o.store, func(tx list.Tx) error {
		rows, err := tx.PostsAfter(o.list.ID, 0, posts+1)
		for _, p := range rows {
			_, raw, err := tx.RawPost(p.ID)
			if err != nil {
				return err
			}
			at := bytes.Index(all, slices.Concat([]byte("\r\n\r\n"), raw, []byte("\r\n--")))
			if at < 0 {
				t.Fatalf("post %d does not stand next, as it was received", p.Number)
			}
			all = all[at+len(raw):]
		}
		if len(rows) != posts {
			t.Errorf("%d posts", len(rows))
		}
		return err
	})
	var told []string
	for _, l := range o.inbox("cem@example.org") {
		told = append(told, regexp.MustCompile(`(?m)^Post-\d+$`).FindAllString(l.text(), -1)...)
	}
	if len(told) != posts || !slices.IsSorted(told) || len(slices.Compact(told)) != posts {
		t.Errorf("summaries tell of %d posts", len(told))
	}
}

func TestDigestsLeaveMutedThreadsOut(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	for _, who := range []string{"ann", "bo", "cem"} {
		o.wants(who+"@example.org", "daily")
	}
	loud := o.post("eve@example.org", "Loud")
	o.command("bo@example.org", "mute 1")
	o.command("cem@example.org", "mute "+loud)
	o.post("eve@example.org", "Quiet")
	o.post("eve@example.org", "Loud again", "In-Reply-To: <"+loud+">")
	for _, who := range []string{"bo", "cem"} {
		o.inbox(who + "@example.org")
	}
	o.clock.pass(24 * time.Hour)
	o.work()
	for who, want := range map[string]string{"ann": "dev: 3 posts, 2 March 2026", "bo": "dev: 1 post, 2 March 2026", "cem": "dev: 1 post, 2 March 2026"} {
		l := o.gets(who+"@example.org", want)[0]
		if heard := strings.Contains(l.text()+string(l.raw), "Loud"); heard != (who == "ann") {
			t.Errorf("%s:\n%s", who, l.raw)
		}
	}
	o.post("eve@example.org", "Loud still", "In-Reply-To: <"+loud+">")
	o.clock.pass(24 * time.Hour)
	o.work()
	o.gets("ann@example.org", "dev: 1 post, 3 March 2026")
	o.empty("bo@example.org") // nothing that they want: no mail
	o.command("bo@example.org", "unmute 1")
	o.inbox("bo@example.org")
	o.clock.pass(24 * time.Hour)
	o.work()
	o.empty("bo@example.org") // what was muted then does not come later
}

// A mute holds for what comes later into the thread, by whatever subject, and
// for threads that a late parent joins.
func TestMutedThreadsStayMuted(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.wants("bo@example.org", "daily")
	first := o.post("eve@example.org", "Loud")
	o.post("eve@example.org", "An orphan", "References: <m7@example.org>") // the seventh mail here
	o.gets("ann@example.org", "Loud", "An orphan")
	o.command("ann@example.org", "mute 1")
	o.one("ann@example.org")
	o.command("bo@example.org", "mute 1\nfollow 2")
	o.one("bo@example.org")
	o.post("eve@example.org", "A new subject", "In-Reply-To: <"+first+">")
	o.empty("ann@example.org")
	parent := o.post("eve@example.org", "The parent", "In-Reply-To: <"+first+">")
	o.empty("ann@example.org")
	o.post("eve@example.org", "Below the orphan", "In-Reply-To: <"+parent+">")
	o.post("eve@example.org", "Below it", "In-Reply-To: <m3@example.org>")
	o.empty("ann@example.org")
	o.post("eve@example.org", "Another thread")
	o.gets("ann@example.org", "Another thread")
	o.clock.pass(24 * time.Hour)
	o.work()
	o.gets("bo@example.org", "dev: 1 post, 2 March 2026") // a mute holds for all of a thread that was joined
}

// What happens while a mail is written is not lost, and comes once.
func TestWhileACatchUpIsWritten(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		happens func(o *office)
		want    string // subjects that come, in the end
	}{
		"a post":      {func(o *office) { o.mustSend("Just now") }, "dev: what happened since 2 March 2026 | Just now"},
		"they leave":  {func(o *office) { o.grant(list.WishLeave) }, "dev: goodbye"},
		"pause again": {func(o *office) { o.setAnn("pause", "2026-03-09") }, "dev: what happened since 2 March 2026"},
		"a digest, and a post": {func(o *office) { o.setAnn("delivery", "daily"); o.mustSend("Just now") },
			"dev: what happened since 2 March 2026 | dev: 1 post, 5 March 2026"},
		"nothing any more, and a post": {func(o *office) { o.setAnn("delivery", "none"); o.mustSend("Just now") }, "dev: what happened since 2 March 2026"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone")
			o.members("ann@example.org")
			o.setAnn("pause", "2026-03-05")
			o.post("eve@example.org", "Meanwhile")
			o.during = func(template string) {
				if template == "catchup" {
					o.during = nil
					c.happens(o)
				}
			}
			o.until("2026-03-05 12:00")
			if name == "pause again" {
				o.empty("ann@example.org")
			}
			for range 10 {
				o.clock.pass(24 * time.Hour)
				o.work()
			}
			o.gets("ann@example.org", strings.Split(c.want, " | ")...)
		})
	}
}

// mustSend is a post that nobody does the work for.
func (o *office) mustSend(subject string) {
	if err := o.send(written{from: "eve@example.org", to: o.list.Address, subject: subject, body: "Words."}); err != nil {
		o.Fatal(err)
	}
}

func (o *office) setAnn(name, value string) {
	if err := o.desk.SetMember(context.Background(), o.list.ID, "ann@example.org", map[string]string{name: value}); err != nil {
		o.Fatal(err)
	}
}

// grant is what the page of ann's link does.
func (o *office) grant(w list.Wish) {
	token := o.desk.Site().LeaveToken(o.list.ID, o.member("ann@example.org").ID)
	if err := o.desk.Grant(context.Background(), token, 0, w); err != nil {
		o.Fatal(err)
	}
}

func TestDigestsComeAtTheListsHour(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone", "digest_at=06:00 Europe/Berlin")
	o.wants("daily@example.org", "daily")
	o.wants("weekly@example.org", "weekly")
	o.until("2026-03-09 05:00") // a list without posts
	o.empty("daily@example.org")
	o.empty("weekly@example.org")
	for _, due := range []struct{ daily, weekly string }{
		{daily: "2026-03-10 05:00"},
		{daily: "2026-03-16 05:00", weekly: "2026-03-16 05:00"}, // Mondays
		{daily: "2026-03-28 05:00"},
		{daily: "2026-03-29 04:00"}, // clocks are put forward
		{daily: "2026-03-30 04:00", weekly: "2026-03-30 04:00"},
		{daily: "2026-10-24 04:00", weekly: ""},
		{daily: "2026-10-25 05:00"}, // and back
	} {
		at, _ := time.Parse("2006-01-02 15:04", due.daily)
		o.until(at.Add(-12 * time.Hour).Format("2006-01-02 15:04"))
		o.inbox("daily@example.org")
		o.inbox("weekly@example.org")
		o.post("eve@example.org", "Before "+due.daily)
		o.until(at.Add(-time.Minute).Format("2006-01-02 15:04"))
		o.empty("daily@example.org")
		o.empty("weekly@example.org")
		o.until(due.daily)
		if got := o.one("daily@example.org"); !strings.Contains(string(got.raw), "Subject: Before "+due.daily) {
			t.Errorf("%s:\n%s", due.daily, got.raw)
		}
		if got := len(o.inbox("weekly@example.org")); (got == 1) != (due.weekly != "") {
			t.Errorf("%d weekly digests at %s", got, due.daily)
		}
	}
}

func TestANewcomersDigestBeginsWithThem(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.wants("ann@example.org", "daily")
	o.post("eve@example.org", "Before")
	o.wants("bo@example.org", "daily")
	o.clock.pass(24 * time.Hour)
	o.work()
	o.one("ann@example.org")
	o.empty("bo@example.org")
	o.post("eve@example.org", "After")
	o.clock.pass(24 * time.Hour)
	o.work()
	if l := o.one("bo@example.org"); strings.Contains(string(l.raw), "Before") || !strings.Contains(string(l.raw), "Subject: After") {
		t.Errorf("%s", l.raw)
	}
}

func TestAPauseTellsWhatNoDigestTold(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone", "digest_at=06:00")
	o.wants("ann@example.org", "daily")
	o.post("eve@example.org", "Told on the third")
	o.until("2026-03-03 12:00")
	o.one("ann@example.org")
	o.post("eve@example.org", "Before the pause")
	o.command("ann@example.org", "pause until 2026-03-06")
	o.one("ann@example.org")
	o.post("eve@example.org", "In the pause")
	for _, day := range []string{"2026-03-04 06:00", "2026-03-05 06:00", "2026-03-05 23:59"} {
		o.until(day)
		o.empty("ann@example.org")
	}
	o.until("2026-03-06 00:00")
	if text := o.one("ann@example.org").text(); !strings.Contains(text, "Before the pause") || !strings.Contains(text, "In the pause") || strings.Contains(text, "third") {
		t.Error(text)
	}
	o.until("2026-03-06 06:00")
	o.empty("ann@example.org")
	o.post("eve@example.org", "After the pause")
	o.until("2026-03-07 06:00")
	o.gets("ann@example.org", "dev: 1 post, 6 March 2026")
}

// A clock that is set back delays digests by one turn at most, and brings
// nothing twice.
func TestDigestsSurviveAClockThatIsSetBack(t *testing.T) {
	t.Parallel()
	for _, back := range []time.Duration{time.Hour, 24 * time.Hour, 31 * 24 * time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone", "digest_at=06:00")
			for _, rhythm := range []string{"daily", "weekly", "summary"} {
				o.wants(rhythm+"@example.org", rhythm)
			}
			o.post("eve@example.org", "First")
			o.until("2026-03-09 06:00")
			for _, rhythm := range []string{"daily", "weekly", "summary"} {
				o.one(rhythm + "@example.org")
			}
			o.clock.pass(-back)
			o.work()
			for _, rhythm := range []string{"daily", "weekly", "summary"} {
				o.empty(rhythm + "@example.org")
			}
			o.post("eve@example.org", "Second")
			for range 2*24 + 1 {
				o.clock.pass(time.Hour)
				o.work()
			}
			o.one("daily@example.org")
			o.one("summary@example.org")
			for range 12 * 24 {
				o.clock.pass(time.Hour)
				o.work()
			}
			o.empty("daily@example.org")
			o.one("weekly@example.org")
		})
	}
}

// Two changes in one mail must not lose what waited for a digest.
func TestADigestThatIsGivenUpTwiceComesOnce(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"none\nset delivery each", "each\nset delivery none", "none\nset delivery none", "each\nset delivery daily", "weekly\nset delivery each",
		"none\nset delivery daily", "none\npause until 2026-03-05", "each\npause until 2026-03-05\nset delivery first", "summary\nset delivery followed"} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone")
			o.wants("ann@example.org", "daily")
			o.post("eve@example.org", "Waiting")
			o.command("ann@example.org", "set delivery "+change)
			for range 10 {
				o.clock.pass(24 * time.Hour)
				o.work()
			}
			told := 0
			for _, l := range o.inbox("ann@example.org") {
				if l.Count("List-Unsubscribe") > 0 && strings.Contains(l.text(), "Waiting") {
					told++
				}
			}
			if told != 1 {
				t.Errorf("told %d times", told)
			}
		})
	}
}

// Nothing is owed to somebody who was taken off, and nothing asks for it again
// and again.
func TestNothingIsOwedToWhoIsRemoved(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.command("ann@example.org", "pause until 2026-03-05")
	o.one("ann@example.org")
	o.post("eve@example.org", "Meanwhile")
	if _, err := o.desk.RemoveMembers(context.Background(), o.list.ID, []string{"ann@example.org"}); err != nil {
		t.Fatal(err)
	}
	o.clock.pass(10 * 24 * time.Hour)
	o.work()
	o.empty("ann@example.org")
	if _, err := o.desk.AddMembers(context.Background(), o.list.ID, []message.Address{{Addr: "ann@example.org"}}); err != nil {
		t.Fatal(err)
	}
	o.post("eve@example.org", "Afterwards")
	o.gets("ann@example.org", "Afterwards")
}
