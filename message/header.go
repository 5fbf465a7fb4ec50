package message

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Field is one header field as it was received.
type Field struct {
	Name string // without the colon; "" for a line that is no field, such as a leading "From " line
	Raw  []byte // all of it: name, folded lines, line ends
}

// Message is a mail cut into its header fields and its body. All slices point
// into Raw: do not write to them.
type Message struct {
	Raw    []byte
	Fields []Field // in the order received; their Raw together is the header without its empty line
	Body   []byte  // what follows the empty line
}

// Parse cuts a mail into its parts. It never fails and takes one pass.
//
// What is no field (no colon, or a name that RFC 5322, 3.6.8 does not allow) is
// kept as a Field without a name when it is the first line and starts with
// "From ", or when a field follows. Otherwise the empty line was forgotten, and
// the body starts there. A header that never ends has an empty body.
func Parse(raw []byte) *Message {
	fields, body := scanFields(raw, nil)
	return &Message{Raw: raw, Fields: fields, Body: raw[body:]}
}

// Get returns the value of the first field of that name in any case, "" if
// there is none.
func (m *Message) Get(name string) string {
	for i := range m.Fields {
		if m.Fields[i].is(name) {
			return m.Fields[i].Value()
		}
	}
	return ""
}

// All returns the values of all fields of that name, in their order.
func (m *Message) All(name string) []string {
	var all []string
	for i := range m.Fields {
		if m.Fields[i].is(name) {
			all = append(all, m.Fields[i].Value())
		}
	}
	return all
}

// Count returns how many fields have that name.
func (m *Message) Count(name string) int {
	n := 0
	for i := range m.Fields {
		if m.Fields[i].is(name) {
			n++
		}
	}
	return n
}

// HeaderSize is the length of the header block in bytes, with its empty line.
func (m *Message) HeaderSize() int { return len(m.Raw) - len(m.Body) }

func (f *Field) is(name string) bool {
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// Value is the field without its name, unfolded (RFC 5322, 2.2.3) and without
// outer white space. Its bytes are otherwise as they were received, whatever
// their charset; of a Field without a name it is the whole line.
func (f Field) Value() string {
	b := f.Raw
	if f.Name != "" {
		b = b[bytes.IndexByte(b, ':')+1:]
	}
	b = bytes.Trim(b, " \t\r\n")
	if bytes.IndexByte(b, '\n') < 0 {
		return string(b)
	}
	return unfold(b)
}

// unfold drops the line ends, with the CR of each, and keeps the white space
// that follows them.
func unfold(b []byte) string {
	var s strings.Builder
	s.Grow(len(b))
	for len(b) > 0 {
		line, rest, found := bytes.Cut(b, []byte("\n"))
		if found {
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		s.Write(line)
		b = rest
	}
	return s.String()
}

// AppendKept appends the raw bytes of the fields that drop does not name.
func AppendKept(dst []byte, fields []Field, drop func(Field) bool) []byte {
	for _, f := range fields {
		if !drop(f) {
			dst = append(dst, f.Raw...)
		}
	}
	return dst
}

// EightBit says whether any byte is over 127: such mail needs 8BITMIME
// (RFC 6152), or SMTPUTF8 where the byte stands in the header (RFC 6531).
func EightBit(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return true
		}
	}
	for _, c := range b {
		if c > 127 {
			return true
		}
	}
	return false
}

// fieldScanner reads a header block.
type fieldScanner struct {
	raw    []byte
	stop   func(line []byte) bool // nil, or says which line ends the block without belonging to it
	fields []Field
	junk   int // lines that start before here are no fields, but one follows them
}

// scanFields reads the header block at the start of raw and returns its fields
// and where the body starts.
func scanFields(raw []byte, stop func(line []byte) bool) (fields []Field, body int) {
	s := fieldScanner{raw: raw, stop: stop}
	pos := 0
	for pos < len(raw) {
		line := lineAt(raw, pos)
		if isEmpty(line) {
			return nameFields(raw[:pos], s.fields), pos + len(line)
		}
		if !s.take(pos, line) {
			break
		}
		pos += len(line)
	}
	return nameFields(raw[:pos], s.fields), pos
}

// take adds a line to the fields; false means that the block ended before it.
func (s *fieldScanner) take(pos int, line []byte) bool {
	end := pos + len(line)
	switch {
	case s.stop != nil && s.stop(line):
		return false
	case isFolded(line) && len(s.fields) > 0:
		last := &s.fields[len(s.fields)-1]
		last.Raw = s.raw[pos-len(last.Raw) : end : end]
		return true
	case nameLen(line) > 0, pos == 0 && isMboxFrom(line), s.isJunk(pos):
		if s.fields == nil {
			s.fields = make([]Field, 0, 24) // a usual header need not grow it
		}
		s.fields = append(s.fields, Field{Raw: s.raw[pos:end:end]})
		return true
	}
	return false
}

// isJunk says whether the line at pos, which is no field, is followed by one:
// then it is junk within the header, not a body whose empty line was forgotten.
// What it finds holds for all lines up to that field, so no line is looked at
// more than twice.
func (s *fieldScanner) isJunk(pos int) bool {
	for next := pos; pos >= s.junk && next < len(s.raw); {
		line := lineAt(s.raw, next)
		switch {
		case isEmpty(line), s.stop != nil && s.stop(line):
			return false
		case nameLen(line) > 0:
			s.junk = next
		}
		next += len(line)
	}
	return pos < s.junk
}

// nameFields gives the fields their names, all cut from one string: a mail
// costs one allocation for them, not one each.
func nameFields(header []byte, fields []Field) []Field {
	all, pos := string(header), 0
	for i := range fields {
		raw := fields[i].Raw
		fields[i].Name = all[pos : pos+nameLen(raw)]
		pos += len(raw)
	}
	return fields
}

// nameLen is the length of the field name that starts the line, 0 if the line
// is no field. White space before the colon is obsolete but valid (RFC 5322,
// 4.5), so "From : x" is From for everybody who asks here.
func nameLen(line []byte) int {
	n := 0
	for n < len(line) && line[n] > ' ' && line[n] < 127 && line[n] != ':' {
		n++
	}
	for i := n; i < len(line); i++ {
		switch line[i] {
		case ':':
			return n
		case ' ', '\t':
		default:
			return 0
		}
	}
	return 0
}

func isEmpty(line []byte) bool {
	return line[0] == '\n' || len(line) == 2 && line[0] == '\r' && line[1] == '\n'
}

func isFolded(line []byte) bool { return line[0] == ' ' || line[0] == '\t' }

// isMboxFrom knows the line that an mbox puts before a mail, quoted or not.
func isMboxFrom(line []byte) bool {
	return bytes.HasPrefix(bytes.TrimPrefix(line, []byte(">")), []byte("From "))
}

// lineAt is the line that starts at pos, with its line end if it has one.
func lineAt(raw []byte, pos int) []byte {
	if i := bytes.IndexByte(raw[pos:], '\n'); i >= 0 {
		return raw[pos : pos+i+1]
	}
	return raw[pos:]
}
