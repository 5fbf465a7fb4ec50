package archive

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/message"
)

func TestFrontPage(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	page := get(t, h, "/").Body.String()
	checkHTML(t, page)
	for _, want := range []string{`href="/dev/"`, `href="/open/"`, `href="/dev@else.example.org/"`, "garden computers", "lists.example.org"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if w := get(t, serve(t, newMemory()), "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "no public list") {
		t.Errorf("without lists: %d", w.Code)
	}
}

func TestListPage(t *testing.T) {
	t.Parallel()
	m := garden(t)
	h := serve(t, m)
	text := textOf(t, get(t, h, "/dev/").Body.String())
	for _, want := range []string{"Should the watering timer trust the weather station?", "Ann Example", "6 posts", "4 Mar 2026, 19:30 UTC", "Write to dev@lists.example.org"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if page := get(t, h, "/open/").Body.String(); strings.Contains(page, "mailto:") {
		t.Error("a list to which nobody may post offers to write to it")
	}
	if w := get(t, h, "/dev@lists.example.org/"); w.Code != http.StatusNotFound {
		t.Errorf("a second address of a list: %d", w.Code)
	}
	empty := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic})
	if page := get(t, serve(t, empty), "/dev/").Body.String(); !strings.Contains(page, "Nobody has written yet") {
		t.Error("an empty list does not say so")
	}
}

// TestPaging walks through 120 threads: each stands on one page, none twice.
func TestPaging(t *testing.T) {
	t.Parallel()
	m := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic})
	for i := range 120 {
		m.add(dev, fmt.Sprintf("From: Ann <ann@example.org>\nSubject: thread %03d.\nMessage-ID: <%d@example.org>\nDate: Mon, 02 Mar 2026 10:%02d:00 +0000\n\nx\n", i, i, i/6))
	}
	h := serve(t, m)
	seen, pages := "", 0
	for path := "/dev/"; path != ""; pages++ {
		page := get(t, h, path).Body.String()
		seen += textOf(t, page)
		path = ""
		for _, link := range linksOf(t, page) {
			if strings.Contains(link, "?before=") {
				path = link
			}
		}
		if pages > 0 && !strings.Contains(page, "Newest threads") {
			t.Errorf("page %d has no way back", pages)
		}
	}
	if pages != 3 {
		t.Errorf("%d pages for 120 threads, want 3", pages)
	}
	for i := range 120 {
		if n := strings.Count(seen, fmt.Sprintf("thread %03d.", i)); n != 1 {
			t.Errorf("thread %d stands there %d times", i, n)
		}
	}
	for _, broken := range []string{"x", "1", "-", "1-", "-1-1", "9999999999999999999999-1", "1-x"} {
		if w := get(t, h, "/dev/?before="+broken); w.Code != http.StatusBadRequest {
			t.Errorf("before=%s: %d", broken, w.Code)
		}
	}
}

func TestThreadPage(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	page := get(t, h, "/dev/timer-1@mail.example.org/").Body.String()
	text := textOf(t, page)
	for _, want := range []string{"6 posts by 5 people", "2 Mar to 4 Mar 2026", "Chloé Modèle", "in reply to Ben Sample",
		"[PATCH] timer: believe the station for two hours only", "A post that is not in this archive.", "bucket readings, February.csv", "text/csv"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	for _, want := range []string{`id="p1"`, `href="#p2"`, `href="/dev/timer-2@mail.example.org/"`, `href="/dev/timer-2@mail.example.org/raw"`,
		`href="/dev/timer-3@mail.example.org/attachment/1/station-against-bucket.svg"`, `<a rel="nofollow noopener" href="https://garden.example.org/logs/2026-02-27.txt">`,
		`mailto:dev@lists.example.org?In-Reply-To=%3Ctimer-1@mail.example.org%3E`, `<link rel="canonical" href="https://lists.example.org/dev/timer-1@mail.example.org/">`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(page, "autofocus") || strings.Contains(page, "Go to the post") {
		t.Error("the page of the first post points at a post")
	}
	if strings.Contains(text, "<ann@example.org>") {
		t.Error("an address shows on a masked list")
	}
}

// TestReplyPageIsTheThread: the page of a reply is that of its thread, with
// the reply marked and a way to it.
func TestReplyPageIsTheThread(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	for _, path := range []string{"/dev/timer-4@mail.example.org/", "/dev/~4/"} {
		page := get(t, h, path).Body.String()
		for _, want := range []string{`<p class="jump"><a href="#p4">`, `here" id="p4"`, "autofocus", `id="p1"`,
			`<link rel="canonical" href="https://lists.example.org/dev/timer-1@mail.example.org/">`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s has no %s", path, want)
			}
		}
		if n := strings.Count(page, "autofocus"); n != 1 {
			t.Errorf("%d posts are marked", n)
		}
	}
}

func TestSlashIsAdded(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	for path, to := range map[string]string{
		"/dev":                          "/dev/",
		"/dev?before=1-1":               "/dev/?before=1-1",
		"/dev/timer-1@mail.example.org": "/dev/timer-1@mail.example.org/",
		"/dev/a%2Fb@example.org":        "/dev/a%2Fb@example.org/",
		"/dev/~4":                       "/dev/~4/",
		"/dev@else.example.org":         "/dev@else.example.org/",
	} {
		if w := get(t, h, path); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != to {
			t.Errorf("%s: %d to %q, want %q", path, w.Code, w.Header().Get("Location"), to)
		}
	}
}

// TestSiteBelowAPath serves an archive whose address has a path of its own.
func TestSiteBelowAPath(t *testing.T) {
	t.Parallel()
	s := site()
	s.URL = "https://example.org/mail/lists/"
	h := serveSite(t, garden(t), s)
	page := get(t, h, "/mail/lists/dev/").Body.String()
	for _, want := range []string{`href="/mail/lists/dev/timer-1@mail.example.org/"`, `href="/mail/lists/style.css?v=`, `href="https://example.org/mail/lists/dev/"`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s", want)
		}
	}
	if w := get(t, h, "/dev/"); w.Code != http.StatusNotFound {
		t.Errorf("outside of its path: %d", w.Code)
	}
	for _, url := range []string{"", "lists.example.org", "ftp://lists.example.org", "https://", "https://lists.example.org/?x", "https://lists.example.org/#x", "http://a b/"} {
		if _, err := New(Config{Site: list.Site{URL: url}}); err == nil {
			t.Errorf("the site's URL may be %q", url)
		}
	}
}

func TestEveryPageIsKept(t *testing.T) {
	t.Parallel()
	m := garden(t)
	h := serve(t, m)
	seen := crawl(t, h, "/robots.txt")
	for path, w := range seen {
		tag := w.Header().Get("ETag")
		if tag == "" {
			t.Errorf("%s has no ETag", path)
			continue
		}
		for _, given := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, `"a",W/"b",` + tag} {
			if again := get(t, h, path, "If-None-Match", given); again.Code != http.StatusNotModified || again.Header().Get("ETag") != tag {
				t.Errorf("%s with %s: %d, %q", path, given, again.Code, again.Header().Get("ETag"))
			}
		}
		if other := get(t, h, path, "If-None-Match", `W/"x"`); other.Code != http.StatusOK {
			t.Errorf("%s with another tag: %d", path, other.Code)
		}
	}
	tag := seen["/dev/"].Header().Get("ETag")
	m.version++
	if w := get(t, h, "/dev/", "If-None-Match", tag); w.Code != http.StatusOK {
		t.Errorf("after a change: %d", w.Code)
	}
}

func TestPagesAreCompressed(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	path := "/dev/timer-1@mail.example.org/"
	plain := get(t, h, path)
	w := get(t, h, path, "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || !strings.Contains(w.Header().Get("Vary"), "Accept-Encoding") {
		t.Fatalf("header %v", w.Header())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(b, plain.Body.Bytes()) {
		t.Errorf("%v: %d bytes of %d", err, len(b), plain.Body.Len())
	}
	if !strings.Contains(plain.Header().Get("Vary"), "Accept-Encoding") {
		t.Error("the plain page does not vary")
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	for path, w := range crawl(t, h) {
		head := ask(t, h, http.MethodHead, path)
		if head.Code != w.Code || head.Header().Get("Content-Length") != w.Header().Get("Content-Length") || head.Header().Get("ETag") != w.Header().Get("ETag") {
			t.Errorf("%s: %d %v", path, head.Code, head.Header())
		}
	}
}

func TestErrorsAreRendered(t *testing.T) {
	t.Parallel()
	m := garden(t)
	h := serve(t, m)
	for _, c := range []struct {
		err    error
		status int
		shows  string
	}{
		{errors.New("secret detail of the disk"), http.StatusServiceUnavailable, "try again"},
		{context.DeadlineExceeded, http.StatusServiceUnavailable, "try again"},
		{fmt.Errorf("wrapped: %w", &list.Error{Kind: list.Temporary, Text: "The archive is busy", Err: errors.New("secret detail")}), http.StatusServiceUnavailable, "The archive is busy."},
		{list.Errorf(list.Refused, "Members only"), http.StatusForbidden, "Members only."},
		{list.Errorf(list.Unknown, "Nope"), http.StatusNotFound, "Nope."},
		{list.Errorf(list.TooLarge, "Too much"), http.StatusRequestEntityTooLarge, "Too much."},
		{list.Errorf(list.Malformed, "Broken"), http.StatusBadRequest, "Broken."},
		{list.Errorf(list.Conflict, "Taken"), http.StatusConflict, "Taken."},
		{list.Errorf(list.Full, "Full"), http.StatusServiceUnavailable, "Full."},
	} {
		m.broken = c.err
		w := get(t, h, "/dev/")
		checkHTML(t, w.Body.String())
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.shows) || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%v: %d\n%s", c.err, w.Code, textOf(t, w.Body.String()))
		}
		if (w.Code == http.StatusServiceUnavailable) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%v: Retry-After %q", c.err, w.Header().Get("Retry-After"))
		}
		if w.Header().Get("ETag") != "" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%v is kept: %v", c.err, w.Header())
		}
	}
}

// TestPanicIsOnePage: a bug costs the reader one page, and is counted.
func TestPanicIsOnePage(t *testing.T) {
	t.Parallel()
	m := garden(t)
	h, err := New(Config{Site: site(), Store: m, Lists: m})
	if err != nil {
		t.Fatal(err)
	}
	h.routes[0].serve = func(*Handler, *visit) error { panic("a planted bug") }
	w := get(t, h, "/dev/")
	if w.Code != http.StatusInternalServerError || h.Panics() != 1 || strings.Contains(w.Body.String(), "planted") {
		t.Errorf("%d, %d counted", w.Code, h.Panics())
	}
	if w := get(t, h, "/open/~1/"); w.Code != http.StatusOK {
		t.Errorf("the next page: %d", w.Code)
	}
}

// TestLateText: a post is readable before its text is in the database.
func TestLateText(t *testing.T) {
	t.Parallel()
	early, late := newMemory(), newMemory()
	for _, m := range []*memory{early, late} {
		m.lists = []list.List{{ID: dev, Address: "dev@lists.example.org", Archive: list.ArchivePublic, Masked: true}}
	}
	late.late = true
	early.add(dev, hidden)
	late.add(dev, hidden)
	want, got := get(t, serve(t, early), "/dev/~1/"), get(t, serve(t, late), "/dev/~1/")
	if got.Code != http.StatusOK || got.Body.String() != want.Body.String() {
		t.Errorf("%d: the page differs from the later one", got.Code)
	}
}

// TestBrokenReader: a post that breaks the reader of mails does not take its
// thread with it.
func TestBrokenReader(t *testing.T) {
	t.Parallel()
	m := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic})
	m.late = true
	m.add(dev, "From: Ann <ann@example.org>\nMessage-ID: <1@example.org>\n\nGood.\n")
	m.add(dev, "From: Ben <ben@example.org>\nMessage-ID: <2@example.org>\nIn-Reply-To: <1@example.org>\n\nBad.\n")
	h, err := New(Config{Site: site(), Store: m, Lists: m})
	if err != nil {
		t.Fatal(err)
	}
	h.read = func(raw []byte) message.View {
		if bytes.Contains(raw, []byte("Bad.")) {
			panic("a planted bug")
		}
		return message.Read(raw)
	}
	w := get(t, h, "/dev/~1/")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Good.") || !strings.Contains(w.Body.String(), "Ben") || h.Panics() != 1 {
		t.Errorf("%d, %d panics", w.Code, h.Panics())
	}
}

func TestLongPostsAreCut(t *testing.T) {
	t.Parallel()
	m := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic})
	long := strings.Repeat("A line of a very long post.\n", maxPostText/28+10)
	m.add(dev, "Subject: long\nMessage-ID: <0@example.org>\n\nfirst.\n"+long+"the end.\n")
	for i := 1; i < 10; i++ {
		m.add(dev, fmt.Sprintf("Subject: Re: long\nMessage-ID: <%d@example.org>\nIn-Reply-To: <0@example.org>\n\nnumber %d.\n%s", i, i, long))
	}
	page := get(t, serve(t, m), "/dev/9@example.org/").Body.String()
	if len(page) > 2*maxPageText {
		t.Errorf("the page has %d bytes", len(page))
	}
	if !strings.Contains(page, "number 9.") || !strings.Contains(page, "first.") {
		t.Error("the post that was asked for, or the first one, is cut away")
	}
	if strings.Contains(page, "the end.") || !strings.Contains(page, "Read the raw post") {
		t.Error("a post that is too long is not cut, or does not say so")
	}
}

func TestAttachment(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	w := get(t, h, "/open/timer-3@mail.example.org/attachment/2/bucket%20readings,%20February.csv")
	want := map[string]string{
		"Content-Type":           "application/octet-stream",
		"Content-Disposition":    `attachment; filename="bucket readings, February.csv"; filename*=UTF-8''bucket%20readings%2C%20February.csv`,
		"X-Content-Type-Options": "nosniff",
	}
	for name, value := range want {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %s\nwant %s", name, got, value)
		}
	}
	if !strings.HasSuffix(w.Header().Get("Content-Security-Policy"), "; sandbox") {
		t.Error("it is not in a sandbox")
	}
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "maintainer,chloe@example.org") {
		t.Errorf("%d %q", w.Code, body)
	}
	masked := get(t, h, "/dev/timer-3@mail.example.org/attachment/2/bucket%20readings,%20February.csv")
	if !strings.Contains(masked.Body.String(), "maintainer,chloe@…") {
		t.Errorf("on a masked list: %q", masked.Body)
	}
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		`a"b\c.txt`:        `attachment; filename="a_b_c.txt"; filename*=UTF-8''a%22b%5Cc.txt`,
		"Grüße.txt":        `attachment; filename="Gr__e.txt"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt`,
		"x\r\nSet-Cookie:": `attachment; filename="x__Set-Cookie_"; filename*=UTF-8''x%0D%0ASet-Cookie%3A`,
		".htaccess":        `attachment; filename="htaccess"; filename*=UTF-8''.htaccess`,
	} {
		if got := disposition(name); got != want {
			t.Errorf("%q\n is %s\nwant %s", name, got, want)
		}
	}
	if got := disposition(strings.Repeat("x", 4000) + ".txt"); !strings.Contains(got, `x.txt"; `) {
		t.Errorf("a long name loses its type: %.200s", got)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	received := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct{ date, want time.Time }{
		{time.Time{}, received},
		{received.Add(-time.Hour), received.Add(-time.Hour)},
		{received.Add(time.Hour), received.Add(time.Hour)},
		{received.Add(25 * time.Hour), received},
		{received.AddDate(73, 0, 0), received},
		{received.AddDate(-20, 0, 0), received.AddDate(-20, 0, 0)}, // an import
	} {
		if got := dateOf(list.PostRow{Date: c.date, Received: received}); !got.Equal(c.want) {
			t.Errorf("%v is shown as %v, want %v", c.date, got, c.want)
		}
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	b := &budget{free: 3 * smallAnswer}
	if !b.take(2*smallAnswer) || b.take(2*smallAnswer) || !b.take(smallAnswer) {
		t.Error("the budget is not kept")
	}
	b.give(2 * smallAnswer)
	if !b.take(3 * smallAnswer) {
		t.Error("what was given back is not there")
	}
	m := garden(t)
	h := serve(t, m)
	h.memory.free = 0
	m.add(dev, "Subject: large\nMessage-ID: <large@example.org>\n\n"+strings.Repeat("large\n", smallAnswer))
	if w := get(t, h, "/dev/large@example.org/raw"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("without memory: %d", w.Code)
	}
	if w := get(t, h, "/dev/"); w.Code != http.StatusOK {
		t.Errorf("a small page without memory: %d", w.Code)
	}
}
