package main

import (
	"context"
	"time"

	"parley/bench/rig"
)

// ackWait is how long an armed shot waits for an acknowledgement.
const ackWait = 500 * time.Millisecond

// shot is one SIGKILL. Exactly one goroutine fires it: whoever takes it out of
// harness.armed.
type shot struct {
	server *rig.Process
	sink   *rig.Sink
	closed int64 // connections of the sink that had ended just before; read after fired
	fired  chan struct{}
}

func (s *shot) fire() {
	s.closed = s.sink.Closed()
	s.server.Shoot()
	close(s.fired)
}

// shoot kills the server, now or when a client sees the next acknowledgement:
// then an answer that came before its commit is a loss most surely. It returns
// how many outgoing connections were open, at most: those that had not ended
// before the shot, of all that were there after it.
func (h *harness) shoot(ctx context.Context, server *rig.Process, onAck bool) int {
	s := &shot{server: server, sink: h.sink, fired: make(chan struct{})}
	h.armed.Store(s)
	if onAck {
		timer := time.NewTimer(ackWait)
		defer timer.Stop()
		select {
		case <-s.fired:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	h.trigger()
	<-s.fired
	server.Kill()
	return int(h.sink.Opened() - s.closed)
}

// trigger fires what is armed, if anything is.
func (h *harness) trigger() {
	if s := h.armed.Swap(nil); s != nil {
		s.fire()
	}
}
