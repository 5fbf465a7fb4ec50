package archive

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"parley/list"
)

// TestSubscriptionFitsTheScreen opens the page of a link in each of its states
// on every screen, as TestPagesFitTheScreen does the others.
func TestSubscriptionFitsTheScreen(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	states := []struct {
		name string
		set  func(*list.Subscription)
	}{
		{"active", func(*list.Subscription) {}},
		{"paused", func(s *list.Subscription) { s.PausedUntil = today().AddDate(0, 0, 7) }},
		{"digest", func(s *list.Subscription) { s.Delivery = list.DeliverDaily }},
		{"left", func(s *list.Subscription) { s.State = list.Left }},
		{"suspended", func(s *list.Subscription) { s.State = list.Suspended }},
		{"removed", func(s *list.Subscription) { s.State = list.Removed }},
		{"wide", func(s *list.Subscription) {
			s.Address, s.List.Address = strings.Repeat("a", 64)+"@"+strings.Repeat("b", 63)+".example.org", strings.Repeat("c", 28)+"@"+strings.Repeat("d", 63)+".example.org"
		}},
	}
	for _, state := range states {
		desk := newClerk()
		state.set(desk.members[goodToken])
		server := httptest.NewServer(serveDesk(t, desk))
		for _, look := range looks() {
			if err := look.show(ctx, server.URL+"/u/"+goodToken+"?post=4"); err != nil {
				t.Fatalf("%s, %s: %v", state.name, look.name(), err)
			}
			checkLook(t, ctx, "link-"+state.name, look)
			checkButtons(t, ctx, state.name, look)
		}
		server.Close()
	}
}

// checkButtons measures the buttons: a thumb hits them, 44 pixels high.
func checkButtons(t *testing.T, ctx context.Context, page string, look look) {
	t.Helper()
	const small = `[...document.querySelectorAll("button")].filter(b => b.offsetHeight < 44 || b.scrollWidth > b.clientWidth).length`
	n, err := chromedp.Run(ctx, chromedp.Evaluate[int](small))
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		t.Errorf("%s, %s: %d buttons are too small", page, look.name(), n)
	}
}

// TestButtonsInBrowser presses every button of the page of a link, with scripts
// switched off: by the pointer, and by the keyboard.
func TestButtonsInBrowser(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	desk := newClerk()
	server := httptest.NewServer(serveDesk(t, desk))
	defer server.Close()
	path := server.URL + "/u/" + goodToken + "?post=4"
	if err := (look{390, 844, "light"}).show(ctx, path); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	pressAll(t, ctx, path, pointer)
	pressAll(t, ctx, path, keyboard)
	if granted, _ := desk.done(); len(granted) != 16 {
		t.Errorf("granted %v", granted)
	}
}

func buttonOf(wish string) string { return `button[value="` + wish + `"]` }

func pointer(wish string) []chromedp.Action[chromedp.Void] {
	return []chromedp.Action[chromedp.Void]{chromedp.Click(buttonOf(wish))}
}

func keyboard(wish string) []chromedp.Action[chromedp.Void] {
	return []chromedp.Action[chromedp.Void]{chromedp.Focus(buttonOf(wish)), chromedp.KeyEvent("\r")}
}

// pressAll presses the buttons one after another; the last one leads back to
// where the first one was.
func pressAll(t *testing.T, ctx context.Context, path string, press func(wish string) []chromedp.Action[chromedp.Void]) {
	t.Helper()
	for _, step := range []struct{ wish, title string }{
		{"mute", "This thread is muted"}, {"unmute", "This thread comes again"},
		{"daily", "One mail a day instead of each post"}, {"each", "Each post as it comes"},
		{"pause", "Paused until 29 November 2026"}, {"resume", "Posts come again"},
		{"leave", "You are unsubscribed from dev@lists.example.org"}, {"join", "Welcome back to dev@lists.example.org"},
	} {
		answer, err := chromedp.RunResponse(ctx, press(step.wish)...)
		if err != nil {
			t.Fatalf("%s: %v", step.wish, err)
		}
		title, err := chromedp.Run(ctx, chromedp.Title())
		if err != nil || answer.Status != 200 || answer.URL != path || title != step.title {
			t.Errorf("%s: %v, %d %q at %s", step.wish, err, answer.Status, title, answer.URL)
		}
		if picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100)); err == nil {
			keepShot(t, "link-after-"+step.wish, picture)
		}
	}
}
