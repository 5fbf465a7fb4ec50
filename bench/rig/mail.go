package rig

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Field is one header field as it stands on the wire.
type Field struct {
	Name string // in lower case; "" for a line that is no field
	Raw  []byte // with its name, its folded lines and its last CRLF
}

// Value is what stands after the colon, unfolded and trimmed.
func (f Field) Value() string {
	_, value, _ := bytes.Cut(f.Raw, []byte(":"))
	unfolded := strings.NewReplacer("\r\n", "", "\n", "").Replace(string(value))
	return strings.Trim(unfolded, " \t\r")
}

// Split takes a mail apart: its header fields, and the body after the empty
// line. It needs no well-formed mail: a mail without an empty line is all header.
func Split(raw []byte) (fields []Field, body []byte) {
	for len(raw) > 0 {
		line, rest, found := bytes.Cut(raw, []byte("\n"))
		if found {
			line = raw[:len(line)+1]
		}
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return fields, rest
		}
		raw = rest
		if (line[0] == ' ' || line[0] == '\t') && len(fields) > 0 {
			last := &fields[len(fields)-1]
			last.Raw = append(last.Raw, line...)
			continue
		}
		fields = append(fields, Field{Name: fieldName(line), Raw: bytes.Clone(line)})
	}
	return fields, nil
}

func fieldName(line []byte) string {
	name, _, found := bytes.Cut(line, []byte(":"))
	if !found {
		return ""
	}
	return strings.ToLower(strings.TrimRight(string(name), " \t"))
}

// Value is the value of the first field with that name (in lower case).
func Value(fields []Field, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value()
		}
	}
	return ""
}

// Sum is the SHA-256 of all parts, in hex.
func Sum(parts ...[]byte) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
