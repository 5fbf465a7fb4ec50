package outbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/list"
)

// files are the contents of a folder of a maildir.
func files(t *testing.T, dir ...string) (out []string) {
	t.Helper()
	path := filepath.Join(dir...)
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(path, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

func TestMaildir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := newLedger(append(personal(1, 40, "example.org"), shared(100, 3))...)
	cfg := config(t, l)
	body := ".dots stay\r\n\xff\r\nFrom here\r\n"
	cfg.Dress = func(list.Source, list.Site) list.Dressed { return dressed(body) }
	var err error
	if cfg.Relay, err = ParseRelay("maildir:data/sent", dir); err != nil {
		t.Fatal(err)
	}
	stop := start(t, cfg)
	l.wait(t, l.settled(41))
	stop()
	got := files(t, dir, "data", "sent", "new")
	if len(got) != 43 || len(files(t, dir, "data", "sent", "tmp")) != 0 || len(files(t, dir, "data", "sent", "cur")) != 0 {
		t.Fatalf("%d files, want 43", len(got))
	}
	want := "Return-Path: <" + bounceAddress(list.List{}, 1) + ">\r\nDelivered-To: m00001@example.org\r\n" + testHead + body
	if !slices.Contains(got, want) {
		t.Errorf("no %q; the last is %q", want, got[len(got)-1])
	}
	want = "Return-Path: <dev-bounces@lists.example.org>\r\nDelivered-To: m00003@example.org\r\n" + testHead + body
	if !slices.Contains(got, want) {
		t.Errorf("no shared copy %q", want)
	}
}

func TestMaildirThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := open(t, "maildir:"+dir, Route{})
	if err := os.RemoveAll(filepath.Join(dir, "new")); err != nil {
		t.Fatal(err)
	}
	answers, fault := c.Send(t.Context(), mailTo(hello(), "a@example.org", "b@example.org"))
	if brief(answers) != "0 later, 0 later" || fault != HostFault {
		t.Errorf("got %+v, fault %d", answers, fault)
	}
	if got := files(t, dir, "tmp"); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestMaildirMustBePossible(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config(t, newLedger())
	cfg.Relay = Relay{Scheme: Maildir, Path: file}
	if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "maildir") {
		t.Errorf("New: %v", err)
	}
}
