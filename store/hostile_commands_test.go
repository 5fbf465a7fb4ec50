package store

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"parley/list"
)

const (
	request = "dev-request@lists.example.org"
	victim  = "vic@example.net"
)

// A reply quotes each command above its answer.
var commandLine = regexp.MustCompile(`(?m)^> (\S.*)$`)

// commandsIn are the commands that a reply answers.
func commandsIn(l letter) []string {
	var found []string
	for _, m := range commandLine.FindAllStringSubmatch(l.text(), -1) {
		found = append(found, m[1])
	}
	return found
}

func TestHostile80HiddenCommands(t *testing.T) {
	t.Parallel()
	const html = "Content-Type: text/html; charset=utf-8"
	for name, c := range map[string]struct {
		subject, body string
		fields        []string
		want          string // what the mail was taken for; "" for nothing
	}{
		"a quote below":           {"", "which\n\n> unsubscribe\n", nil, "which"},
		"a quote above":           {"", "> unsubscribe\n\nwhich\n", nil, ""},
		"a quote in between":      {"", "which\n> unsubscribe\nset delivery daily\n", nil, "which"},
		"an attribution":          {"", "which\n\nOn Mon, 2 Mar 2026 at 11:58, Bo wrote:\nunsubscribe\n", nil, "which"},
		"a top-posted mail":       {"", "which\n\n-----Original Message-----\nFrom: Bo <bo@example.org>\nunsubscribe\n", nil, "which"},
		"a signature":             {"", "which\n-- \nunsubscribe\n", nil, "which"},
		"a signature, stripped":   {"", "which\n--\nunsubscribe\n", nil, "which"},
		"a signature of a phone":  {"", "which\nSent from my phone\nunsubscribe\n", nil, "which"},
		"a rule":                  {"", "which\n______________\nunsubscribe\n", nil, "which"},
		"a reply to the subject":  {"Re: subscribe", "Thanks!\n", nil, ""},
		"an answer, in Germany":   {"AW: unsubscribe", "", nil, ""},
		"a forward":               {"Fwd: unsubscribe", "", nil, ""},
		"a real subject":          {"which", "", nil, "which"},
		"end":                     {"", "which\nend\nunsubscribe\n", nil, "which"},
		"html":                    {"", "<html><body><p>which</p><blockquote>unsubscribe</blockquote></body></html>", []string{html}, "which"},
		"html that hides":         {"", "<p>which</p><p style=\"display:none\">unsubscribe</p><script>unsubscribe</script><!-- \nunsubscribe\n --><style>unsubscribe</style>", []string{html}, "which"},
		"html as a second form":   {"", "--b\nContent-Type: text/plain\n\nwhich\n\n--b\nContent-Type: text/html\n\n<p>unsubscribe</p>\n\n--b--", []string{`Content-Type: multipart/alternative; boundary=b`}, "which"},
		"an attachment":           {"", "--b\nContent-Type: text/plain\n\nwhich\n\n--b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\nunsubscribe\n\n--b--", []string{`Content-Type: multipart/mixed; boundary=b`}, "which"},
		"an enclosed mail":        {"", "--b\nContent-Type: text/plain\n\nwhich\n\n--b\nContent-Type: message/rfc822\n\nFrom: ann@example.org\nSubject: unsubscribe\n\nunsubscribe\n\n--b--", []string{`Content-Type: multipart/mixed; boundary=b`}, "which"},
		"quoted-printable quotes": {"", "which\n=3E unsubscribe\n", []string{"Content-Type: text/plain", "Content-Transfer-Encoding: quoted-printable"}, "which"},
		"a bare return":           {"", "which\n> a\runsubscribe\n", nil, "which"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t)
			o.members("ann@example.org")
			o.say(written{from: "ann@example.org", to: request, subject: c.subject, body: c.body, fields: append(c.fields, "MIME-Version: 1.0")})
			reply := o.one("ann@example.org") // one, whatever stood in it
			if m := o.member("ann@example.org"); m.State != list.Active || m.Delivery != list.DeliverEach {
				t.Errorf("%+v", m)
			}
			ran := strings.Contains(reply.text(), "delivery each")
			if ran != (c.want == "which") || strings.Contains(reply.text(), "daily.") {
				t.Errorf("%s", reply.text())
			}
		})
	}
}

// What stands below the reply to a mail of ours is that mail.
func TestHostile80AReplyQuotesOurOwnHelp(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org")
	o.command("ann@example.org", "help")
	help := o.one("ann@example.org")
	for _, quote := range []string{"> ", "", "| "} { // some programs quote without a mark
		body := "which\n\nOn Mon, 2 Mar 2026 at 12:00, dev list wrote:\n\n" + quote + strings.ReplaceAll(help.text(), "\n", "\n"+quote)
		o.say(written{from: "ann@example.org", to: help.replyTo(), subject: "Re: " + help.Get("Subject"), body: body})
		reply := o.one("ann@example.org")
		if got := commandsIn(reply); fmt.Sprint(got) != "[which]" {
			t.Errorf("%q: %q\n%s", quote, got, reply.text())
		}
	}
	o.stands("ann@example.org", list.Active, 0)
}

func TestHostile81FiveHundredCommands(t *testing.T) {
	t.Parallel()
	o := openOffice(t, "post=anyone", "roster=members")
	o.members("ann@example.org", "bo@example.org")
	o.post("bo@example.org", "One")
	o.inbox("ann@example.org")
	var many, each strings.Builder
	for i := range 500 {
		fmt.Fprintf(&many, "search word%d\n", i)
		fmt.Fprintf(&each, "%s\n", []string{"catchup week", "get 1", "who", "which", "subscribe"}[i%5])
	}
	o.command("ann@example.org", many.String()+"unsubscribe\n")
	if got := commandsIn(o.one("ann@example.org")); fmt.Sprint(got) != "[search word0 search word1 search word2 search word3 search word4]" {
		t.Errorf("%q", got)
	}
	o.command("ann@example.org", strings.Repeat("which\n", 500))
	if text := o.one("ann@example.org").text(); strings.Count(text, "delivery each") != 1 {
		t.Errorf("%s", text)
	}
	o.command("ann@example.org", strings.Repeat("unknown words of a long letter\n", 500))
	if letter := o.one("ann@example.org"); len(letter.raw) > 3000 {
		t.Errorf("%d bytes", len(letter.raw))
	}
	o.command("ann@example.org", strings.Repeat("catchup week\nsubscribe\n", 250))
	if letters := o.inbox("ann@example.org"); len(letters) > 2 {
		t.Errorf("%d mails for one: %s", len(letters), subjects(letters))
	}
	o.command("ann@example.org", each.String())
	if letters := o.inbox("ann@example.org"); len(letters) > 3 {
		t.Errorf("%d mails for one: %s", len(letters), subjects(letters))
	}
	// Of an unproven sender, one question.
	o.say(written{from: victim, to: request, body: each.String(), unproven: true})
	ask := o.one(victim)
	if n := strings.Count(ask.text(), "\n    "); n > 5 { // the commands stand in lines of their own
		t.Errorf("%s", ask.text())
	}
	o.answer(ask, victim, "yes", true)
	if letters := o.inbox(victim); len(letters) > 3 {
		t.Errorf("%d mails for one: %s", len(letters), subjects(letters))
	}
}

// Of each kind of command one question goes out in an hour, and ten in a day.
func TestHostile82OneQuestionForEachKindInAnHour(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members(victim)
	forge := func(body string) {
		t.Helper()
		for range 3 {
			o.say(written{from: victim, to: request, body: body, unproven: true})
		}
	}
	forge("which")
	o.gets(victim, "dev: are these commands yours?")
	forge("help")
	o.gets(victim, "dev: what you can do by mail")
	forge("unsubscribe")
	o.gets(victim, "dev: do you want to leave?")
	forge("set delivery daily")
	o.gets(victim, "dev: are these commands yours?")
	o.clock.pass(59 * time.Minute)
	forge("which")
	o.empty(victim)
	total := 4
	for range 30 {
		o.clock.pass(61 * time.Minute)
		if o.clock.time().Sub(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)) > 23*time.Hour {
			break
		}
		forge("which")
		forge("help")
		total += len(o.inbox(victim))
	}
	if total != 10 {
		t.Errorf("%d mails in a day", total)
	}
	if m := o.member(victim); m.State != list.Active || m.Delivery != list.DeliverEach {
		t.Errorf("%+v", m)
	}
}

func TestHostile82ThirtyRepliesADay(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	o.members("ann@example.org")
	for range 50 {
		o.command("ann@example.org", "which")
	}
	if n := len(o.inbox("ann@example.org")); n != 30 {
		t.Errorf("%d replies", n)
	}
	o.command("Ann+tag@example.org", "help") // the same mailbox
	o.empty("Ann+tag@example.org")
	o.command("ann@example.org", "set own no") // done, without a word
	o.empty("ann@example.org")
	if o.member("ann@example.org").Own {
		t.Error("what changes something is not done")
	}
	o.command("bo@example.org", "which") // another
	o.one("bo@example.org")
	o.clock.pass(24*time.Hour + time.Second)
	o.command("ann@example.org", "which")
	o.one("ann@example.org")
}

// nobody are senders that must not be answered, and machines' header fields.
func nobody() map[string]written {
	cases := map[string]written{
		"the null sender":    {from: "ann@example.org", null: true},
		"a mailer":           {from: "MAILER-DAEMON@example.org"},
		"a mailer's name":    {from: "Mailer-Daemon@mx.example.net"},
		"a list's bounces":   {from: "other-bounces@example.net"},
		"another list":       {from: "other-request@example.net"},
		"an old list":        {from: "owner-other@example.net"},
		"a postmaster":       {from: "postmaster@example.net"},
		"nobody's address":   {from: "no-reply@example.net"},
		"the list itself":    {from: "dev@lists.example.org"},
		"our own commands":   {from: request},
		"our own postmaster": {from: "postmaster@lists.example.org"},
		"a list's member":    {from: "other-bounces+ann=example.org@example.net"},
	}
	for _, field := range []string{
		"Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated (rejected)", "AUTO-SUBMITTED: Auto-Notified; owner-email=\"a@example.org\"",
		"Precedence: bulk", "Precedence: list", "Precedence: junk", "Precedence: auto_reply", "Precedence: BULK",
		"X-Autoreply: yes", "X-Autorespond: Away", "X-Autoreply-From: ann@example.org", "X-Auto-Reply: 1", "X-Mail-Autoreply: vacation", "X-FC-MachineGenerated: true",
		"X-POST-MessageClass: 9; Autoresponder", "X-Autogenerated: Reply",
		"List-Id: Other <other.example.net>", "List-Post: <mailto:other@example.net>", "List-Unsubscribe: <mailto:x@example.net>",
		"Mailing-List: list other@example.net", "X-Mailing-List: other@example.net", "X-Loop: other@example.net",
		"Content-Type: multipart/report; boundary=b",
	} {
		cases[field] = written{from: "ann@example.org", fields: []string{field}}
	}
	return cases
}

func TestHostile82NobodyIsAnswered(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	for name, w := range nobody() {
		for _, unproven := range []bool{true, false} {
			for _, to := range []string{request, "dev-subscribe@lists.example.org", "dev-unsubscribe@lists.example.org", "dev-help@lists.example.org"} {
				w.to, w.subject, w.body, w.unproven = to, "help", "which\nsubscribe", unproven
				if err := o.send(w); err != nil && list.KindOf(err) == list.Temporary {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		o.work()
		if len(o.boxes) != 0 {
			for who, letters := range o.boxes {
				t.Errorf("%s: %s has mail: %s", name, who, subjects(letters))
			}
			o.boxes = map[string][]letter{}
		}
	}
	o.say(written{from: "ann@example.org", to: request, body: "help", unproven: true}) // a person is
	o.one("ann@example.org")
	for _, sender := range []string{"MAILER-DAEMON@example.org", "other-bounces+ann=example.org@example.net"} {
		o.numbers++
		env := list.Envelope{From: sender, To: []string{request}, Session: "s", Received: o.clock.time()}
		if err := o.desk.Receive(t.Context(), env, []byte("From: ann@example.org\r\nSubject: which\r\n\r\n")); err != nil {
			t.Error(err)
		}
		o.work()
		o.empty("ann@example.org")
	}
}

func TestHostile82APersonIsAnsweredWhateverTheListIsCalled(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"auto", "read", "vacation", "absence"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t)
			if _, err := o.desk.CreateList(t.Context(), name+"@lists.example.org", nil); err != nil {
				t.Fatal(err)
			}
			o.say(written{from: "ann@example.org", to: name + "-join@lists.example.org", unproven: true})
			o.answer(o.one("ann@example.org"), "ann@example.org", "yes", true)
			o.answer(o.one("ann@example.org"), "ann@example.org", "vacation until 2026-05-01", true)
			if reply := o.one("ann@example.org"); !strings.Contains(reply.text(), "2026-05-01") {
				t.Errorf("%s", reply.raw)
			}
			o.say(written{from: "ann@example.org", to: name + "-request@lists.example.org", subject: "vacation until 2026-06-01"})
			o.one("ann@example.org")
		})
	}
}

// Nothing that somebody else wrote reaches the person in whose name they wrote.
func TestHostile82NoWordsOfTheForger(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]written{
		"prose":          {body: "CHEAP PILLS at http://pills.example.net/ today"},
		"two lines":      {body: "CHEAP PILLS\nhttp://pills.example.net/\n"},
		"the subject":    {subject: "CHEAP PILLS at http://pills.example.net/"},
		"a name":         {body: "set name CHEAP PILLS http://pills.example.net/"},
		"words":          {body: "search CHEAP PILLS http://pills.example.net/"},
		"a link":         {body: "get http://pills.example.net/CHEAP-PILLS"},
		"a Message-ID":   {body: "mute CHEAP-PILLS@pills.example.net"},
		"a list":         {body: "subscribe CHEAP PILLS"},
		"a zone":         {body: "set hours 08:00-18:00 CHEAP-PILLS"},
		"help and words": {body: "help\nCHEAP PILLS\nwhich\n"},
		"a courtesy":     {body: "Hello PILLS\nwhich\n"},
		"a display name": {from: "CHEAP PILLS <" + victim + ">", to: "dev-subscribe@lists.example.org"},
		"both":           {subject: "subscribe", body: "pause until PILLS\nset delivery PILLS\ncatchup PILLS\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t)
			w.unproven = true
			if w.from == "" {
				w.from = victim
			}
			if w.to == "" {
				w.to = request
			}
			want := 1
			if err := o.send(w); list.KindOf(err) == list.Refused && err != nil {
				want = 0 // no command in it: their own server tells them, if it is they
			} else if err != nil {
				t.Fatal(err)
			}
			o.work()
			letters := o.inbox(victim)
			if len(letters) != want {
				t.Errorf("%d letters: %s", len(letters), subjects(letters))
			}
			for _, l := range letters {
				if raw := strings.ToLower(string(l.raw) + l.text()); strings.Contains(raw, "pills") {
					t.Errorf("%s", l.raw)
				}
			}
		})
	}
}
