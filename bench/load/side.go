package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"parley/bench/rig"
)

// Where the tools of the shared bench expect each other.
const (
	sinkSMTP = "127.0.0.1:2526"
	sinkHTTP = "127.0.0.1:2527"
	postfix  = "127.0.0.1:25"
)

// side is one list manager under load.
type side struct {
	name string
	addr string
	pid  int // 0 for a peer of many processes: only the machine's CPU tells
}

// startSink builds and starts the shared sink. It dies with us.
func startSink(ctx context.Context, bench, dir string) (*exec.Cmd, error) {
	for _, addr := range []string{sinkSMTP, sinkHTTP} {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return nil, fmt.Errorf("start the sink: somebody listens on %s already, another run of this load perhaps", addr)
		}
	}
	path := filepath.Join(dir, "sink")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, ".")
	build.Dir = filepath.Join(bench, "sink")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the sink: %w: %s", err, out)
	}
	sink := exec.CommandContext(ctx, path, "-smtp", sinkSMTP, "-http", sinkHTTP)
	sink.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := sink.Start(); err != nil {
		return nil, fmt.Errorf("start the sink: %w", err)
	}
	return sink, listening(ctx, sinkSMTP, sinkHTTP)
}

// listening waits until somebody listens at all addresses.
func listening(ctx context.Context, addrs ...string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for _, addr := range addrs {
		for {
			conn, err := net.Dial("tcp", addr)
			if err == nil {
				conn.Close()
				break
			}
			if wait(ctx, 20*time.Millisecond) != nil {
				return fmt.Errorf("wait for %s: %w", addr, err)
			}
		}
	}
	return nil
}

// startParley starts the binary with the lists that the peers have.
func startParley(ctx context.Context, binary, dir string) (*rig.Process, side, error) {
	smtp, err := rig.FreeAddr()
	if err != nil {
		return nil, side{}, err
	}
	web, err := rig.FreeAddr()
	if err != nil {
		return nil, side{}, err
	}
	house := rig.House{Dir: dir, SMTP: smtp, Web: web, Relay: "smtp://" + sinkSMTP, Trust: []string{"127.0.0.0/8"}}
	for name, copies := range map[string]string{"mb1": "personal", "mb10k": "personal", "mb10s": "shared"} {
		house.Lists = append(house.Lists, rig.List{Address: name + "@lists.test", Options: map[string]string{"copies": copies}})
	}
	if err := house.Write(); err != nil {
		return nil, side{}, err
	}
	server, err := house.Serve(binary)
	if err != nil {
		return nil, side{}, err
	}
	err = server.Ready(ctx)
	if err == nil {
		err = subscribe(ctx, house, binary)
	}
	if err != nil {
		server.Kill()
		return nil, side{}, err
	}
	return server, side{name: "parley", addr: smtp, pid: server.PID()}, nil
}

// subscribe adds the members that the lists of the peers have.
func subscribe(ctx context.Context, house rig.House, binary string) error {
	for name, n := range map[string]int{"mb1": 1, "mb10k": 10_000, "mb10s": 10_000} {
		var file bytes.Buffer
		for i := range n {
			fmt.Fprintf(&file, "%c%05d@d%d.example.org\n", 'a'+i%26, i, i%50)
		}
		path := filepath.Join(house.Dir, name+".txt")
		if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
			return fmt.Errorf("write a member file: %w", err)
		}
		if _, err := house.Command(ctx, binary, "member", "add", name+"@lists.test", "--file", path); err != nil {
			return err
		}
	}
	return nil
}

// startPeer starts Postfix with mlmmj behind it, where they are installed. The
// function that it returns stops Postfix, if it was not running before.
func startPeer(ctx context.Context) (side, func(), error) {
	peer := side{name: "mlmmj", addr: postfix}
	if _, err := os.Stat("/var/spool/mlmmj/mb10s"); err != nil {
		return side{}, nil, fmt.Errorf("no mlmmj here (peers-up.sh of the shared bench installs it): %w", err)
	}
	if conn, err := net.Dial("tcp", postfix); err == nil {
		conn.Close()
		return peer, func() {}, nil
	}
	if out, err := exec.CommandContext(ctx, "postfix", "start").CombinedOutput(); err != nil {
		return side{}, nil, fmt.Errorf("start Postfix: %w: %s", err, out)
	}
	stop := func() {
		if out, err := exec.Command("postfix", "stop").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "load: stop Postfix: %v: %s\n", err, out)
		}
	}
	if err := listening(ctx, postfix); err != nil {
		stop()
		return side{}, nil, err
	}
	return peer, stop, nil
}

// calm waits until the side has nothing more to do: Parley's process uses no
// CPU any more, the peer's queue is empty. What it still did is part of its
// work: results, index, removal of what was sent.
func (s side) calm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if s.pid == 0 {
		return emptyQueue(ctx)
	}
	before := time.Duration(-1)
	for {
		now, err := rig.CPU(s.pid)
		if err != nil {
			return err
		}
		if now == before {
			return nil
		}
		before = now
		if err := wait(ctx, 300*time.Millisecond); err != nil {
			return fmt.Errorf("wait until parley rests: %w", err)
		}
	}
}

func emptyQueue(ctx context.Context) error {
	for {
		out, err := exec.CommandContext(ctx, "postqueue", "-p").Output()
		if err != nil {
			return fmt.Errorf("look at Postfix's queue: %w", err)
		}
		if strings.Contains(string(out), "Mail queue is empty") {
			return nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("wait for Postfix's queue: %w", err)
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
