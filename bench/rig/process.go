package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Limits of waiting for the binary.
const (
	startWait = 30 * time.Second // from its start to its banner; recovery is part of it
	stopWait  = 30 * time.Second // from SIGTERM to its end; it promises 25 s
	pollEvery = 5 * time.Millisecond
)

// Process is a running `parley serve`. It dies with the process that started it.
type Process struct {
	cmd  *exec.Cmd
	smtp string
	log  string
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done
}

// Serve starts `parley serve` for the house and returns at once; its log is
// appended to. A wrapper, such as strace with its flags, may stand before it.
func (h House) Serve(binary string, wrapper ...string) (*Process, error) {
	log, err := os.OpenFile(h.Log(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer log.Close()
	argv := append(append([]string(nil), wrapper...), binary, "serve", "--config", h.Config())
	p := &Process{cmd: exec.Command(argv[0], argv[1:]...), smtp: h.SMTP, log: h.Log(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start parley: %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID is the id of the process (of the wrapper, where there is one).
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended, whoever ended it.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Ready waits until the server greets. It fails when the process ends before
// or does not greet within 30 seconds.
func (p *Process) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if greets(p.smtp) {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.done:
			return fmt.Errorf("parley ended before it greeted: %v; the end of its log: %s", p.err, tail(p.log))
		case <-ctx.Done():
			return fmt.Errorf("wait for the banner: %w", ctx.Err())
		}
	}
}

// tail is the end of a file, for people.
func tail(path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(data[max(0, len(data)-500):])
}

func greets(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // on failure the read waits for the process
	banner := make([]byte, 4)
	n, _ := conn.Read(banner)
	_, _ = conn.Write([]byte("QUIT\r\n"))
	return bytes.HasPrefix(banner[:n], []byte("220"))
}

// Kill ends the process with SIGKILL and waits until the kernel has let go of
// all that was its own.
func (p *Process) Kill() {
	p.Shoot()
	<-p.done
}

// Shoot sends SIGKILL and does not wait.
func (p *Process) Shoot() {
	_ = p.cmd.Process.Kill() // fails only when it has ended already
}

// Stop ends the process with SIGTERM, as an operator does. After 30 seconds
// it kills, and that is an error, as is an exit status other than 0.
func (p *Process) Stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has ended already
	return p.Wait()
}

// Wait waits for the end of a process that was told to stop, like Stop.
func (p *Process) Wait() error {
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("stop parley: %w", p.err)
		}
		return nil
	case <-time.After(stopWait):
		p.Kill()
		return fmt.Errorf("stop parley: still running %s after SIGTERM", stopWait)
	}
}

// Command runs one command of the binary against the house, at most a minute,
// and returns what it printed.
func (h House) Command(ctx context.Context, binary string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, append(args, "--config", h.Config())...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out, fmt.Errorf("parley %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(exit.Stderr))
	}
	if err != nil {
		return out, fmt.Errorf("parley %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}

// Panics returns the lines of the house's log that speak of a panic.
func (h House) Panics() ([]string, error) {
	log, err := os.ReadFile(h.Log())
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	var found []string
	for line := range strings.Lines(string(log)) {
		if strings.Contains(strings.ToLower(line), "panic") {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found, nil
}
