package templates

import (
	"html/template"
	"time"
)

// Page is the view of one page.
type Page interface{ file() string }

// pages is a view of every page there is, filled so far that each part of its
// template is reached.
func pages() []Page {
	head := ListHead{Name: "dev", Href: "/dev/", Description: "About it", Address: "dev@lists.example.org", Mailto: "mailto:dev@lists.example.org"}
	frame := Frame{Title: "A page", Site: "lists.example.org", Home: "/", Style: "/style.css", Icon: "/favicon.ico",
		Canonical: "http://lists.example.org/", List: &head}
	at := Stamp{Machine: "2026-03-01T08:00:00Z", Human: "1 Mar 2026, 08:00 UTC"}
	post := Place{Anchor: "p1", Here: true, Parent: "g1", Name: "Ann", Address: "ann@example.org", Subject: "Another", At: at,
		Day: "1 Mar", Href: "/dev/a@example.org/", Raw: "/dev/a@example.org/raw", Reply: "mailto:dev@lists.example.org",
		Text: "<p>Hello</p>", Cut: true, Files: []File{{Href: "/f", Name: "f", Type: "text/plain", Size: "1 byte"}}}
	return append(subscriptions(frame),
		Lists{Frame: frame, Lists: []ListHead{head}},
		Threads{Frame: frame, Older: "/dev/?before=1-1", Newest: "/dev/", Threads: []ThreadLine{{Href: "/t", Subject: "A", From: "Ann", Posts: 2, Last: at}}},
		Thread{Frame: frame, Subject: "A", People: 2, Posts: 2, Span: "1 Mar 2026", Here: "p1", Places: []Place{{Anchor: "g1", Ghost: true}, post, post}},
		Problem{Frame: frame, Heading: "Nothing here", Text: "There is nothing."},
	)
}

// subscriptions is the page of a subscription in every state.
func subscriptions(frame Frame) []Page {
	mail := Mailbox{Href: "mailto:dev-request@lists.example.org", Address: "dev-request@lists.example.org"}
	s := Subscription{Frame: frame, To: "dev@lists.example.org", Address: "ann@example.org", State: "active", Delivery: "each",
		Subject: "A", Owner: mail, Request: mail}
	var out []Page
	for _, state := range []string{"active", "left", "removed", "suspended"} {
		s := s
		s.State, s.Did = state, "leave"
		out = append(out, s)
	}
	for _, delivery := range []string{"first", "followed", "daily", "weekly", "summary", "none"} {
		s := s
		s.Delivery, s.Rare, s.Muted = delivery, !s.Rare, true
		out = append(out, s)
	}
	for _, did := range []string{"", "join", "pause", "resume", "daily", "each", "mute", "unmute"} {
		s := s
		s.Did, s.Until, s.End = did, "8 March 2026", Stamp{Machine: "2026-03-08T08:00:00Z", Human: "8 Mar 2026, 08:00 UTC"}
		out = append(out, s)
	}
	return out
}

func (Lists) file() string        { return "lists.html" }
func (Threads) file() string      { return "threads.html" }
func (Thread) file() string       { return "thread.html" }
func (Subscription) file() string { return "subscription.html" }
func (Problem) file() string      { return "problem.html" }

// Frame is what every page has around it. Links are escaped where they are
// made, as paths need it.
type Frame struct {
	Title     string       // of the browser's tab
	Site      string       // name of the installation
	Home      template.URL // the page of all lists
	Style     template.URL
	Icon      template.URL
	Canonical template.URL // the one address of this page, whole; "" for none
	List      *ListHead    // the list that the page belongs to; nil for none
	Bare      bool         // the page is no part of the archive: search engines leave it out
}

// ListHead is a list as the pages below it show it.
type ListHead struct {
	Name        string
	Href        template.URL
	Description string
	Address     string
	Mailto      template.URL // "" where nobody may post
}

// Lists is the page of all lists.
type Lists struct {
	Frame
	Lists []ListHead
}

// Threads is one page of the threads of a list.
type Threads struct {
	Frame
	Threads []ThreadLine
	Older   template.URL // "" on the last page
	Newest  template.URL // "" on the first page
}

// ThreadLine is one thread of a list's page.
type ThreadLine struct {
	Href    template.URL
	Subject string
	From    string // who started it
	Posts   int
	Last    Stamp // the newest activity
}

// Stamp is a time as pages show it.
type Stamp struct {
	Machine string // RFC 3339
	Human   string // with its zone
}

// NewStamp is a time for people, to the minute, in UTC: an archive is read in
// all zones, years later.
func NewStamp(t time.Time) Stamp {
	t = t.UTC()
	return Stamp{Machine: t.Format(time.RFC3339), Human: t.Format("2 Jan 2006, 15:04") + " UTC"}
}

// Thread is the page of a whole thread.
type Thread struct {
	Frame
	Subject string
	People  int
	Posts   int
	Span    string // from the first day to the last
	Here    string // anchor of the post that was asked for; "" when it is the first of the page
	Places  []Place
}

// Place is one place of a thread, in reading order: a post, or the ghost of a
// missing one.
type Place struct {
	Anchor string
	Indent int // 0 to MaxIndent
	Ghost  bool
	Here   bool // the post that was asked for

	Parent     string // anchor of what it answers; "" for none
	ParentName string // who wrote that; "" when it is a ghost

	Name    string
	Address string // "" when it is not shown
	Subject string // "" when it is that of the thread
	At      Stamp
	Day     string // of At, short
	Href    template.URL
	Raw     template.URL
	Reply   template.URL // mailto; "" where nobody may post
	Text    template.HTML
	Cut     bool // the text goes on: it is too long for a page
	Files   []File
}

// MaxIndent is how many levels of answers are shown by indenting; deeper ones
// stay at the last one, so that a long exchange does not leave the page.
const MaxIndent = 6

// File is an attachment.
type File struct {
	Href template.URL
	Name string
	Type string
	Size string
}

// Subscription is the page that the unsubscribe link of a mail leads to. Its
// words follow State, Delivery, Until and Did; its form has no address of its
// own, so that the token stands nowhere on the page.
type Subscription struct {
	Frame
	To       string // the list's address
	Address  string // the member's
	State    string // active, left, removed, suspended
	Delivery string // each, first, followed, daily, weekly, summary, none
	Rare     bool   // posts come in a digest or not at all: each post is what can be chosen
	Until    string // the day a pause ends; "" for no pause
	End      Stamp  // the end of the pause
	Subject  string // of the thread that the link names; "" for none
	Muted    bool   // that thread
	Did      string // what was just done: leave, join, pause, ...; "" for nothing
	Owner    Mailbox
	Request  Mailbox
}

// Mailbox is an address that can be written to.
type Mailbox struct {
	Href    template.URL
	Address string
}

// Problem is the page of whatever went wrong.
type Problem struct {
	Frame
	Heading string
	Text    string
}
