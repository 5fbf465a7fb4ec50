package main

import (
	"bytes"
	"regexp"
)

var (
	syncCall    = regexp.MustCompile(`f(?:data)?sync\(`)
	syncResumed = regexp.MustCompile(`<\.\.\. f(?:data)?sync resumed.*= 0`)
)

// acks reads a log of strace as the shared checker does, and tells two cases
// apart that it counts as one: an acknowledgement before any fsync of the data
// written since its 354 (early), and one whose data was synced when the next
// transaction, such as that of the index, had begun to write (overtaken).
//
// It needs a log in which nothing was being written at the 354: then the first
// write to the write-ahead log after it is the post's, and the first fsync
// after that one is its commit's.
func acks(log []byte, mark string) (early, overtaken int) {
	var wrote, committed, more bool
	syncing := map[string]bool{} // threads within an fsync of the write-ahead log that began after the write
	for line := range bytes.Lines(log) {
		thread, _, _ := bytes.Cut(line, []byte(" "))
		has := func(s string) bool { return bytes.Contains(line, []byte(s)) }
		switch {
		case has("write(") && has(`"354 `):
			wrote, committed, more = false, false, false
			clear(syncing)
		case has("pwrite64(") && has("-wal>"):
			more = committed
			wrote = true
		case syncCall.Match(line) && has("-wal>"):
			syncing[string(thread)] = wrote && has("unfinished")
			if has("= 0") {
				committed, more = committed || wrote, false
			}
		case syncing[string(thread)] && syncResumed.Match(line):
			delete(syncing, string(thread))
			committed, more = true, false
		case has("write(") && has(`"250 `) && has(mark):
			if !committed {
				early++
			} else if more {
				overtaken++
			}
		}
	}
	return early, overtaken
}
