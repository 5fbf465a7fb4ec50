package main

import (
	"context"
	"time"

	"parley/bench/rig"
)

// ackWait is how long an armed shot waits for an acknowledgement.
const ackWait = 500 * time.Millisecond

// shoot kills the server, now or when a client sees the next acknowledgement:
// then an answer that came before its commit is a loss most surely. It returns
// how many outgoing connections were open, at most.
func (h *harness) shoot(ctx context.Context, server *rig.Process, onAck bool) int {
	s := rig.NewShot(server, h.sink)
	if onAck {
		h.armed.Store(s)
		s.Wait(ctx, ackWait)
		h.armed.Store(nil)
	}
	return s.End()
}

// trigger fires what is armed, if anything is.
func (h *harness) trigger() {
	if s := h.armed.Load(); s != nil {
		s.Fire()
	}
}
