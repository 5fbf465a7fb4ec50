package archive

import (
	"strings"
	"testing"
)

func TestBody(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"words that a mail program broke",
			"The quick brown fox jumps over the lazy dog and then it\nsits down beside the river to look at all of the fishes\nand sleeps.",
			"<p>The quick brown fox jumps over the lazy dog and then it\nsits down beside the river to look at all of the fishes\nand sleeps.</p>"},
		{"lines that somebody broke", "Best wishes,\nAnn", `<p class="ln">Best wishes,` + "\nAnn</p>"},
		{"one line", "Hello,", "<p>Hello,</p>"},
		{"long lines that are records",
			"2026-03-01 10:00:01 the valve of house three was opened by the timer now\n2026-03-01 10:00:02 it is shut again after a very short time",
			`<p class="ln">2026-03-01 10:00:01 the valve of house three was opened by the timer now` + "\n2026-03-01 10:00:02 it is shut again after a very short time</p>"},
		{"quotes", "> > a\n>> b\n> c\nd", "<blockquote><blockquote><p class=\"ln\">a\nb</p>\n</blockquote>\n<p>c</p>\n</blockquote>\n<p>d</p>"},
		{"an empty quoted line", "> a\n>\n> b", "<blockquote><p>a</p>\n<p>b</p>\n</blockquote>"},
		{"signature", "Hi\n-- \nAnn\n\nphone", "<p>Hi</p>\n<div class=\"sig\">-- \nAnn\n\nphone</div>"},
		{"footer", "Hi\n____________________\ndev list", "<p>Hi</p>\n<div class=\"sig\">____________________\ndev list</div>"},
		{"code by its indent", "See:\n\n    x = 1\n    y = 2", "<p>See:</p>\n<pre>    x = 1\n    y = 2</pre>"},
		{"code by its tab", "a\tb", "<pre>a\tb</pre>"},
		{"items", "- one\n  and a half\n- two\n  - in", "<p class=\"li ln\">- one\nand a half</p>\n<p class=\"li\">- two</p>\n<p class=\"li in\">- in</p>"},
		{"a vote is no code", "+1 from me", "<p>+1 from me</p>"},
		{"patch", "Fix it.\n---\n a.c | 2 +-\n\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-x\n+y\n\n-- \n2.0",
			"<p>Fix it.</p>\n<pre>---\n a.c | 2 +-</pre>\n<pre>diff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-x\n+y</pre>\n<div class=\"sig\">-- \n2.0</div>"},
		{"markup", `<b a="1">&amp;'`, "<p>&lt;b a=&#34;1&#34;&gt;&amp;amp;&#39;</p>"},
		{"controls", "a\x00b\x1b[1mc\u202ed\x85\xff", "<p>ab[1mcd\ufffd\ufffd</p>"},
		{"a space that is none", "\u00a0\n> \u00a0\nx", "<p>x</p>"},
		{"nothing", "", ""},
		{"empty lines", "\n\n\n", ""},
	} {
		if got := strings.TrimSpace(string(bodyHTML(c.text))); got != c.want {
			t.Errorf("%s:\n is %q\nwant %q", c.name, got, c.want)
		}
	}
}

func TestDeepQuotesEnd(t *testing.T) {
	t.Parallel()
	got := string(bodyHTML(strings.Repeat(">", 1000) + "x"))
	if n := strings.Count(got, "<blockquote>"); n != maxQuote || strings.Count(got, "</blockquote>") != n {
		t.Errorf("%d quotes are open", n)
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, href, shown string }{
		{"see https://example.org/a.", "https://example.org/a", "https://example.org/a"},
		{"(https://example.org/a_(b))", "https://example.org/a_(b)", "https://example.org/a_(b)"},
		{"<https://example.org/?a=1&b=[2]>", "https://example.org/?a=1&b=%5B2%5D", "https://example.org/?a=1&b=[2]"},
		{"HTTP://Example.ORG:8080/x!", "http://Example.ORG:8080/x", "HTTP://Example.ORG:8080/x"},
		{"https://example.org/100%, really", "https://example.org/100%25", "https://example.org/100%"},
		{"https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4", "https://bücher.example/ä"},
		{"mailto:ann@example.org?subject=a b", "mailto:ann@example.org?subject=a", "mailto:ann@example.org?subject=a"},
		{"„https://example.org/x“", "https://example.org/x", "https://example.org/x"},
		{"https://example.org/#a#b", "https://example.org/#a%23b", "https://example.org/#a#b"},
	} {
		page := string(bodyHTML(c.text))
		if links := linksOf(t, page); len(links) != 1 || links[0] != c.href {
			t.Errorf("%s leads to %q, want %q", c.text, links, c.href)
		}
		if !strings.Contains(textOf(t, page), c.shown) || textOf(t, page) != c.text+"\n" {
			t.Errorf("%s shows as %q", c.text, textOf(t, page))
		}
	}
	for _, text := range []string{"javascript:alert(1)", "data:text/html,x", "ftp://example.org/", "xhttp://example.org/", "http:// x", "http:///x", "mailto:x",
		"https://user:pw@example.org/", "https://example.org:99999999/", "https://-x.example/", "https://a..b/", "https://ann@…/", "vbscript:x", "https://",
		"https://example.org/" + strings.Repeat("x", maxLink)} {
		if page := string(bodyHTML(text)); strings.Contains(page, "<a") || textOf(t, page) != text+"\n" {
			t.Errorf("%.60s became %.200s", text, page)
		}
	}
}

func TestBareSubject(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"Re: x": "x", "RE: AW: Sv:x": "x", "x": "x", "Re:": "", "Re": "Re", "Regarding: x": "Regarding: x", "re : x": "x", "": "",
	} {
		if got := bareSubject(s); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

// BenchmarkThread makes the page of a thread of 50 posts.
func BenchmarkThread(b *testing.B) {
	m := crowded(b)
	for range 29 {
		m.add(dev, "From: Ann <ann@example.org>\nSubject: Re: A long talk\nMessage-ID: <"+strings.Repeat("n", 1+len(m.posts[dev]))+
			"@example.org>\nIn-Reply-To: <deep-0@mail.example.org>\n\n"+strings.Repeat("> What somebody said on this matter, at some length.\n", 20)+
			strings.Repeat("And what I have to say to it, with ann@example.org and https://example.org/x in it.\n", 20))
	}
	h := serve(b, m)
	b.ReportAllocs()
	for b.Loop() {
		if w := get(b, h, "/dev/deep-0@mail.example.org/"); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
