package archive

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// browser starts Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-quic", true),
		chromedp.UserDataDir(t.TempDir()))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// look is a screen that every page has to be right on.
type look struct {
	width, height int64
	scheme        string // light or dark
}

func (l look) name() string { return strconv.FormatInt(l.width, 10) + "-" + l.scheme }

func looks() []look {
	return []look{{1280, 900, "light"}, {1280, 900, "dark"}, {390, 844, "light"}, {390, 844, "dark"}}
}

// show opens a page on that screen.
func (l look) show(ctx context.Context, url string) error {
	options := []chromedp.EmulateViewportOption{}
	if l.width < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateScale(2))
	}
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}}}
	if _, err := chromedp.Run(ctx, chromedp.EmulateViewport(l.width, l.height, options...)); err != nil {
		return err
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, media); err != nil {
		return err
	}
	_, err := chromedp.Run(ctx, chromedp.Navigate(url))
	return err
}

// TestPagesFitTheScreen opens every kind of page in a browser: nothing leaves
// the screen at the side, and the colours follow the reader's choice. With
// PARLEY_SHOTS it leaves a picture of each in that folder.
func TestPagesFitTheScreen(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	server := httptest.NewServer(serve(t, crowded(t)))
	defer server.Close()
	pages := map[string]string{"lists": "/", "threads": "/dev/", "thread": "/dev/timer-1@mail.example.org/",
		"reply": "/dev/timer-5@mail.example.org/", "shown": "/open/timer-2@mail.example.org/",
		"nothing": "/nobody/", "wild": "/dev/wild@mail.example.org/", "long": "/dev/deep-0@mail.example.org/"}
	for _, look := range looks() {
		for name, path := range pages {
			if err := look.show(ctx, server.URL+path); err != nil {
				t.Fatalf("%s, %s: %v", name, look.name(), err)
			}
			checkLook(t, ctx, name, look)
		}
	}
}

func checkLook(t *testing.T, ctx context.Context, page string, look look) {
	t.Helper()
	width, err := chromedp.Run(ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
	if err != nil {
		t.Fatal(err)
	}
	if width > look.width {
		t.Errorf("%s, %s: %d pixels wide", page, look.name(), width)
	}
	paper, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
	if err != nil {
		t.Fatal(err)
	}
	if dark := paper == "rgb(24, 25, 24)"; dark != (look.scheme == "dark") {
		t.Errorf("%s, %s: the paper is %s", page, look.name(), paper)
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	keepShot(t, page+"-"+look.name(), picture)
}

func keepShot(t *testing.T, name string, picture []byte) {
	t.Helper()
	folder := os.Getenv("PARLEY_SHOTS")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReplyIsScrolledTo opens the address of a reply: the browser shows the
// thread with that post on the screen, without a script.
func TestReplyIsScrolledTo(t *testing.T) {
	t.Parallel()
	ctx := browser(t)
	server := httptest.NewServer(serve(t, crowded(t)))
	defer server.Close()
	if err := (look{1280, 600, "light"}).show(ctx, server.URL+"/dev/timer-5@mail.example.org/"); err != nil {
		t.Fatal(err)
	}
	seen, err := chromedp.Run(ctx, chromedp.Poll[bool](`window.scrollY > 0 && (() => {
		const top = document.querySelector(".here").getBoundingClientRect().top
		return top >= -1 && top < innerHeight
	})()`, chromedp.WithPollingTimeout(20*time.Second)))
	if err != nil {
		t.Fatal(err)
	}
	if !seen {
		t.Error("the post that was asked for is not on the screen")
	}
}

// crowded is the garden with more threads, and with a post that tries to break
// the page's width.
func crowded(t testing.TB) *memory {
	m := garden(t)
	subjects := []string{"Seed order for the spring, last call", "Minutes of the February meeting",
		"Valve 12 drips again, and this time it is not the gasket but the thread of the pipe behind it",
		"[ANNOUNCE] timer 2.4", "Как поливать томаты?", "レタスの種まきについて", "Who has the long ladder?"}
	names := []string{"Dana Muster", "Ben Sample", "Ann Example", "Chloé Modèle", "Фёдор Образец", "見本 花子", "Eli Specimen"}
	for i, s := range subjects {
		m.add(dev, "From: "+names[i]+" <someone@example.org>\nSubject: "+s+"\nMessage-ID: <more-"+string(rune('a'+i))+
			"@mail.example.org>\nDate: Thu, 05 Mar 2026 1"+string(rune('0'+i))+":20:00 +0000\n\nHello.\n")
	}
	for i := range 20 {
		deep := fmt.Sprintf("From: %s <someone@example.org>\nSubject: A long talk\nMessage-ID: <deep-%d@mail.example.org>\n"+
			"Date: Fri, 06 Mar 2026 12:%02d:00 +0000\nIn-Reply-To: <deep-%d@mail.example.org>\n\n> What you said.\n\nAnd what I say.\n", names[i%7], i, i, i-1)
		if i == 0 {
			deep = strings.Replace(deep, "In-Reply-To", "X-None", 1)
		}
		m.add(dev, deep)
	}
	m.add(dev, "From: "+strings.Repeat("Verylongname", 30)+" <x@example.org>\nSubject: "+strings.Repeat("Unbroken", 60)+
		"\nMessage-ID: <wild@mail.example.org>\nDate: Thu, 05 Mar 2026 09:00:00 +0000\n\n"+strings.Repeat("x", 3000)+"\n\n    "+
		strings.Repeat("code_", 200)+"\n\n"+strings.Repeat("> ", 12)+"deep\n\nhttps://example.org/"+strings.Repeat("path/", 80)+"\n")
	return m
}
