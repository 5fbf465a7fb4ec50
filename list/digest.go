package list

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/message"
)

// DigestPost is a post as a digest or a summary needs it.
type DigestPost struct {
	Number    int64 // within its list
	Thread    ThreadID
	MessageID string // without brackets
	Key       string // PostRow.Key: where its page is
	FromName  string // decoded for display, as in PostRow
	FromAddr  string
	Subject   string
	Date      time.Time // from Date:, zero when that is not sane
	Received  time.Time
	Raw       []byte // as received; nil where only GroupThreads looks at the post
	Text      string // for its first lines; see message.View
}

// Digest is posts that go to a member in one mail.
type Digest struct {
	List  List
	Site  Site
	Posts []DigestPost // by number, with Raw
	Intro string       // greeting and table of contents: UTF-8, lines end in LF
	Issue string       // what a plain digest calls itself in its last line besides its list: a date, a number; may be ""

	// Read makes the text of a post for a plain digest. Nil is message.Read; a
	// caller that has a recover around it puts it here.
	Read func(DigestPost) message.View
}

// Content is the body of a mail with the fields that describe it.
type Content struct {
	Type     string // of Content-Type; fits into one line
	Encoding string // of Content-Transfer-Encoding: 7bit, 8bit, base64
	Body     []byte // lines end in CRLF, but for those of posts that did not
}

// Limits of one digest. What does not fit comes in the next one.
const (
	digestPosts = 200
	digestBytes = 4 << 20 // of posts as received
)

// TakeDigest says how many of the waiting posts, whose sizes in bytes as
// received come in their order, go into one digest: at most 200 with 4 MiB, but
// always one where any waits. A post over that limit goes alone.
func TakeDigest(sizes []int64) int {
	var sum int64
	for n, size := range sizes {
		if n == digestPosts || n > 0 && size > digestBytes-sum {
			return n
		}
		sum += size
	}
	return len(sizes)
}

// MIMEDigest makes the body of a digest of which a mail program shows each post
// as a mail of its own, to be answered like any other: multipart/mixed of the
// intro and a multipart/digest (RFC 2046, 5.1.5). Every post stands in it byte
// for byte as it was received, its long lines and 8-bit bytes too, because
// message/rfc822 may not be encoded (RFC 2046, 5.2.1). The same digest has the
// same bytes each time it is made. Without posts it is the intro alone.
func MIMEDigest(d Digest) Content {
	if len(d.Posts) == 0 {
		return textContent(d.Intro)
	}
	intro := textContent(d.Intro)
	outer, inner := d.boundaries()
	content := Content{Type: multipartType("mixed", outer), Encoding: "7bit"}
	if slices.ContainsFunc(d.Posts, func(p DigestPost) bool { return message.EightBit(p.Raw) }) {
		content.Encoding = "8bit" // of the whole, because it is of a part (RFC 2045, 6.4)
	}
	var b bytes.Buffer
	b.Grow(d.size() + len(intro.Body) + 1024)
	b.WriteString("--" + outer + "\r\n" + intro.fields())
	b.Write(intro.Body)
	whole := Content{Type: multipartType("digest", inner), Encoding: content.Encoding}
	b.WriteString("\r\n--" + outer + "\r\n" + whole.fields())
	d.writePosts(&b, inner)
	b.WriteString("\r\n--" + outer + "--\r\n")
	content.Body = b.Bytes()
	return content
}

// writePosts writes the parts of a multipart/digest. The line break before a
// delimiter belongs to the delimiter (RFC 2046, 5.1.1), so a post ends as it
// did, with a line break or without. The type is named although it goes
// without saying there: not every mail program knows that.
func (d Digest) writePosts(b *bytes.Buffer, boundary string) {
	for i, p := range d.Posts {
		if i > 0 {
			b.WriteString("\r\n")
		}
		part := Content{Type: "message/rfc822", Encoding: "7bit"}
		if message.EightBit(p.Raw) {
			part.Encoding = "8bit"
		}
		b.WriteString("--" + boundary + "\r\n" + part.fields())
		b.Write(p.Raw)
	}
	b.WriteString("\r\n--" + boundary + "--\r\n")
}

// size is about how many bytes the posts take, with what stands around each.
func (d Digest) size() int {
	n := 0
	for _, p := range d.Posts {
		n += len(p.Raw) + 128
	}
	return n
}

// fields is the header of a part, with the empty line at its end.
func (c Content) fields() string {
	return "Content-Type: " + c.Type + "\r\nContent-Transfer-Encoding: " + c.Encoding + "\r\n\r\n"
}

func multipartType(subtype, boundary string) string {
	return "multipart/" + subtype + `; boundary="` + boundary + `"`
}

// boundaries is two boundaries that stand in nothing of the digest. They are a
// hash of all of it, so nobody can write a post that holds them; that they are
// looked for nevertheless costs little.
func (d Digest) boundaries() (outer, inner string) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n%s", d.List.ListID, d.Issue, len(d.Intro), d.Intro)
	contents := make([][]byte, 0, len(d.Posts))
	for _, p := range d.Posts {
		fmt.Fprintf(h, "\n%d\n", len(p.Raw))
		h.Write(p.Raw)
		contents = append(contents, p.Raw)
	}
	c := candidates{seed: h.Sum(nil)}
	return c.next(contents), c.next(contents)
}

// candidates is an endless row of boundaries: the same for the same seed, none
// of them the beginning of another.
type candidates struct {
	seed []byte
	used uint64
}

// next is the first one, not given out before, that stands in none of contents.
func (c *candidates) next(contents [][]byte) string {
	for {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(slices.Clone(c.seed), c.used))
		c.used++
		boundary := "=_" + tokenText(sum[:])
		if !slices.ContainsFunc(contents, func(b []byte) bool { return bytes.Contains(b, []byte(boundary)) }) {
			return boundary
		}
	}
}

// textContent is a text of ours, whose lines end in LF: as it is when it is
// ASCII and its lines are short enough for a mail, else base64, which every
// relay passes.
func textContent(text string) Content {
	c := Content{Type: "text/plain; charset=utf-8", Encoding: "7bit"}
	c.Body = []byte(strings.ReplaceAll(text, "\n", "\r\n"))
	if message.EightBit(c.Body) || longestOf(c.Body) > longestLine {
		c.Encoding, c.Body = "base64", base64Lines(c.Body)
	}
	return c
}

// longestOf is the length of the longest line in bytes, without its line end.
func longestOf(text []byte) int {
	longest := 0
	for line := range bytes.Lines(text) {
		longest = max(longest, len(bytes.TrimRight(line, "\r\n")))
	}
	return longest
}

// base64Lines encodes into lines of 76 characters (RFC 2045, 6.8).
func base64Lines(b []byte) []byte {
	const chunk = wantedLine / 4 * 3 // bytes of one line
	out := make([]byte, 0, base64.StdEncoding.EncodedLen(len(b))+len(b)/chunk*2+2)
	for piece := range slices.Chunk(b, chunk) {
		out = append(base64.StdEncoding.AppendEncode(out, piece), "\r\n"...)
	}
	return out
}
