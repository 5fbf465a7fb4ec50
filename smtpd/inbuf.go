package smtpd

import (
	"bytes"
	"net"
	"sync"
)

// Sizes of read buffers: one that every idle connection has, and one that is
// borrowed while a message comes in.
const (
	smallBuf = 4 << 10
	largeBuf = 64 << 10
)

// newBuffers makes the pool of large buffers.
func newBuffers() *sync.Pool {
	return &sync.Pool{New: func() any { return new([largeBuf]byte) }}
}

// inbuf holds what was read and not yet used.
type inbuf struct {
	buf   []byte
	r, w  int // unused bytes are buf[r:w]
	seen  int // buf[r:seen] has no LF
	large *[largeBuf]byte
	small []byte
	pool  *sync.Pool
}

func newInbuf(pool *sync.Pool) inbuf {
	small := make([]byte, smallBuf)
	return inbuf{buf: small, small: small, pool: pool}
}

func (b *inbuf) len() int { return b.w - b.r }

// full says whether the last read could have brought more.
func (b *inbuf) full() bool { return b.w == len(b.buf) }

// line takes the next line with its LF, or nil while it is not all there. The
// bytes are good until the next fill.
func (b *inbuf) line() []byte {
	i := bytes.IndexByte(b.buf[b.seen:b.w], '\n')
	if i < 0 {
		b.seen = b.w
		return nil
	}
	return b.take(b.seen + i + 1 - b.r)
}

// piece takes the next line, or, when the buffer is full of a longer one, a
// piece of it that does not end between CR and LF. It is nil while there is
// neither.
func (b *inbuf) piece() []byte {
	if line := b.line(); line != nil {
		return line
	}
	if b.len() < len(b.buf) {
		return nil
	}
	n := b.len()
	if b.buf[b.w-1] == '\r' {
		n--
	}
	return b.take(n)
}

// take takes the next n bytes, at most those that are there.
func (b *inbuf) take(n int) []byte {
	n = min(n, b.len())
	out := b.buf[b.r : b.r+n]
	b.r += n
	b.seen = b.r
	return out
}

// fill reads once.
func (b *inbuf) fill(c net.Conn) error {
	if b.r > 0 {
		copy(b.buf, b.buf[b.r:b.w])
		b.r, b.w, b.seen = 0, b.w-b.r, b.seen-b.r
	}
	n, err := c.Read(b.buf[b.w:])
	b.w += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}

// grow borrows the large buffer.
func (b *inbuf) grow() {
	if b.large != nil {
		return
	}
	b.large = b.pool.Get().(*[largeBuf]byte)
	b.move(b.large[:])
}

// shrink gives the large buffer back as soon as what is left fits the small one.
func (b *inbuf) shrink() {
	if b.large == nil || b.len() > len(b.small) {
		return
	}
	b.move(b.small)
	b.pool.Put(b.large)
	b.large = nil
}

func (b *inbuf) move(to []byte) {
	n := copy(to, b.buf[b.r:b.w])
	b.buf, b.r, b.w, b.seen = to, 0, n, 0
}

// discard forgets what was read.
func (b *inbuf) discard() { b.r, b.w, b.seen = 0, 0, 0 }
