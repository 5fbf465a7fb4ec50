package smtpd

import (
	"bytes"
	"math"
	"time"

	"parley/list"
)

// body collects one message, from DATA or from chunks. After its first error it
// only counts, so that the rest can be swallowed.
type body struct {
	buf    []byte
	size   int64
	max    int64
	first  int // size of the first buffer
	err    error
	begin  time.Time
	over   time.Time // when it grew too large
	limits Limits

	budget *budget
	taken  int64
}

// add appends p unless that is over a limit.
func (b *body) add(p []byte) {
	b.size += int64(len(p))
	if b.err != nil {
		return
	}
	if b.size > b.max {
		b.refuse(&answer{saySize})
		return
	}
	if need := len(b.buf) + len(p); need > cap(b.buf) && !b.grow(need) {
		b.refuse(list.Errorf(list.Full, "Out of memory for messages, try again later"))
		return
	}
	b.buf = append(b.buf, p...)
}

// Bounds of the first buffer, which a declared size decides; it doubles from
// there. A stranger's declaration is worth no more than mostHinted.
const (
	firstBuf   = 8 << 10
	mostHinted = 1 << 20
)

// grow doubles the buffer, or when memory is short makes it just large enough.
func (b *body) grow(need int) bool {
	largest := max(need, int(min(b.max, math.MaxInt32)))
	for _, size := range []int{min(max(need, 2*cap(b.buf), b.first), largest), need} {
		if b.budget.take(int64(size)-b.taken, b.limits.Memory) {
			b.taken = int64(size)
			b.buf = append(make([]byte, 0, size), b.buf...)
			return true
		}
	}
	return false
}

// refuse keeps the first error and frees the memory.
func (b *body) refuse(err error) {
	b.err = err
	b.over = time.Now()
	b.free()
}

// free gives the memory back.
func (b *body) free() {
	b.budget.give(b.taken)
	b.buf, b.taken = nil, 0
}

// text is the message. A last line from a chunk may lack its CRLF.
func (b *body) text() []byte {
	if n := len(b.buf); n > 0 && b.buf[n-1] != '\n' {
		return append(b.buf, "\r\n"...)
	}
	return b.buf
}

// deadline is when the next read must have ended: each read has a limit, and
// the whole has its minimum rate. A message that is refused already gets only
// as long as the grace.
func (b *body) deadline() time.Time {
	idle := time.Now().Add(b.limits.DataIdle)
	end := b.begin.Add(max(b.limits.Grace, time.Duration(b.size/b.limits.MinRate)*time.Second))
	if b.err != nil {
		end = b.over.Add(b.limits.Grace)
	}
	if end.Before(idle) {
		return end
	}
	return idle
}

// readData collects the message behind DATA. Only CRLF . CRLF ends it (RFC
// 5321, 4.1.1.4): a dot behind a lone LF is text, and so is one before it.
func (w *wire) readData(b *body, normalize bool) error {
	defer w.in.shrink()
	crlf, begins := true, true // behind CRLF; at the start of a line
	for {
		line, err := w.piece(b)
		if err != nil {
			return err
		}
		if begins && line[0] == '.' && (crlf || normalize) {
			if crlf && string(line) == endOfData {
				return nil
			}
			line = unstuff(line)
		}
		b.add(line)
		begins = line[len(line)-1] == '\n'
		crlf = begins && bytes.HasSuffix(line, []byte("\r\n"))
	}
}

// unstuff takes the dot off a line that has more than that (RFC 5321, 4.5.2).
func unstuff(line []byte) []byte {
	if len(bytes.TrimRight(line[1:], "\r\n")) == 0 {
		return line
	}
	return line[1:]
}

// piece is the next line or piece of one.
func (w *wire) piece(b *body) ([]byte, error) {
	for {
		if p := w.in.piece(); p != nil {
			return p, nil
		}
		if err := w.more(b); err != nil {
			return nil, err
		}
	}
}

// readChunk collects the n bytes behind BDAT (RFC 3030).
func (w *wire) readChunk(b *body, n int64) error {
	defer w.in.shrink()
	for n > 0 {
		p := w.in.take(int(min(n, largeBuf)))
		if len(p) == 0 {
			if err := w.more(b); err != nil {
				return err
			}
			continue
		}
		b.add(p)
		n -= int64(len(p))
	}
	return nil
}

// more reads more of a message. The large buffer is for messages that fill the
// small one: a client that only waits holds none.
func (w *wire) more(b *body) error {
	if w.in.full() {
		w.in.grow()
	}
	w.SetReadDeadline(b.deadline())
	return stalled(w.in.fill(w.top))
}

// inspect applies the rules for the bytes of a message. Lone CR and LF are
// refused, because others take them for ends of lines, and of messages (RFC
// 5321, 2.3.8); or with normalize they become CRLF. NUL is always refused.
func inspect(raw []byte, maxLine int, normalize bool) ([]byte, error) {
	if bytes.IndexByte(raw, 0) >= 0 {
		return nil, list.Errorf(list.Malformed, "Message has NUL bytes")
	}
	lone, long := flaws(raw, maxLine)
	if lone && !normalize {
		return nil, list.Errorf(list.Malformed, "Message has bare CR or LF")
	}
	if lone {
		raw = normalized(raw)
		_, long = flaws(raw, maxLine)
	}
	if long {
		return nil, list.Errorf(list.Malformed, "Message has a line of more than %d bytes", maxLine)
	}
	return raw, nil
}

// flaws looks for lone CR and LF, and for lines that are too long.
func flaws(raw []byte, maxLine int) (lone, long bool) {
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\n')
		line := raw
		switch {
		case i < 0:
			raw, lone = nil, true
		case i == 0 || raw[i-1] != '\r':
			line, raw, lone = raw[:i], raw[i+1:], true
		default:
			line, raw = raw[:i-1], raw[i+1:]
		}
		long = long || len(line) > maxLine
		lone = lone || bytes.IndexByte(line, '\r') >= 0
	}
	return lone, long
}

// normalized is raw with CRLF for each lone CR and LF.
func normalized(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/32+2)
	for i, c := range raw {
		switch {
		case c == '\n' && (i == 0 || raw[i-1] != '\r'), c == '\r' && (i+1 == len(raw) || raw[i+1] != '\n'):
			out = append(out, "\r\n"...)
		default:
			out = append(out, c)
		}
	}
	return out
}
