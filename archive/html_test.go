package archive

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// allowed is every element that a page may have, with its attributes.
func allowed() map[string][]string {
	return map[string][]string{
		"html": {"lang"}, "head": nil, "body": nil, "title": nil,
		"meta": {"charset", "name", "content"}, "link": {"rel", "href", "type"},
		"a":      {"href", "rel", "class", "download", "aria-current"},
		"header": {"class"}, "nav": {"aria-label", "class"}, "main": {"id"}, "footer": nil,
		"article": {"class", "id", "aria-labelledby", "tabindex", "autofocus"},
		"details": {"class", "open"}, "summary": nil, "h1": {"dir"}, "h2": {"id", "dir"},
		"p": {"class", "id", "dir"}, "ol": nil, "ul": {"class", "aria-label"}, "li": {"class"},
		"div": {"class"}, "span": {"dir"}, "bdi": nil, "time": {"datetime"}, "pre": nil, "blockquote": nil,
		"form": {"method"}, "button": {"class", "name", "value", "aria-describedby"},
	}
}

// checkHTML reads a page as a browser does: nothing is in it that we did not
// put there.
func checkHTML(t testing.TB, page string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	rules := allowed()
	for n := range root.Descendants() {
		switch n.Type {
		case html.CommentNode:
			t.Errorf("a comment: %q", n.Data)
		case html.ElementNode:
			checkElement(t, rules, n)
		}
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("html/template refused a value")
	}
}

func checkElement(t testing.TB, rules map[string][]string, n *html.Node) {
	t.Helper()
	attributes, ok := rules[n.Data]
	if !ok {
		t.Errorf("element %s", n.Data)
	}
	for _, a := range n.Attr {
		if !slices.Contains(attributes, a.Key) {
			t.Errorf("attribute %s=%q of %s", a.Key, a.Val, n.Data)
		}
		if a.Key == "href" {
			checkLink(t, n, a.Val)
		}
	}
}

func checkLink(t testing.TB, n *html.Node, href string) {
	t.Helper()
	u, err := url.Parse(href)
	if err != nil {
		t.Errorf("broken link %q: %v", href, err)
		return
	}
	if !slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme) {
		t.Errorf("link to %q", href)
	}
	outward := (u.Scheme == "http" || u.Scheme == "https") && n.Data == "a"
	if rel := attribute(n, "rel"); outward && rel != "nofollow noopener" {
		t.Errorf("link to %q has rel=%q", href, rel)
	}
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// linksOf is every link of a page.
func linksOf(t testing.TB, page string) []string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for n := range root.Descendants() {
		if href := attribute(n, "href"); href != "" {
			out = append(out, href)
		}
	}
	return out
}

// textOf is what a reader sees of a page.
func textOf(t testing.TB, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

// crawl asks for every page that can be reached from the front page by links,
// and returns the answers by their paths. A link that leads nowhere fails the test.
func crawl(t testing.TB, h http.Handler, more ...string) map[string]*httptest.ResponseRecorder {
	t.Helper()
	seen := map[string]*httptest.ResponseRecorder{}
	for queue := append([]string{"/"}, more...); len(queue) > 0; queue = queue[1:] {
		path, _, _ := strings.Cut(queue[0], "#")
		if seen[path] != nil || !strings.HasPrefix(path, "/") {
			continue
		}
		w := get(t, h, path)
		seen[path] = w
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			checkHTML(t, w.Body.String())
			queue = append(queue, linksOf(t, w.Body.String())...)
		}
	}
	return seen
}

func TestAllowListCatches(t *testing.T) {
	t.Parallel()
	for _, page := range []string{
		"<script>alert(1)</script>", `<p onclick="x">`, `<a href="javascript:x">x</a>`, "<!-- x -->", `<img src="x">`,
		`<a href="https://example.org/">x</a>`, `<p style="color: red">`, "<iframe></iframe>",
	} {
		if !fails(func(probe testing.TB) { checkHTML(probe, page) }) {
			t.Errorf("%s passes", page)
		}
	}
}

// probe is a test that only tells whether it failed.
type probe struct {
	testing.TB
	failed bool
}

func (p *probe) Helper()               {}
func (p *probe) Error(...any)          { p.failed = true }
func (p *probe) Errorf(string, ...any) { p.failed = true }
func (p *probe) Fatal(a ...any)        { panic(fmt.Sprint(a...)) }

func fails(fn func(testing.TB)) bool {
	p := &probe{}
	fn(p)
	return p.failed
}
