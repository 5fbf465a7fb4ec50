package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/store"
)

// socketConfig is a good config whose only listener is a Unix socket.
func socketConfig(t *testing.T) *Config {
	t.Helper()
	return mustLoad(t, smallest+"[smtp]\nlisten = []\n[web]\nlisten = []\n[lmtp]\nlisten = [\"unix:in.sock\"]\nmode = \"0620\"\n")
}

func socketPath(c *Config) string { return filepath.Join(c.dir(), "in.sock") }

func TestOpenListeners(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, smallest+"[smtp]\nlisten = [\"127.0.0.1:0\", \"127.0.0.2:0\"]\n[web]\nlisten = [\"127.0.0.1:0\"]\n")
	o, err := openListeners(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.SMTP) != 2 || len(o.LMTP) != 0 || len(o.Web) != 1 {
		t.Errorf("opened %+v", o)
	}
	o.Close()
	if _, err := o.SMTP[0].Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after Close: %v", err)
	}
}

func TestSocketHasItsMode(t *testing.T) {
	t.Parallel()
	cfg := socketConfig(t)
	o, err := openListeners(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	info, err := os.Stat(socketPath(cfg))
	if err != nil || info.Mode() != fs.ModeSocket|0o620 {
		t.Errorf("mode %v, %v, want 0620", info.Mode(), err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	cfg := socketConfig(t)
	old, err := net.Listen("unix", socketPath(cfg))
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false) // as after kill -9
	old.Close()
	o, err := openListeners(cfg)
	if err != nil {
		t.Fatal(err)
	}
	o.Close()
}

func TestLiveSocketStays(t *testing.T) {
	t.Parallel()
	cfg := socketConfig(t)
	o, err := openListeners(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	_, err = openListeners(cfg)
	if err == nil || !strings.Contains(err.Error(), "lmtp.listen[0]: unix:in.sock is in use by another program. ") {
		t.Errorf("second open: %v", err)
	}
	conn, err := net.Dial("unix", socketPath(cfg))
	if err != nil {
		t.Fatalf("the first does not answer any more: %v", err)
	}
	conn.Close()
}

func TestFileInPlaceOfSocketStays(t *testing.T) {
	t.Parallel()
	cfg := socketConfig(t)
	if err := os.WriteFile(socketPath(cfg), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := openListeners(cfg)
	if err == nil || !strings.Contains(err.Error(), "there is a file that is no socket") {
		t.Errorf("open: %v", err)
	}
	if got, err := os.ReadFile(socketPath(cfg)); string(got) != "mine" {
		t.Errorf("the file is %q, %v", got, err)
	}
}

// TestOpenListenersOrNone wants no half-open server behind an error.
func TestOpenListenersOrNone(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "operator = \"you@example.org\"\n"+smallest+
		"[smtp]\nlisten = [\"192.0.2.1:2525\"]\n[web]\nlisten = [\"192.0.2.1:8080\"]\n[lmtp]\nlisten = [\"unix:in.sock\"]\n")
	_, err := openListeners(cfg)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 2 ||
		problems[0].Reason != "192.0.2.1:2525 is not an address of this machine" || problems[1].Line != 8 {
		t.Errorf("open: %v", err)
	}
	if conn, err := net.Dial("unix", socketPath(cfg)); err == nil {
		conn.Close()
		t.Error("the socket still answers")
	}
}

func TestPrepareData(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "data = \"deep/er\"\n"+smallest)
	if err := checkData(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cfg.DataDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check made the folder: %v", err)
	}
	if err := prepareData(cfg); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(cfg.DataDir())
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v, want mode 0700", info, err)
	}
	if left, err := os.ReadDir(cfg.DataDir()); len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestCheckBesideServe: what a running serve has taken is not in the way.
func TestCheckBesideServe(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	path := writeConfig(t, smallest+"[smtp]\nlisten = [\""+busy.Addr().String()+"\"]\n[web]\nurl = \"https://lists.example.org\"\n")
	cfg, err := loadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := prepareData(cfg); err != nil {
		t.Fatal(err)
	}
	defer holdLock(t, filepath.Join(cfg.DataDir(), store.LockName))()
	transcript(t, nil, path, "$ check\nPATH is good: 0 lists.\n")
}
