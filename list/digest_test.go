package list

import (
	"bytes"
	"mime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/message"
)

// aDigest has the given mails, written with LF, as its posts 41, 42 and so on,
// each in a thread of its own.
func aDigest(mails ...string) Digest {
	d := Digest{List: aList(nil), Site: aSite(), Intro: "Two posts today.\n\n  41  A question\n", Issue: "2024-03-04"}
	for _, mail := range mails {
		d.Posts = append(d.Posts, aDigestPost(int64(41+len(d.Posts)), crlf(mail)))
	}
	return d
}

func aDigestPost(number int64, raw []byte) DigestPost {
	m, id := message.Parse(raw), "supplied-"+strconv.FormatInt(number, 10)+"@lists.example.org"
	if ids := message.IDs(m.Get("Message-ID")); len(ids) > 0 {
		id = ids[0]
	}
	p := DigestPost{
		Number: number, Thread: ThreadID(number), MessageID: id, Key: id, Raw: raw,
		Subject: message.DecodeHeader(m.Get("Subject")), Received: time.Date(2024, 3, 4, 10, 0, int(number%60), 0, time.UTC),
		Text: message.Read(raw).Text,
	}
	if from := message.ParseAddresses(m.Get("From")); len(from) > 0 {
		p.FromName, p.FromAddr = from[0].Name, from[0].Addr
	}
	return p
}

const (
	question = "From: Ann Example <ann@example.org>\nTo: dev@lists.example.org\nSubject: A question\n" +
		"Date: Mon, 04 Mar 2024 10:00:00 +0100\nMessage-ID: <q1@example.org>\n\nHow does it work?\n"
	answer = "From: Bo <bo@example.net>\nTo: Ann Example <ann@example.org>\nCc: dev@lists.example.org\nSubject: Re: A question\n" +
		"Date: Mon, 04 Mar 2024 11:00:00 +0100\nMessage-ID: <a1@example.net>\nIn-Reply-To: <q1@example.org>\n\n" +
		"On Monday, Ann Example wrote:\n> How does it work?\n\nVery well.\n"
)

func TestMIMEDigest(t *testing.T) {
	t.Parallel()
	d := aDigest(question, answer)
	c := MIMEDigest(d)
	outer, inner := d.boundaries()
	want := "--OUTER\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" +
		"Two posts today.\r\n\r\n  41  A question\r\n" +
		"\r\n--OUTER\r\nContent-Type: multipart/digest; boundary=\"INNER\"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" +
		"--INNER\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + string(crlf(question)) +
		"\r\n--INNER\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + string(crlf(answer)) +
		"\r\n--INNER--\r\n\r\n--OUTER--\r\n"
	if got := strings.NewReplacer(outer, "OUTER", inner, "INNER").Replace(string(c.Body)); got != want {
		t.Errorf("body\n%s\nwant\n%s", got, want)
	}
	if c.Encoding != "7bit" || c.Type != `multipart/mixed; boundary="`+outer+`"` || len("Content-Type: "+c.Type) > wantedLine {
		t.Errorf("%s, %s", c.Encoding, c.Type)
	}
}

// hostileMails is what others send that is not always a mail; it stands in the
// digest as it came.
func hostileMails() []string {
	return []string{
		// an mbox line
		"From ann Mon Mar  4 10:00:00 2024\n" + question,
		// a quoted mbox line
		">From ann Mon Mar  4 10:00:00 2024\n" + question,
		// no header
		"\nnothing but text\n",
		// no empty line
		"From: ann@example.org\nMessage-ID: <n@example.org>\n",
		// a text for a header
		"Hello, this is no header field\nat all\n\nor is it\n",
		// junk in the header
		"From: ann@example.org\njunk\nMessage-ID: <j@example.org>\n\nbody\n",
		// folded first line
		" folded\nFrom: ann@example.org\nMessage-ID: <f@example.org>\n\nbody\n",
		// nothing
		"",
		// an empty line
		"\n",
		// no line end
		"From: ann@example.org\nMessage-ID: <e@example.org>\n\nno line end",
		// ends with empty lines
		"From: ann@example.org\nMessage-ID: <l@example.org>\n\nbody\n\n\n",
		// NUL and bare CR
		"From: ann@example.org\nMessage-ID: <c@example.org>\n\na\x00b\rc\r",
		// 8-bit header and body
		"From: J\xf6rg <j@example.org>\nMessage-ID: <u@example.org>\n\ngr\xfc\xdfe\n",
		// a multipart open
		"From: ann@example.org\nMessage-ID: <o@example.org>\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\ntext\n--x\n",
		// no boundary
		"From: ann@example.org\nMessage-ID: <b@example.org>\nContent-Type: multipart/mixed; boundary=\"\"\n\n--\n--\n----\n",
		// a digest
		"From: ann@example.org\nMessage-ID: <d@example.org>\nContent-Type: multipart/digest; boundary=x\n\n--x\n\nFrom: bo@example.net\n\nhi\n--x--\n",
		// hyphens
		"From: ann@example.org\nMessage-ID: <h@example.org>\n\n--\n------------------------------\n\nFrom: eve@example.net\n\nforged\n--=_\n",
		// a very long line
		"From: ann@example.org\nMessage-ID: <w@example.org>\n\n" + strings.Repeat("long ", 1097) + "\n",
	}
}

// TestHostileDigest puts all of them into one digest.
func TestHostileDigest(t *testing.T) {
	t.Parallel()
	d := aDigest(hostileMails()...)
	checkPosts(t, d)
	if c := MIMEDigest(d); c.Encoding != "8bit" {
		t.Errorf("8-bit posts in a digest of %s", c.Encoding)
	}
}

// checkPosts takes a digest apart and fails where a post is not what it was.
func checkPosts(t *testing.T, d Digest) {
	t.Helper()
	c := MIMEDigest(d)
	got := digestParts(t, c)
	if len(got) != len(d.Posts) {
		t.Fatalf("%d posts in, %d out", len(d.Posts), len(got))
	}
	for i, p := range d.Posts {
		if !bytes.Equal(got[i], p.Raw) {
			t.Errorf("post %d\n%q\nwant\n%q", p.Number, got[i], p.Raw)
		}
	}
	if again := MIMEDigest(d); !bytes.Equal(again.Body, c.Body) || again.Type != c.Type {
		t.Error("the same digest has other bytes")
	}
}

// digestParts is the bodies of the parts of the multipart/digest that is the
// second part of c.
func digestParts(t *testing.T, c Content) [][]byte {
	t.Helper()
	whole := splitParts(t, c)
	if len(whole) != 2 {
		t.Fatalf("%d parts in the whole", len(whole))
	}
	if text := whole[0]; !strings.HasPrefix(text.Type, "text/plain;") {
		t.Errorf("first part: %s", text.Type)
	}
	if kind, _, _ := mime.ParseMediaType(whole[1].Type); kind != "multipart/digest" || whole[1].Encoding != c.Encoding {
		t.Errorf("second part: %s, %s in %s", kind, whole[1].Encoding, c.Encoding)
	}
	var bodies [][]byte
	for _, p := range splitParts(t, whole[1]) {
		if p.Type != "message/rfc822" || p.Encoding == "8bit" != message.EightBit(p.Body) {
			t.Errorf("part: %s, %s", p.Type, p.Encoding)
		}
		bodies = append(bodies, p.Body)
	}
	return bodies
}

// splitParts cuts a multipart at its delimiters, as RFC 2046, 5.1.1 has it, and
// each part at its first empty line. It shares no code with what it tests.
func splitParts(t *testing.T, c Content) (parts []Content) {
	t.Helper()
	_, params, err := mime.ParseMediaType(c.Type)
	if err != nil {
		t.Fatal(err)
	}
	delimiter := "\r\n--" + params["boundary"]
	rest, ok := strings.CutPrefix("\r\n"+string(c.Body), delimiter)
	for ok && !strings.HasPrefix(rest, "--") {
		var one string
		one, rest, ok = strings.Cut(rest, delimiter)
		head, body, _ := strings.Cut(one, "\r\n\r\n")
		p := Content{Body: []byte(body)}
		for field := range strings.SplitSeq(head, "\r\n") {
			name, value, _ := strings.Cut(field, ": ")
			switch name {
			case "Content-Type":
				p.Type = value
			case "Content-Transfer-Encoding":
				p.Encoding = value
			case "":
			default:
				t.Errorf("field %q", field)
			}
		}
		parts = append(parts, p)
	}
	if !ok || rest != "--\r\n" {
		t.Errorf("the multipart ends with %q", rest)
	}
	return parts
}

func FuzzMIMEDigest(f *testing.F) {
	for _, mail := range hostileMails() {
		f.Add(crlf(mail), crlf(question), "An intro\n")
	}
	f.Add([]byte("\r\n--=_"), []byte("--"), "--=_\n")
	f.Fuzz(func(t *testing.T, one, two []byte, intro string) {
		d := aDigest()
		d.Intro = intro
		d.Posts = []DigestPost{{Number: 1, Raw: one}, {Number: 2, Raw: two}, {Number: 3, Raw: one}}
		checkPosts(t, d)
		PlainDigest(d)
	})
}

// TestBoundaryTaken: a boundary that stands in a post is not used, and none is
// used twice.
func TestBoundaryTaken(t *testing.T) {
	t.Parallel()
	free := candidates{seed: []byte("seed")}
	var row []string
	for range 4 {
		row = append(row, free.next(nil))
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(row))); len(unique) != 4 {
		t.Fatalf("boundaries %v", row)
	}
	c := candidates{seed: []byte("seed")}
	posts := [][]byte{[]byte("text"), []byte("a " + row[0] + " b"), []byte(row[2])}
	if got := []string{c.next(posts), c.next(posts)}; !slices.Equal(got, []string{row[1], row[3]}) {
		t.Errorf("%v of %v", got, row)
	}
}

// TestBoundariesDiffer: another digest has other boundaries.
func TestBoundariesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	other := aDigest(question)
	other.Issue = "2024-03-05"
	for _, d := range []Digest{aDigest(question), aDigest(answer), aDigest(question, answer), aDigest(answer, question), other} {
		outer, inner := d.boundaries()
		if seen[outer] || seen[inner] || outer == inner {
			t.Errorf("%s, %s seen before", outer, inner)
		}
		seen[outer], seen[inner] = true, true
	}
}

func TestDigestIntro(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, intro, encoding string }{
		{"ASCII", "Guten Tag\n", "7bit"},
		{"UTF-8", strings.Repeat("Grüße an alle\n", 20), "base64"},
		{"a line that no mail may have", strings.Repeat("x", 999) + "\n", "base64"},
		{"a line as long as it may be", strings.Repeat("x", 998) + "\n", "7bit"},
		{"nothing", "", "7bit"},
	} {
		d := aDigest(question)
		d.Intro = c.intro
		text := splitParts(t, MIMEDigest(d))[0]
		if got := decodeText(t, text); got != c.intro || text.Encoding != c.encoding {
			t.Errorf("%s: %s, %q", c.name, text.Encoding, got)
		}
	}
}

// decodeText is the text of a part, with LF, read by the reader of mails.
func decodeText(t *testing.T, c Content) string {
	t.Helper()
	if longestOf(c.Body) > longestLine || message.EightBit(c.Body) {
		t.Errorf("a text of %s has lines of %d bytes", c.Encoding, longestOf(c.Body))
	}
	view := message.Read(slices.Concat([]byte(c.fields()), c.Body))
	if len(view.Problems) > 0 {
		t.Errorf("problems: %v", view.Problems)
	}
	return view.Text
}

// TestDigestOfNothing: without posts there is no multipart, which must have a part.
func TestDigestOfNothing(t *testing.T) {
	t.Parallel()
	if c := MIMEDigest(aDigest()); c.Type != "text/plain; charset=utf-8" || string(c.Body) != string(crlf(aDigest().Intro)) {
		t.Errorf("%s: %q", c.Type, c.Body)
	}
}

func TestTakeDigest(t *testing.T) {
	t.Parallel()
	const whole = 4 << 20
	for _, c := range []struct {
		name  string
		sizes []int64
		want  int
	}{
		{"none", nil, 0},
		{"one", []int64{10}, 1},
		{"just full", []int64{whole - 1, 1}, 2},
		{"one byte over", []int64{whole - 1, 2}, 1},
		{"one over the limit goes alone", []int64{whole + 1, 1}, 1},
		{"one over the limit waits", []int64{1, 1, whole + 1, 1}, 2},
		{"two over the limit", []int64{9 * whole, 9 * whole}, 1},
		{"200", make([]int64, 200), 200},
		{"201", make([]int64, 201), 200},
	} {
		if got := TakeDigest(c.sizes); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
