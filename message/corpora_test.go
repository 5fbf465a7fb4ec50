package message

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// checkMail reads a mail in every way there is and fails when what comes out is
// not fit for people, or for the store.
func checkMail(t *testing.T, raw []byte) {
	t.Helper()
	m := Parse(raw)
	checkWhole(t, m)
	for _, f := range m.Fields {
		checkLine(t, DecodeHeader(f.Value()))
	}
	for _, name := range []string{"From", "To", "Cc", "Reply-To"} {
		for _, a := range ParseAddresses(m.Get(name)) {
			checkLine(t, a.Name)
			if strings.IndexByte(a.Addr, '@') <= 0 || hasControl(a.Addr) {
				t.Errorf("address %q", a.Addr)
			}
		}
	}
	for _, name := range []string{"Message-ID", "References", "In-Reply-To"} {
		for _, id := range IDs(m.Get(name)) {
			if id == "" || strings.ContainsAny(id, " \t\r\n<>") {
				t.Errorf("id %q", id)
			}
		}
	}
	ParseDate(m.Get("Date"))
	checkView(t, raw)
}

// The malformed mails of others, with CRLF as they come over SMTP.
func TestHardCorpus(t *testing.T) {
	t.Parallel()
	dir, read := filepath.Join(corpora(t), "hard"), 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".golden") {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		lf := bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
		for _, raw := range [][]byte{b, bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n"))} {
			checkMail(t, raw)
			if t.Failed() {
				t.Fatalf("in %s", path)
			}
		}
		return nil
	})
	if err != nil || read < 100 {
		t.Errorf("%d mails, %v", read, err)
	}
}

// postsOf hands over the first posts of an mboxrd, with CRLF.
func postsOf(t testing.TB, list string, limit int, post func(raw []byte)) {
	t.Helper()
	f, err := os.Open(filepath.Join(corpora(t), "lists", list+".mbox.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var raw []byte
	lines := bufio.NewReader(z)
	for n := 0; n < limit; {
		line, err := lines.ReadBytes('\n')
		if from := bytes.HasPrefix(line, []byte("From ")); from || err != nil {
			if len(raw) > 0 {
				post(raw)
				n++
			}
			raw = nil
			if err != nil {
				return
			}
			continue
		}
		if bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			line = line[1:]
		}
		raw = append(append(raw, bytes.TrimSuffix(line, []byte("\n"))...), "\r\n"...)
	}
}

// Real posts read without a problem, but for a few.
func TestListCorpora(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		"open-iscsi.googlegroups.com", "util-linux.vger.kernel.org", "openwrt-devel.lists.openwrt.org", "linux-man.vger.kernel.org",
	} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			read, problems, empty := 0, 0, 0
			postsOf(t, list, 1000, func(raw []byte) {
				read++
				checkMail(t, raw)
				m, v := Parse(raw), Read(raw)
				problems += min(len(v.Problems), 1)
				if v.Text == "" {
					empty++
				}
				_, dated := ParseDate(m.Get("Date"))
				if len(ParseAddresses(m.Get("From"))) == 0 || len(IDs(m.Get("Message-ID"))) != 1 || !dated {
					t.Errorf("post %d: From %q, Message-ID %q, Date %q", read, m.Get("From"), m.Get("Message-ID"), m.Get("Date"))
				}
			})
			if read != 1000 || problems > 10 || empty > 10 {
				t.Errorf("of %d posts %d have problems and %d no text", read, problems, empty)
			}
		})
	}
}

func BenchmarkReadPosts(b *testing.B) {
	var posts [][]byte
	postsOf(b, "util-linux.vger.kernel.org", 500, func(raw []byte) { posts = append(posts, raw) })
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		Read(posts[i%len(posts)])
	}
}
