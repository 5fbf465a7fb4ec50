// Command order proves that no post is acknowledged before its fsync. It runs
// the real binary under strace, posts to a list without members, and gives the
// log to the checker of the shared bench. The same with a database that does
// not sync its commits must fail, or the check proves nothing. See
// bench/README.md.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"parley/bench/rig"
)

// unsynced is the build tag of a store with synchronous=NORMAL: the control.
const unsynced = "synchronousnormal"

// Times of one run.
const (
	quiet     = 250 * time.Millisecond // nothing more is being written
	quietWait = 5 * time.Second        // longest wait for it, after each post
	allWait   = 10 * time.Minute       // of the whole proof
)

// logName is the name of strace's log in the folder of a run.
const logName = "strace.log"

// errSkip says that something which the proof needs is not installed.
var errSkip = errors.New("skipped")

type options struct {
	posts int
	mark  string
	keep  bool
}

func main() {
	var o options
	flag.IntVar(&o.posts, "posts", 30, "posts of each run")
	flag.StringVar(&o.mark, "mark", "queued", "text that only the reply to a finished DATA holds")
	flag.BoolVar(&o.keep, "keep", false, "keep the logs")
	flag.Parse()
	if flag.NArg() > 0 || o.posts < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, allWait)
	err := o.run(ctx)
	cancel()
	stop()
	switch {
	case errors.Is(err, errSkip):
		fmt.Println("order:", err)
	case err != nil:
		fmt.Fprintln(os.Stderr, "order:", err)
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context) error {
	checker, err := tools()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "parley-order-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	if o.keep {
		fmt.Println("logs are in", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	if err := o.held(ctx, dir, checker); err != nil {
		return err
	}
	return o.broken(ctx, dir, checker)
}

// held demands that every 250 was written after the fsync of its data. The
// checker wants more: that nothing else was written between the two. What it
// counts as too early is looked at more closely, see acks.
func (o options) held(ctx context.Context, dir, checker string) error {
	dir = filepath.Join(dir, "full")
	v, err := o.check(ctx, dir, checker)
	if err != nil {
		return err
	}
	if v.before == 0 {
		return nil
	}
	early, overtaken := acks(mustRead(filepath.Join(dir, logName)), o.mark)
	fmt.Printf("order: of the %d before, %d had their data synced, and another transaction began before the 250 was written\n", v.before, overtaken)
	if early > 0 || overtaken != v.before {
		return fmt.Errorf("CRIES: %d acknowledgements were written before the fsync of their data", max(early, v.before-overtaken, 1))
	}
	return nil
}

// broken demands that the control is seen to break: in nearly all its posts,
// not in one by accident.
func (o options) broken(ctx context.Context, dir, checker string) error {
	v, err := o.check(ctx, filepath.Join(dir, "control"), checker, unsynced)
	if err != nil {
		return err
	}
	if 10*v.before < 9*o.posts {
		return fmt.Errorf("CRIES: the control without syncs was found in %d of %d posts only: this check proves nothing", v.before, o.posts)
	}
	return nil
}

// tools finds the checker, and whether the programs are there that it needs.
func tools() (checker string, err error) {
	for _, program := range []string{"strace", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%w: no %s on this machine", errSkip, program)
		}
	}
	bench := os.Getenv("PARLEY_BENCH")
	if bench == "" {
		return "", fmt.Errorf("%w: PARLEY_BENCH does not name the shared bench", errSkip)
	}
	checker = filepath.Join(bench, "ack_after_fsync.py")
	if _, err := os.Stat(checker); err != nil {
		return "", fmt.Errorf("look for the checker: %w", err)
	}
	return checker, nil
}

// verdict is what the checker counted: acknowledgements after and before the
// fsync of their data.
type verdict struct{ after, before int }

// check does one run in a folder of its own and lets the checker judge its log.
func (o options) check(ctx context.Context, dir, checker string, tags ...string) (verdict, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return verdict{}, fmt.Errorf("make a folder: %w", err)
	}
	log := filepath.Join(dir, logName)
	if err := o.trace(ctx, dir, log, tags); err != nil {
		return verdict{}, err
	}
	out, err := exec.CommandContext(ctx, "python3", checker, log, o.mark).CombinedOutput()
	fmt.Printf("order, build tags %v: %s", tags, out)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return verdict{}, fmt.Errorf("run the checker: %w", err)
	}
	var v verdict
	if _, scanErr := fmt.Sscanf(string(out), "acknowledged after fsync: %d, before: %d", &v.after, &v.before); scanErr != nil {
		return v, fmt.Errorf("read the checker's answer: %w", scanErr)
	}
	if (err == nil) != (v.before == 0 && v.after > 0) {
		return v, fmt.Errorf("the checker says one thing and exits with another: %v", err)
	}
	if v.after+v.before != o.posts {
		return v, fmt.Errorf("CRIES: the log holds %d acknowledgements with %q, and %d posts were acknowledged", v.after+v.before, o.mark, o.posts)
	}
	return v, nil
}

// mustRead reads a file that a program has just read without complaint.
func mustRead(path string) []byte {
	data, _ := os.ReadFile(path)
	return data
}

// trace runs the binary under strace and posts to it.
func (o options) trace(ctx context.Context, dir, log string, tags []string) error {
	binary, err := rig.Build(ctx, dir, tags...)
	if err != nil {
		return err
	}
	smtp, err := rig.FreeAddr()
	if err != nil {
		return err
	}
	house := rig.House{Dir: dir, SMTP: smtp, Relay: "maildir:" + filepath.Join(dir, "sent"), Trust: []string{"127.0.0.0/8"},
		Lists: []rig.List{{Address: "quiet@lists.test", Options: map[string]string{"post": "anyone"}}}}
	if err := house.Write(); err != nil {
		return err
	}
	// With -D strace is the child of the server, so that signals reach the server.
	server, err := house.Serve(binary, "strace", "-D", "-f", "-tt", "-yy", "-s", "64",
		"-e", "trace=fsync,fdatasync,pwrite64,write", "-o", log)
	if err != nil {
		return err
	}
	defer server.Kill()
	if err := server.Ready(ctx); err != nil {
		return err
	}
	if err := o.post(ctx, house, log); err != nil {
		return err
	}
	if err := server.Stop(); err != nil {
		return err
	}
	return waitFor(ctx, func() bool { return bytes.Contains(mustRead(log), []byte("+++ exited with")) && !grows(ctx, log) })
}

// post posts one after the other over one connection. Between two posts it
// waits until the text of the first is indexed and nothing more is written:
// the index follows the 250 in a transaction of its own, whose unsynced write
// just before the next 250 would be taken for the data of that one.
func (o options) post(ctx context.Context, house rig.House, log string) error {
	client, err := rig.Dial(house.SMTP, "")
	if err != nil {
		return err
	}
	defer client.Close()
	db, err := house.OpenDatabase()
	if err != nil {
		return err
	}
	defer db.Close()
	for n := 1; n <= o.posts; n++ {
		data := fmt.Sprintf("From: poster@example.org\r\nTo: quiet@lists.test\r\nSubject: post %d\r\n"+
			"Date: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <%d@client.example.org>\r\n\r\nThis is post %d.\r\n", n, n, n)
		reply, err := client.Post(rig.Mail{From: "poster@example.org", To: []string{"quiet@lists.test"}, Data: []byte(data)})
		if err != nil {
			return err
		}
		if !reply.OK() {
			return fmt.Errorf("post %d: %s", n, reply)
		}
		if err := waitFor(ctx, func() bool { return indexed(db) >= n && !grows(ctx, log) }); err != nil {
			return fmt.Errorf("wait for the index after post %d: %w", n, err)
		}
	}
	return nil
}

// indexed is how many posts have their text.
func indexed(db *sql.DB) int {
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM texts").Scan(&n); err != nil {
		return 0 // busy; the caller asks again
	}
	return n
}

// grows watches a file for a moment.
func grows(ctx context.Context, path string) bool {
	before := size(path)
	select {
	case <-time.After(quiet):
	case <-ctx.Done():
	}
	return size(path) != before
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

// waitFor asks until the answer is yes.
func waitFor(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, quietWait)
	defer cancel()
	for !done() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
