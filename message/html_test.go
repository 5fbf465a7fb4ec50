package message

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHTMLText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, html, text string }{
		{"empty", "", ""},
		{"white space", "<p>  one\r\n two\t<b>th</b>ree </p>", "one two three\n"},
		{"paragraphs", "<p>one<p>two</p><div>three</div><div>four</div>", "one\n\ntwo\n\nthree\nfour\n"},
		{"breaks", "one<br>two<br/><br>three<br><br><br><br>four", "one\ntwo\n\nthree\n\nfour\n"},
		{"empty lines of a webmailer", "<div>one</div><div><br></div><div>two</div>", "one\n\ntwo\n"},
		{"entities", "a &lt;b&gt; &amp; c&nbsp;&nbsp;d &copy;", "a <b> & c  d ©\n"},
		{"link", `see <a href="https://example.org/x?a=1&amp;b=2">the page</a>, please`, "see the page <https://example.org/x?a=1&b=2>, please\n"},
		{"link that says it", `<a href="https://example.org/">https://example.org</a> <a href="https://example.org/a">example.org/a</a> <a href="mailto:ada@example.org">ada@example.org</a>`,
			"https://example.org example.org/a ada@example.org\n"},
		{"link in a quote", `<blockquote><a href="https://example.org">https://example.org</a></blockquote>`, "> https://example.org\n"},
		{"link with an image", `<a href="https://example.org"><img src=x></a><a href="https://example.org"></a><a href="https://example.org"><img alt="the logo"></a>`,
			"<https://example.org>[the logo] <https://example.org>\n"},
		{"links to nowhere", `<a href="javascript:alert(1)">a</a> <a href="#b">b</a> <a href=" java&#10;script:x">c</a> <a href="data:text/html,x">d</a> <a>e</a>`, "a b c d e\n"},
		{"link not closed", `<a href="https://example.org">one <a href="https://example.org/2">two`, "one <https://example.org> two <https://example.org/2>\n"},
		{"link with junk", "<a href=\"https://exa\nmple.org/>x\u202e\">y</a>", "y <https://example.org/x>\n"},
		{"quote", "<p>new</p><blockquote><p>old</p><p>older</p><blockquote>oldest</blockquote></blockquote><p>end</p>",
			"new\n\n> old\n>\n> older\n>\n> > oldest\n\nend\n"},
		{"quotes not opened", "</blockquote></ul></pre></table>text", "text\n"},
		{"lists", "before<ul><li>one<li>two<ol><li>first</li><li>second<br>line</li></ol></li></ul>after",
			"before\n\n* one\n* two\n  1. first\n  2. second\n    line\n\nafter\n"},
		{"pre", "<p>code:</p><pre>\nif x {\n\treturn  1\n\n}\n</pre><p>end", "code:\n\nif x {\n\treturn  1\n\n}\n\nend\n"},
		{"table", "<table><tr><th>name</th><th>size</th></tr><tr><td><p>a</p></td><td></td><td>1</td></tr></table>", "name | size\na | | 1\n"},
		{"table for layout", "<table><tr><td><table><tr><td>a</td><td><b>b</b></td></tr></table></td></tr><tr><td>c</td></tr></table>", "a b\n\nc\n"},
		{"rule", "one<hr>two", "one\n----------\ntwo\n"},
		{"image", `<img src="https://example.org/p.gif"><img alt="a cat" src=x>`, "[a cat]\n"},
		{"not shown", `<head><title>t</title><style>p{}</style></head><script>x("</p>")</script><!-- c --><template>t</template>one<svg><text>s</text></svg> two<noscript> three</noscript>`, "one two three\n"},
		{"hidden", `one<div style="display: none">a<div>b</div>c</div> <span hidden>d</span><o:p style="mso-hide:all">e</o:p>two<img hidden alt=x><p style="visibility:HIDDEN">f<p>three`, "one two\n\nthree\n"},
		{"script not closed", "one<script>two", "one\n"},
		{"tag not closed", "one<b", "one\n"},
		{"controls", "a&#0;b&#8;c&#x202e;d\x00e\x1bf&#133;", "a\ufffdbcdef…\n"},
		{"bytes that are not UTF-8", "caf\xe9", "café\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := HTMLText([]byte(c.html)); got != c.text {
				t.Errorf("%s\ngives %q\nwant  %q", c.html, got, c.text)
			}
		})
	}
}

// hostileHTML is HTML that made other converters slow or crash, n bytes of it.
func hostileHTML(n int) map[string]string {
	cases := map[string]string{}
	for name, s := range map[string]string{
		"tags": "<b>", "open": "<", "attributes": "<a ", "quotes": "<blockquote>x", "lists": "<ol><li>x", "tables": "<table><tr><td>x",
		"links": `<a href="http://x">`, "end tags": "</blockquote>", "entities": "&lt;", "comments": "<!--", "hidden": "<p hidden>", "breaks": "<br>", "cells": "<td>x",
	} {
		cases[name] = strings.Repeat(s, n/len(s))
	}
	cases["one tag"] = "<a " + strings.Repeat("b=c ", n/4) + ">"
	cases["pre"] = strings.Repeat("<blockquote>", 30) + "<pre>" + strings.Repeat("\n", n)
	return cases
}

func TestHTMLHostile(t *testing.T) {
	t.Parallel()
	for name, s := range hostileHTML(1 << 19) {
		text, _ := htmlText(s)
		if len(text) > 3*maxText || !utf8.ValidString(text) {
			t.Errorf("%s: %d bytes of text", name, len(text))
		}
	}
	if _, cut := htmlText(strings.Repeat("<b>", maxNodes+1)); !cut {
		t.Error("more nodes than the limit, and not a word of it")
	}
	if _, cut := htmlText(strings.Repeat("x", maxHTML+1)); !cut {
		t.Error("more bytes than the limit, and not a word of it")
	}
}

func FuzzHTMLText(f *testing.F) {
	for _, seed := range []string{
		"<p>one<br>two", "<blockquote><pre>a\nb</pre>", "<table><tr><td>a<td>b", "<ul><li>x<ol><li>", "<a href=http://x>y</a>", "<p hidden><div>", "&#0;\x80",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := HTMLText(b)
		checkText(t, text)
		if len(text) > 64*len(b)+4096 {
			t.Errorf("%d bytes of HTML became %d", len(b), len(text))
		}
	})
}

// checkText fails when text for display holds what it must not.
func checkText(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("not UTF-8: %q", text)
	}
	for _, r := range text {
		if r != '\n' && r != '\t' && (isControl(r) || isOverride(r)) {
			t.Errorf("holds %U: %q", r, text)
		}
	}
}

func BenchmarkHTMLText(b *testing.B) {
	for name, s := range hostileHTML(1 << 20) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			for b.Loop() {
				HTMLText([]byte(s))
			}
		})
	}
}
