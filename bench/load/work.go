package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"parley/bench/rig"
)

// work is one load that both sides get.
type work struct {
	name, list           string
	posts, conns, copies int
	per                  string // what its rate counts
}

func (o options) works() []work {
	return []work{
		{"posts in, one subscriber", "mb1@lists.test", o.posts, 10, o.posts, "posts"},
		{"one post to 10,000, personal", "mb10k@lists.test", 1, 1, 10_000, "copies"},
		{"one post to 10,000, shared", "mb10s@lists.test", 1, 1, 10_000, "copies"},
	}
}

// line is the result of one work on one side in one run.
type line struct {
	Run        int     `json:"run"`
	Side       string  `json:"side"`
	Work       string  `json:"work"`
	Rate       float64 `json:"rate_per_s"`       // posts or copies a second, until the last copy was out
	Process    float64 `json:"process_cpu_ms"`   // of Parley's process, each post or copy; 0 for the peer
	Machine    float64 `json:"machine_cpu_ms"`   // of the whole machine less the load tools, each post or copy
	PeakMiB    float64 `json:"peak_mib"`         // resident memory of Parley's process; 0 for the peer
	Accepted   float64 `json:"accepted_per_s"`   // posts
	FirstCopyS float64 `json:"first_copy_s"`     // from the start
	LastCopyS  float64 `json:"last_copy_s"`      // from the start
	Messages   int     `json:"messages"`         // transactions at the sink
	Senders    int     `json:"envelope_senders"` // different ones
	Conns      int     `json:"sink_connections"` // that the side opened
}

// posted is what post.sh prints.
type posted struct {
	Accepted  float64 `json:"accepted_per_s"`
	FirstCopy float64 `json:"first_copy_s"`
	LastCopy  float64 `json:"last_copy_s"`
	Posts     float64 `json:"posts_per_s"`
	PerCopy   float64 `json:"copies_per_s"`
	Copies    int     `json:"copies"`
	Messages  int     `json:"messages"`
	Senders   int     `json:"envelope_senders"`
	Conns     int     `json:"connections"`
}

// meter reads the CPU times around a work.
type meter struct {
	s                      side
	sink                   int
	machine, process, load time.Duration
}

func startMeter(s side, sink int) (*meter, error) {
	m := &meter{s: s, sink: sink}
	if s.pid != 0 {
		if err := rig.ResetPeak(s.pid); err != nil {
			return nil, err
		}
	}
	return m, m.read(-1)
}

// read adds the present times, with the sign given; what the load tools used
// counts apart.
func (m *meter) read(sign time.Duration) error {
	machine, err := rig.MachineCPU()
	if err != nil {
		return err
	}
	sink, err := rig.CPU(m.sink)
	if err != nil {
		return err
	}
	own, err := rig.CPU(os.Getpid())
	if err != nil {
		return err
	}
	m.machine += sign * machine
	m.load += sign * (sink + own)
	if m.s.pid == 0 {
		return nil
	}
	process, err := rig.CPU(m.s.pid)
	m.process += sign * process
	return err
}

// measure gives one work to one side.
func (w work) measure(ctx context.Context, bench string, s side, sink int) (line, error) {
	m, err := startMeter(s, sink)
	if err != nil {
		return line{}, err
	}
	p, tools, err := w.post(ctx, bench, s.addr)
	if err != nil {
		return line{}, fmt.Errorf("%s, %s: %w", s.name, w.name, err)
	}
	if err := s.calm(ctx); err != nil {
		return line{}, err
	}
	if err := m.read(1); err != nil {
		return line{}, err
	}
	m.load += tools
	l := line{Side: s.name, Work: w.name, Rate: p.PerCopy, Accepted: p.Accepted, FirstCopyS: p.FirstCopy, LastCopyS: p.LastCopy,
		Messages: p.Messages, Senders: p.Senders, Conns: p.Conns}
	each := float64(w.copies)
	l.Process = milliseconds(m.process) / each
	l.Machine = milliseconds(m.machine-m.load) / each
	if s.pid != 0 {
		_, peak, err := rig.Memory(s.pid)
		if err != nil {
			return line{}, err
		}
		l.PeakMiB = float64(peak) / (1 << 20)
	}
	if p.Copies != w.copies {
		return l, fmt.Errorf("%s, %s: %d copies came, not %d", s.name, w.name, p.Copies, w.copies)
	}
	return l, nil
}

// post runs post.sh of the shared bench; tools is the CPU time of all that it ran.
func (w work) post(ctx context.Context, bench, addr string) (p posted, tools time.Duration, err error) {
	cmd := exec.CommandContext(ctx, "bash", filepath.Join(bench, "post.sh"), addr, w.list,
		strconv.Itoa(w.posts), strconv.Itoa(w.conns), strconv.Itoa(w.copies))
	cmd.Env = append(os.Environ(), "TMO=120")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return p, 0, fmt.Errorf("post.sh: %w: %s", err, exit.Stderr)
	}
	if err != nil {
		return p, 0, fmt.Errorf("post.sh: %w", err)
	}
	if err := json.Unmarshal(out, &p); err != nil {
		return p, 0, fmt.Errorf("read what post.sh printed: %w: %s", err, out)
	}
	return p, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
