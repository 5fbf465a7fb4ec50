package rig

import (
	"context"
	"sync"
	"time"
)

// Shot is one SIGKILL that waits for its moment. Whoever sees it first fires;
// firing again does nothing.
type Shot struct {
	server *Process
	sink   *Sink
	once   sync.Once
	closed int64 // connections of the sink that had ended just before; read after fired
	fired  chan struct{}
}

// NewShot aims at a server whose outgoing connections end at sink.
func NewShot(server *Process, sink *Sink) *Shot {
	return &Shot{server: server, sink: sink, fired: make(chan struct{})}
}

// Fire kills, and does not wait for the end.
func (s *Shot) Fire() {
	s.once.Do(func() {
		s.closed = s.sink.Closed()
		s.server.Shoot()
		close(s.fired)
	})
}

// Wait waits until somebody has fired, at most for so long.
func (s *Shot) Wait(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-s.fired:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// End fires if nobody has, waits for the end of the server, and returns how many
// outgoing connections were open, at most: those that had not ended before the
// shot, of all that were there after it.
func (s *Shot) End() int {
	s.Fire()
	s.server.Kill()
	return int(s.sink.Opened() - s.closed)
}
