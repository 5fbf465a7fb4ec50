package list

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// DigestThread is a thread in the table of contents of a digest, a summary or
// a catch-up mail. The templates of those mails show it.
type DigestThread struct {
	Subject string        // of its first post here, without Re: and the list's prefix; "" when it has none
	Posts   []DigestEntry // in their order
}

// DigestEntry is one post of a DigestThread.
type DigestEntry struct {
	Number  int64
	From    string    // display name, or the address
	Subject string    // only where it is another than the thread's
	At      time.Time // when it was written, or when it came, where its Date cannot be
	Lines   []string  // the first lines that its author wrote: at most 3 of 70 characters
	Link    string    // its page; "" when the archive is not public
	Reply   string    // a mailto that begins an answer in this thread; "" when the list takes no posts
}

// Limits of a table of contents, in characters; links in bytes, because one of
// them stands in one line of a mail, with a few words before it.
const (
	shownSubject = 72
	shownName    = 40
	longestLink  = longestLine - 98
)

// GroupThreads puts posts, which come by number, together by their threads.
// The thread that has the first post comes first.
func GroupThreads(l List, site Site, posts []DigestPost) []DigestThread {
	var threads []DigestThread
	var subjects []string
	at := map[ThreadID]int{}
	for _, p := range posts {
		subject := topic(p.Subject, l.SubjectPrefix)
		i, known := at[p.Thread]
		if !known {
			i = len(threads)
			at[p.Thread] = i
			subjects = append(subjects, subject)
			threads = append(threads, DigestThread{Subject: ellipsis(subject, shownSubject)})
		}
		e := entry(l, site, p)
		if !sameTopic(subject, subjects[i]) {
			e.Subject = ellipsis(subject, shownSubject)
		}
		threads[i].Posts = append(threads[i].Posts, e)
	}
	return threads
}

func entry(l List, site Site, p DigestPost) DigestEntry {
	from := strings.TrimSpace(p.FromName)
	if from == "" {
		from = p.FromAddr
	}
	return DigestEntry{
		Number: p.Number,
		From:   ellipsis(from, shownName),
		At:     writtenAt(p),
		Lines:  firstLines(p.Text),
		Link:   publicLink(l, site, p.Key),
		Reply:  replyLink(l, p),
	}
}

// writtenAt does not believe a clock that is more than a day ahead of ours.
func writtenAt(p DigestPost) time.Time {
	if p.Date.IsZero() || p.Date.After(p.Received.Add(24*time.Hour)) {
		return p.Received
	}
	return p.Date
}

// publicLink is the page of a post that everybody can read, "" when there is
// none, or when no line could hold its address.
func publicLink(l List, site Site, key string) string {
	if l.Archive != ArchivePublic || key == "" {
		return ""
	}
	link := site.PostURL(l, key)
	if len(link) > longestLink {
		return ""
	}
	return link
}

// replyLink is a mailto that begins an answer with the fields that keep it in
// its thread (RFC 6068, 2). A subject that makes it too long for a line is
// left out: the answer finds its thread without it.
func replyLink(l List, p DigestPost) string {
	if l.Post == Nobody || p.MessageID == "" {
		return ""
	}
	id := mailtoValue("<" + p.MessageID + ">")
	link := "mailto:" + l.Address + "?In-Reply-To=" + id + "&References=" + id
	if len(link) > longestLink {
		return ""
	}
	if subject := "&Subject=" + mailtoValue("Re: "+topic(p.Subject, "")); len(link)+len(subject) <= longestLink {
		link += subject
	}
	return link
}

// mailtoValue percent-encodes all but the unreserved characters: a plus is a
// plus in a mailto, and never a space (RFC 6068, 5).
func mailtoValue(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// topic is a subject without the marks of an answer and the list's prefix,
// which an answer to a copy has. A subject that is nothing else is "".
func topic(subject, prefix string) string {
	for {
		subject = strings.TrimSpace(subject)
		rest, found := cutReplyMark(subject)
		if !found && prefix != "" && len(subject) >= len(prefix) && strings.EqualFold(subject[:len(prefix)], prefix) {
			rest, found = subject[len(prefix):], true
		}
		if !found {
			return subject
		}
		subject = rest
	}
}

// cutReplyMark takes a "Re:" off, in the languages that have their own.
func cutReplyMark(subject string) (string, bool) {
	head, rest, found := strings.Cut(subject, ":")
	switch strings.ToLower(strings.TrimSpace(head)) {
	case "re", "aw", "sv", "antw":
		return rest, found
	}
	return subject, false
}

// sameTopic compares as people do: without case, any white space is a space.
func sameTopic(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), " "), strings.Join(strings.Fields(b), " "))
}

// ellipsis is s, cut to so many characters where it is longer.
func ellipsis(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return strings.TrimRight(string([]rune(s)[:most-1]), " ") + "…"
}
