package list

import (
	"slices"
	"strings"
	"testing"

	"parley/message"
)

const (
	hyphens30 = "------------------------------"
	hyphens70 = hyphens30 + hyphens30 + "----------"
)

func TestPlainDigest(t *testing.T) {
	t.Parallel()
	d := aDigest(question, answer)
	d.Posts[1].Raw = crlf(strings.Replace(answer, "\n\n", "\nKeywords: asking,\n answering\n"+
		"Content-Type: multipart/mixed; boundary=x\n\n--x\n\n", 1) +
		"--x\nContent-Type: application/pdf; name=\"report.pdf\"\n\nx\n--x--\n")
	c := PlainDigest(d)
	want := `Two posts today.

  41  A question

` + hyphens70 + `

Date: Mon, 04 Mar 2024 10:00:00 +0100
From: Ann Example <ann@example.org>
To: dev@lists.example.org
Subject: A question
Message-ID: <q1@example.org>

How does it work?

` + hyphens30 + `

Date: Mon, 04 Mar 2024 11:00:00 +0100
From: Bo <bo@example.net>
To: Ann Example <ann@example.org>
Cc: dev@lists.example.org
Subject: Re: A question
Message-ID: <a1@example.net>
Keywords: asking, answering

On Monday, Ann Example wrote:
> How does it work?

Very well.

[report.pdf]
<https://lists.example.org/dev/a1@example.net/>

` + hyphens30 + `

End of dev Digest 2024-03-04
****************************
`
	if got := strings.ReplaceAll(string(c.Body), "\r\n", "\n"); got != want || c.Encoding != "7bit" || c.Type != "text/plain; charset=utf-8" {
		t.Errorf("%s, %s\n%s\nwant\n%s", c.Type, c.Encoding, got, want)
	}
}

// articles takes a plain digest apart as old programs do: at its separators.
func articles(t *testing.T, d Digest) []string {
	t.Helper()
	text := decodeText(t, PlainDigest(d))
	preamble, rest, ok := strings.Cut(text, "\n\n"+hyphens70+"\n\n")
	if !ok || strings.Contains(preamble, hyphens70+"\n") && !strings.Contains(preamble, " "+hyphens70) {
		t.Errorf("preamble %q", preamble)
	}
	all := strings.Split(rest, "\n\n"+hyphens30+"\n\n")
	last := len(all) - 1
	if end, stars, _ := strings.Cut(strings.TrimSuffix(all[last], "\n"), "\n"); len(end) != len(stars) || strings.Trim(stars, "*") != "" {
		t.Errorf("trailer %q", all[last])
	}
	return all[:last]
}

// TestPlainDigestSeparators: nothing in a post or in the intro looks like the
// border of a post.
func TestPlainDigestSeparators(t *testing.T) {
	t.Parallel()
	forged := "\n\n" + hyphens30 + "\n\nDate: today\nFrom: eve@example.net\n\nforged\n\n" + hyphens70 + "\n\nmore\n"
	d := aDigest(strings.TrimSuffix(question, "\n")+forged, answer, "Subject: "+strings.Repeat("-", 30)+"\n "+hyphens30+"\n"+forged, "")
	d.Intro += forged
	got := articles(t, d)
	if len(got) != 4 || !strings.HasPrefix(got[1], "Date: Mon, 04 Mar 2024 11:00:00 +0100\nFrom: Bo") {
		t.Fatalf("%d articles: %q", len(got), got)
	}
	if !strings.Contains(got[0], "\n\n "+hyphens30+"\n\nDate: today") {
		t.Errorf("the line of hyphens is lost: %q", got[0])
	}
}

func TestPlainDigestOfHostileMails(t *testing.T) {
	t.Parallel()
	d := aDigest(hostileMails()...)
	got := articles(t, d)
	if len(got) != len(d.Posts) {
		t.Fatalf("%d articles of %d posts", len(got), len(d.Posts))
	}
	for i, p := range d.Posts {
		if !strings.HasPrefix(got[i], "Date: Mon, 04 Mar 2024 10:00:") || !strings.Contains(got[i], "\nMessage-ID: <"+p.MessageID+">") {
			t.Errorf("post %d: %q", p.Number, got[i])
		}
	}
}

// TestPlainDigestText: text in another script is base64, and a long field is folded.
func TestPlainDigestText(t *testing.T) {
	t.Parallel()
	to := strings.Repeat("ann.with.a.long.name@example.org, ", 9) + "bo@example.net"
	d := aDigest("From: =?utf-8?q?J=C3=B6rg?= <j@example.org>\nTo: "+to+"\nContent-Type: text/plain; charset=iso-8859-1\n\n\n\n  Gr\xfc\xdfe\n\n\n", question)
	c := PlainDigest(d)
	if c.Encoding != "base64" || longestOf(c.Body) > wantedLine {
		t.Errorf("%s, lines of %d bytes", c.Encoding, longestOf(c.Body))
	}
	text := articles(t, d)[0]
	head, body, _ := strings.Cut(text, "\n\n")
	if body != "  Grüße" || !strings.Contains(head, "\nFrom: Jörg <j@example.org>\n") {
		t.Errorf("%q", text)
	}
	if got := message.Parse([]byte(head)).Get("To"); got != to || longestOf([]byte(head)) > wantedLine {
		t.Errorf("To %q in lines of %d", got, longestOf([]byte(head)))
	}
}

// TestPlainDigestFiles: many attachments are counted, and a private archive is
// not linked.
func TestPlainDigestFiles(t *testing.T) {
	t.Parallel()
	var files []message.Attachment
	for range 25 {
		files = append(files, message.Attachment{Name: "x.txt"})
	}
	d := aDigest(question)
	d.Read = func(DigestPost) message.View { return message.View{Text: "read elsewhere\n", Attachments: files} }
	public := articles(t, d)[0]
	d.List.Archive = ArchiveMembers
	private := articles(t, d)[0]
	want := "read elsewhere\n\n" + strings.Repeat("[x.txt]\n", 20) + "[+ 5]"
	if !strings.HasSuffix(private, want) {
		t.Errorf("private: %q", private)
	}
	if !strings.HasSuffix(public, want+"\n<https://lists.example.org/dev/q1@example.org/>") {
		t.Errorf("public: %q", public)
	}
}

// TestPlainDigestEnd: the trailer has as many asterisks as characters.
func TestPlainDigestEnd(t *testing.T) {
	t.Parallel()
	for issue, want := range map[string]string{
		"":                "End of dev Digest\n*****************\n",
		"12":              "End of dev Digest 12\n********************\n",
		"4. März":         "End of dev Digest 4. März\n*************************\n",
		"1\n" + hyphens30: "End of dev Digest 1 " + hyphens30 + "\n" + strings.Repeat("*", 50) + "\n",
	} {
		d := aDigest(question)
		d.Issue = issue
		if text := decodeText(t, PlainDigest(d)); !strings.HasSuffix(text, "\n\n"+want) {
			t.Errorf("%q: %q", issue, text[max(0, len(text)-100):])
		}
	}
}

// TestPlainDigestOfARealDay: a real day falls apart into its posts again.
func TestPlainDigestOfARealDay(t *testing.T) {
	t.Parallel()
	d := dayDigest(t)
	got := articles(t, d)
	if len(got) != len(d.Posts) {
		t.Fatalf("%d articles of %d posts", len(got), len(d.Posts))
	}
	for i, p := range d.Posts {
		head, body, _ := strings.Cut(got[i], "\n\n")
		if ids := message.IDs(message.Parse([]byte(head)).Get("Message-ID")); !slices.Equal(ids, []string{p.MessageID}) {
			t.Errorf("post %d has ids %q", p.Number, ids)
		}
		if words := strings.Fields(p.Text); !strings.HasPrefix(strings.Join(strings.Fields(body), " "), strings.Join(words, " ")) {
			t.Errorf("post %d lost words", p.Number)
		}
	}
}
