package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strings"

	"parley/bench/rig"
)

// readMbox takes an mboxrd with LF ends apart: one ">" before "From " is
// undone, the empty line that ends a mail is the format's, and lines get CRLF.
func readMbox(path string) ([][]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open a list: %w", err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("unpack a list: %w", err)
	}
	all, err := io.ReadAll(plain)
	if err != nil {
		return nil, fmt.Errorf("unpack a list: %w", err)
	}
	return splitMbox(all), nil
}

func splitMbox(all []byte) [][]byte {
	var mails [][]byte
	var mail []byte
	for line := range bytes.Lines(all) {
		if bytes.HasPrefix(line, []byte("From ")) {
			if mail != nil {
				mails = append(mails, wire(bytes.TrimSuffix(mail, []byte("\n"))))
			}
			mail = []byte{}
			continue
		}
		if quoted := bytes.TrimLeft(line, ">"); len(quoted) < len(line) && bytes.HasPrefix(quoted, []byte("From ")) {
			line = line[1:]
		}
		mail = append(mail, line...)
	}
	if mail != nil {
		mails = append(mails, wire(bytes.TrimSuffix(mail, []byte("\n"))))
	}
	return mails
}

// wire ends every line with CRLF; a bare CR and NUL stay.
func wire(mail []byte) []byte {
	return bytes.ReplaceAll(bytes.ReplaceAll(mail, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
}

// identity is what two posts have in common when the second is a repeat
// (promise 3): Message-ID, From, Date, Subject and body. Servers on the way
// fold fields anew, so their white space does not count.
func identity(raw []byte) string {
	fields, body := rig.Split(raw)
	parts := [][]byte{[]byte(strings.Join(strings.Fields(rig.Value(fields, "message-id")), ""))}
	for _, name := range []string{"from", "date", "subject"} {
		parts = append(parts, []byte("\n"+strings.Join(strings.Fields(rig.Value(fields, name)), " ")))
	}
	return rig.Sum(append(parts, []byte("\n\n"), body)...)
}
