package message

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// fieldNames writes the fields of a mail as their names, "-" for none.
func fieldNames(m *Message) string {
	names := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		names[i] = f.Name
		if f.Name == "" {
			names[i] = "-"
		}
	}
	return strings.Join(names, " ")
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, fields, body string }{
		{"plain", "From: a@example.org\r\nSubject: x\r\n\r\nHi\r\n", "From Subject", "Hi\r\n"},
		{"line feeds", "From: a@example.org\nSubject: x\n\nHi\n", "From Subject", "Hi\n"},
		{"folded", "Subject: x\r\n y\r\n\tz\r\nTo: b\r\n\r\nHi", "Subject To", "Hi"},
		{"folded white space only", "Subject: x\r\n \r\nTo: b\r\n\r\nHi", "Subject To", "Hi"},
		{"empty", "", "", ""},
		{"no header", "\r\nHi\r\n", "", "Hi\r\n"},
		{"no body", "From: a\r\n", "From", ""},
		{"no line end", "From: a", "From", ""},
		{"header without end", "From: a\r\nTo: b\r\n", "From To", ""},
		{"mbox line", "From a@example.org Mon Sep 17 10:00:00 2001\nTo: b\n\nHi\n", "- To", "Hi\n"},
		{"quoted mbox line", ">From a@example.org Mon Sep 17 10:00:00 2001\nTo: b\n\nHi\n", "- To", "Hi\n"},
		{"only an mbox line", "From a@example.org Mon Sep 17\n\nHi\n", "-", "Hi\n"},
		{"junk between fields", "From: a\r\njunk\r\nmore junk\r\nTo: b\r\n\r\nHi", "From - - To", "Hi"},
		{"junk folded", "From: a\r\njunk\r\n folded\r\nTo: b\r\n\r\nHi", "From - To", "Hi"},
		{"empty line forgotten", "From: a\r\nDear all\r\nhow are you\r\n\r\nSee you", "From", "Dear all\r\nhow are you\r\n\r\nSee you"},
		{"only text", "Dear all\r\n\r\nSee: you", "", "Dear all\r\n\r\nSee: you"},
		{"text at the end", "From: a\r\nDear all", "From", "Dear all"},
		{"space before colon", "From : a\r\nTo\t: b\r\n\r\nHi", "From To", "Hi"},
		{"space in name", "Not a field: a\r\nTo: b\r\n\r\nHi", "- To", "Hi"},
		{"no name", ": a\r\nTo: b\r\n\r\nHi", "- To", "Hi"},
		{"eight-bit name", "T\xc3\xb6: a\r\nTo: b\r\n\r\nHi", "- To", "Hi"},
		{"starts folded", " x\r\nTo: b\r\n\r\nHi", "- To", "Hi"},
		{"bare CR", "From: a\rTo: b\r\n\r\nHi", "From", "Hi"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := Parse([]byte(c.raw))
			if got := fieldNames(m); got != c.fields {
				t.Errorf("fields %q, want %q", got, c.fields)
			}
			if string(m.Body) != c.body {
				t.Errorf("body %q, want %q", m.Body, c.body)
			}
			checkWhole(t, m)
		})
	}
}

// checkWhole fails when a byte of the header is in no field.
func checkWhole(t *testing.T, m *Message) {
	t.Helper()
	header := AppendKept(nil, m.Fields, func(Field) bool { return false })
	rest := strings.TrimRight(string(m.Raw[len(header):m.HeaderSize()]), "\r\n")
	if !bytes.HasPrefix(m.Raw, header) || rest != "" {
		t.Errorf("fields do not make up the header: %q of %q", header, m.Raw)
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	m := Parse([]byte("Subject: first\r\nsubject : second\r\nX-Fold:\r\n a\r\n\tb  \r\nX-Bytes: \xff\x00 x\r\nX-Empty:\r\n\r\n"))
	for name, want := range map[string]string{
		"SUBJECT": "first", "x-fold": "a\tb", "X-Bytes": "\xff\x00 x", "X-Empty": "", "To": "", "": "",
	} {
		if got := m.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if all := m.All("Subject"); len(all) != 2 || all[1] != "second" || m.Count("subject") != 2 {
		t.Errorf("all subjects: %q, count %d", all, m.Count("subject"))
	}
	if m.Count("To") != 0 || m.All("To") != nil {
		t.Error("a field that is not there was counted")
	}
}

func TestAppendKept(t *testing.T) {
	t.Parallel()
	raw := "From x\nA : 1\r\n 2\r\nList-Id: <old>\r\n folded\r\nB:3\n\nbody"
	m := Parse([]byte(raw))
	got := AppendKept([]byte("New: 1\r\n"), m.Fields, func(f Field) bool { return strings.EqualFold(f.Name, "list-id") })
	if want := "New: 1\r\nFrom x\nA : 1\r\n 2\r\nB:3\n"; string(got) != want {
		t.Errorf("kept %q, want %q", got, want)
	}
	if string(m.Raw) != raw {
		t.Error("the mail was written to")
	}
}

func TestEightBit(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		b := bytes.Repeat([]byte{127}, n)
		if EightBit(b) {
			t.Errorf("%d bytes of 127 are eight-bit", n)
		}
		for i := range b {
			b[i] = 128
			if !EightBit(b) {
				t.Errorf("byte 128 at %d of %d not seen", i, n)
			}
			b[i] = 127
		}
	}
}

// Fifty thousand fields, and as many lines that are none, cost a pass or two.
func TestParseHuge(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"X: y\r\n", "junk\r\n"} {
		raw := []byte("A: b\r\n" + strings.Repeat(line, 200_000) + "To: b\r\n\r\nHi")
		m := Parse(raw)
		if len(m.Fields) != 200_002 || m.Get("To") != "b" || string(m.Body) != "Hi" {
			t.Errorf("%q: %d fields, To %q", line, len(m.Fields), m.Get("To"))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"From: a@example.org\r\nSubject: x\r\n y\r\n\r\nHi\r\n", "From x\n\n", "a\nb\nc: d\n\n", "\n", " \n: \n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := Parse(raw)
		checkWhole(t, m)
		for _, fl := range m.Fields {
			if strings.ContainsAny(fl.Name, " \t\r\n:") {
				t.Errorf("name %q", fl.Name)
			}
			if strings.Contains(fl.Value(), "\n") {
				t.Errorf("value %q has a line end", fl.Value())
			}
		}
		ContentHash(m)
		Automatic(m)
		for _, id := range IDs(m.Get("References")) {
			if id == "" || len(id) > 998 || strings.ContainsAny(id, " \t\r\n<>\x00") {
				t.Errorf("id %q", id)
			}
		}
	})
}

func BenchmarkAccept(b *testing.B) {
	raw := usualPost()
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		m := Parse(raw)
		n := len(ParseAddresses(m.Get("From"))) + len(ParseAddresses(m.Get("To"))) + len(ParseAddresses(m.Get("Cc")))
		n += len(IDs(m.Get("Message-ID"))) + len(IDs(m.Get("References"))) + len(IDs(m.Get("In-Reply-To")))
		if n != 9 {
			b.Fatal(n)
		}
	}
}

func BenchmarkContentHash(b *testing.B) {
	m := Parse(usualPost())
	b.SetBytes(int64(len(m.Raw)))
	b.ReportAllocs()
	for b.Loop() {
		ContentHash(m)
	}
}

// usualPost is a post of about 3 KB with the header of a usual one.
func usualPost() []byte {
	var s strings.Builder
	for i := range 4 {
		fmt.Fprintf(&s, "Received: from mx%d.example.org (mx%d.example.org [192.0.2.%d])\r\n\tby mail.example.org with ESMTPS id 4%d\r\n\tfor <dev@lists.example.org>; Mon, 17 Sep 2001 10:00:00 +0200\r\n", i, i, i, i)
	}
	s.WriteString("DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=a;\r\n h=From:To:Subject; bh=" + strings.Repeat("A", 44) + "=;\r\n b=" + strings.Repeat("B", 300) + "\r\n" +
		"From: =?utf-8?q?Ada_L=C3=B6w?= <ada@example.org>\r\nTo: Dev list <dev@lists.example.org>\r\n" +
		"Cc: \"Bob, the other\" <bob@example.org>, carol@example.org\r\nSubject: Re: the engine\r\n" +
		"Message-ID: <4.a/b@example.org>\r\nIn-Reply-To: <3@example.org>\r\nReferences: <1@example.org>\r\n\t<2@example.org> <3@example.org>\r\n" +
		"Date: Mon, 17 Sep 2001 10:00:00 +0200\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nUser-Agent: none\r\n\r\n")
	for s.Len() < 3000 {
		s.WriteString("The engine weaves patterns just as the loom weaves leaves.\r\n")
	}
	return []byte(s.String())
}
