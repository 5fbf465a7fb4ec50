package archive

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/list"
)

// spells are what strangers write to break out of a page.
func spells() []string {
	return []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</textarea></title></style>`,
		`{{.Frame}} {{template "x"}} ${x} <%= x %>`, `javascript:alert(1)`, `<a href="javascript:alert(1)">x</a>`,
		`https://example.org/"onmouseover="alert(1)`, `http://example.org/'><svg/onload=alert(1)>`, `data:text/html,<script>x</script>`,
		`<!--`, `-->`, `]]>`, `&lt;script&gt;`, `&#x3c;script&#x3e;`, "\u202egnp.exe", "https://user:pw@example.org/", `HTTPS://EXAMPLE.ORG/<x>`,
		`mailto:x@example.org?subject="><script>`, `http://`, `https://[::1]/`, `https://exa mple.org/`, `https://例え.example.org/パス?q=値#節`,
	}
}

func TestHostile96(t *testing.T) {
	t.Parallel()
	m := newMemory(
		list.List{Address: "dev@lists.example.org", Description: strings.Join(spells(), " "), Archive: list.ArchivePublic, Masked: true},
		list.List{Address: "open@lists.example.org", Description: `</p><script>`, Archive: list.ArchivePublic, Post: list.Nobody},
		list.List{Address: `"<script>x</script>"@other.example.org`, Archive: list.ArchivePublic},
	)
	for i, spell := range spells() {
		for l := range m.lists {
			mail := fmt.Sprintf("From: %q <x%d@example.org>\nSubject: %[3]s\nMessage-ID: <%[4]d-%[5]s@example.org>\nMIME-Version: 1.0\n"+
				"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n%[3]s\n\n> %[3]s\n\n    %[3]s\n\n-- \n%[3]s\n"+
				"--b\nContent-Type: text/html\nContent-Disposition: attachment; filename*=utf-8''%[6]s\n\n%[3]s\n--b--\n",
				spell, i, spell, i, strings.ReplaceAll(spell, " ", "_"), url.PathEscape(spell))
			m.add(list.ListID(l+1), mail)
		}
	}
	seen := crawl(t, serve(t, m))
	if len(seen) < 3*len(spells()) {
		t.Errorf("only %d pages were reached", len(seen))
	}
	page := textOf(t, get(t, serve(t, m), "/open/~1/").Body.String())
	if n := strings.Count(page, spells()[0]); n < 5 {
		t.Errorf("the first spell stands %d times as text, want it in subject, name, body, quote, code and signature", n)
	}
}

func FuzzThreadPage(f *testing.F) {
	for _, spell := range spells() {
		f.Add("Subject: "+spell+"\n\n"+spell+"\n", spell)
	}
	f.Add("Content-Type: text/html\n\n<p>Hello <a href=javascript:x>you</a></p>", "> > x\n-- \ny")
	f.Fuzz(func(t *testing.T, mail, text string) {
		checkHTML(t, "<!doctype html><body>"+string(bodyHTML(text))+"</body>")
		m := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic, Masked: len(text)%2 == 0})
		post := m.add(dev, mail)
		h := serve(t, m)
		page := get(t, h, h.href("dev", post.Key, ""))
		if page.Code != http.StatusOK {
			t.Fatalf("status %d", page.Code)
		}
		checkHTML(t, page.Body.String())
		for _, link := range linksOf(t, page.Body.String()) {
			if strings.Contains(link, "/attachment/") {
				if w := get(t, h, link); w.Code != http.StatusOK {
					t.Errorf("%s: %d", link, w.Code)
				}
			}
		}
	})
}

func TestHostile97(t *testing.T) {
	t.Parallel()
	m := garden(t)
	h := serve(t, m)
	answers := crawl(t, h, "/robots.txt", "/favicon.ico", "/style.css")
	for path := range maps.Clone(answers) {
		answers["HEAD "+path] = ask(t, h, http.MethodHead, path)
		answers["304 "+path] = get(t, h, path, "If-None-Match", answers[path].Header().Get("ETag"))
	}
	answers["404"] = get(t, h, "/nobody/")
	answers["301"] = get(t, h, "/dev")
	answers["405"] = ask(t, h, http.MethodPost, "/dev/")
	answers["400"] = get(t, h, "/dev/?before=x")
	answers["414"] = get(t, h, "/"+strings.Repeat("x", 9000))
	broken := garden(t)
	broken.broken = errors.New("disk on fire")
	answers["503"] = get(t, serve(t, broken), "/dev/")
	for name, w := range answers {
		header := w.Header()
		if code, _, ok := strings.Cut(name, " "); ok && code == "304" || len(name) == 3 {
			if fmt.Sprint(w.Code) != name[:3] {
				t.Errorf("%s: answered %d", name, w.Code)
			}
		}
		if csp := header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self'; img-src 'self'; "+
			"form-action 'self'; frame-ancestors 'none'; base-uri 'none'") {
			t.Errorf("%s: policy %q", name, csp)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v", name, header)
		}
		if header.Get("Set-Cookie") != "" {
			t.Errorf("%s sets a cookie", name)
		}
	}
}

// rawRequest sends bytes to a server as they are, and reads the status of the answer.
func rawRequest(t *testing.T, server *httptest.Server, request string) int {
	t.Helper()
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%.80q: %v", request, err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestHostile98(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(serve(t, garden(t)))
	server.Start()
	defer server.Close()
	for _, path := range []string{
		"/../etc/passwd", "/dev/../board/", "/dev/%2e%2e/", "/dev/%2e%2e%2fboard/", "/%2e%2e/%2e%2e/etc/passwd", "//", "//dev/", "/dev//",
		"/dev//raw", "/dev/%00/", "/dev/timer-1@mail.example.org%00/", "/dev/%0d%0aSet-Cookie:x/", "/dev/%ff%fe/", "/dev/%zz/", "/dev/.",
		"/dev/./", "/dev/..", "/dev/%5c..%5c/", "/dev\\..\\board/", "/dev/raw", "/dev/~0/", "/dev/~-1/", "/dev/~99999999999999999999/",
		"/dev/timer-3@mail.example.org/attachment/0/x", "/dev/timer-3@mail.example.org/attachment/99/x",
		"/dev/timer-3@mail.example.org/attachment/+1/station-against-bucket.svg",
		"/dev/timer-3@mail.example.org/attachment/01/station-against-bucket.svg",
		"/dev/timer-3@mail.example.org/attachment/1/..%2f..%2fetc%2fpasswd", "/dev/timer-3@mail.example.org/attachment/1/",
		"/style.css/", "/robots.txt/x", "/" + strings.Repeat("%2e%2e/", 500), "/" + strings.Repeat("a", 8<<10), "/dev/" + strings.Repeat("%41", 2700) + "/",
		"http://lists.example.org/../x", "/dev/search?q=x", "/dev/atom.xml", "/dev/2026-03/", "/dev/2026-03.mbox.gz", "/dev/unanswered/", "/u/abc", "/sitemap.xml",
	} {
		status := rawRequest(t, server, "GET "+path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if status == http.StatusMovedPermanently { // to its slash, and then nowhere
			status = rawRequest(t, server, "GET "+path+"/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		}
		if status != http.StatusNotFound && status != http.StatusBadRequest && status != http.StatusRequestURITooLong {
			t.Errorf("%.60s: %d", path, status)
		}
	}
}

// TestMessageIDsMakeTheRoundTrip follows the links to posts with the ids that
// a path finds hardest.
func TestMessageIDsMakeTheRoundTrip(t *testing.T) {
	t.Parallel()
	m := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic, Masked: true})
	ids := []string{"a/b@example.org", "../x@example.org", "100%@example.org", "a?b@example.org", "a#b@example.org", "a%2Fb@example.org",
		"<script>@example.org", "ä@example.org", "a+b&c=d;e@example.org", "~5@example.org", `a\b@example.org`, "a:b@example.org",
		"//x@example.org", strings.Repeat("long", 230) + "@example.org", "%2e%2e@example.org", "'\"`@example.org"}
	for i, id := range ids {
		m.add(dev, fmt.Sprintf("From: Ann <ann@example.org>\nSubject: number %d\nMessage-ID: <%s>\n\nText %d.\n", i, id, i))
	}
	h := serve(t, m)
	for i, row := range m.posts[dev] {
		if row.node.Post.MessageID != ids[i] {
			continue // the reader of ids sees another one; it has its own tests
		}
		w := get(t, h, h.href("dev", row.node.Post.Key, ""))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), fmt.Sprintf("Text %d.", i)) {
			t.Errorf("%q: %d", ids[i], w.Code)
		}
	}
	seen := crawl(t, h)
	if len(seen) < 2*len(ids) {
		t.Errorf("only %d pages can be reached by links", len(seen))
	}
}

// closedPaths is every route there is, filled with what does exist.
func closedPaths(name string) []string {
	holes := strings.NewReplacer("{key}", "timer-3@mail.example.org", "{n}", "1", "{name}", "station-against-bucket.svg")
	out := []string{"/" + name}
	for _, rt := range listRoutes() {
		path := "/" + name + "/" + holes.Replace(rt.pattern)
		out = append(out, path, strings.TrimSuffix(path, "/"), path+"?before=1-1")
	}
	return out
}

func TestHostile99(t *testing.T) {
	t.Parallel()
	m := garden(t)
	h := serve(t, m)
	for _, path := range closedPaths("dev") {
		if w := get(t, h, path); w.Code == http.StatusNotFound {
			t.Fatalf("%s: the route does not even work on a public list", path)
		}
	}
	before := m.reads.Load()
	for _, name := range []string{"board", "staff", "gone", "board@lists.example.org"} {
		paths, unknown := closedPaths(name), closedPaths("nobody")
		for i, path := range paths {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got, want := ask(t, h, method, path), ask(t, h, method, unknown[i])
				if got.Code != http.StatusNotFound || got.Body.String() != want.Body.String() || fmt.Sprint(got.Header()) != fmt.Sprint(want.Header()) {
					t.Errorf("%s %s: %d %v, unlike a list that is unknown", method, path, got.Code, got.Header())
				}
			}
		}
	}
	if n := m.reads.Load() - before; n != 0 {
		t.Errorf("%d reads for lists that are closed", n)
	}
	front := get(t, h, "/").Body.String()
	for _, name := range []string{"board", "staff", "gone"} {
		if strings.Contains(front, name) {
			t.Errorf("the front page names %s", name)
		}
	}
}

func TestHostile100(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(serve(t, garden(t)))
	server.Start()
	defer server.Close()
	for _, method := range []string{"POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PATCH", "CONNECT", "BREW"} {
		for _, path := range []string{"/", "/dev/", "/nobody/", "/style.css"} {
			r, err := http.NewRequest(method, server.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusMethodNotAllowed || answer.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, answer.StatusCode, answer.Header.Get("Allow"))
			}
		}
	}
	// A gigabyte is promised; the answer comes before its first byte.
	status := rawRequest(t, server, "POST /dev/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n")
	if status != http.StatusMethodNotAllowed {
		t.Errorf("POST of 1 GB: %d", status)
	}
	status = rawRequest(t, server, "GET /dev/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
	if status != http.StatusOK {
		t.Errorf("GET with a body: %d", status)
	}
}

func TestHostile101(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	s := Server(h)
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout != 15*time.Second || s.WriteTimeout != 60*time.Second ||
		s.IdleTimeout != 60*time.Second || s.MaxHeaderBytes != 16<<10 || s.Handler != http.Handler(h) {
		t.Errorf("limits %+v", s)
	}
	s.ReadHeaderTimeout, s.ReadTimeout = 100*time.Millisecond, 200*time.Millisecond
	server := httptest.NewUnstartedServer(nil)
	server.Config = s
	server.Start()
	defer server.Close()
	slow := make([]net.Conn, 50)
	for i := range slow {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		slow[i] = c
	}
	if status := rawRequest(t, server, "GET /dev/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); status != http.StatusOK {
		t.Errorf("beside slow clients: %d", status)
	}
	for i, c := range slow { // each is closed, or this read would never end
		if _, err := io.Copy(io.Discard, c); err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("slow client %d: %v", i, err)
		}
	}
	if status := rawRequest(t, server, "GET / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("x", 32<<10)+"\r\n\r\n"); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("32 KiB of header: %d", status)
	}
}

func TestHostile103(t *testing.T) {
	t.Parallel()
	m := crowded(t)
	h := serve(t, m)
	path := "/dev/deep-0@mail.example.org/"
	before := m.reads.Load()
	first := get(t, h, path)
	if n := m.reads.Load() - before; n != 2 {
		t.Errorf("%d reads for a thread of 20 posts, want 2", n)
	}
	before = m.reads.Load()
	for range 200 {
		if w := get(t, h, path, "If-None-Match", first.Header().Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Fatalf("a page that is known: %d with %d bytes", w.Code, w.Body.Len())
		}
	}
	if n := m.reads.Load() - before; n != 0 {
		t.Errorf("%d reads for a page that did not change", n)
	}
	m.add(dev, "Subject: new\nMessage-ID: <new@mail.example.org>\nIn-Reply-To: <deep-0@mail.example.org>\n\nNew.\n")
	w := get(t, h, path, "If-None-Match", first.Header().Get("ETag"))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "New.") {
		t.Errorf("after a new post: %d", w.Code)
	}
}

func TestHostile105(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	paths := append(slices.Collect(maps.Keys(crawl(t, h))), "/dev", "/nobody/")
	for _, path := range paths {
		plain := get(t, h, path)
		r := httptest.NewRequest(http.MethodGet, "http://evil.example.com"+path, nil)
		for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Server", "X-Host", "Forwarded", "X-Original-URL", "X-Rewrite-URL"} {
			r.Header.Set(name, "evil.example.com")
		}
		r.Header.Set("X-Forwarded-Proto", "gopher")
		r.Header.Set("X-Forwarded-Prefix", "/evil")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != plain.Code || w.Body.String() != plain.Body.String() || fmt.Sprint(w.Header()) != fmt.Sprint(plain.Header()) {
			t.Errorf("%s changes with what a client claims: %d %v", path, w.Code, w.Header())
		}
	}
	if page := get(t, h, "/dev/").Body.String(); !strings.Contains(page, `href="https://lists.example.org/dev/"`) {
		t.Error("the canonical address is not made from the configured one")
	}
}
