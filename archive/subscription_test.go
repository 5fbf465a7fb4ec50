package archive

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"parley/list"
)

const urlencoded = "application/x-www-form-urlencoded"

// send asks with a body; header is name, value, name, value.
func send(t testing.TB, h http.Handler, method, path, kind, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// press posts the form of the page as a button of it does.
func press(t testing.TB, h http.Handler, path, wish string) *httptest.ResponseRecorder {
	t.Helper()
	return send(t, h, http.MethodPost, path, urlencoded, "wish="+wish)
}

// buttonsOf is what the buttons of a page ask for.
func buttonsOf(t testing.TB, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for n := range root.Descendants() {
		if n.Data == "button" {
			out = append(out, attribute(n, "value"))
			if id := attribute(n, "aria-describedby"); !strings.Contains(page, `<p id="`+id+`">`) {
				t.Errorf("no words for the button %s", attribute(n, "value"))
			}
		}
	}
	return strings.Join(out, " ")
}

// headlineOf is the h1 of a page; its title is the same.
func headlineOf(t testing.TB, page string) string {
	t.Helper()
	_, rest, _ := strings.Cut(page, "<h1>")
	line, _, _ := strings.Cut(rest, "</h1>")
	if !strings.Contains(page, "<title>"+line+"</title>") {
		t.Errorf("the title is not %q", line)
	}
	return line
}

func TestSubscriptionPage(t *testing.T) {
	t.Parallel()
	const here = "/u/" + goodToken
	for _, c := range []struct {
		name     string
		set      func(*list.Subscription)
		path     string
		headline string
		words    string
		buttons  string
	}{
		{"active", func(*list.Subscription) {}, here, "Your subscription",
			"Each post to dev@lists.example.org goes to ben@example.org.", "leave pause daily"},
		{"thread", func(*list.Subscription) {}, here + "?post=4", "Your subscription",
			"No new posts of “Should the watering timer trust the weather station?”", "leave pause daily mute"},
		{"a thread without a subject", func(*list.Subscription) {}, here + "?post=5", "Your subscription",
			"“(no subject)”", "leave pause daily mute"},
		{"no thread", func(*list.Subscription) {}, here + "?post=99", "Your subscription", "Each post", "leave pause daily"},
		{"paused", func(s *list.Subscription) { s.PausedUntil = today().AddDate(0, 0, 7) }, here, "Your subscription",
			"until 29 Nov 2026, 13:27 UTC. One mail then tells what was written meanwhile.", "leave resume daily"},
		{"a pause that is over", func(s *list.Subscription) { s.PausedUntil = today() }, here, "Your subscription",
			"Each post to dev", "leave pause daily"},
		{"first", func(s *list.Subscription) { s.Delivery = list.DeliverFirst }, here, "Your subscription",
			"The first post of each thread on dev@lists.example.org goes to ben@example.org.", "leave pause daily"},
		{"followed", func(s *list.Subscription) { s.Delivery = list.DeliverFollowed }, here, "Your subscription",
			"The threads you follow on dev@lists.example.org go to ben@example.org.", "leave pause daily"},
		{"daily", func(s *list.Subscription) { s.Delivery = list.DeliverDaily }, here, "Your subscription",
			"One mail a day with the posts to dev@lists.example.org goes to ben@example.org.", "leave pause each"},
		{"weekly", func(s *list.Subscription) { s.Delivery = list.DeliverWeekly }, here, "Your subscription",
			"One mail a week with the posts to dev@lists.example.org goes to ben@example.org.", "leave pause each"},
		{"summary", func(s *list.Subscription) { s.Delivery = list.DeliverSummary }, here, "Your subscription",
			"One mail a day with a summary of dev@lists.example.org goes to ben@example.org.", "leave pause each"},
		{"none", func(s *list.Subscription) { s.Delivery = list.DeliverNone }, here, "Your subscription",
			"No posts to dev@lists.example.org go to ben@example.org.", "leave each"},
		{"left", func(s *list.Subscription) { s.State = list.Left }, here + "?post=4", "You are not subscribed to dev@lists.example.org",
			"Nothing is sent to ben@example.org.", "join"},
		{"suspended", func(s *list.Subscription) { s.State = list.Suspended }, here + "?post=4", "Your subscription rests",
			"Mail from dev@lists.example.org to ben@example.org kept coming back", "join leave"},
		{"removed", func(s *list.Subscription) { s.State = list.Removed }, here, "You are not subscribed to dev@lists.example.org",
			"They can be reached at dev-owner@lists.example.org", ""},
	} {
		desk := newClerk()
		c.set(desk.members[goodToken])
		w := get(t, serveDesk(t, desk), c.path)
		page := w.Body.String()
		checkHTML(t, page)
		if w.Code != http.StatusOK || headlineOf(t, page) != c.headline || !strings.Contains(textOf(t, page), c.words) {
			t.Errorf("%s: %d %s", c.name, w.Code, textOf(t, page))
		}
		if got := buttonsOf(t, page); got != c.buttons {
			t.Errorf("%s offers %s, want %s", c.name, got, c.buttons)
		}
		checkUnkept(t, c.name, w)
	}
}

// checkUnkept looks at what every page of a link has to keep: nobody stores it,
// and its token stands nowhere.
func checkUnkept(t *testing.T, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	for header, want := range map[string]string{"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer",
		"ETag": "", "Set-Cookie": "", "Location": ""} {
		if got := w.Header().Get(header); got != want {
			t.Errorf("%s: %s is %q, want %q", name, header, got, want)
		}
	}
	if page := w.Body.String(); strings.Contains(page, goodToken) || !strings.Contains(page, `content="noindex"`) || strings.Contains(page, "canonical") {
		t.Errorf("%s: the page names its token, or is for search engines:\n%s", name, page)
	}
}

// TestButtons presses every button: each page shows the new state, and a second
// press is answered like the first.
func TestButtons(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	h := serveDesk(t, desk)
	const path = "/u/" + goodToken + "?post=4"
	for _, step := range []struct{ wish, headline, buttons string }{
		{"mute", "This thread is muted", "leave pause daily unmute"},
		{"unmute", "This thread comes again", "leave pause daily mute"},
		{"daily", "One mail a day instead of each post", "leave pause each mute"},
		{"pause", "Paused until 29 November 2026", "leave resume each mute"},
		{"each", "Each post as it comes", "leave resume daily mute"},
		{"resume", "Posts come again", "leave pause daily mute"},
		{"leave", "You are unsubscribed from dev@lists.example.org", "join"},
		{"join", "Welcome back to dev@lists.example.org", "leave pause daily mute"},
	} {
		before, _ := desk.done()
		for range 2 {
			w := press(t, h, path, step.wish)
			page := w.Body.String()
			checkHTML(t, page)
			checkUnkept(t, step.wish, w)
			if got := buttonsOf(t, page); w.Code != http.StatusOK || headlineOf(t, page) != step.headline || got != step.buttons {
				t.Errorf("%s: %d %q, offers %s", step.wish, w.Code, headlineOf(t, page), got)
			}
		}
		after, _ := desk.done()
		if want := append(before, list.Wish(step.wish), list.Wish(step.wish)); !slices.Equal(after, want) {
			t.Errorf("%s: granted %v", step.wish, after)
		}
	}
	desk.members[goodToken].State = list.Suspended
	if page := press(t, h, path, "join").Body.String(); headlineOf(t, page) != "Welcome back to dev@lists.example.org" {
		t.Errorf("after a suspension: %s", headlineOf(t, page))
	}
	desk.members[goodToken].State = list.Left
	if w := press(t, h, path, "pause"); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "The address is not subscribed.") {
		t.Errorf("a pause of one who left, from an old page: %d", w.Code)
	}
	desk.members[goodToken].State = list.Active
	if w := press(t, h, "/u/"+goodToken, "mute"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "This link names no thread.") {
		t.Errorf("muting no thread: %d", w.Code)
	}
}

// multipartForm is a form as some mail providers send it (RFC 8058, 3.2).
func multipartForm(t testing.TB, fields ...string) (kind, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := w.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.String()
}

// TestHostile92 walks through one-click unsubscribing: what reads changes
// nothing, what posts the one field leaves, and again without harm.
func TestHostile92(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	h := serveDesk(t, desk)
	const path = "/u/" + goodToken + "?post=4"
	const field = "List-Unsubscribe=One-Click"
	for _, w := range []*httptest.ResponseRecorder{
		get(t, h, path), ask(t, h, http.MethodHead, path),
		get(t, h, path, "Sec-Purpose", "prefetch;prerender"), get(t, h, path, "Purpose", "prefetch"),
		get(t, h, path+"&"+field), get(t, h, path+"&wish=leave"),
		send(t, h, http.MethodGet, path, urlencoded, field), send(t, h, http.MethodHead, path, urlencoded, field),
	} {
		if w.Code != http.StatusOK {
			t.Errorf("reading: %d", w.Code)
		}
		checkUnkept(t, "reading", w)
	}
	if granted, _ := desk.done(); len(granted) != 0 {
		t.Fatalf("reading did %v", granted)
	}
	kind, body := multipartForm(t, "List-Unsubscribe", "One-Click")
	for i, post := range []func() *httptest.ResponseRecorder{
		func() *httptest.ResponseRecorder { return send(t, h, http.MethodPost, path, urlencoded, field) },
		func() *httptest.ResponseRecorder { return send(t, h, http.MethodPost, path, kind, body) },
		func() *httptest.ResponseRecorder {
			return send(t, h, http.MethodPost, path, urlencoded+"; charset=UTF-8", field, "Origin", "https://mail.example.net", "Sec-Fetch-Site", "cross-site")
		},
		func() *httptest.ResponseRecorder {
			return send(t, h, http.MethodPost, path, kind, body, "Origin", "null", "Cookie", "a=b")
		},
	} {
		press(t, h, path, "join")
		for range 2 {
			w := post()
			checkUnkept(t, "one click", w)
			if w.Code != http.StatusOK || desk.now().State != list.Left || !strings.Contains(w.Body.String(), "You are unsubscribed from dev@lists.example.org") {
				t.Errorf("one click %d: %d, %s", i, w.Code, desk.now().State)
			}
		}
	}
	for _, query := range []string{"", "?", "?post=", "?post=x", "?post=-4", "?post=4.5", "?post=99999999999999999999", "?post=4;x", "?%zz", "?utm_source=mail&post=4"} {
		if w := send(t, h, http.MethodPost, "/u/"+goodToken+query, urlencoded, field); w.Code != http.StatusOK {
			t.Errorf("%s keeps a member from leaving: %d", query, w.Code)
		}
	}
}

// TestHostile92WithoutToken: whatever has no token of ours is answered as a page
// that does not exist, to the byte; a guess costs the desk one question, and
// nothing else is asked (see 91).
func TestHostile92WithoutToken(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	h := serveDesk(t, desk)
	kind, body := multipartForm(t, "List-Unsubscribe", "One-Click")
	want := get(t, h, "/nobody/")
	head := ask(t, h, http.MethodHead, "/nobody/")
	for _, path := range []string{"/u/" + wrongToken, "/u/" + oldToken, "/u/" + strings.ToUpper(goodToken), "/u/" + goodToken[:25], "/u/" + goodToken + "a",
		"/u/" + goodToken + "=", "/u/x", "/u/%20" + goodToken, "/u/" + strings.Repeat("a", 4000)} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"} {
			for _, form := range [][2]string{{"", ""}, {urlencoded, "List-Unsubscribe=One-Click"}, {kind, body}, {urlencoded, "wish=join"}, {"text/plain", "x"}, {urlencoded, strings.Repeat("x", 100<<10)}} {
				_, before := desk.done()
				w := send(t, h, method, path+"?post=4", form[0], form[1])
				unlike := w.Body.String() != want.Body.String()
				if method == "HEAD" {
					unlike = w.Body.String() != head.Body.String()
				}
				if w.Code != http.StatusNotFound || unlike || !sameHeader(w.Header(), want.Header()) {
					t.Errorf("%s %.40s: %d %v, unlike a page that does not exist", method, path, w.Code, w.Header())
				}
				if _, after := desk.done(); after != before+1 {
					t.Errorf("%s %.40s: %d questions", method, path, after-before)
				}
			}
		}
	}
	for _, path := range []string{"/u", "/u/", "/u//", "/u/" + goodToken + "/", "/u/" + goodToken + "/x", "/u//" + goodToken, "/u/" + goodToken + "%00", "/u/../u/" + goodToken} {
		if w := send(t, h, "POST", path, urlencoded, "List-Unsubscribe=One-Click"); w.Code != http.StatusNotFound || w.Body.String() != want.Body.String() {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if granted, _ := desk.done(); len(granted) != 0 {
		t.Errorf("without a token: %v", granted)
	}
}

func sameHeader(a, b http.Header) bool {
	var x, y bytes.Buffer
	return a.Write(&x) == nil && b.Write(&y) == nil && x.String() == y.String()
}

func TestBadForms(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	h := serveDesk(t, desk)
	twice, twiceBody := multipartForm(t, "List-Unsubscribe", "One-Click", "wish", "join")
	long, longBody := multipartForm(t, "x", strings.Repeat("x", maxMultipart), "List-Unsubscribe", "One-Click")
	file := "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"; filename=\"x\"\r\n\r\nOne-Click\r\n--b--\r\n"
	for _, c := range []struct {
		kind, body string
		status     int
	}{
		{urlencoded, "", 400}, {urlencoded, "wish=", 400}, {urlencoded, "wish=erase", 400}, {urlencoded, "WISH=leave", 400},
		{urlencoded, "wish=leave&wish=join", 400}, {urlencoded, "wish=leave&List-Unsubscribe=One-Click", 400},
		{urlencoded, "List-Unsubscribe=Two-Clicks", 400}, {urlencoded, "List-Unsubscribe", 400}, {urlencoded, "wish=leave%zz", 400},
		{urlencoded, "wish=leave;x", 400}, {"", "wish=leave", 400}, {"text/plain", "wish=leave", 400}, {"application/json", `{"wish":"leave"}`, 400},
		{";;", "wish=leave", 400}, {"multipart/form-data", "x", 400}, {"multipart/form-data; boundary=b", "wish=leave", 400},
		{"multipart/form-data; boundary=b", file, 400}, {"multipart/form-data; boundary=b", file[:len(file)-8], 400},
		{"multipart/mixed; boundary=b", strings.Replace(file, "; filename=\"x\"", "", 1), 400}, {twice, twiceBody, 400},
		{urlencoded, "wish=leave&x=" + strings.Repeat("x", maxForm), 413}, {long, longBody, 413},
	} {
		w := send(t, h, http.MethodPost, "/u/"+goodToken, c.kind, c.body)
		checkHTML(t, w.Body.String())
		if w.Code != c.status {
			t.Errorf("%s %.60q: %d, want %d", c.kind, c.body, w.Code, c.status)
		}
	}
	if granted, _ := desk.done(); len(granted) != 0 {
		t.Errorf("bad forms did %v", granted)
	}
	kind, body := multipartForm(t, "tracking", strings.Repeat("x", maxMultipart/2), "List-Unsubscribe", "One-Click")
	if w := send(t, h, http.MethodPost, "/u/"+goodToken, kind, body); w.Code != http.StatusOK || desk.now().State != list.Left {
		t.Errorf("a field beside the one of RFC 8058: %d", w.Code)
	}
}

func TestLinkMethods(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	h := serveDesk(t, desk)
	for _, method := range []string{"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"} {
		w := send(t, h, method, "/u/"+goodToken, urlencoded, "List-Unsubscribe=One-Click")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD, POST" {
			t.Errorf("%s: %d, Allow %q", method, w.Code, w.Header().Get("Allow"))
		}
	}
	if granted, _ := desk.done(); len(granted) != 0 {
		t.Errorf("they did %v", granted)
	}
}

// TestOneClickOverTheWire is what a mail provider does, against a real server.
func TestOneClickOverTheWire(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	server := httptest.NewUnstartedServer(nil)
	server.Config = Server(serveDesk(t, desk))
	server.Start()
	defer server.Close()
	kind, body := multipartForm(t, "List-Unsubscribe", "One-Click")
	answer, err := server.Client().Post(server.URL+"/u/"+goodToken+"?post=4", kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || desk.now().State != list.Left || !strings.Contains(string(page), "You are unsubscribed") {
		t.Errorf("%v: %d, %s", err, answer.StatusCode, desk.now().State)
	}
	// A gigabyte is promised; the answer comes before its first byte, or after the first 4 KiB.
	for token, want := range map[string]int{wrongToken: http.StatusNotFound, goodToken: http.StatusRequestEntityTooLarge} {
		request := "POST /u/" + token + " HTTP/1.1\r\nHost: x\r\nContent-Type: " + urlencoded + "\r\nContent-Length: 1073741824\r\n\r\n" + strings.Repeat("x", maxForm+1)
		if status := rawRequest(t, server, request); status != want {
			t.Errorf("POST of 1 GB: %d, want %d", status, want)
		}
	}
}

func TestLinksWithoutDesk(t *testing.T) {
	t.Parallel()
	h := serve(t, garden(t))
	for _, method := range []string{"GET", "POST", "PUT"} {
		if w := send(t, h, method, "/u/"+goodToken, urlencoded, "List-Unsubscribe=One-Click"); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}

// TestLinkOfClosedList: a member of a list whose archive is closed, or that is
// removed, can leave it; nothing on the page leads to the archive.
func TestLinkOfClosedList(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	desk.members[goodToken].List.Archive = list.ArchiveNone
	h := serveDesk(t, desk)
	if page := get(t, h, "/u/"+goodToken).Body.String(); strings.Contains(page, `href="/dev/"`) {
		t.Error("the page leads to a closed archive")
	}
	if w := press(t, h, "/u/"+goodToken, "leave"); w.Code != http.StatusOK || desk.now().State != list.Left {
		t.Errorf("leaving: %d", w.Code)
	}
	desk.members[goodToken].List.Archive = list.ArchivePublic
	if page := get(t, h, "/u/"+goodToken).Body.String(); !strings.Contains(page, `href="/dev/"`) {
		t.Error("the page does not lead to the open archive")
	}
}

func TestLinkBelowAPath(t *testing.T) {
	t.Parallel()
	desk, s := newClerk(), site()
	s.URL = "https://example.org/mail/lists"
	m := garden(t)
	h := serveConfig(t, Config{Site: s, Store: m, Lists: m, Desk: desk})
	if w := press(t, h, "/mail/lists/u/"+goodToken, "leave"); w.Code != http.StatusOK || desk.now().State != list.Left {
		t.Errorf("below its path: %d", w.Code)
	}
	if w := get(t, h, "/u/"+goodToken); w.Code != http.StatusNotFound {
		t.Errorf("outside of it: %d", w.Code)
	}
	if robots := get(t, h, "/mail/lists/robots.txt").Body.String(); !strings.Contains(robots, "\nDisallow: /mail/lists/u/\n") {
		t.Errorf("robots.txt:\n%s", robots)
	}
}

// TestSpellsInSubscriptions writes hostile words wherever the page has room.
func TestSpellsInSubscriptions(t *testing.T) {
	t.Parallel()
	for _, spell := range spells() {
		desk := newClerk()
		desk.threads[4] = spell
		m := desk.members[goodToken]
		m.Address, m.List.Address = spell+"@example.org", spell+"@lists.example.org"
		h := serveDesk(t, desk)
		for _, w := range []*httptest.ResponseRecorder{get(t, h, "/u/"+goodToken+"?post=4"), press(t, h, "/u/"+goodToken+"?post=4", "leave")} {
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d", spell, w.Code)
			}
			checkHTML(t, w.Body.String())
		}
	}
}

// closedPipe plays a reader who went away.
type closedPipe struct{ *httptest.ResponseRecorder }

func (closedPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestTokenIsNotLogged provokes every line that a request can leave in the log.
func TestTokenIsNotLogged(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	desk, m := newClerk(), garden(t)
	h, err := New(Config{Site: site(), Store: m, Lists: m, Desk: desk, Log: slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/u/" + goodToken, "/u/" + goodToken + "/", "/%75/" + goodToken, "/u/x/" + goodToken, "//u/" + goodToken, "/dev/u/" + goodToken, "/U/" + goodToken}
	ask := func() {
		for _, path := range paths {
			h.ServeHTTP(closedPipe{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, path+"?post=4", nil))
			press(t, h, path, "mute")
			send(t, h, http.MethodPut, path, "", "")
		}
	}
	ask()
	desk.broken = errors.New("disk on fire")
	ask()
	desk.stuck = true
	ask()
	for _, want := range []string{"reader went away", "page failed", "disk on fire", "panic while making a page", `"path":"/u/…"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the log has no %s", want)
		}
	}
	if strings.Contains(strings.ToLower(b.String()), goodToken[:8]) {
		t.Errorf("the log has a token:\n%s", b.String())
	}
	if h.Panics() == 0 {
		t.Error("no panic was counted")
	}
}

func TestBrokenDesk(t *testing.T) {
	t.Parallel()
	desk := newClerk()
	desk.broken = errors.New("disk on fire")
	h := serveDesk(t, desk)
	for _, token := range []string{goodToken, wrongToken} {
		w := press(t, h, "/u/"+token, "leave")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "fire") {
			t.Errorf("%d\n%s", w.Code, w.Body)
		}
	}
}
