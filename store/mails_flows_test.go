package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/message"
)

// mailroom is an office whose mails are kept as golden files.
type mailroom struct {
	*office
	language string
	kept     func(name string, l letter)
}

// flow is a way through the office that makes mails of ours.
type flow struct {
	name string
	run  func(m *mailroom)
}

// flows bring every mail about at least once.
var flows = []flow{
	{"join", (*mailroom).joins}, {"join by approval", (*mailroom).joinsByApproval}, {"join in vain", (*mailroom).joinsInVain},
	{"invitation", (*mailroom).isInvited}, {"leave", (*mailroom).leaves}, {"commands", (*mailroom).commands},
	{"reading", (*mailroom).reads}, {"help", (*mailroom).asksForHelp}, {"digests", (*mailroom).digests}, {"pause", (*mailroom).pauses},
	{"catch-up", (*mailroom).catchesUp}, {"acknowledgement", (*mailroom).isThanked}, {"dead address", (*mailroom).isDead},
	{"complaint", (*mailroom).complains}, {"unwanted", (*mailroom).isUnwanted}, {"held", (*mailroom).holds},
}

// open is the list in the mailroom's language; words are for it in both.
func (m *mailroom) open(t *testing.T, options ...string) {
	customs := "Please quote only what you answer. Most questions are answered within a day."
	description := "Building small boats"
	if m.language == "de" {
		customs = "Bitte nur zitieren, worauf Sie antworten. Die meisten Fragen sind nach einem Tag beantwortet."
		description = "Kleine Boote bauen"
	}
	m.office = openOffice(t, append([]string{"language=" + m.language, "customs=" + customs, "description=" + description}, options...)...)
}

func (m *mailroom) keep(name, address string) letter {
	m.Helper()
	l := m.one(address)
	m.kept(name, l)
	return l
}

func (m *mailroom) joins() {
	m.open(m.T)
	m.say(written{from: "ann@example.org", to: "dev-join@lists.example.org", unproven: true})
	m.answer(m.keep("confirm-join", "ann@example.org"), "ann@example.org", "ok", true)
	m.keep("welcome", "ann@example.org")
	m.command("ann@example.org", "subscribe")
	m.keep("already-member", "ann@example.org")
}

func (m *mailroom) joinsByApproval() {
	m.open(m.T, "join=approval", "moderators=mod@example.org")
	m.say(written{from: "ann@example.org", to: "dev-join@lists.example.org"})
	m.keep("wait-approval", "ann@example.org")
	ask := m.keep("approve-join", "mod@example.org")
	m.one("owner@example.org")
	no := strings.Fields(ask.text()[strings.Index(ask.text(), "dev+no-"):])[0]
	m.say(written{from: "mod@example.org", to: no})
	m.keep("join-refused-by-moderator", "ann@example.org")
}

func (m *mailroom) joinsInVain() {
	for _, join := range []string{"closed", "invitation"} {
		m.open(m.T, "join="+join)
		m.say(written{from: "ann@example.org", to: "dev-join@lists.example.org"})
		m.keep("join-refused-"+join, "ann@example.org")
	}
}

func (m *mailroom) isInvited() {
	m.open(m.T, "join=invitation")
	for _, one := range [][2]string{{"ann@example.org", "Bo Example"}, {"cy@example.org", ""}} {
		if _, _, err := m.desk.Invite(context.Background(), m.list.ID, []message.Address{{Addr: one[0]}}, one[1]); err != nil {
			m.Fatal(err)
		}
		m.work()
	}
	invitation := m.keep("invitation", "ann@example.org")
	m.keep("invitation-of-the-owners", "cy@example.org")
	m.answer(invitation, "ann@example.org", "gladly", true)
	m.one("ann@example.org") // the welcome
}

func (m *mailroom) leaves() {
	m.open(m.T)
	m.members("ann@example.org")
	m.say(written{from: "ann@example.org", to: "dev-leave@lists.example.org", unproven: true})
	m.answer(m.keep("confirm-leave", "ann@example.org"), "ann@example.org", "yes", true)
	m.keep("goodbye", "ann@example.org")
	m.say(written{from: "eve@example.org", to: "dev-leave@lists.example.org", unproven: true})
	m.answer(m.one("eve@example.org"), "eve@example.org", "yes", true)
	m.keep("not-member", "eve@example.org")
}

func (m *mailroom) commands() {
	m.open(m.T)
	m.members("ann@example.org")
	m.say(written{from: "ann@example.org", to: "dev-request@lists.example.org", body: "set delivery daily\npause until 2026-03-20\nwhich", unproven: true})
	m.answer(m.keep("confirm-commands", "ann@example.org"), "ann@example.org", "ok", true)
	m.keep("reply-rhythm", "ann@example.org")
	m.command("ann@example.org", "resume\nset hours 8-18 Europe/Berlin\nset name Ann Example\nset ack yes\nset own no")
	m.kept("reply-settings", m.inbox("ann@example.org")[0]) // the catch-up comes, too
	m.command("ann@example.org", "pause\nset delivery hourly\nmute 17\nabracadabra\nget 17")
	m.keep("reply-mistakes", "ann@example.org")
	m.command("eve@example.org", "set delivery daily\nwhich\nunsubscribe\nwho")
	m.keep("reply-to-a-stranger", "eve@example.org")
	for _, delivery := range []string{"first", "followed", "weekly plain", "summary", "none"} {
		m.command("ann@example.org", "set delivery "+delivery+"\nresume")
		m.keep("reply-"+strings.Fields(delivery)[0], "ann@example.org")
	}
}

// threads is a small archive, as written on one day.
func (m *mailroom) threads() {
	m.Helper()
	words := map[bool][]string{
		false: {"Which glue for the keel?", "I have oak and larch here.\nWhich glue holds both under water?", "Epoxy holds both, if the oak is dry.", "Trip to the yard on Sunday", "Who comes along? We meet at nine."},
		true:  {"Welcher Leim für den Kiel?", "Ich habe Eiche und Lärche hier.\nWelcher Leim hält beides unter Wasser?", "Epoxid hält beides, wenn die Eiche trocken ist.", "Ausflug zur Werft am Sonntag", "Wer kommt mit? Wir treffen uns um neun."},
	}[m.language == "de"]
	utf8 := []string{"MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"}
	post := func(from, subject, body string, fields ...string) {
		m.clock.pass(time.Hour)
		m.say(written{from: from, to: m.list.Address, subject: subject, body: body, fields: append(fields, utf8...)})
	}
	post("Bo Example <bo@example.org>", words[0], words[1])
	first := fmt.Sprintf("m%d@example.org", m.numbers)
	post("cy@example.org", "Re: "+words[0], "> "+strings.ReplaceAll(words[1], "\n", "\n> ")+"\n\n"+words[2], "In-Reply-To: <"+first+">")
	post("Bo Example <bo@example.org>", words[3], words[4])
}

func (m *mailroom) reads() {
	m.open(m.T, "post=anyone", "roster=members")
	m.members("ann@example.org", "bo@example.org")
	m.threads()
	m.inbox("ann@example.org")
	m.command("ann@example.org", "search "+map[string]string{"en": "glue", "de": "Leim"}[m.language]+"\nmute 1\nfollow 3\nlists\nwho")
	m.keep("reply-reading", "ann@example.org")
	m.command("ann@example.org", "get thread 1\nunmute 1\nunfollow 3\nsearch abracadabra")
	m.keep("reply-with-a-thread", "ann@example.org")
}

func (m *mailroom) asksForHelp() {
	m.open(m.T)
	m.say(written{from: "ann@example.org", to: "dev-help@lists.example.org", unproven: true})
	m.keep("help", "ann@example.org")
	m.command("bo@example.org", "info")
	m.keep("info", "bo@example.org")
}

func (m *mailroom) digests() {
	m.open(m.T, "post=anyone", "digest_at=06:00 Europe/Berlin")
	for _, one := range [][2]string{{"ann@example.org", "daily"}, {"cem@example.org", "daily plain"}, {"dee@example.org", "summary"}, {"eli@example.org", "weekly"}} {
		m.members(one[0])
		m.command(one[0], "set delivery "+one[1])
		m.one(one[0])
	}
	m.threads()
	m.clock.pass(24 * time.Hour)
	m.work()
	m.keep("digest", "ann@example.org")
	m.keep("digest-plain", "cem@example.org")
	m.keep("summary", "dee@example.org")
	m.clock.pass(7 * 24 * time.Hour)
	m.work()
	m.keep("digest-weekly", "eli@example.org")
}

func (m *mailroom) pauses() {
	m.open(m.T, "post=anyone")
	m.members("ann@example.org", "eli@example.org")
	for _, address := range []string{"ann@example.org", "eli@example.org"} {
		m.command(address, "pause until 2026-03-09")
		m.one(address)
	}
	m.threads()
	m.command("eli@example.org", "mute 1\nmute 3")
	m.inbox("eli@example.org")
	m.clock.pass(7 * 24 * time.Hour)
	m.work()
	m.keep("catchup", "ann@example.org")
	m.keep("catchup-of-nothing", "eli@example.org")
}

func (m *mailroom) catchesUp() {
	m.open(m.T, "post=anyone")
	m.members("ann@example.org")
	m.threads()
	m.inbox("ann@example.org")
	m.command("ann@example.org", "catchup 2 weeks")
	m.keep("catchup-on-request", "ann@example.org")
}

func (m *mailroom) isThanked() {
	m.open(m.T)
	m.members("ann@example.org")
	m.command("ann@example.org", "set ack yes\nset own no")
	m.one("ann@example.org")
	m.post("ann@example.org", "On keels")
	m.keep("ack", "ann@example.org")
}

func (m *mailroom) isDead() {
	m.open(m.T)
	m.members("ann@example.org", "bo@example.org")
	dead := func(l letter) *list.Answer {
		if l.to != "ann@example.org" || l.Count("Received") == 0 { // it takes what is no post
			return nil
		}
		return &list.Answer{Outcome: list.Bounced, Code: 550, Enhanced: "5.1.1", Text: "No such user here (RCPT TO)"}
	}
	m.refuse = dead
	for i := range 3 {
		m.post("bo@example.org", fmt.Sprintf("On keels %d", i))
		m.clock.pass(24 * time.Hour)
	}
	probe := m.keep("probe", "ann@example.org")
	m.say(written{null: true, from: "mailer-daemon@example.org", to: probe.sender, subject: "Undelivered", fields: []string{
		"MIME-Version: 1.0", `Content-Type: multipart/report; report-type=delivery-status; boundary="b"`}, body: deadReport})
	m.keep("suspended", "ann@example.org")
	m.keep("suspended-owner", "owner@example.org")
}

const deadReport = `--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org

Final-Recipient: rfc822; ann@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 No such user here

--b--`

const abuseReport = `--b
Content-Type: text/plain

Somebody pressed a button.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1

--b
Content-Type: text/rfc822-headers

From: bo@example.org
Subject: On keels

--b--`

func (m *mailroom) complains() {
	m.open(m.T)
	m.members("ann@example.org", "bo@example.org")
	m.post("bo@example.org", "On keels")
	post := m.one("ann@example.org")
	m.say(written{null: true, from: "fbl@example.org", to: post.sender, subject: "Complaint", fields: []string{
		"MIME-Version: 1.0", `Content-Type: multipart/report; report-type=feedback-report; boundary="b"`}, body: abuseReport})
	m.keep("complaint", "owner@example.org")
	m.empty("ann@example.org") // a goodbye would be one more unwanted mail
}

func (m *mailroom) isUnwanted() {
	m.open(m.T)
	var people []string
	for i := range 12 {
		people = append(people, fmt.Sprintf("p%02d@example.com", i))
	}
	m.members(append(people, "bo@example.org")...)
	tries := 0
	m.refuse = func(l letter) *list.Answer {
		if !strings.HasSuffix(l.to, "@example.com") {
			return nil
		}
		if tries++; tries > 10 {
			return &list.Answer{Outcome: list.Later, Code: 451, Text: "later", Due: m.clock.time().Add(time.Hour)}
		}
		return &list.Answer{Outcome: list.Bounced, Code: 550, Enhanced: "5.7.1", Text: "Message rejected as unwanted"}
	}
	m.post("bo@example.org", "On keels")
	m.keep("unwanted", "owner@example.org")
}

func (m *mailroom) holds() {
	m.open(m.T)
	m.say(written{from: "eve@example.org", to: m.list.Address, subject: "Cheap paint", body: "Buy it."})
	m.keep("held", "owner@example.org")
	held, err := m.desk.ListHeld(context.Background(), m.list.ID)
	if err != nil || len(held) != 1 {
		m.Fatalf("%v, %v", held, err)
	}
	reason := map[string]string{"en": "This list is about boats, not about paint.", "de": "Auf dieser Liste geht es um Boote, nicht um Farbe."}[m.language]
	if _, err := m.desk.RejectHeld(context.Background(), held[0].ID, reason); err != nil {
		m.Fatal(err)
	}
	m.work()
	m.keep("rejected", "eve@example.org")
}
