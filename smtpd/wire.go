package smtpd

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// wire stands between a client and go-smtp. It gives go-smtp one command line
// at a time, after the session's gate has looked at it, and never a byte of a
// message: the session takes messages from the wire itself, and go-smtp reads
// an empty one in their place. So a message can never run as commands, whatever
// goes wrong inside it.
//
// Answers are held until their last line is there, and go out in one write as
// soon as nothing more can be done without the client (RFC 2920, 3.2).
//
// A wire belongs to its session's goroutine, but for drain and kill.
type wire struct {
	net.Conn          // as accepted
	top      net.Conn // the same, or TLS on it
	session  *session
	limits   Limits

	in   inbuf
	feed []byte // what go-smtp reads next

	out   []byte
	start int    // of the answer that go-smtp is writing
	line  int    // of its last line
	mute  string // code of an answer that is not for the client
	hello func() string

	prompt   bool   // send what is out before looking at the next command
	hangup   bool   // no more commands
	farewell string // the last answer

	born time.Time

	mu   sync.Mutex
	idle bool // waits for a command outside of a transaction

	gone bool // closed
}

// endOfData is what go-smtp reads as a message.
const endOfData = ".\r\n"

// Read gives go-smtp its next command line.
func (w *wire) Read(p []byte) (int, error) {
	if w.gone {
		return 0, net.ErrClosed
	}
	if len(w.feed) == 0 {
		if err := w.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.feed)
	w.feed = w.feed[n:]
	return n, nil
}

// next waits until there is a line for go-smtp, and has the gate answer those
// that go-smtp does not see. At the end it is io.EOF, and everything is said.
func (w *wire) next() (err error) {
	defer func() {
		if r := recover(); r != nil {
			w.session.panicked(r)
			w.part(sayFault)
			err = w.goodbye()
		}
	}()
	for len(w.feed) == 0 {
		if w.hangup {
			return w.goodbye()
		}
		line, err := w.command()
		if err != nil {
			w.part(farewell(err, w.session.draining()))
			return w.goodbye()
		}
		w.session.gate(line)
	}
	return nil
}

// Errors of waiting for a line.
var (
	errLongLine = errors.New("command line too long")
	errDraining = errors.New("shutting down")
	errStalled  = errors.New("too slow")
)

// farewell is what a client hears when no command came, "" if it is gone.
func farewell(err error, draining bool) string {
	switch {
	case errors.Is(err, errLongLine):
		return sayLongLine
	case draining:
		return sayClosing
	case errors.Is(err, errStalled):
		return sayIdle
	}
	return ""
}

// command is the next command line, without what ends it.
func (w *wire) command() ([]byte, error) {
	if w.prompt {
		w.prompt = false
		w.flush()
	}
	if w.session.draining() && !w.session.mail.open {
		return nil, errDraining
	}
	until := w.commandEnd()
	for {
		line := w.in.line()
		if line != nil {
			line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
		}
		if len(line) > w.limits.CommandLine || line == nil && w.in.len() > w.limits.CommandLine {
			return nil, errLongLine
		}
		if line != nil {
			return line, nil
		}
		if err := w.await(until); err != nil {
			return nil, err
		}
	}
}

// commandEnd is when the next command line must be complete. It does not move
// while the bytes of that line trickle in.
func (w *wire) commandEnd() time.Time {
	until := time.Now().Add(w.limits.Command)
	if end := w.born.Add(w.limits.Session); !w.session.free && end.Before(until) {
		return end
	}
	return until
}

// await reads more of a command.
func (w *wire) await(until time.Time) error {
	w.flush()
	w.mu.Lock()
	w.idle = !w.session.mail.open
	w.SetReadDeadline(until)
	if w.idle && w.session.draining() {
		w.SetReadDeadline(time.Unix(1, 0))
	}
	w.mu.Unlock()
	err := stalled(w.in.fill(w.top))
	w.mu.Lock()
	w.idle = false
	w.mu.Unlock()
	return err
}

// stalled tells a deadline from a lost connection.
func stalled(err error) error {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return errStalled
	}
	return err
}

// drain wakes the wire if it waits for a command outside of a transaction.
func (w *wire) drain() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.idle {
		w.SetReadDeadline(time.Unix(1, 0))
	}
}

// kill ends everything, whatever the session does.
func (w *wire) kill() { w.Conn.Close() }

// Write takes what go-smtp answers. It never fails: a lost connection is seen
// by the next read.
func (w *wire) Write(p []byte) (int, error) {
	w.out = append(w.out, p...)
	for {
		i := bytes.IndexByte(w.out[w.line:], '\n')
		if i < 0 {
			return len(p), nil
		}
		line := w.out[w.line : w.line+i]
		w.line += i + 1
		if len(line) > 3 && line[3] == ' ' {
			w.answered()
		}
	}
}

// answered deals with an answer of go-smtp that is complete.
func (w *wire) answered() {
	text := w.out[w.start:w.line]
	hello := w.hello
	w.hello = nil
	switch {
	case w.mute != "" && bytes.HasPrefix(text, []byte(w.mute)):
		w.mute = ""
		w.out = w.out[:w.start]
	case hello != nil && bytes.HasPrefix(text, []byte("250")):
		w.out = append(w.out[:w.start], hello()...)
	case bytes.HasPrefix(text, []byte("354")):
		w.goAhead(bytes.Clone(text))
	}
	w.start, w.line = len(w.out), len(w.out)
	if len(w.out) > smallBuf {
		w.flush()
	}
}

// goAhead sends the answer to DATA in a write of its own, so that a trace of the
// system calls shows where a message begins.
func (w *wire) goAhead(text []byte) {
	w.out = w.out[:w.start]
	w.flush()
	w.out = append(w.out, text...)
	w.flush()
}

// say answers in go-smtp's place, with the session's id.
func (w *wire) say(text string) {
	w.sayReply(signed(text, w.session.id))
}

// sayReply is say for a line that is complete.
func (w *wire) sayReply(line string) {
	w.out = append(append(w.out, line...), "\r\n"...)
	w.start, w.line = len(w.out), len(w.out)
}

// part has the session end after the answers that are being made, with text
// behind them if it is not "".
func (w *wire) part(text string) {
	w.hangup = true
	if w.farewell == "" {
		w.farewell = text
	}
}

func (w *wire) goodbye() error {
	w.hangup = true
	if w.farewell != "" {
		w.say(w.farewell)
		w.farewell = ""
	}
	w.flush()
	return io.EOF
}

// flush sends all answers in one write.
func (w *wire) flush() {
	if len(w.out) == 0 {
		return
	}
	w.SetWriteDeadline(time.Now().Add(w.limits.Write))
	if _, err := w.top.Write(w.out); err != nil {
		w.hangup = true
	}
	w.out, w.start, w.line = w.out[:0], 0, 0
}

// startTLS answers and puts TLS on the connection. Plain text that came behind
// the command is dropped (RFC 3207, 6). After an error nothing more may be
// written.
func (w *wire) startTLS(config *tls.Config) error {
	w.say(sayTLSReady)
	w.flush()
	w.in.discard()
	w.SetReadDeadline(time.Now().Add(w.limits.Command))
	w.SetWriteDeadline(time.Now().Add(w.limits.Command))
	c := tls.Server(w.Conn, config)
	if err := c.Handshake(); err != nil {
		return err
	}
	w.top = c
	return nil
}

// Close sends what is left and closes. The client gets a moment to read it:
// closing with bytes unread would reset the connection.
func (w *wire) Close() error {
	if w.gone {
		return nil
	}
	w.gone = true
	defer w.session.closed()
	w.flush()
	w.linger()
	w.in.shrink()
	return w.top.Close()
}

// lingerBytes is how much of a client's flood is read on.
const lingerBytes = 4 << 20

func (w *wire) linger() {
	half, ok := w.top.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	w.SetReadDeadline(time.Now().Add(w.limits.Linger))
	io.CopyN(io.Discard, w.Conn, lingerBytes)
}
