package store

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/message"
)

// Who is no member got every address of a masked list by mail.
func TestAMaskedListIsMaskedByMail(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone", "addresses=masked")
	o.members("ann@example.org")
	o.post("secret.author@example.org", "One")
	o.inbox("ann@example.org")
	for _, command := range []string{"get 1", "get thread 1", "search One", "catchup 2 weeks"} {
		o.command("eve@example.net", command)
		reply := o.one("eve@example.net")
		if strings.Contains(reply.text(), "author@example.org") || len(message.Read(reply.raw).Attachments) > 0 {
			t.Errorf("%s: %s", command, reply.raw)
		}
	}
	o.command("ann@example.org", "get 1")
	if len(message.Read(o.one("ann@example.org").raw).Attachments) != 1 {
		t.Error("a member gets no post")
	}
}

// A link of an old copy read the subjects of a private list, number by number.
func TestALinkReadsNoPrivateSubjects(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone", "archive=members")
	o.members("ann@example.org")
	o.post("bo@example.org", "One")
	token := link(o.one("ann@example.org"))
	subject := func() string {
		s, err := o.desk.Subscription(context.Background(), token, 1)
		if err != nil {
			t.Fatal(err)
		}
		return s.Subject
	}
	if got := subject(); got == "" || strings.Contains(got, "One") {
		t.Errorf("of a member: %q", got)
	}
	if _, err := o.desk.RemoveMembers(context.Background(), o.list.ID, []string{"ann@example.org"}); err != nil {
		t.Fatal(err)
	}
	if got := subject(); got != "" {
		t.Errorf("of an ex-member: %q", got)
	}
}

// Of several commands of one kind, only the first was asked back about.
func TestAllCommandsOfAMailAreAskedAbout(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org")
	o.say(written{from: "ann@example.org", to: request, body: "set delivery daily\nset ack yes\nset own no", unproven: true})
	o.answer(o.one("ann@example.org"), "ann@example.org", "yes", true)
	if m := o.member("ann@example.org"); m.Delivery != list.DeliverDaily || !m.Ack || m.Own {
		t.Errorf("%+v", m)
	}
	o.one("ann@example.org")
}

// The second moderator undid, in words only, what the first had decided.
func TestTheFirstDecisionAboutAWishWins(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "join=approval", "moderators=mod@example.org")
	o.command("new@example.org", "subscribe")
	ask := o.one("mod@example.org")
	o.inbox("new@example.org")
	o.command("new@example.org", "subscribe") // once more: nobody is asked again
	o.empty("mod@example.org")
	o.decide(ask, "mod@example.org", "ok")
	o.gets("new@example.org", "dev: welcome")
	o.decide(ask, "owner@example.org", "no")
	o.empty("new@example.org")
	if m := o.member("new@example.org"); m.State != list.Active {
		t.Errorf("%+v", m)
	}
}

// The owners' own invitation was refused to whom they had removed before.
func TestAnInvitationBringsBackWhoWasRemoved(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "join=invitation")
	o.members("ann@example.org")
	if _, err := o.desk.RemoveMembers(context.Background(), o.list.ID, []string{"ann@example.org"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := o.desk.Invite(context.Background(), o.list.ID, []message.Address{{Addr: "ann@example.org"}}, ""); err != nil {
		t.Fatal(err)
	}
	o.work()
	o.answer(o.one("ann@example.org"), "ann@example.org", "yes", true)
	o.gets("ann@example.org", "dev: welcome")
}

// One hour of a clock that was ahead kept an address out for a year.
func TestTalliesOfTheFutureDoNotCount(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	join := written{from: "ann@example.org", to: "dev-subscribe@lists.example.org", unproven: true}
	o.clock.pass(365 * 24 * time.Hour)
	o.say(join)
	o.one("ann@example.org")
	o.clock.pass(-365 * 24 * time.Hour)
	o.say(join)
	o.one("ann@example.org")
}

// One damaged post kept everybody's digests back, for ever.
func TestADamagedPostStopsNoDigest(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.command("ann@example.org", "set delivery daily")
	o.one("ann@example.org")
	o.post("eve@example.org", "One")
	o.post("eve@example.org", "Two")
	err := o.store.writing(context.Background(), func(t *tx) error {
		_, err := t.exec(`UPDATE raws SET zstd = x'00010203' WHERE post = (SELECT id FROM posts WHERE number = 1)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	o.clock.pass(24 * time.Hour)
	o.work()
	raw := string(o.one("ann@example.org").raw)
	if !strings.Contains(raw, "Body of Two.") || !strings.Contains(raw, "damaged") {
		t.Errorf("%s", raw)
	}
}

// A report that could not be judged stopped the judge.
func TestAReportThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org", "bo@example.org")
	o.post("eve@example.org", "One")
	ann, bo := o.one("ann@example.org"), o.one("bo@example.org")
	broken := list.NewDesk(list.DeskConfig{Store: o.store, Site: o.desk.Site(), Now: o.clock.time, Log: slog.New(slog.DiscardHandler), Pack: Pack,
		Words: func(_, _, template string, _ any) (string, string, error) {
			return "", "", errors.New("an operator's template")
		}})
	complaint := arf("abuse", ann.sender)
	complaint.to = ann.sender
	if err := o.send(complaint); err != nil {
		t.Fatal(err)
	}
	err := o.store.Write(context.Background(), func(tx list.Tx) error {
		return tx.AddBounce(list.NewBounce{List: o.list.ID, Member: o.member("bo@example.org").ID, At: o.clock.time(), Report: Pack(bo.raw)})
	})
	if err != nil {
		t.Fatal(err)
	}
	left := func() (n int) {
		read(t, o.store, func(x list.Tx) error {
			_, err := x.(*tx).one(`SELECT COUNT(*) FROM bounces WHERE judged = 0`, nil, &n)
			return err
		})
		return n
	}
	if _, err := broken.FollowUp(context.Background()); err == nil || left() != 1 {
		t.Errorf("%v; %d are not judged", err, left())
	}
	o.clock.pass(25 * time.Hour)
	if _, err := broken.FollowUp(context.Background()); err != nil || left() != 0 { // it is given up, with a word in the log
		t.Errorf("a day later: %v; %d are not judged", err, left())
	}
}

// A copy that was forwarded as a whole put its private link into the archive,
// and returned header fields kept it in the database.
func TestTokensAreNotKept(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.post("eve@example.org", "One")
	copied := o.one("ann@example.org")
	whole := written{to: "dev@lists.example.org", from: "ann@example.org", subject: "Fwd: One", fields: []string{"Content-Type: message/rfc822"}, body: string(copied.raw)}
	if err := o.send(whole); list.KindOf(err) != list.Refused {
		t.Errorf("a forwarded copy: %v", err)
	}
	whole.body = "https://lists.example.org/u/aaaaaaaaaaaaaaaaaaaaaaaaaa is nobody's"
	if err := o.send(whole); err != nil {
		t.Errorf("what only looks like one: %v", err)
	}
	o.say(written{to: copied.sender, from: "mailer-daemon@example.org", null: true, body: string(copied.raw)})
	read(t, o.store, func(x list.Tx) error {
		var frame []byte
		if _, err := x.(*tx).one(`SELECT zstd FROM bounces`, nil, &frame); err != nil {
			return err
		}
		raw, err := unpack(frame)
		if strings.Contains(string(raw), link(copied)) {
			t.Error("the token is in the database")
		}
		return err
	})
}

// "pause until tomorrow", confirmed the day after, answered with yesterday.
func TestAPauseThatIsConfirmedTooLate(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org")
	o.say(written{from: "ann@example.org", to: request, body: "pause until tomorrow", unproven: true})
	ask := o.one("ann@example.org")
	o.clock.pass(48 * time.Hour)
	o.answer(ask, "ann@example.org", "yes", true)
	if reply := o.one("ann@example.org"); !strings.Contains(reply.text(), "over") || o.member("ann@example.org").Owed != "" {
		t.Errorf("%s", reply.text())
	}
}

// Message-ID: <1> was taken for post number one.
func TestANumberForAMessageIDIsNoNumber(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone")
	o.members("ann@example.org")
	o.command("ann@example.org", "set ack yes")
	o.post("bo@example.org", "Somebody else's")
	o.inbox("ann@example.org")
	env := list.Envelope{From: "ann@example.org", To: []string{"dev@lists.example.org"}, Session: "s", Received: o.clock.time(), Auth: list.Auth{Trusted: true}}
	raw := "From: ann@example.org\r\nMessage-ID: <1>\r\nSubject: My own\r\n\r\nx\r\n"
	if err := o.desk.Receive(context.Background(), env, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	o.work()
	for _, l := range o.inbox("ann@example.org") {
		if strings.Contains(l.text(), "Somebody else's") {
			t.Errorf("%s", l.text())
		}
	}
}
