package message

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// transcript writes a view as the tests compare it.
func transcript(v View) string {
	var b strings.Builder
	b.WriteString(v.Text)
	for _, a := range v.Attachments {
		fmt.Fprintf(&b, "[%d %s %s %d]\n", a.N, a.Name, a.Type, a.Size)
	}
	for _, p := range v.Problems {
		fmt.Fprintf(&b, "! %s\n", p)
	}
	return b.String()
}

// mail writes a mail of fields and body with CRLF.
func mail(lines ...string) []byte {
	return []byte(strings.ReplaceAll(strings.Join(lines, "\n"), "\n", "\r\n") + "\r\n")
}

func TestRead(t *testing.T) {
	t.Parallel()
	mixed := "Content-Type: multipart/mixed; boundary=b\n"
	for _, c := range []struct{ name, raw, want string }{
		{"no MIME", "Subject: x\n\none\ntwo", "one\ntwo\n"},
		{"no header", "\none", "one\n"},
		{"empty line forgotten", "Subject: x\none two\n\nthree", "one two\n\nthree\n"},
		{"empty", "", ""},
		{"controls", "A: b\n\none\x00\x1b[31m\x08\rtwo\u202e\tthree\x7f", "one[31m\ntwo\tthree\n"},
		{"quoted-printable", "Content-Transfer-Encoding: Quoted-Printable\nContent-Type: text/plain; charset=utf-8\n\ncaf=C3=A9 =\nau lait =3d \n=zz =", "café au lait =\n=zz \n"},
		{"base64", "Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-8\n\nY2Fm\nw6k=", "café\n"},
		{"base64 with a footer", "Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-8\n\nY2Fmw6kK\nY2Fmw6k=\n_____\nthe list", "café\ncafé\n_____\nthe list\n"},
		{"base64 joined", "Content-Transfer-Encoding: base64\n\nYQ==\nYg==", "ab\n"},
		{"base64 broken", "Content-Transfer-Encoding: base64\n\nY2*Fm\nZQ", "cafe\n! broken base64\n"},
		{"base64 that is none", "Content-Transfer-Encoding: base64\n\nthis was never\nencoded at all", "this was never\nencoded at all\n! broken base64\n"},
		{"unknown encoding", "Content-Transfer-Encoding: x-rot13\n\nUryyb", "Uryyb\n! unknown transfer encoding x-rot13\n"},
		{"unknown charset", "Content-Type: text/plain; charset=x-foo\n\ncaf\xc3\xa9", "café\n! unknown charset x-foo\n"},
		{"latin1", "Content-Type: text/plain; charset=iso-8859-1\n\ncaf\xe9 \x93x\x94", "café “x”\n"},
		{"eight-bit without charset", "Subject: x\n\ncaf\xe9", "café\n"},
		{"truncated character", "Content-Type: text/plain; charset=utf-8\n\ncaf\xc3\xa9 \xe2\x82", "café \ufffd\n"},
		{"byte order mark", "Content-Type: text/plain; charset=utf-8\n\n\xef\xbb\xbfone", "one\n"},
		{"broken content type", "Content-Type: text\n\none", "one\n"},
		{"charset with comment", "Content-Type: text/plain; charset=iso-8859-1 (latin); format=flowed\n\ncaf\xe9", "café\n"},
		{"only HTML", "Content-Type: text/html; charset=utf-8\n\n<p>caf\xc3\xa9 <a href=\"https://example.org/\">here</a>", "café here <https://example.org/>\n"},
		{"HTML that names its charset", "Content-Type: text/html\n\n<meta charset=koi8-r><p>\xf0\xd2\xc9\xd7\xc5\xd4", "Привет\n"},
		{"only an attachment", "Content-Type: application/pdf; name=a.pdf\nContent-Transfer-Encoding: base64\n\nJVBERg==", "[1 a.pdf application/pdf 4]\n"},
		{"mixed", mixed + "\npreamble\n--b\n\none\n--b\nContent-Type: image/png\nContent-Disposition: attachment; filename=\"a b.png\"\n\nxyz\n--b\n\n____\nfooter\n--b--\nepilogue",
			"one\n\n____\nfooter\n[1 a b.png image/png 3]\n"},
		{"not closed", mixed + "\n--b\n\none\n--b\n\ntwo", "one\n\ntwo\n"},
		{"part without empty line", mixed + "\n--b\n--b\nContent-Type: text/plain\n--b\n\ntwo\n--b--", "two\n"},
		{"boundary with white space", mixed + "\n--b  \n\none\n--b-- ", "one\n"},
		{"boundary like another", mixed + "\n--b\n\n--bb\n--\n--b-\none\n--b--", "--bb\n--\n--b-\none\n"},
		{"boundary of hyphens", "Content-Type: multipart/mixed; boundary=\"b--\"\n\n--b--\n\none\n--b----", "one\n"},
		{"boundary missing", "Content-Type: multipart/mixed\n\n--b\n\none\n--b--", "--b\n\none\n--b--\n! a multipart without a boundary\n"},
		{"boundary empty", "Content-Type: multipart/mixed; boundary=\"\"\n\none", "one\n! a multipart without a boundary\n"},
		{"boundary not there", mixed + "\n--c\n\none", "--c\n\none\n! a multipart without its parts\n"},
		{"boundary of both", mixed + "\n--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--", "one\n\ntwo\n"},
		{"inner not closed", mixed + "\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--", "one\n\ntwo\n"},
		{"alternative", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n--b\nContent-Type: text/html\n\n<p>html\n--b\nContent-Type: text/calendar\n\nBEGIN\n--b--",
			"plain\n[1 attachment-1.ics text/calendar 5]\n"},
		{"alternative with empty text", "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\nIA0K\n--b\nContent-Type: text/html\n\n<p>html\n--b--", "html\n"},
		{"alternative with a mixed one", "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/html\n\n<p>html\n--c\nContent-Type: application/pdf\n\nx\n--c--\n--b--",
			"plain\n[1 attachment-1.pdf application/pdf 1]\n"},
		{"related", "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n<p>html<img src=cid:1>\n--b\nContent-Type: image/gif\nContent-ID: <1>\n\nx\n--b--", "html\n[1 attachment-1.gif image/gif 1]\n"},
		{"signed", "Content-Type: multipart/signed; boundary=b\n\n--b\n\none\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--", "one\n[1 attachment-1.asc application/pgp-signature 1]\n"},
		{"enclosed mail", mixed + "\n--b\nContent-Type: message/rfc822\n\nSubject: x\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ninner\n--c--\n--b--", "[1 attachment-1.eml message/rfc822 76]\n"},
		{"digest", "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b--", "[1 attachment-1.eml message/rfc822 17]\n"},
		{"patches", mixed + "\n--b\nContent-Type: text/x-patch; name=a.patch\nContent-Disposition: inline\n\n+one\n--b\nContent-Type: text/plain; name=b.txt\nContent-Disposition: attachment\n\ntwo\n--b--",
			"+one\n[1 a.patch text/x-patch 4]\n[2 b.txt text/plain 3]\n"},
		{"first content type wins", "Content-Type: text/plain\nContent-Type: text/html\n\n<p>", "<p>\n"},
		{"content type in disguise", "Content-Type : text/html\n\n<p>x", "x\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := transcript(Read(mail(c.raw))); got != c.want {
				t.Errorf("%q\ngives %q\nwant  %q", c.raw, got, c.want)
			}
		})
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		`Content-Disposition: attachment; filename="a \"b\".txt"`:                               `a "b".txt`,
		`Content-Disposition: attachment; filename=a b.txt; size=1`:                             "a b.txt",
		`Content-Disposition: attachment; filename="../../etc/passwd"`:                          "passwd",
		`Content-Disposition: attachment; filename="C:\dir\a.txt"`:                              "a.txt",
		`Content-Disposition: attachment; filename=".."`:                                        "attachment-1.bin",
		`Content-Disposition: attachment; filename="a/"`:                                        "attachment-1.bin",
		`Content-Disposition: attachment; filename="=?utf-8?q?a=0D=0ASet-Cookie:_x=00?="`:       "a  Set-Cookie: x",
		`Content-Disposition: attachment; filename="<img onerror>.png"`:                         "<img onerror>.png",
		`Content-Disposition: attachment; filename*=utf-8'de'caf%C3%A9%00%0A.txt; filename=no`:  "café .txt",
		`Content-Disposition: attachment; filename*0*=iso-8859-1''caf%E9; filename*1="%20.txt"`: "café%20.txt",
		`Content-Disposition: attachment; filename*0="a"; filename*1=b; filename*3=d`:           "ab",
		`Content-Disposition: attachment; filename="=?iso-8859-1?q?caf=E9?="`:                   "café",
		"Content-Disposition: attachment; filename=\"caf\xe9\"":                                 "café",
		"Content-Disposition: attachment; filename=\"gpj.\u202eexe\"":                           "gpj.exe",
		"Content-Disposition: attachment; filename=a.txt; filename=b.txt":                       "a.txt",
		"Content-Disposition: attachment; filename=\"not closed; x=y":                           "not closed",
		"Content-Disposition: attachment; =; ;;filename = a":                                    "a",
		`Content-Disposition: attachment; filename="` + strings.Repeat("é", 4000) + `.tar.gz"`:  strings.Repeat("é", 98) + ".gz",
		"Content-Type: application/x-thing; name=b.bin":                                         "b.bin",
		"Content-Type: application/x-thing":                                                     "attachment-1.bin",
		"Content-Type: <script>/x; name=a.zip":                                                  "a.zip",
	} {
		if !strings.Contains(header, "Content-Type") {
			header += "\nContent-Type: application/octet-stream"
		}
		v := Read(mail(header, "", "x"))
		if len(v.Attachments) != 1 || v.Attachments[0].Name != want {
			t.Errorf("%.100q gives %+v, want %q", header, v.Attachments, want)
		}
	}
}

func TestOpenAttachment(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("\x00\xffbytes\r\n", 1000)
	raw := mail("Content-Type: multipart/mixed; boundary=b", "", "--b", "", "text", "--b",
		"Content-Type: application/zip; name=a.zip", "Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString([]byte(content)), "--b",
		"Content-Type: message/rfc822", "", "Subject: x", "", "inner", "--b--")
	view := Read(raw)
	for n, want := range map[int]string{1: content, 2: "Subject: x\r\n\r\ninner"} {
		a, b, err := OpenAttachment(raw, n)
		if err != nil || string(b) != want || a != view.Attachments[n-1] || a.Size != int64(len(b)) {
			t.Errorf("attachment %d: %+v, %d bytes, %v", n, a, len(b), err)
		}
	}
	for _, n := range []int{-1, 0, 3, 1 << 30} {
		if _, _, err := OpenAttachment(raw, n); !errors.Is(err, ErrNoAttachment) {
			t.Errorf("attachment %d: %v", n, err)
		}
	}
}

// nested is a mail of multiparts within each other.
func nested(depth int) []byte {
	var b strings.Builder
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	b.WriteString("\r\ninnermost\r\n")
	return []byte(b.String())
}

func TestReadDeep(t *testing.T) {
	t.Parallel()
	if got := transcript(Read(nested(maxDepth))); got != "innermost\n" {
		t.Errorf("%d levels: %q", maxDepth, got)
	}
	for _, depth := range []int{maxDepth + 1, 4000} {
		got := transcript(Read(nested(depth)))
		if !strings.HasPrefix(got, "[1 attachment-1.bin multipart/mixed ") || !strings.HasSuffix(got, "! nested deeper than 100\n") {
			t.Errorf("%d levels: %q", depth, got)
		}
	}
}

func TestReadManyParts(t *testing.T) {
	t.Parallel()
	raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: image/png\r\n\r\nx\r\n", 100_000)
	v := Read([]byte(raw))
	if len(v.Attachments) != maxParts-1 || len(v.Problems) != 1 || v.Problems[0] != "more than 1000 parts" {
		t.Errorf("%d attachments, %q", len(v.Attachments), v.Problems)
	}
	_, b, err := OpenAttachment([]byte(raw), maxParts-1)
	if err != nil || string(b) != "x" {
		t.Errorf("the last attachment: %q, %v", b, err)
	}
}

func TestReadLimits(t *testing.T) {
	t.Parallel()
	v := Read(mail("Subject: x", "", strings.Repeat("é", maxText)))
	if len(v.Text) > maxText || len(v.Text) < maxText-4 || len(v.Problems) != 1 {
		t.Errorf("%d bytes of text, %q", len(v.Text), v.Problems)
	}
	checkText(t, v.Text)
	long := strings.Repeat("b", 100_000)
	v = Read(mail("Content-Type: multipart/mixed; boundary="+long, "", "--"+long, "", "one"))
	if !strings.HasSuffix(v.Text, "one\n") || len(v.Problems) != 2 {
		t.Errorf("a boundary of 100 kB: %d bytes of text, %q", len(v.Text), v.Problems)
	}
	var b strings.Builder
	b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n")
	for i := range 900 {
		fmt.Fprintf(&b, "--b\r\nContent-Type: text/plain; charset=x-%d\r\n\r\nx\r\n", i)
	}
	if v := Read([]byte(b.String())); len(v.Problems) != 20 {
		t.Errorf("%d problems", len(v.Problems))
	}
}

var update = flag.Bool("update", false, "write the golden files")

// Each .eml in testdata reads as its .golden file says.
func TestReadGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			raw = mail(strings.TrimSuffix(string(raw), "\n"))
			m := Parse(raw)
			got := fmt.Sprintf("%q\n%s\n\n%s", ParseAddresses(m.Get("From")), DecodeHeader(m.Get("Subject")), transcript(Read(raw)))
			golden := strings.TrimSuffix(file, ".eml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("reads as\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("Subject: x\r\n\r\nHi\r\n"))
	f.Add(nested(3))
	f.Add(mail("Content-Type: multipart/mixed; boundary=\"b\"", "", "--b", "Content-Type: text/html; charset=koi8-r", "Content-Transfer-Encoding: base64", "", "PHA+", "--b--"))
	f.Add(mail("Content-Type: multipart/alternative; boundary=b", "", "--b", "Content-Type: multipart/digest; boundary=b", "", "--b", "", "A: b", "--b", "--b--"))
	f.Add(mail("Content-Type: text/plain; name*0*=utf-16''%00; charset=utf-16", "Content-Transfer-Encoding: quoted-printable", "", "=00=\n=0A"))
	f.Fuzz(func(t *testing.T, raw []byte) { checkView(t, raw) })
}

// checkView fails when a mail is not shown as it must be.
func checkView(t *testing.T, raw []byte) {
	t.Helper()
	v := Read(raw)
	checkText(t, v.Text)
	for i, a := range v.Attachments {
		checkLine(t, a.Name)
		if a.N != i+1 || a.Name == "" || strings.ContainsAny(a.Name, `/\`) || !isPlain(a.Type) {
			t.Errorf("attachment %+v", a)
		}
		if i > 3 {
			continue
		}
		if b, content, err := OpenAttachment(raw, a.N); err != nil || b != a || int64(len(content)) != a.Size {
			t.Errorf("attachment %+v opens as %+v, %d bytes, %v", a, b, len(content), err)
		}
	}
	for _, p := range v.Problems {
		checkLine(t, p)
	}
}

func BenchmarkRead(b *testing.B) {
	for name, raw := range map[string][]byte{
		"post": usualPost(), "deep": nested(4000),
		"parts":   []byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 100_000)),
		"hyphens": append(nested(99), strings.Repeat("--\r\n", 500_000)...),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				Read(raw)
			}
		})
	}
}
