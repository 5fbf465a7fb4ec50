package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parley/list"
)

// advert is a mail to an address that a copy names, and what comes of it.
type advert struct {
	from    string
	answers string // who gets mail because of it
	subject string
}

// TestAdvertisedAddressesAnswer: each address and each link in the fields of a
// copy does what its field says, in personal and in shared copies.
func TestAdvertisedAddressesAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, copies string
		links        int // in all fields of a copy
	}{{"talk", "personal", 8}, {"all", "shared", 7}} {
		t.Run(c.copies, func(t *testing.T) {
			t.Parallel()
			h := openHouse(t, fmt.Sprintf("[[list]]\naddress = \"%s@lists.example.org\"\ncopies = %q\nowners = [\"owner@example.org\"]\nmembers = [\"ann@example.org\", \"bo@example.org\"]\n", c.name, c.copies))
			h.post("ann@example.org", c.name+"@lists.example.org", "1@example.org", "")
			for _, reader := range []string{"ann@example.org", "bo@example.org"} {
				l := h.letter(reader, "About 1@example.org")
				if n := h.follow(l, reader, c.name); n != c.links {
					t.Errorf("%s: %d links answered, not %d:\n%s", reader, n, c.links, l.raw)
				}
			}
		})
	}
}

// follow goes to every address and link of a copy, and counts them.
func (h *house) follow(l letter, reader, name string) (links int) {
	h.t.Helper()
	user, _, _ := strings.Cut(reader, "@")
	// What leaves comes last: before it, everybody is a member.
	for _, field := range []string{"List-Help", "List-Subscribe", "List-Owner", "List-Archive", "Archived-At", "List-Post", "List-Unsubscribe"} {
		for _, link := range l.links(field) {
			links++
			u, err := url.Parse(link)
			if err != nil {
				h.t.Fatal(err)
			}
			if u.Scheme != "mailto" {
				h.opens(u)
				continue
			}
			topic := "To " + field + " of " + user
			want := map[string]advert{
				"List-Help":        {reader, reader, name + ": what you can do by mail"},
				"List-Subscribe":   {"new-" + reader, "new-" + reader, name + ": welcome"},
				"List-Owner":       {"new-" + reader, "owner@example.org", topic},
				"List-Post":        {reader, reader, topic},
				"List-Unsubscribe": {reader, reader, name + ": goodbye"},
			}[field]
			// The token in a leaving address is proof, whoever uses it.
			h.write(written{from: want.from, to: u.Opaque, subject: topic, stranger: strings.Contains(u.Opaque, "+leave-"),
				fields: []string{"Message-ID: <" + field + "-" + reader + ">"}})
			h.letter(want.answers, want.subject)
		}
	}
	return links
}

// opens wants an answer of the house at a link of its site.
func (h *house) opens(u *url.URL) {
	h.t.Helper()
	if u.Scheme+"://"+u.Host != "https://lists.example.org" {
		h.t.Errorf("a link to %s", u)
	}
	if code, body := h.get(u.RequestURI()); code != http.StatusOK {
		h.t.Errorf("%s answers %d:\n%s", u.Path, code, body)
	}
}

// TestEveryAddressOfAListAnswers: those of people, those of commands, in both
// spellings, and those of bounces, which no mail ever comes back from.
func TestEveryAddressOfAListAnswers(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	for i, c := range []struct{ address, answers, subject string }{
		{"dev-owner", "owner@example.org", ""}, {"dev+owner", "owner@example.org", ""},
		{"postmaster", "op@example.org", ""}, {"abuse", "op@example.org", ""},
		{"dev-help", "", "dev: what you can do by mail"}, {"dev+help", "", "dev: what you can do by mail"},
		{"dev-request", "", "dev: your commands"}, {"dev+request", "", "dev: your commands"},
		{"dev-join", "", "dev: welcome"}, {"dev+join", "", "dev: welcome"},
		{"dev-subscribe", "", "dev: welcome"}, {"dev+subscribe", "", "dev: welcome"},
		{"dev-leave", "", "dev: your commands"}, {"dev+leave", "", "dev: your commands"},
		{"dev-unsubscribe", "", "dev: your commands"}, {"dev+unsubscribe", "", "dev: your commands"},
	} {
		who := fmt.Sprintf("p%d@example.org", i)
		w := written{from: who, to: c.address + "@lists.example.org", subject: fmt.Sprintf("which (%d)", i)}
		if c.answers == "" {
			c.answers = who
		} else {
			c.subject = w.subject
		}
		h.write(w)
		h.letter(c.answers, c.subject)
	}
	h.post("ann@example.org", "dev@lists.example.org", "1@example.org", "")
	sender, _, _ := strings.Cut(strings.TrimPrefix(h.letter("bo@example.org", "About 1@example.org").Get("Return-Path"), "<"), ">")
	if !strings.HasPrefix(sender, "dev+bounce-") {
		t.Errorf("copies come from %s", sender)
	}
	h.settled()
	before := h.count()
	for _, address := range []string{sender, "dev-bounces@lists.example.org", "dev+bounces@lists.example.org"} {
		h.write(written{from: "mailer-daemon@mx.example.com", to: address, subject: "Undelivered", null: true})
	}
	h.post("ann@example.org", "dev@lists.example.org", "2@example.org", "")
	h.letter("bo@example.org", "About 2@example.org")
	h.settled()
	if n := h.count() - before; n != 6 { // copies for ann, bo and the four who joined
		t.Errorf("%d mails went out, not 6", n)
	}
	h.wantState("bo@example.org", list.Active)
}
