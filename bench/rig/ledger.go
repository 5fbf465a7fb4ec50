package rig

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
)

// Ledger is an append-only file outside the server: what is written to it is
// on the disk when Add returns. Its lines are fields separated by tabs.
type Ledger struct {
	file *os.File

	mu      sync.Mutex // protects written
	written int64      // lines in the file

	syncing sync.Mutex // protects synced; held during a sync, so that waiting lines share the next
	synced  int64      // lines on the disk
}

// OpenLedger makes the ledger at path, which must not exist.
func OpenLedger(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a ledger: %w", err)
	}
	return &Ledger{file: file}, nil
}

// Add writes one line and returns when it is on the disk.
func (l *Ledger) Add(fields ...string) error {
	l.mu.Lock()
	_, err := l.file.WriteString(strings.Join(fields, "\t") + "\n")
	l.written++
	mine := l.written
	l.mu.Unlock()
	if err != nil {
		return fmt.Errorf("write to a ledger: %w", err)
	}
	return l.sync(mine)
}

func (l *Ledger) sync(mine int64) error {
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if l.synced >= mine {
		return nil
	}
	l.mu.Lock()
	upto := l.written
	l.mu.Unlock()
	if err := l.file.Sync(); err != nil {
		return fmt.Errorf("sync a ledger: %w", err)
	}
	l.synced = upto
	return nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }

// ReadLedger reads the lines of a ledger, each of which must have n fields.
func ReadLedger(path string, n int) ([][]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read a ledger: %w", err)
	}
	defer file.Close()
	var lines [][]string
	scan := bufio.NewScanner(file)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		fields := strings.Split(scan.Text(), "\t")
		if len(fields) != n {
			return nil, fmt.Errorf("read a ledger: line %d of %s has %d fields, not %d", len(lines)+1, path, len(fields), n)
		}
		lines = append(lines, fields)
	}
	return lines, scan.Err()
}
