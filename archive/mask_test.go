package archive

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/list"
)

func testMasker() *masker {
	return &masker{base: "https://lists.example.org/", own: "dev@lists.example.org", ids: map[string]bool{"known-1@mail.example.org": true}}
}

func TestMaskText(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"ann@example.org", "ann@…"},
		{"Ann <ann.b+c@mail.example.org>, ben@example.org.", "Ann <ann.b+c@…>, ben@…."},
		{"(ann@example.org)", "(ann@…)"},
		{"mailto:ann@example.org?subject=x", "mailto:ann@…?subject=x"},
		{"ann@localhost", "ann@…"},
		{`"ann b"@example.org`, `"ann b"@…`},
		{"ann@[192.0.2.1] x", "ann@… x"},
		{"änn@bücher.example y", "änn@… y"},
		{"連絡先ann@example.orgです", "連絡先ann@…です"},
		{"ann%40example.org", "ann%40…"},
		{"a@b@example.org", "a@…@…"},
		{"@property and foo @bar and @@ -1,2 +3,4 @@", "@property and foo @bar and @@ -1,2 +3,4 @@"},
		{"module@1.2.3 and x@", "module@1.2.3 and x@"},
		{"write to dev@lists.example.org", "write to dev@lists.example.org"},
		{"write to DEV@Lists.Example.org", "write to DEV@Lists.Example.org"},
		{"In <known-1@mail.example.org> he said", "In <known-1@mail.example.org> he said"},
		{"https://lists.example.org/dev/x@mail.example.org/", "https://lists.example.org/dev/x@mail.example.org/"},
		{"https://lists.example.org/?a=ann@example.org", "https://lists.example.org/?a=ann@…"},
		{"https://lists.example.org/ann@example.org", "https://lists.example.org/ann@…"},
		{"https://lore.example.com/r/20260301081500.1234-2-ann@example.org/", "https://lore.example.com/r/20260301081500.1234-2-ann@example.org/"},
		{"https://example.com/people/ann@example.org/x", "https://example.com/people/ann@…/x"},
		{"https://example.com/?to=ann@example.org&x=1", "https://example.com/?to=ann@…&x=1"},
		{"https://ann@example.org/", "https://ann@…/"},
		{"no address here", "no address here"},
		{"", ""},
	} {
		if got := testMasker().text(c[0]); got != c[1] {
			t.Errorf("%q\n is %q\nwant %q", c[0], got, c[1])
		}
	}
	var shown *masker
	if got := shown.text("ann@example.org"); got != "ann@example.org" {
		t.Errorf("without a mask: %q", got)
	}
}

func FuzzMaskText(f *testing.F) {
	f.Add("x <ann@example.org> y %40 @ https://x/@", "z")
	f.Fuzz(func(t *testing.T, before, after string) {
		m := testMasker()
		got := m.text(before + " <secret@people.example.org> " + after)
		if strings.Contains(got, "secret@people.example.org") {
			t.Errorf("the address shows in %q", got)
		}
		if again := m.text(got); utf8.ValidString(got) && again != got {
			t.Errorf("masked twice: %q, then %q", got, again)
		}
		raw := string(m.mail([]byte("From: secret@people.example.org\r\n"+before+"\r\n\r\n"+after+" secret@people.example.org \r\n"), 0))
		if strings.Contains(raw, " secret@people.example.org") {
			t.Errorf("the address shows raw: %q", raw)
		}
	})
}

// hidden is a mail that holds secret@people.example.org in every place and
// every encoding that a mail has for it.
const hidden = `Return-Path: <secret@people.example.org>
Received: from x (x [192.0.2.7]) by y for <secret@people.example.org>; Mon, 2 Mar 2026 09:12:41 +0100
From: =?utf-8?q?secret=40people=2Eexample=2Eorg?= <secret@people.example.org>
Sender: =?utf-8?B?c2VjcmV0QHBlb3BsZS5leGFtcGxlLm9yZw==?= <x@example.org>
To: dev@lists.example.org, "Secret (secret@people.example.org)" <secret @
 people.example.org>
Cc: secret@
 people.example.org
Subject: about secret@people.example.org and =?utf-8?q?secret=40?= =?utf-8?q?people=2Eexample=2Eorg?=
Message-ID: <hidden-1@mail.example.org>
In-Reply-To: Message from secret@people.example.org of "Sun, 1 Mar 2026"
References: <earlier-1@mail.example.org> secret@people.example.org
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="=_1"

Preamble secret@people.example.org
--=_1
--=_1
Content-Type: text/plain; charset=utf-8

Plain secret@people.example.org here.
--=_1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Quoted secret=40people.example.org and secret@people.exa=
mple.org.
--=_1
Content-Type: multipart/alternative; boundary="=_1a"

--=_1a
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+U2VlIDxhIGhyZWY9Im1haWx0bzpzZWNyZXRAcGVvcGxlLmV4YW1wbGUub3JnIj5tZTwvYT4=
--=_1a
Content-Type: text/html

<p>secret&#64;people.example.org</p>
--=_1a--
--=_1
Content-Type: text/csv; name="secret@people.example.org.csv"
Content-Disposition: attachment; filename*=utf-8''secret%40people.example.org.csv
Content-Transfer-Encoding: base64

bmFtZSxtYWlsCnMsc2VjcmV0QHBlb3BsZS5leGFtcGxlLm9yZwo=
--=_1
Content-Type: application/octet-stream; name="0001.patch"
Content-Transfer-Encoding: base64

RnJvbTogc2VjcmV0QHBlb3BsZS5leGFtcGxlLm9yZwo=
--=_1
Content-Type: text/plain; charset=utf-16le
Content-Transfer-Encoding: base64

cwBlAGMAcgBlAHQAQABwAGUAbwBwAGwAZQAuAGUAeABhAG0AcABsAGUALgBvAHIAZwA=
--=_1
Content-Type: message/rfc822

From: secret@people.example.org
Message-ID: <inner-1@mail.example.org>
Content-Transfer-Encoding: base64

SW5uZXIgc2VjcmV0QHBlb3BsZS5leGFtcGxlLm9yZwo=
--=_1
Content-Type: application/octet-stream; name="data.bin"
Content-Transfer-Encoding: base64

AAECAwQF/w==
--=_1--
Epilogue secret@people.example.org
`

// TestHostile104 looks for the addresses of authors on every page and in
// every file of a list that masks them.
func TestHostile104(t *testing.T) {
	t.Parallel()
	m := garden(t)
	m.add(dev, hidden)
	addresses := []string{"ann@example.org", "ben@example.org", "chloe@example.org", "dana@example.org", "eli@example.org",
		"secret@people.example.org", "secret%40people", "secret=40people", "secret&#64;people", "people.example.org"}
	h := serve(t, m)
	seen := crawl(t, h)
	if seen["/dev/hidden-1@mail.example.org/raw"] == nil || seen["/dev/timer-4@mail.example.org/raw"] == nil {
		t.Fatal("not every file was reached")
	}
	for path, w := range seen {
		if strings.HasPrefix(path, "/open/") {
			continue
		}
		text := w.Body.String() + fmt.Sprint(w.Header())
		for _, address := range addresses {
			if strings.Contains(text, address) {
				t.Errorf("%s shows %s", path, address)
			}
		}
	}
	raw := seen["/dev/hidden-1@mail.example.org/raw"].Body.String()
	for _, kept := range []string{"Message-ID: <hidden-1@mail.example.org>", "<earlier-1@mail.example.org>", "<inner-1@mail.example.org>",
		"Plain secret@… here.", "Quoted secret@… and secret@….", "Inner secret@…", "dev@lists.example.org", leftOut, "AAECAwQF/w==",
		"Content-Transfer-Encoding: 8bit", `boundary="=_1"`} {
		if !strings.Contains(raw, kept) {
			t.Errorf("the raw post has no %q", kept)
		}
	}
	for _, encoded := range []string{"c2VjcmV0QHBlb3BsZS5leGFtcGxlLm9yZw", "cwBlAGMAcgBlAHQAQ", "U2VlIDxhIGhyZWY9Im1haWx0"} {
		if strings.Contains(raw, encoded) {
			t.Errorf("the raw post still has %q", encoded)
		}
	}
	if t.Failed() {
		t.Log(raw)
	}
	if page := seen["/dev/hidden-1@mail.example.org/"].Body.String(); !strings.Contains(textOf(t, page), "Plain secret@… here.") {
		t.Error("the page does not show the masked text")
	}
}

// TestShownListIsExact: a list that shows addresses gives the very bytes.
func TestShownListIsExact(t *testing.T) {
	t.Parallel()
	m := garden(t)
	post := m.add(open, hidden+"\x80\xff latin\n")
	h := serve(t, m)
	w := get(t, h, h.href("open", post.Key, "raw"))
	want := m.posts[open][len(m.posts[open])-1].raw
	if w.Code != http.StatusOK || w.Body.String() != string(want) {
		t.Errorf("%d, %d bytes of %d", w.Code, w.Body.Len(), len(want))
	}
	if kind := w.Header().Get("Content-Type"); kind != "text/plain" {
		t.Errorf("bytes that are not UTF-8 go out as %q", kind)
	}
	page := get(t, h, "/open/timer-1@mail.example.org/").Body.String()
	if !strings.Contains(textOf(t, page), "ann@example.org") {
		t.Error("the address does not show on a list that shows addresses")
	}
}

// TestMaskedMailStaysAMail: what is not an address comes out as it went in.
func TestMaskedMailStaysAMail(t *testing.T) {
	t.Parallel()
	m := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic, Masked: true})
	mails := []string{
		"Subject: x\n\nhello\n",
		"Subject: x\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b",
		"Content-Type: multipart/mixed; boundary=\"\n\n--\n",
		"no header at all\nand a second line\n",
		"Subject: x\n",
		"",
	}
	for _, mail := range mails {
		m.add(dev, mail)
		raw := m.posts[dev][len(m.posts[dev])-1].raw
		if got := testMasker().mail(raw, 0); string(got) != string(raw) {
			t.Errorf("%q became %q", raw, got)
		}
	}
}

func TestDeepMailIsLeftOut(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 200 {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%[1]d\r\n", i)
	}
	b.WriteString("Content-Transfer-Encoding: base64\r\n\r\nc2VjcmV0QHBlb3BsZS5leGFtcGxlLm9yZw==\r\n")
	got := string(testMasker().mail([]byte(b.String()), 0))
	if strings.Contains(got, "c2VjcmV0") || !strings.Contains(got, leftOut) {
		t.Errorf("deep parts come out: %.500q", got)
	}
}
