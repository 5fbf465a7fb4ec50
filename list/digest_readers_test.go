package list

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/message"
)

// pythonReader takes a digest apart twice: at its boundaries, byte by byte, and
// as a tree of mails.
const pythonReader = `
import email, email.policy, hashlib, json, sys
raw = sys.stdin.buffer.read()
mail = email.message_from_bytes(raw, policy=email.policy.default)
intro, digest = mail.get_payload()
delimiter = b"\r\n--" + digest.get_boundary().encode()
pieces = raw.split(delimiter)
posts = []
for part, piece in zip(digest.get_payload(), pieces[1:-1], strict=True):
    (post,) = part.get_payload()
    body = piece.split(b"\r\n\r\n", 1)[1]
    old = email.message_from_bytes(body)
    try:
        id = str(post["Message-ID"] or "")
    except Exception:
        id = str(old["Message-ID"] or "")
    posts.append({"Type": part.get_content_type(), "SHA": hashlib.sha256(body).hexdigest(), "ID": id.strip()})
json.dump({
    "Types": [mail.get_content_type(), intro.get_content_type(), digest.get_content_type()],
    "Defects": [repr(d) for m in (mail, intro, digest) for d in m.defects],
    "Intro": intro.get_content(), "Posts": posts}, sys.stdout)
`

// seenDigest is what another program made of a digest.
type seenDigest struct {
	Types, Defects []string
	Intro          string
	Posts          []struct{ Type, SHA, ID string }
}

// asMail puts the header of a mail on a content.
func asMail(c Content) []byte {
	return slices.Concat([]byte("From: dev list <dev-owner@lists.example.org>\r\nTo: ann@example.org\r\nSubject: A digest\r\n"+
		"Date: Tue, 05 Mar 2024 06:00:00 +0000\r\nMessage-ID: <digest@lists.example.org>\r\nMIME-Version: 1.0\r\n"+c.fields()), c.Body)
}

// run gives a program a minute; it is skipped where it is not installed.
func run(t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "TERM=vt100", "LANG=C.UTF-8")
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, stderr.Bytes())
	}
	return out
}

// readByPython fails unless Python's email package finds every post of a
// digest with its bytes; it returns how many of the Message-IDs it finds.
func readByPython(t *testing.T, d Digest) (ids int) {
	t.Helper()
	var seen seenDigest
	if err := json.Unmarshal(run(t, asMail(MIMEDigest(d)), "python3", "-c", pythonReader), &seen); err != nil {
		t.Fatal(err)
	}
	if want := []string{"multipart/mixed", "text/plain", "multipart/digest"}; !slices.Equal(seen.Types, want) || len(seen.Defects) > 0 {
		t.Errorf("types %v, defects %v", seen.Types, seen.Defects)
	}
	if strings.ReplaceAll(seen.Intro, "\r\n", "\n") != d.Intro || len(seen.Posts) != len(d.Posts) {
		t.Fatalf("%d posts, want %d; intro %q", len(seen.Posts), len(d.Posts), seen.Intro)
	}
	for i, p := range d.Posts {
		sum := sha256.Sum256(p.Raw)
		if got := seen.Posts[i]; got.SHA != hex.EncodeToString(sum[:]) || got.Type != "message/rfc822" {
			t.Errorf("post %d is %s and not as it was", p.Number, got.Type)
		} else if slices.Contains(message.IDs(got.ID), p.MessageID) {
			ids++
		}
	}
	return ids
}

func TestPythonReadsDigest(t *testing.T) {
	t.Parallel()
	d := aDigest(question, answer)
	d.Intro = "Grüße\n\n" + d.Intro
	if ids := readByPython(t, d); ids != 2 {
		t.Errorf("%d of 2 Message-IDs found", ids)
	}
}

// Python ends a header at a line that is no field, so of some mails it does
// not see the Message-ID, in a digest or without one.
func TestPythonReadsHostileDigest(t *testing.T) {
	t.Parallel()
	if ids := readByPython(t, aDigest(hostileMails()...)); ids < 11 {
		t.Errorf("%d Message-IDs found", ids)
	}
}

func TestPythonReadsHardDigest(t *testing.T) {
	t.Parallel()
	d := aDigest()
	err := filepath.WalkDir(filepath.Join(digestCorpora(t), "hard"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, ".golden") {
			return err
		}
		raw, err := os.ReadFile(path)
		d.Posts = append(d.Posts, aDigestPost(int64(len(d.Posts)), raw))
		return err
	})
	if err != nil || len(d.Posts) < 100 {
		t.Fatalf("%d mails, %v", len(d.Posts), err)
	}
	checkPosts(t, d)
	t.Logf("Python finds %d Message-IDs in %d mails", readByPython(t, d), len(d.Posts))
}

func digestCorpora(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PARLEY_CORPORA")
	if dir == "" {
		t.Skip("PARLEY_CORPORA is not set: no real mail to read")
	}
	return dir
}

// busiestDay is the posts of the UTC day of openwrt-devel that has most of
// them, as they were received.
func busiestDay(t *testing.T) (posts [][]byte) {
	t.Helper()
	days := map[string][][]byte{}
	readMbox(t, filepath.Join(digestCorpora(t), "lists", "openwrt-devel.lists.openwrt.org.mbox.gz"), func(raw []byte) {
		if at, ok := message.ParseDate(message.Parse(raw).Get("Date")); ok {
			day := at.UTC().Format(time.DateOnly)
			days[day] = append(days[day], raw)
			if len(days[day]) > len(posts) {
				posts = days[day]
			}
		}
	})
	return posts
}

// readMbox hands over the mails of an mboxrd with CRLF.
func readMbox(t *testing.T, path string, mail func(raw []byte)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	for r := bufio.NewReader(z); ; {
		line, err := r.ReadBytes('\n')
		if (err != nil || bytes.HasPrefix(line, []byte("From "))) && raw != nil {
			mail(raw)
			raw = nil
		}
		if err != nil {
			return
		}
		if bytes.HasPrefix(line, []byte("From ")) {
			raw = []byte{}
			continue
		}
		if bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			line = line[1:]
		}
		raw = append(append(raw, bytes.TrimSuffix(line, []byte("\n"))...), "\r\n"...)
	}
}

// dayDigest is the digest of the busiest day, as far as it fits into one.
func dayDigest(t *testing.T) Digest {
	t.Helper()
	d, sizes := aDigest(), []int64{}
	for i, raw := range busiestDay(t) {
		p := aDigestPost(int64(i+1), raw)
		p.Thread = 1
		d.Posts, sizes = append(d.Posts, p), append(sizes, int64(len(raw)))
	}
	if len(d.Posts) < 30 {
		t.Fatalf("%d posts on the busiest day", len(d.Posts))
	}
	d.Posts = d.Posts[:TakeDigest(sizes)]
	return d
}

// TestDigestOfARealDay lets three readers take the digest of a busy day apart.
func TestDigestOfARealDay(t *testing.T) {
	t.Parallel()
	d := dayDigest(t)
	t.Run("by its boundaries", func(t *testing.T) {
		t.Parallel()
		checkPosts(t, d)
	})
	t.Run("Python", func(t *testing.T) {
		t.Parallel()
		if ids := readByPython(t, d); ids != len(d.Posts) {
			t.Errorf("%d of %d Message-IDs found", ids, len(d.Posts))
		}
	})
	t.Run("mutt", func(t *testing.T) {
		t.Parallel()
		for i, got := range readByMutt(t, d) {
			if want := mboxText(d.Posts[i].Raw); !bytes.Equal(got, want) {
				t.Errorf("post %d\n%q\nwant\n%q", i+1, got, want)
			}
		}
	})
}

// readByMutt is what mutt has for each post: it opens the list of the parts of
// the only mail, goes down into the digest, and pipes entry by entry, each with
// its own parts folded away, into a file.
func readByMutt(t *testing.T, d Digest) (posts [][]byte) {
	t.Helper()
	if _, err := exec.LookPath("mutt"); err != nil {
		t.Skip("mutt is not installed")
	}
	dir := t.TempDir()
	mbox, rc := filepath.Join(dir, "mbox"), filepath.Join(dir, "rc")
	keys := "<first-entry><view-attachments><next-entry><collapse-parts><next-entry>"
	for i := range d.Posts {
		keys += "<pipe-entry>cat > " + filepath.Join(dir, strconv.Itoa(i)) + "<enter><collapse-parts><next-entry>"
	}
	write(t, mbox, slices.Concat([]byte("From MAILER-DAEMON Tue Mar  5 06:00:00 2024\n"), mboxText(asMail(MIMEDigest(d)))))
	write(t, rc, []byte("set pipe_decode=no wait_key=no quit=yes move=no\npush \""+keys+"<exit><exit>\"\n"))
	run(t, nil, "script", "-qec", "mutt -n -R -F "+rc+" -f "+mbox, "/dev/null") // mutt wants a terminal
	for i := range d.Posts {
		post, err := os.ReadFile(filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		posts = append(posts, post)
	}
	return posts
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// mboxText is a mail as it stands in an mbox: with LF, its lines that begin
// with From quoted.
func mboxText(raw []byte) []byte {
	text := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\nFrom "), []byte("\n>From "))
}
