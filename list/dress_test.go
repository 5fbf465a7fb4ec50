package list

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/message"
)

// aSite and aList are what the fixtures of this package belong to.
func aSite() Site {
	return Site{
		Hostname: "mx.lists.example.org",
		Domains:  []string{"lists.example.org", "other.example.org"},
		URL:      "https://lists.example.org",
		Key:      []byte("a key of thirty-two bytes, almost"),
	}
}

func aList(change func(*List)) List {
	l := NewList("dev@lists.example.org")
	l.ID, l.Description = 7, "Where the work is talked over"
	if change != nil {
		change(&l)
	}
	return l
}

func aSource(l List, raw []byte) Source {
	return Source{
		Kind: SourcePost, List: l, Raw: raw,
		Trace:     "from mail.example.org ([192.0.2.7])\r\n\tby mx.lists.example.org with ESMTP id s1\r\n\tfor <dev@lists.example.org>; Mon, 04 Mar 2024 10:00:01 +0000",
		MessageID: "supplied@lists.example.org",
		Received:  time.Date(2024, 3, 4, 10, 0, 1, 0, time.UTC),
		Key:       "first/question?#1@example.org",
		Number:    123,
	}
}

// aCopy is what one member gets of the source: the head with their fields.
func aCopy(src Source) (Dressed, []byte) {
	d := Dress(src, aSite())
	return d, d.with(aSite().PersonalFields(src.List, 42, src.Number))
}

// fixture reads a mail of testdata, which has LF there, as it is on the wire.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "dress", name))
	if err != nil {
		t.Fatal(err)
	}
	return crlf(string(b))
}

func crlf(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

// TestDressGolden compares whole copies. UPDATE_GOLDEN=1 writes them anew; look
// at the difference then.
func TestDressGolden(t *testing.T) {
	t.Parallel()
	private := func(l *List) { l.Archive = ArchiveMembers; l.Post = Nobody; l.Description = "" }
	shared := func(l *List) { l.Shared = true }
	prefix := func(l *List) { l.SubjectPrefix = "[dev]" }
	footer := func(l *List) { l.Footer = "dev at lists.example.org\nWrite to dev-owner for help" }
	for _, c := range []struct {
		mail, name string
		change     func(*List)
	}{
		{"plain", "plain", nil},
		{"plain", "plain-private", private},
		{"plain", "plain-shared", shared},
		{"plain", "plain-prefix", prefix},
		{"plain", "plain-footer", footer},
		{"plain", "plain-described", func(l *List) { l.Description = "Grüße und \"Fragen\" <alle> aus dem Norden und auch aus dem Süden" }},
		{"encoded", "encoded-prefix", prefix},
		{"encoded", "encoded-prefix-too", func(l *List) { l.SubjectPrefix = "[dév]" }},
		{"forged", "forged", nil},
		{"forged", "forged-private", private},
		{"forged", "forged-shared", shared},
		{"bare", "bare", prefix},
		{"broken", "broken", prefix},
		{"replyto", "replyto", nil},
		{"replyto", "replyto-list", func(l *List) { l.ReplyToList = true }},
		{"plain", "plain-replyto-list", func(l *List) { l.ReplyToList = true }},
		{"text", "text-footer", func(l *List) { l.Footer = "Grüße von der Liste" }},
		{"bare", "bare-footer", footer},
		{"mixed", "mixed-footer", footer},
		{"alternative", "alternative-footer", footer},
		{"signed", "signed-footer", footer},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, head := aCopy(aSource(aList(c.change), fixture(t, c.mail+".eml")))
			compareGolden(t, c.name+".golden", slices.Concat(head, d.Body))
		})
	}
}

func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if bytes.Count(got, []byte("\n")) != bytes.Count(got, []byte("\r\n")) {
		t.Error("the copy has a bare LF")
	}
	text := bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n"))
	path := filepath.Join("testdata", "dress", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, text, want)
	}
}

// TestDressLeavesTheRest puts the copy beside the mail without the fields that
// doc/headers.md names: nothing else may differ, and the body not be copied.
func TestDressLeavesTheRest(t *testing.T) {
	t.Parallel()
	mails, err := filepath.Glob("testdata/dress/*.eml")
	if err != nil || len(mails) < 10 {
		t.Fatal(mails, err)
	}
	for _, path := range mails {
		raw := fixture(t, filepath.Base(path))
		d := Dress(aSource(aList(nil), raw), aSite())
		checkUntouched(t, path, raw, d)
	}
}

// checkUntouched fails if a copy of a list without prefix and footer differs
// from its mail in anything that the table does not name.
func checkUntouched(t *testing.T, name string, raw []byte, d Dressed) {
	t.Helper()
	own := aSite().PersonalFields(aList(nil), 42, 123)
	before, after := message.Parse(raw), message.Parse(slices.Concat(d.with(own), d.Body))
	ruled := func(f message.Field) bool { return ruleOf(f.Name) != nil || f.Name == "" }
	want := message.AppendKept(nil, before.Fields, ruled)
	got := message.AppendKept(nil, after.Fields, ruled)
	if !bytes.Equal(bytes.TrimSuffix(got, []byte("\r\n")), bytes.TrimSuffix(want, []byte("\r\n"))) {
		t.Errorf("%s: fields differ: got\n%q\nwant\n%q", name, got, want)
	}
	if !bytes.Equal(after.Body, before.Body) {
		t.Errorf("%s: body: got\n%q\nwant\n%q", name, after.Body, before.Body)
	}
	if len(d.Body) > 0 && &d.Body[0] != &before.Body[0] {
		t.Errorf("%s: the body was copied", name)
	}
}

func TestDressFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mail           string
		eightBit, utf8 bool
	}{
		{"From: a@example.org\r\n\r\ntext\r\n", false, false},
		{"From: a@example.org\r\n\r\ngr\xc3\xbc\xc3\x9fe\r\n", true, false},
		{"From: \xc3\xa9 <a@example.org>\r\n\r\ntext\r\n", true, true},
	} {
		d := Dress(aSource(aList(nil), []byte(c.mail)), aSite())
		if d.EightBit != c.eightBit || d.UTF8 != c.utf8 {
			t.Errorf("%q: 8-bit %v, UTF-8 %v", c.mail, d.EightBit, d.UTF8)
		}
	}
	idn := aSite()
	idn.URL = "https://b\u00fccher.example.org"
	for _, shared := range []bool{false, true} {
		src := aSource(aList(func(l *List) { l.Shared, l.Archive = shared, ArchiveNone }), []byte("From: a@example.org\r\n\r\n"))
		if d := Dress(src, idn); d.UTF8 == shared || d.EightBit == shared {
			t.Errorf("site with an IDN, shared %v: 8-bit %v, UTF-8 %v", shared, d.EightBit, d.UTF8)
		}
	}
}

// TestDressMail: a forward or a notice gets its trace and nothing else.
func TestDressMail(t *testing.T) {
	t.Parallel()
	raw := fixture(t, "forged.eml")
	src := aSource(aList(func(l *List) { l.Footer, l.SubjectPrefix, l.ReplyToList = "x", "y", true }), raw)
	src.Kind = SourceMail
	d := Dress(src, aSite())
	got := append(slices.Clone(d.Head), d.Body...)
	if want := append([]byte("Received: "+src.Trace+"\r\n"), raw...); !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	src.Trace = ""
	d = Dress(src, aSite())
	if got := append(slices.Clone(d.Head), d.Body...); !bytes.Equal(got, raw) || d.Seam != -1 {
		t.Errorf("without a trace: seam %d, got\n%s", d.Seam, got)
	}
}

// TestDressDigest: a mail of ours to a member gets their fields on top, and
// nothing else.
func TestDressDigest(t *testing.T) {
	t.Parallel()
	raw := fixture(t, "plain.eml")
	for _, l := range []List{aList(nil), aList(func(l *List) { l.Shared, l.Footer, l.ReplyToList = true, "x", true })} {
		src := aSource(l, raw)
		src.Kind = SourceDigest
		d := Dress(src, aSite())
		if got := slices.Concat(d.Head, d.Body); !bytes.Equal(got, raw) || d.Seam != 0 {
			t.Errorf("seam %d, got\n%s", d.Seam, got)
		}
		src.Raw = slices.Concat([]byte(" <mailto:trap@example.net>\r\n"), raw)
		if d := Dress(src, aSite()); !bytes.HasPrefix(raw, d.Head) {
			t.Errorf("the first line would continue the fields on top of it:\n%s", d.Head)
		}
	}
}

// TestSeam: the fields of one member stand right behind our Received, on a line
// of their own, and only where copies are personal.
func TestSeam(t *testing.T) {
	t.Parallel()
	mails, err := filepath.Glob("testdata/dress/*.eml")
	if err != nil || len(mails) < 10 {
		t.Fatal(mails, err)
	}
	for _, path := range mails {
		src := aSource(aList(nil), fixture(t, filepath.Base(path)))
		d := Dress(src, aSite())
		if above := "Received: " + src.Trace + "\r\n"; string(d.Head[:max(d.Seam, 0)]) != above || !bytes.HasPrefix(d.Head[d.Seam:], []byte("List-Id: ")) {
			t.Errorf("%s: seam %d in\n%s", path, d.Seam, d.Head)
		}
		src.Trace = ""
		if d := Dress(src, aSite()); d.Seam != 0 {
			t.Errorf("%s: seam %d without a trace", path, d.Seam)
		}
		src.List.Shared = true
		if d := Dress(src, aSite()); d.Seam != -1 || !bytes.HasPrefix(d.Head, []byte("List-Unsubscribe: <mailto:dev-unsubscribe@")) {
			t.Errorf("%s: seam %d in a shared copy\n%s", path, d.Seam, d.Head)
		}
	}
}

// TestDressOnce: a copy that comes back has every field of ours once.
func TestDressOnce(t *testing.T) {
	t.Parallel()
	l := aList(func(l *List) { l.SubjectPrefix, l.ReplyToList = "[dev]", true })
	first, head := aCopy(aSource(l, fixture(t, "plain.eml")))
	src := aSource(l, slices.Concat(head, first.Body))
	src.Trace = ""
	_, again := aCopy(src)
	a, b := message.Parse(head).Fields, message.Parse(again).Fields
	names := func(fields []message.Field) (all []string) {
		for _, f := range fields {
			all = append(all, string(f.Raw))
		}
		slices.Sort(all)
		return all
	}
	if !slices.Equal(names(a), names(b)) {
		t.Errorf("first\n%q\nsecond\n%q", names(a), names(b))
	}
}

func TestDressLinks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Source, *Site)
		want   []string // fields that stand there
		none   []string
	}{
		{"no URL", func(src *Source, s *Site) { s.URL = "" }, nil, []string{"List-Archive", "Archived-At"}},
		{"private", func(src *Source, s *Site) { src.List.Archive = ArchiveNone }, nil, []string{"List-Archive", "Archived-At"}},
		{"too long", func(src *Source, s *Site) { src.Key = strings.Repeat(" ", 330) }, []string{"List-Archive"}, []string{"Archived-At"}},
		{"no id to give", func(src *Source, s *Site) { src.MessageID, src.Received = "", time.Time{} }, nil, nil},
	} {
		src, site := aSource(aList(nil), []byte("From: a@example.org\r\n\r\n")), aSite()
		c.change(&src, &site)
		m := message.Parse(Dress(src, site).Head)
		for _, name := range c.want {
			if m.Count(name) != 1 {
				t.Errorf("%s: %d fields %s", c.name, m.Count(name), name)
			}
		}
		for _, name := range c.none {
			if m.Count(name) != 0 {
				t.Errorf("%s: has %s", c.name, name)
			}
		}
	}
}

// TestDressNameless: lines that are no fields stay where they do no harm.
func TestDressNameless(t *testing.T) {
	t.Parallel()
	const ids = "Message-ID: <a@b>\nDate: x\n"
	for _, c := range []struct{ name, head, want string }{
		{"between fields", ids + "no field\nY: 2\n", ids + "no field\nY: 2\n"},
		{"first", "no field\n" + ids, "no field\n" + ids},
		{"From line of an mbox", "From ann Mon Mar  4\n more\n" + ids, ids},
		{"quoted From line", ">From ann Mon Mar  4\n" + ids, ids},
		{"From line further down", ids + "From ann\nZ: 3\n", ids + "From ann\nZ: 3\n"},
		{"orphan of a folded line", " bcc@example.org\n" + ids, ids},
		{"before a removed field", ids + "no field\nErrors-To: a@example.org\n", ids},
		{"before a removed and a kept field", "no field\nErrors-To: a@example.org\n" + ids, "no field\n" + ids},
	} {
		d := Dress(aSource(aList(nil), crlf(c.head+"\nbody\n")), aSite())
		_, got, _ := strings.Cut(string(d.Head), "Precedence: list\r\n")
		if got != string(crlf(c.want+"\n")) || string(d.Body) != "body\r\n" {
			t.Errorf("%s: got %q and %q", c.name, got, d.Body)
		}
	}
}

func TestDressReplyToKept(t *testing.T) {
	t.Parallel()
	for _, value := range []string{" Dev <DEV@lists.example.org>, ann@example.org", "dev@lists.example.org"} {
		raw := []byte("From: a@example.org\r\nReply-To:" + value + "\r\n\r\n")
		d := Dress(aSource(aList(func(l *List) { l.ReplyToList = true }), raw), aSite())
		if !bytes.Contains(d.Head, []byte("\r\nReply-To:"+value+"\r\n")) {
			t.Errorf("%q was touched:\n%s", value, d.Head)
		}
	}
}

// TestDressLines: what we write is folded, never empty, and at most 76 bytes
// long where it has a space to fold at.
func TestDressLines(t *testing.T) {
	t.Parallel()
	for _, description := range []string{
		strings.Repeat("seven letters ", 14), strings.Repeat("ü", 100), strings.Repeat("word ", 39),
		"\r\nBcc: x@example.org", "a \x00 b", "<x>", " ",
	} {
		l := aList(func(l *List) { l.Description, l.SubjectPrefix = description, strings.Repeat("é", 20) })
		raw := []byte("From: a@example.org\r\nSubject: Re: " + strings.Repeat("some ", 12) + "\r\n\r\n")
		head := string(Dress(aSource(l, raw), aSite()).Head)
		for _, line := range strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n") {
			// The trace is written elsewhere, and a link has no space.
			long := len(line) > wantedLine && strings.Contains(line[1:], " ") && !strings.HasPrefix(line, "Archived-At") && !strings.Contains(line, "for <dev@")
			if long || strings.TrimSpace(line) == "" {
				t.Errorf("%q: line %q", description, line)
			}
		}
		if m := message.Parse([]byte(head)); m.Count("Bcc") > 0 || m.Count("List-Id") != 1 || !strings.HasSuffix(m.Get("List-Id"), "<dev.lists.example.org>") {
			t.Errorf("%q:\n%s", description, head)
		}
	}
}

// TestHeadersDoc compares the tables of doc/headers.md with the code.
func TestHeadersDoc(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../doc/headers.md")
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllSubmatch(doc, -1) {
		got = append(got, string(row[1]))
	}
	for _, r := range rules {
		want = append(want, r.name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("doc/headers.md has\n%q\nlist/dress.go\n%q", got, want)
	}
}

// TestDressCorpora dresses real and malformed mail.
func TestDressCorpora(t *testing.T) {
	t.Parallel()
	root := os.Getenv("PARLEY_CORPORA")
	if root == "" {
		t.Skip("PARLEY_CORPORA is not set")
	}
	n := 0
	err := filepath.WalkDir(filepath.Join(root, "hard"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, ".golden") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		checkUntouched(t, path, raw, Dress(aSource(aList(nil), raw), aSite()))
		Dress(aSource(aList(func(l *List) { l.Footer, l.SubjectPrefix, l.ReplyToList = "f", "p", true }), raw), aSite())
		n++
		return nil
	})
	if err != nil || n < 100 {
		t.Errorf("%d mails, %v", n, err)
	}
}

func FuzzDress(f *testing.F) {
	mails, _ := filepath.Glob("testdata/dress/*.eml")
	for _, path := range mails {
		f.Add(fixture(f, filepath.Base(path)), "[dev]", "a footer")
	}
	f.Add([]byte("From x\r\n y\r\nX: y"), "", "")
	f.Add([]byte(" \r\n\t\r\nA:b\r\n"), "=?x", "\xff")
	f.Fuzz(func(t *testing.T, raw []byte, prefix, footer string) {
		raw = bytes.ReplaceAll(bytes.ReplaceAll(raw, []byte("\r"), nil), []byte("\n"), []byte("\r\n"))
		checkUntouched(t, "as it is", raw, Dress(aSource(aList(nil), raw), aSite()))
		l := aList(func(l *List) { l.ReplyToList = true })
		_ = SetOption(&l, "subject_prefix", prefix)
		_ = SetOption(&l, "footer", footer)
		d := Dress(aSource(l, raw), aSite())
		all := append(slices.Clone(d.Head), d.Body...)
		if bytes.Count(all, []byte("\r\n")) != bytes.Count(all, []byte("\n")) || bytes.Count(all, []byte("\r")) != bytes.Count(all, []byte("\n")) {
			t.Errorf("bare CR or LF in\n%q", all)
		}
		m := message.Parse(d.with(aSite().PersonalFields(l, 42, 123)))
		for _, name := range []string{"List-Id", "List-Post", "List-Owner", "List-Archive", "Precedence",
			"List-Help", "List-Subscribe", "List-Unsubscribe", "List-Unsubscribe-Post"} {
			if m.Count(name) != 1 {
				t.Errorf("%d fields %s in\n%q", m.Count(name), name, d.Head)
			}
		}
		if d.UTF8 != message.EightBit(d.Head) || d.EightBit != message.EightBit(all) {
			t.Errorf("flags %v %v", d.EightBit, d.UTF8)
		}
		BreaksSignatures(aSource(l, raw), aSite())
	})
}

func BenchmarkDress(b *testing.B) {
	src := aSource(aList(nil), append(fixture(b, "plain.eml"), bytes.Repeat([]byte("text text text\r\n"), 200)...))
	b.ReportAllocs()
	for b.Loop() {
		Dress(src, aSite())
	}
}
