package templates

import "time"

// mail is one mail that Parley writes: its name, when it goes out, and what
// its words can name.
type mail struct {
	name   string
	when   string // for doc/words.md
	fields []field
}

// field is one value of a mail, with a sample of it, and what stands there
// when there is nothing to say; a nil one is never missing.
type field struct {
	name   string
	what   string // for doc/words.md
	filled any
	bare   any
}

func (m mail) sample() map[string]any {
	data := map[string]any{}
	for _, f := range m.fields {
		data[f.name] = f.filled
	}
	return data
}

func (m mail) bare() map[string]any {
	data := m.sample()
	for _, f := range m.fields {
		if f.bare != nil {
			data[f.name] = f.bare
		}
	}
	return data
}

// Samples is the data of every mail by its name, made up, with every field
// filled in. It is made anew with every call.
func Samples() map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, m := range mails() {
		out[m.name] = m.sample()
	}
	return out
}

// The views below are what lists in the data of mails are made of. Any struct
// with fields of these names does as well.
type (
	// Answer is a command that somebody sent, with the lines that answer it.
	Answer struct {
		Command string
		Lines   []string
	}
	// Doc is one command of the help, as it is written and what it does.
	Doc struct{ Usage, Text string }
	// Topic is a thread of a digest, a summary or a catch-up.
	Topic struct {
		Subject string
		Posts   []Entry
	}
	// Entry is one post of a Topic.
	Entry struct {
		Number  int64
		From    string // name, or address
		Subject string // "" when it is that of the topic
		At      time.Time
		Lines   []string // the first ones of its text
		Link    string   // of its page, or ""
		Reply   string   // mailto: link that answers it, or ""
	}
)

func (m mail) with(fields ...field) mail { m.fields = append(m.fields, fields...); return m }

func about(name, when string) mail {
	return mail{name: name, when: when, fields: []field{
		{"List", "address of the list", "dev@lists.example.org", nil},
		{"Name", "its local part", "dev", nil},
	}}
}

func address() field {
	return field{"Address", "whose subscription it is about", "ann@example.org", nil}
}

func asked() field {
	return field{"Asked", "how it was asked; write it with say", "by mail in the name of ann@example.org", "mail"}
}

func days(n int) field {
	return field{"Days", "days until it is too late for a reply", n, 1}
}

func description() field {
	return field{"Description", "what the list is about, or nothing", "Where the work is talked over", ""}
}

func customs() field {
	return field{"Customs", "the list's customs, or nothing; may have several lines",
		"Questions are welcome, patches too. An answer may take two days.\nPlease quote only what you answer.", ""}
}

func why() field {
	return field{"Why", "last answer of the mail server, or nothing", "550 5.1.1 <ann@example.org>: no such mailbox", ""}
}

func subject() field {
	return field{"Subject", "subject of the post, or nothing", "Release on Friday", ""}
}

func archived() field {
	return field{"Archive", "link to the archive, or nothing", "https://lists.example.org/dev/", ""}
}

func request() field {
	return field{"Request", "address that takes commands", "dev-request@lists.example.org", nil}
}

// mails is every mail, in the order in which a subscriber may meet them. Each
// has a file of this name in every folder of mail/.
func mails() []mail {
	var all []mail
	for _, group := range [][]mail{joining(), leaving(), commanding(), reading(), failing(), moderating()} {
		all = append(all, group...)
	}
	return all
}

func joining() []mail {
	return []mail{
		about("confirm-join", "a reply to it subscribes").with(address(), asked(), days(3), description()),
		about("wait-approval", "joining was confirmed and waits for the moderators"),
		about("approve-join", "to the moderators: somebody wants to join").with(address(), days(7),
			field{"Person", "name of who wants to join, or nothing", "Ann Example", ""},
			field{"Yes", "address that lets them in", "dev+ok-aaaaaaaabbbbbbbbccccccccdd@lists.example.org", nil},
			field{"No", "address that refuses", "dev+no-aaaaaaaabbbbbbbbccccccccdd@lists.example.org", nil}),
		about("join-refused", "joining was confirmed and cannot be").with(
			field{"Why", "closed, invitation (the list has members by invitation only) or refused (by a moderator)", "refused", "closed"}),
		about("already-member", "joining was confirmed by who is subscribed").with(address()),
		about("invitation", "a reply to it subscribes who was invited").with(description(),
			field{"Person", "who invites, or nothing", "bo@example.org", ""}),
		about("welcome", "somebody is subscribed now").with(description(), customs(), archived(), request(),
			field{"Leave", "address that unsubscribes", "dev-leave@lists.example.org", nil},
			field{"Delivery", "what they get; write it with say", "each", "none"}),
	}
}

func leaving() []mail {
	return []mail{
		about("confirm-leave", "a reply to it unsubscribes; to who is not subscribed, too").with(address(), asked(), days(3)),
		about("not-member", "leaving was confirmed by who is not subscribed").with(address()),
		about("goodbye", "somebody is not subscribed any more; a reply to it brings them back").with(address(), days(30)),
	}
}

func commanding() []mail {
	answers := []Answer{
		{"set delivery daily", []string{"From now on you get a digest once a day."}},
		{"pause until 2027-01-08", []string{"Nothing is sent to you until 8 January 2027. Then one mail tells what happened."}},
		{"search release", []string{"Ann Example, 22 November 2026: Release on Friday", "https://lists.example.org/dev/r1@example.org/"}},
		{"mute everything", []string{"This command is not understood. Send \"help\" to see all of them."}},
	}
	docs := []Doc{{"help", "this mail"}, {"subscribe", "join the list"}, {"unsubscribe", "leave the list"},
		{"set delivery daily", "a digest once a day; or each, first, weekly"}, {"pause until 2027-01-08", "no posts until that day"},
		{"set hours 08:00-18:00 Europe/Berlin", "copies wait for these hours"}}
	return []mail{
		about("confirm-commands", "a reply to it carries commands out").with(address(), asked(), days(3),
			field{"Commands", "list of the lines, as written", []string{"set delivery daily", "pause until 2027-01-08"}, []string{}}),
		about("reply", "the answer to commands").with(
			field{"Answers", "list: .Command, and .Lines that answer it", answers, []Answer{}}),
		about("help", "all commands").with(request(),
			field{"Docs", "list: .Usage, and .Text that says what it does", docs, []Doc{}},
			field{"More", "link to more help, or nothing", "https://lists.example.org/help/", ""}),
		about("info", "what the list is").with(description(), customs(), archived(),
			field{"Post", "who may post; write it with say", "members", "anyone"},
			field{"Owner", "address of the owners", "dev-owner@lists.example.org", nil}),
	}
}

func reading() []mail {
	span := field{"Span", "the days it is about, a time or words; write it with day", time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), nil}
	number, none := field{"Count", "number of posts", 3, 1}, field{"Count", "number of posts; 0 when nothing came", 3, 0}
	threads := field{"Threads", "list: .Subject and .Posts; of each post .Number, .From, .Subject, .At, .Lines, .Link, .Reply", topics(), []Topic{}}
	plain := field{"Plain", "whether the posts stand below as plain text", false, true}
	since := time.Date(2026, 11, 15, 0, 0, 0, 0, time.UTC)
	return []mail{
		about("digest", "the posts of a day or a week; they stand below these words").with(number, span, threads, plain),
		about("summary", "subjects, who and first lines of a day").with(number, span, threads, plain),
		about("catchup", "what happened during a pause, or in the time that somebody asked about").with(none, span, threads, plain,
			field{"Since", "first day of it, a time or words; write it with day", since, nil},
			field{"Until", "last day of it, as Since", since.AddDate(0, 0, 7), nil},
			field{"More", "number of posts that are left out", 4, 0}),
		about("ack", "a post went out; to who wrote it and wants to know").with(subject(),
			field{"Link", "link to its page, or nothing", "https://lists.example.org/dev/r1@example.org/", ""}),
	}
}

func topics() []Topic {
	at := time.Date(2026, 11, 22, 9, 12, 0, 0, time.UTC)
	link := "https://lists.example.org/dev/"
	reply := "mailto:dev@lists.example.org?In-Reply-To="
	return []Topic{
		{"Release on Friday", []Entry{
			{41, "Ann Example", "", at, []string{"The last tests pass.", "I would like to release on Friday."},
				link + "r1@example.org/", reply + "%3Cr1@example.org%3E"},
			{43, "bo@example.org", "Release on Monday", at.Add(2 * time.Hour), []string{"Monday leaves time for the notes."},
				link + "r2@example.org/", reply + "%3Cr2@example.org%3E"}}},
		{"Who has used the new parser?", []Entry{
			{42, "Cem Example", "", at.Add(time.Hour), []string{"It reads our old files twice as fast."},
				link + "p1@example.org/", reply + "%3Cp1@example.org%3E"}}},
	}
}

func failing() []mail {
	return []mail{
		about("probe", "mails came back: does this one arrive?").with(address()),
		about("suspended", "sending stopped; a reply to it starts it again").with(address(), why(), days(30)),
		about("suspended-owner", "to the owners: the same; a reply to it brings the member back").with(address(), why()),
		about("complaint", "to the owners: somebody reported a post as spam and was unsubscribed").with(address()),
		about("unwanted", "to the owners: a mail server refuses a post; a reply to it sends it all the same").with(subject(),
			field{"Why", "last answer of that server, or nothing", "550 5.7.1 Message rejected as unwanted", ""},
			field{"Destination", "domain of the addresses", "example.org", nil},
			field{"Refused", "number of copies refused", 10, 1},
			field{"Waiting", "number of copies that wait", 32, 0},
			field{"Go", "address that sends them, or nothing", "dev+ok-aaaaaaaabbbbbbbbccccccccdd@lists.example.org", ""},
			field{"Drop", "address that drops them, or nothing", "dev+no-aaaaaaaabbbbbbbbccccccccdd@lists.example.org", ""}),
	}
}

func moderating() []mail {
	return []mail{
		about("held", "to the owners, once a day: posts wait").with(
			field{"Count", "number of posts that wait", 2, 1}),
		about("rejected", "a moderator did not accept a post; to its author").with(subject(),
			field{"Reason", "the moderator's words, or nothing", "This list is about boats.", ""}),
	}
}
