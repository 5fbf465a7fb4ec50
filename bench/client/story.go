package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// The people of the story; op owns the list.
const (
	ann = "ann@example.org"
	bo  = "bo@example.org"
	op  = "op@example.org"
)

var names = map[string]string{ann: "Ann Example", bo: "Bo Binder"}

const dev = "dev@lists.example.org"

// story is what happens. The first thing that is not as it should be ends it:
// all that follows does nothing.
type story struct {
	*world
	err     error
	welcome map[string]mail
	copies  map[string]mail // the last one
	shown   map[string]bool // kinds of mails of which the fields of a list were shown
}

func (s *story) tell() error {
	s.welcome, s.copies, s.shown = map[string]mail{}, map[string]mail{}, map[string]bool{}
	for _, scene := range []struct {
		title string
		play  func()
	}{
		{"Ann joins with an empty mail, Bo with a command", s.join},
		{"Bo posts, Ann answers", s.post},
		{"Ann mutes the thread; a new subject does not bring it back", s.mute},
		{"Ann answers the welcome mail with commands; what it quotes is not run", s.command},
		{"Ann's digest comes by itself", s.digest},
		{"Ann pauses; nothing comes, then one mail that tells what was", s.pause},
		{"Bo finds an old thread", s.find},
		{"Bo leaves by one click, and comes back by a reply", s.click},
		{"Ann leaves by mail, and comes back by a reply", s.leave},
		{"Bo leaves by the mail address in the header", s.mailto},
		{"A stranger asks for help", s.help},
	} {
		if s.err == nil {
			fmt.Fprintf(s.out, "\n\n==== %s (%s on the server's clock)\n", scene.title, s.clock.now().Format("Mon 2 Jan 15:04"))
			scene.play()
		}
		if s.err != nil {
			return fmt.Errorf("%s: %w", scene.title, s.err)
		}
	}
	fmt.Fprintln(s.out, "\n\n==== All went as it should")
	return nil
}

func (s *story) join() {
	s.send(ann, street, "dev-join@lists.example.org", "", "")
	m := s.gets(ann, "do you want to join?")
	s.has(m, "From: dev list <dev-request@lists.example.org>", "in the name of "+ann, "reply to this mail", "do nothing", "Auto-Submitted: auto-replied")
	s.has(m, "Reply-To: <dev+confirm-")
	s.reply(ann, m, "yes")
	s.welcome[ann] = s.gets(ann, "welcome")
	s.has(s.welcome[ann], "An answer often takes a day", "dev-unsubscribe@lists.example.org", site+"/dev/", "each post", "Reply-To: <dev+me-")

	s.send(bo, street, "dev-request@lists.example.org", "hello", "subscribe please\n\nThanks\nBo\n")
	s.reply(bo, s.gets(bo, "do you want to join?"), "")
	s.welcome[bo] = s.gets(bo, "welcome")
}

func (s *story) post() {
	in := s.send(bo, provider, dev, "Which pump?", "Hello all,\n\nwhich pump is the quiet one?\n\n-- \nBo\n")
	first := s.gets(ann, "Which pump?")
	s.sameText(first, in)
	s.has(first, "List-Id: \"Where the pumps are talked over\" <dev.lists.example.org>", "List-Post: <mailto:"+dev+">",
		"List-Help: <mailto:dev-help@lists.example.org>", "List-Subscribe: <mailto:dev-subscribe@lists.example.org>",
		"List-Unsubscribe: <"+site+"/u/", "<mailto:dev+leave-", "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
		"List-Archive: <"+site+"/dev/>", "Archived-At: <"+site+"/dev/", "Message-ID: "+in.value("message-id"), "From: Bo Binder <"+bo+">")
	s.sameText(s.gets(bo, "Which pump?"), in)

	in = s.toList(ann, first, "The blue one.")
	s.has(in, "To: "+dev, "In-Reply-To: "+first.value("message-id"))
	s.copies[ann] = s.gets(ann, "Re: Which pump?")
	s.sameText(s.copies[ann], in)
	s.copies[bo] = s.gets(bo, "Re: Which pump?")
	s.sameText(s.copies[bo], in)
}

func (s *story) mute() {
	s.redirect(ann, s.copies[ann], "dev-request@lists.example.org", "mute")
	m := s.gets(ann, "are these commands yours?")
	s.has(m, "mute", "in the name of "+ann, "do nothing")
	s.reply(ann, m, "yes, they are")
	s.has(s.gets(ann, "your commands"), "No more mail from this thread:", "Which pump?")

	in := s.toList(bo, s.copies[bo], "~s Blue paint\nThen which paint is it?")
	s.has(in, "Subject: Blue paint", "In-Reply-To: "+s.copies[bo].value("message-id"))
	s.gets(bo, "Blue paint")
	s.send(bo, provider, dev, "A new hose", "Is this one any good?\n")
	s.gets(bo, "A new hose")
	s.gets(ann, "A new hose") // and nothing before it
}

func (s *story) command() {
	in := s.reply(ann, s.welcome[ann], "Hello,\n\nset own no\nset name Ann of the Hoses\nset delivery daily\nwhich\nmake coffee\n\nThanks\nAnn")
	s.has(in, "> unsubscribe", "To: dev+me-")
	m := s.gets(ann, "your commands")
	s.has(m, "own is now: no", "name is now: Ann of the Hoses", "You get a digest once a day.", "delivery daily", "This is not a command here", "make coffee")
	s.lacks(m, "not subscribed", "goodbye")
}

func (s *story) digest() {
	one := s.send(bo, provider, dev, "Leaks", "From here on it leaks.\n.\n..two dots\n\nGrößer als gestern.  \n-- \nBo\n")
	s.gets(bo, "Leaks")
	two := s.send(bo, provider, dev, "No leaks", "--=_not-a-boundary\n\nIt was the tap.\n")
	s.gets(bo, "No leaks")
	for left := [][]byte{one.raw, two.raw}; len(left) > 0 && s.err == nil; { // a slot may fall between the two
		m := s.gets(ann, "dev: ")
		s.has(m, "To: "+dev, "Content-Type: multipart/mixed", "List-Unsubscribe: <"+site, "List-Unsubscribe-Post: ", "reply as always")
		found := 0
		for found < len(left) && bytes.Contains(m.raw, []byte("\r\n\r\n"+string(left[found])+"\r\n--")) {
			found++
		}
		if found == 0 && s.err == nil {
			s.err = errors.New("the digest does not have the next post in it, byte for byte")
		}
		left = left[found:]
	}
}

func (s *story) pause() {
	day := s.clock.now().Add(12 * time.Hour).Truncate(24 * time.Hour).Add(24 * time.Hour)
	date := day.Format(time.DateOnly)
	s.reply(ann, s.welcome[ann], "set delivery each\nset own yes\npause until "+date)
	s.has(s.gets(ann, "your commands"), "You get each post", date)
	s.send(bo, provider, dev, "While you were away", "The hose burst.\n")
	s.gets(bo, "While you were away")
	m := s.gets(ann, "what happened since")
	s.has(m, "While you were away", "The hose burst.", site+"/dev/")
	s.has(m, " To: "+ann) // not to the list: whoever answers to all would post there
	if now := s.clock.now(); now.Before(day) && s.err == nil {
		s.err = fmt.Errorf("the catch-up came at %s, before the pause ended", now)
	}
	s.reply(ann, m, "which")
	s.has(s.gets(ann, "your commands"), "delivery each")
	s.send(bo, provider, dev, "Good to have you back", "All is dry again.\n")
	s.gets(bo, "Good to have you back")
	s.gets(ann, "Good to have you back")
}

func (s *story) find() {
	s.reply(bo, s.welcome[bo], "search quiet pump\nget thread 1")
	m := s.gets(bo, "your commands")
	s.has(m, "1. Bo Binder: Which pump?", site+"/dev/", "dev-1.mbox")
	s.has(mail{body: s.open(m)}, "Which pump?", "Re: Which pump?", "Blue paint")
	s.reply(bo, m, "catchup 2 weeks")
	s.has(s.gets(bo, "what happened since"), "Which pump?", "Blue paint")
}

func (s *story) click() {
	s.send(ann, provider, dev, "Tea?", "Who brings the tea?\n")
	s.gets(ann, "Tea?")
	s.copies[bo] = s.gets(bo, "Tea?")
	link, _, _ := strings.Cut(strings.TrimPrefix(s.copies[bo].value("list-unsubscribe"), "<"), ">")
	s.has(mail{body: s.visit(link)}, "dev@lists.example.org", bo, "Tea?")
	s.visit(link, "--request", "POST", "--data", "List-Unsubscribe=One-Click")
	m := s.gets(bo, "goodbye")
	s.has(m, bo, "To come back, reply to this mail")
	s.reply(bo, m, "I did not mean to")
	s.gets(bo, "welcome")
}

func (s *story) leave() {
	s.send(ann, street, "dev-leave@lists.example.org", "", "")
	m := s.gets(ann, "do you want to leave?")
	s.has(m, "in the name of "+ann, "To stay, do nothing")
	s.send(bo, provider, dev, "Still here?", "Ann has not answered yet.\n")
	s.gets(bo, "Still here?")
	s.gets(ann, "Still here?")
	s.reply(ann, m, "")
	m = s.gets(ann, "goodbye")
	s.reply(ann, m, "back please")
	s.gets(ann, "welcome")
	s.send(bo, provider, dev, "Again", "Hello again.\n")
	s.copies[bo] = s.gets(bo, "Again")
	s.gets(ann, "Again")
}

func (s *story) mailto() {
	_, address, _ := strings.Cut(s.copies[bo].value("list-unsubscribe"), "<mailto:")
	address, _, _ = strings.Cut(address, ">")
	s.send(bo, street, address, "", "")
	s.gets(bo, "goodbye")
	s.send(ann, provider, dev, "Alone", "Is anybody there?\n")
}

func (s *story) help() {
	s.send(bo, street, "dev-help@lists.example.org", "", "")
	s.has(s.gets(bo, "what you can do by mail"), "pause until DATE", "dev-request@lists.example.org")
	s.gets(ann, "Alone") // from the scene before: Bo, who left, got nothing
}
