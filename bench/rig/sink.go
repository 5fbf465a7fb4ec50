package rig

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
)

// Delivery is one transaction that the sink was given.
type Delivery struct {
	Conn  int64 // number of the connection, from 1
	Txn   int64 // number of the transaction, from 1
	From  string
	Rcpts []string
	Data  []byte // with CRLF, dots undone
}

// Sink plays the relay: an SMTP server that takes everything.
type Sink struct {
	listener net.Listener
	receive  func(Delivery) error
	opened   atomic.Int64
	closed   atomic.Int64
	txns     atomic.Int64
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// NewSink listens on a free loopback port. It answers 250 to a final dot when
// receive has returned nil, and 451 when it has not; receive is called by
// several connections at the same time.
func NewSink(receive func(Delivery) error) (*Sink, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("open the sink: %w", err)
	}
	s := &Sink{listener: l, receive: receive, conns: map[net.Conn]bool{}}
	s.wg.Go(s.accept)
	return s, nil
}

// Addr is where the sink listens.
func (s *Sink) Addr() string { return s.listener.Addr().String() }

// Opened counts the connections taken so far.
func (s *Sink) Opened() int64 { return s.opened.Load() }

// Closed counts the connections that have ended, with all that they had said
// received.
func (s *Sink) Closed() int64 { return s.closed.Load() }

// Close ends all connections and waits for them.
func (s *Sink) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

func (s *Sink) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		t := &taking{sink: s, id: s.opened.Add(1), r: bufio.NewReaderSize(conn, 32<<10), w: bufio.NewWriter(conn)}
		s.wg.Go(func() {
			defer s.left(conn)
			_ = t.serve() // an end of the connection, at any point, is no fault of ours
		})
	}
}

func (s *Sink) left(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	s.closed.Add(1)
}

// taking is one connection of the sink.
type taking struct {
	sink  *Sink
	id    int64
	r     *bufio.Reader
	w     *bufio.Writer
	from  string
	rcpts []string
}

func (t *taking) serve() error {
	if err := t.say("220 sink ESMTP"); err != nil {
		return err
	}
	for {
		line, err := t.r.ReadString('\n')
		if err != nil {
			return err
		}
		if err := t.obey(strings.TrimRight(line, "\r\n")); err != nil {
			return err
		}
	}
}

// say answers, and flushes when the client has nothing more in the pipe (RFC 2920).
func (t *taking) say(line string) error {
	if _, err := t.w.WriteString(line + "\r\n"); err != nil {
		return err
	}
	if t.r.Buffered() > 0 {
		return nil
	}
	return t.w.Flush()
}

func (t *taking) obey(line string) error {
	verb, arg, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		return t.say("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 104857600")
	case "HELO", "NOOP":
		return t.say("250 ok")
	case "RSET":
		t.rcpts = nil
		return t.say("250 ok")
	case "MAIL":
		t.from, t.rcpts = bracketed(arg), nil
		return t.say("250 ok")
	case "RCPT":
		t.rcpts = append(t.rcpts, bracketed(arg))
		return t.say("250 ok")
	case "DATA":
		return t.data()
	case "QUIT":
		_ = t.say("221 bye")
		return io.EOF
	}
	return t.say("502 no")
}

func bracketed(arg string) string {
	_, rest, _ := strings.Cut(arg, "<")
	address, _, _ := strings.Cut(rest, ">")
	return address
}

func (t *taking) data() error {
	if len(t.rcpts) == 0 {
		return t.say("503 RCPT first")
	}
	if err := t.say("354 go"); err != nil {
		return err
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	data, err := dotted(t.r)
	if err != nil {
		return err
	}
	d := Delivery{Conn: t.id, Txn: t.sink.txns.Add(1), From: t.from, Rcpts: t.rcpts, Data: data}
	t.rcpts = nil
	if err := t.sink.receive(d); err != nil {
		return t.say("451 not kept")
	}
	return t.say("250 ok kept")
}

// dotted reads up to the final dot and undoes the doubled ones.
func dotted(r *bufio.Reader) ([]byte, error) {
	var data []byte
	for start := true; ; {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
		if start && bytes.Equal(line, []byte(".\r\n")) {
			return data, nil
		}
		if start && line[0] == '.' {
			line = line[1:]
		}
		data = append(data, line...)
		start = err == nil
	}
}
