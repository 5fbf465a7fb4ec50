package list

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Answered is one command with the lines that answer it, for the template "reply".
type Answered struct {
	Command string
	Lines   []string
}

// attached is a file that goes with an answer.
type attached struct {
	name string
	data []byte
}

// runCommands carries out the commands of somebody who is proven, and answers
// all of them in one mail. Over the limit of a day only what changes something is
// done, without a word.
func (c *caller) runCommands() (note, error) {
	ok, err := c.within(c.tx, []limit{{"replied", countedAs(c.who.Addr), repliesADay, 24 * time.Hour}})
	if err != nil {
		return note{}, err
	}
	c.mute = !ok
	return c.reply()
}

// reply carries out the commands, each on its own, and answers them. Where one
// says all there is to say in a mail of its own, there is no reply besides.
func (c *caller) reply() (note, error) {
	var answers []Answered
	var files []attached
	for i, one := range c.Commands {
		if slices.ContainsFunc(c.Commands[:i], one.repeats) || c.mute && !one.changes() {
			continue // it is answered already, or not at all
		}
		var f finding
		if i < len(c.findings) {
			f = c.findings[i]
		}
		lines, file, err := c.answer(one, f)
		if err != nil {
			return note{}, fmt.Errorf("%s: %w", one.Verb, err)
		}
		if file != nil {
			files = append(files, *file)
		}
		if len(lines) > 0 {
			answers = append(answers, Answered{one.Line, lines})
		}
	}
	n := note{event: "commands", about: []any{"count", len(c.Commands), "answered", !c.mute}}
	if len(answers) == 0 || c.mute {
		return n, nil
	}
	replyTo := c.list.role(ToRequest) // without proof members and strangers get the same
	if c.proven {
		m, _, err := c.tx.FindMember(c.list.ID, c.who.Addr)
		if err != nil {
			return n, err
		}
		replyTo = c.replyTo(c.list, m)
	}
	mail := notice{List: c.list, To: []string{c.who.Addr}, Template: "reply", ReplyTo: replyTo, InReplyTo: c.MessageID,
		Data: map[string]any{"Answers": answers}}
	if len(c.Commands) == 1 && (c.Commands[0].Verb == DoHelp || c.Commands[0].Verb == DoInfo) {
		mail.Template, mail.Data = c.standing(c.Commands[0].Verb)
	}
	if len(files) > 0 {
		mail.Body = func(words string) Content { return withFiles(words, files) }
	}
	_, err := c.mail(c.tx, mail)
	return n, err
}

// repeats tells whether a command of the same mail asks for the same. Lines
// that say nothing are compared as they are.
func (one Command) repeats(before Command) bool {
	return sameCommand(one, before) && (one.Line == before.Line || one.Verb != NotUnderstood && one.Problem == "")
}

// answer carries out one command. No lines: it has an answer of its own.
func (c *caller) answer(one Command, f finding) (lines []string, file *attached, err error) {
	if one.Problem != "" {
		return []string{problemIn(c.list.Language, one.Problem) + "."}, nil, nil
	}
	switch one.Verb {
	case NotUnderstood:
		return c.say("not understood"), nil, nil
	case DoHelp, DoInfo:
		lines, err = c.standingLines(one.Verb)
	case DoLists:
		lines, err = c.lists()
	case DoSubscribe:
		lines, err = c.subscribeNow()
	case DoUnsubscribe:
		lines, err = c.unsubscribeNow()
	case DoSearch, DoCatchUp, DoGet:
		return c.show(one, f)
	case DoWho:
		lines = c.whoLines(f)
	case DoWhich:
		lines, err = c.which()
	default:
		lines, err = c.change(one, f)
	}
	return lines, nil, err
}

// standing is a mail whose words depend on nobody: the help, the info.
func (c *caller) standing(v CommandVerb) (template string, data map[string]any) {
	l := c.list
	if v == DoHelp {
		return "help", map[string]any{"Request": l.role(ToRequest), "Docs": CommandDocs(l.Language), "More": ""}
	}
	post := l.Post
	return "info", map[string]any{"Description": l.Description, "Customs": l.Customs, "Archive": c.archiveLink(l),
		"Post": string(post), "Owner": l.role(ToOwner)}
}

func (c *caller) standingLines(v CommandVerb) ([]string, error) {
	template, data := c.standing(v)
	data["List"], data["Name"] = c.list.Address, c.list.Local()
	_, body, err := c.words(c.list.Address, c.list.Language, template, data)
	return strings.Split(strings.TrimSpace(body), "\n"), err
}

// lists shows those that everybody may know of.
func (c *caller) lists() ([]string, error) {
	all, err := c.tx.Lists()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, l := range all {
		if l.Removed || l.Archive != ArchivePublic {
			continue
		}
		lines = append(lines, "    "+l.Address)
		if l.Description != "" {
			lines = append(lines, "        "+clip(l.Description, 68))
		}
	}
	if len(lines) == 0 {
		return c.say("no lists"), nil
	}
	return lines, nil
}

func (c *caller) subscribeNow() ([]string, error) {
	if err := c.mayJoin(c.list, c.who.Addr); err != nil {
		return c.say("cannot join"), nil
	}
	_, err := c.join(c.tx, c.list, c.who, false)
	return nil, err // it has a mail of its own, whatever came of it
}

func (c *caller) unsubscribeNow() ([]string, error) {
	left, err := c.leave(c.tx, c.list, c.who.Addr)
	if err != nil || left {
		return nil, err
	}
	return c.say("not a member"), nil
}

// which tells a member of their lists on this site.
func (c *caller) which() ([]string, error) {
	all, err := c.tx.Memberships(c.who.Addr)
	if err != nil || len(all) == 0 {
		return c.say("on no list"), err
	}
	lists, err := c.tx.Lists()
	var lines []string
	for _, m := range all {
		i := slices.IndexFunc(lists, func(l List) bool { return l.ID == m.List })
		lines = append(lines, "    "+lists[i].Address)
		lines = append(lines, c.settings(m)...)
	}
	return lines, err
}

// settings are what a member has set, one a line, as they would be written.
func (c *caller) settings(m Member) []string {
	delivery := string(m.Delivery)
	if m.Plain && (m.Delivery == DeliverDaily || m.Delivery == DeliverWeekly) {
		delivery += " plain"
	}
	lines := []string{"        delivery " + delivery, "        own " + either(m.Own, "yes", "no"), "        acknowledgement " + either(m.Ack, "yes", "no")}
	if m.Hours != "" {
		lines = append(lines, "        hours "+string(m.Hours))
	}
	if m.Name != "" {
		lines = append(lines, "        name "+m.Name)
	}
	if m.Paused(c.now()) {
		lines = append(lines, "        pause until "+m.PausedUntil.Format(time.DateOnly))
	}
	if m.State == Suspended {
		lines = append(lines, "        suspended")
	}
	return lines
}

func (c *caller) whoLines(f finding) []string {
	if len(f.lines) == 0 {
		return c.say("roster closed")
	}
	if f.more {
		return append(f.lines, c.say("more")...)
	}
	return f.lines
}

// show answers what only reads: get, search, catchup.
func (c *caller) show(one Command, f finding) ([]string, *attached, error) {
	if f.shut {
		return c.say("members get"), nil, nil
	}
	if len(f.posts) == 0 {
		return c.say("nothing found"), nil, nil
	}
	switch one.Verb {
	case DoGet:
		name := c.list.Local() + "-" + fmt.Sprint(f.post.Number) + ".mbox"
		lines := c.say("attached", len(f.posts), name)
		if f.more {
			lines = append(lines, c.say("more")...)
		}
		return lines, &attached{name, f.mbox}, nil
	case DoCatchUp:
		return nil, nil, c.sendCatchUp(f, c.now().Add(-one.Period))
	}
	var lines []string
	for _, p := range f.posts {
		from := p.FromName
		if from == "" {
			from = p.FromAddr
		}
		lines = append(lines, fmt.Sprintf("    %d. %s: %s", p.Number, from, clip(p.Subject, 100)))
		if link := c.site.PostURL(c.list, p.Key); link != "" && c.list.Archive == ArchivePublic {
			lines = append(lines, "        "+link)
		}
	}
	return append(lines, c.say("get one")...), nil, nil
}

func (c *caller) sendCatchUp(f finding, since time.Time) error {
	m, _, err := c.tx.FindMember(c.list.ID, c.who.Addr)
	if err != nil {
		return err
	}
	_, err = c.mail(c.tx, notice{List: c.list, To: []string{c.who.Addr}, Template: "catchup", ReplyTo: c.replyTo(c.list, m), InReplyTo: c.MessageID,
		Data: c.catchUpData(c.list, digestRows(f.posts, f.texts), since, c.now(), f.left)})
	return err
}

// change is the commands that change what a member gets.
func (c *caller) change(one Command, f finding) ([]string, error) {
	m, known, err := c.tx.FindMember(c.list.ID, c.who.Addr)
	if err != nil {
		return nil, err
	}
	if !known || m.State != Active {
		return c.say("not a member"), nil
	}
	switch one.Verb {
	case DoSet:
		return c.set(&m, one)
	case DoPause:
		if !one.Until.After(c.now()) { // it was confirmed late
			return c.say("day over", one.Until.Format(time.DateOnly)), nil
		}
		if m.Delivery == DeliverNone {
			return c.say("nothing to pause"), nil
		}
		return c.say("paused", one.Until.Format(time.DateOnly)), c.pause(c.tx, &m, one.Until)
	case DoResume:
		ended, err := c.resume(c.tx, &m)
		return c.say(either(ended, "resumed", "no pause")), err
	}
	if f.post.Thread == 0 {
		return c.say("no such post"), nil
	}
	mark := map[CommandVerb]Mark{DoMute: Mute, DoFollow: Follow}[one.Verb]
	return c.say(string(one.Verb), clip(f.post.Subject, 100)), c.tx.SetMark(m, f.post, mark)
}

// set changes one setting of a member.
func (c *caller) set(m *Member, one Command) ([]string, error) {
	if err := c.setMember(c.tx, m, one.Setting, one.Value); err != nil {
		if TextOf(err) == "" {
			return nil, err
		}
		return []string{problemIn(c.list.Language, TextOf(err)) + "."}, nil
	}
	if one.Setting == SettingDelivery {
		return c.say("delivery " + string(m.Delivery)), nil
	}
	return c.say("set", one.Setting, either(one.Value == "", "off", one.Value)), nil
}

// say is a line of an answer in the list's language.
func (c *caller) say(key string, args ...any) []string { return sayIn(c.list.Language, key, args...) }
