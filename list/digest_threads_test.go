package list

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestGroupThreads(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 3, 4, 10, 0, 0, 0, time.UTC)
	post := func(number int64, thread ThreadID, from, subject, text string) DigestPost {
		return DigestPost{Number: number, Thread: thread, MessageID: "m" + string(rune('0'+number)) + "@example.org", Key: "k",
			FromName: from, FromAddr: "a@example.org", Subject: subject, Text: text, Received: at, Date: at.Add(-time.Minute)}
	}
	l := aList(func(l *List) { l.SubjectPrefix = "[dev]" })
	posts := []DigestPost{
		post(1, 7, "Ann", "Re: A question", "Hi all,\n\nhow does it work?\n"),
		post(2, 3, " ", "Something else", ""),
		post(3, 7, "Bo", "RE: [dev] AW:  a  Question", "On Monday, Ann wrote:\n> how does it work?\nWell.\n"),
		post(4, 7, "Cy", "Re: An answer (was: A question)", "No."),
		post(5, 3, "Di", "", "x"),
	}
	got := GroupThreads(l, aSite(), posts)
	if len(got) != 2 || got[0].Subject != "A question" || got[1].Subject != "Something else" {
		t.Fatalf("%+v", got)
	}
	var lines []string
	for _, thread := range got {
		for _, e := range thread.Posts {
			lines = append(lines, strings.Join([]string{string(rune('0' + e.Number)), e.From, e.Subject, strings.Join(e.Lines, "|")}, ","))
			if e.At != at.Add(-time.Minute) || e.Link != "https://lists.example.org/dev/k/" || e.Reply == "" {
				t.Errorf("%+v", e)
			}
		}
	}
	want := []string{
		"1,Ann,,how does it work?", "3,Bo,,Well.", "4,Cy,An answer (was: A question),No.",
		"2,a@example.org,,", "5,Di,,x", // a post without a subject says nothing of another one
	}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

func TestDigestEntryLimits(t *testing.T) {
	t.Parallel()
	long := DigestPost{FromName: strings.Repeat("ü", 50), Subject: "Re: " + strings.Repeat("wört ", 30), Key: strings.Repeat("ü", 300),
		MessageID: strings.Repeat("i", 380) + "@example.org", Received: time.Unix(0, 0)}
	thread := GroupThreads(aList(nil), aSite(), []DigestPost{long})[0]
	e := thread.Posts[0]
	if utf8.RuneCountInString(thread.Subject) > 72 || !strings.HasSuffix(thread.Subject, "wört w…") || utf8.RuneCountInString(e.From) != 40 {
		t.Errorf("%q, %q", thread.Subject, e.From)
	}
	if e.Link != "" || strings.Contains(e.Reply, "Subject") || len(e.Reply) > longestLink || e.Reply == "" {
		t.Errorf("%q, %q", e.Link, e.Reply)
	}
	long.MessageID += "x" + long.MessageID
	if reply := replyLink(aList(nil), long); reply != "" {
		t.Errorf("reply of %d bytes", len(reply))
	}
}

// TestReplyLink reads the links as a mail program does (RFC 6068).
func TestReplyLink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, subject, wantSubject string }{
		{"q1@example.org", "A question", "Re: A question"},
		{"a+b&c=d%e?f#g@example.org", "Re: 1+1=2 & more? 100% #1", "Re: 1+1=2 & more? 100% #1"},
		{"ü@example.org", "Aw: Grüße", "Re: Grüße"},
		{"q1@example.org", "", "Re: "},
	} {
		link := replyLink(aList(nil), DigestPost{MessageID: c.id, Subject: c.subject})
		if strings.ContainsAny(link, "+ <>\"") {
			t.Errorf("%s needs encoding", link)
		}
		u, err := url.Parse(link)
		if err != nil || u.Opaque != "dev@lists.example.org" {
			t.Errorf("%s: to %q, %v", link, u.Opaque, err)
			continue
		}
		want := url.Values{"In-Reply-To": {"<" + c.id + ">"}, "References": {"<" + c.id + ">"}, "Subject": {c.wantSubject}}
		if got := u.Query(); got.Encode() != want.Encode() {
			t.Errorf("%s: %v, want %v", link, got, want)
		}
	}
	closed := aList(func(l *List) { l.Post = Nobody })
	if link := replyLink(closed, DigestPost{MessageID: "q1@example.org"}); link != "" {
		t.Errorf("a list that takes no posts has %s", link)
	}
}

func TestPublicLink(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		archive Archive
		url     string
		want    string
	}{
		{"public", ArchivePublic, "https://lists.example.org", "https://lists.example.org/dev/k/"},
		{"members", ArchiveMembers, "https://lists.example.org", ""},
		{"none", ArchiveNone, "https://lists.example.org", ""},
		{"no web", ArchivePublic, "", ""},
	} {
		site := aSite()
		site.URL = c.url
		if got := publicLink(aList(func(l *List) { l.Archive = c.archive }), site, "k"); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestWrittenAt(t *testing.T) {
	t.Parallel()
	here := time.Date(2024, 3, 4, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		date, want time.Time
	}{
		{"none", time.Time{}, here},
		{"before", here.Add(-time.Hour), here.Add(-time.Hour)},
		{"a clock that goes a little fast", here.Add(time.Hour), here.Add(time.Hour)},
		{"next year", here.AddDate(1, 0, 0), here},
	} {
		if got := writtenAt(DigestPost{Date: c.date, Received: here}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestTopic(t *testing.T) {
	t.Parallel()
	for subject, want := range map[string]string{
		"A question": "A question", "Re: x": "x", "RE: AW: Sv:x": "x", "re : x": "x", "Re:": "", "Re": "Re", "": "",
		"Regarding: x": "Regarding: x", "[dev] x": "x", "Re: [DEV] Re: x": "x", "[dev]": "", "[other] x": "[other] x", "x [dev]": "x [dev]",
	} {
		if got := topic(subject, "[dev]"); got != want {
			t.Errorf("%q is about %q, want %q", subject, got, want)
		}
	}
}

// TestFirstLines: texts as people and their mail programs write them.
func TestFirstLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("many words that say little ", 20)
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"one line", "It works.\n", []string{"It works."}},
		{"a greeting", "Hello all,\n\nit works.\n", []string{"it works."}},
		{"a name", "Ann,\nit works.", []string{"it works."}},
		{"a greeting in German", "Guten Morgen zusammen!\n\nEs geht.", []string{"Es geht."}},
		{"a greeting alone", "Hi all,\n", []string{"Hi all,"}},
		{"a sentence that greets nobody", "Hello world prints nothing here at all\nwhy?", []string{"Hello world prints nothing here at all why?"}},
		{"an answer below", "On Mon, 4 Mar 2024, Ann Example wrote:\n> Why?\n>\n> Ann\n\nBecause.\n", []string{"Because."}},
		{"an answer above", "Because.\n\nOn Mon, 4 Mar 2024, Ann Example wrote:\n> Why?\n", []string{"Because."}},
		{"a greeting below", "Am 04.03.24 um 10:00 schrieb Ann:\n> Warum?\n\nHallo Ann,\ndarum.", []string{"darum."}},
		{"two lines of attribution", "On Mon, Mar 4, 2024 at 10:00 AM Ann Example <ann@example.org>\nwrote:\n\n> Why?\nBecause.", []string{"Because."}},
		{"an attribution that begins with the name", "Ann <ann@example.org> schrieb am Mo., 4. März\n2024, 10:00:\n> Warum?\nDarum.", []string{"Darum."}},
		{"an attribution below words", "So be it.\nAnn Example wrote:\n> Why?", []string{"So be it."}},
		{"an attribution above a greeting", "Ann Example <ann@example.org> [2024-03-04 10:00:00]:\n\nHi,\n\n> Why?\n\nBecause.", []string{"Because."}},
		{"an attribution without a quote", "Ann Example wrote:\n\nBecause.", []string{"Because."}},
		{"words that end in a colon", "Look here:\n\nhttps://example.org/", []string{"Look here:", "https://example.org/"}},
		{"what was left out", "> Why?\n\n...\n\n> How?\nSo.", []string{"So."}},
		{"a closing", "Yes.\n\nKind regards,\nBo", []string{"Yes."}},
		{"a closing alone", "Viele Grüße\n", []string{"Viele Grüße"}},
		{"a mark of a patch", "core: do it\n\nSigned-off-by: Bo <bo@example.net>\n---\n", []string{"core: do it"}},
		{"words that introduce a log", "It ends with:\n> error 3\nWhy?", []string{"It ends with:", "Why?"}},
		{"only a quote", "> Why?\n> Why?\n", nil},
		{"a signature", "Yes.\n-- \nBo\nexample.net", []string{"Yes."}},
		{"only a signature", "-- \nBo\n", nil},
		{"a mail unquoted", "Yes.\n\n-----Original Message-----\nFrom: Ann\n", []string{"Yes."}},
		{"a footer", "Yes.\n_______________________________________________\ndev mailing list", []string{"Yes."}},
		{"a patch", "core: do it\n\nIt was not done.\n---\n core.c | 1 +\n", []string{"core: do it", "It was not done."}},
		{"signed text", "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nYes.\n-----BEGIN PGP SIGNATURE-----\n\nAAAA", []string{"Yes."}},
		{"a heading", "News\n====\n\nThere is some.", []string{"News", "There is some."}},
		{"a list", "Three things:\n- one\n- two\n- three\n", []string{"Three things:", "- one", "- two …"}},
		{"numbers", "1. one\n2) two", []string{"1. one", "2) two"}},
		{"code", "Try\n  make all\n  make check", []string{"Try", "make all", "make check"}},
		{"broken lines", "These words were broken\nby a program.", []string{"These words were broken by a program."}},
		{"many words", long, []string{
			"many words that say little many words that say little many words that",
			"say little many words that say little many words that say little many",
			"words that say little many words that say little many words that say …",
		}},
		{"a long word", strings.Repeat("語", 200), []string{strings.Repeat("語", 70), strings.Repeat("語", 70), strings.Repeat("語", 60)}},
		{"a longer one", strings.Repeat("語", 300), []string{strings.Repeat("語", 70), strings.Repeat("語", 70), strings.Repeat("語", 68) + " …"}},
	} {
		if got := firstLines(c.text); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestFirstLinesFit: whatever the text, at most 3 lines of 70 characters, none empty.
func TestFirstLinesFit(t *testing.T) {
	t.Parallel()
	piece := rapid.OneOf(rapid.SampledFrom([]string{
		"\n", "\n\n", "> quoted\n", "On Monday 10:00 a@example.org wrote:\n", "Hi all,\n", "-- \n", "-----\n", "- item ", "\t", "word ", strings.Repeat("é", 69) + " ",
	}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(piece, 0, 30).Draw(t, "pieces"), "")
		lines := firstLines(text)
		if len(lines) > 3 {
			t.Fatalf("%d lines of %q", len(lines), text)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > 70 || strings.TrimSpace(line) == "" || strings.Contains(line, "\n") {
				t.Fatalf("line %q of %q", line, text)
			}
		}
	})
}
