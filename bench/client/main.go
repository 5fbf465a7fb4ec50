// Command client shows that a subscriber needs nothing but their mail client.
// Two people join a list, post, mute, change their rhythm, pause, leave and
// come back with s-nail, against the real binary, whose clock is fast enough
// for digests and pauses. It prints what goes in and what comes out, and ends
// with 1 where anything differs from what it should be. See bench/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"parley/bench/rig"
)

// allWait is the longest that the whole transcript takes, its build included.
const allWait = 5 * time.Minute

// errSkip says that something which the transcript needs is not installed.
var errSkip = errors.New("skipped")

func main() {
	day := flag.Duration("day", 12*time.Second, "how long a day of the server takes")
	keep := flag.Bool("keep", false, "keep mailboxes, data and log")
	flag.Parse()
	if flag.NArg() > 0 || *day < time.Second {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, allWait)
	err := transcript(ctx, os.Stdout, *day, *keep)
	cancel()
	stop()
	switch {
	case errors.Is(err, errSkip):
		fmt.Println("client:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "client: CRIES:", err)
		os.Exit(1)
	}
}

// transcript builds the binary, runs it, and plays the story against it.
func transcript(ctx context.Context, out io.Writer, day time.Duration, keep bool) (err error) {
	for _, program := range []string{"s-nail", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: no %s on this machine", errSkip, program)
		}
	}
	dir, err := os.MkdirTemp("", "parley-client-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if keep {
		fmt.Fprintln(out, "everything is in", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	binary, err := rig.Build(ctx, dir, "fastclock")
	if err != nil {
		return err
	}
	w, err := newWorld(ctx, dir, out, day)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	server, err := w.house.Serve(binary, w.clock.environment()...)
	if err != nil {
		return err
	}
	defer server.Kill()
	if err := server.Ready(ctx); err != nil {
		return err
	}
	if err := (&story{world: w}).tell(); err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		return err
	}
	return w.quiet()
}

// clock is the fast clock of the server: a day takes day, counted from from.
type clock struct {
	from time.Time
	day  time.Duration
}

func (c clock) now() time.Time {
	factor := float64(24*time.Hour) / float64(c.day)
	return c.from.Add(time.Duration(float64(time.Since(c.from)) * factor)).UTC()
}

// newClock is a clock that shows the forenoon now, so that a pause until a
// midnight is long enough for what happens in it, and not longer.
func newClock(day time.Duration) clock {
	c := clock{from: time.Now().Truncate(time.Second), day: day}
	for try := c; time.Since(try.from) < day; try.from = try.from.Add(-time.Second) {
		if hour := try.now().Hour(); hour >= 8 && hour < 12 {
			return try
		}
	}
	return c
}

// environment is a wrapper that hands the clock to the server.
func (c clock) environment() []string {
	return []string{"env", "PARLEY_DAY=" + c.day.String(), fmt.Sprintf("PARLEY_FROM=%d", c.from.Unix())}
}

// config is what the operator wrote: a public list, a front server that ends
// TLS, and one provider whose word about its users is believed.
func (w *world) config() string {
	return fmt.Sprintf(`data = "data"
hostname = "lists.example.org"
domains = ["lists.example.org"]
operator = "op@example.org"
[smtp]
listen = [%q]
trust = [%q]
[relay]
url = "smtp://%s"
[web]
listen = [%q]
url = %q
[[list]]
address = "dev@lists.example.org"
description = "Where the pumps are talked over"
owners = ["op@example.org"]
customs = """
Bring questions about pumps. An answer often takes a day.

Please do not send the one word that ends it all to the list:

unsubscribe"""
digest_at = %q
`, w.house.SMTP, provider, w.sink.Addr(), w.house.Web, site, w.clock.now().Format("15:04")+" UTC")
}

func (w *world) write() error {
	if err := os.MkdirAll(filepath.Join(w.dir, "mail"), 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	return os.WriteFile(w.house.Config(), []byte(w.config()), 0o600)
}

// quiet demands that the server ended well: no mail that nobody looked at, no
// panic, no error in its log.
func (w *world) quiet() error {
	for _, who := range []string{ann, bo, op} {
		if m, left := w.unread(who); left {
			return fmt.Errorf("nobody expected this mail to %s: %s", who, m.value("subject"))
		}
	}
	log, err := os.ReadFile(w.house.Log())
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	for line := range strings.Lines(string(log)) {
		if low := strings.ToLower(line); strings.Contains(low, "panic") || strings.Contains(low, "level=error") {
			return fmt.Errorf("the log has: %s", line)
		}
	}
	return nil
}
