package list

import (
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/message"
)

// bounceRow is what the table says of one recipient of one bounce.
type bounceRow struct {
	file, status, code, reason, rcpt string
	hard                             bool
}

// heldOut says whether a file is of the third that the rules were not tuned on.
func heldOut(file string) bool {
	sum := sha256.Sum256([]byte(file))
	return binary.BigEndian.Uint64(sum[:8])%3 == 2
}

func bounceRows(t *testing.T, path string) (rows []bounceRow) {
	t.Helper()
	table, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if c := strings.Split(strings.TrimRight(line, "\n"), "\t"); len(c) == 8 && !strings.HasPrefix(line, "#") {
			rows = append(rows, bounceRow{file: c[0], status: c[2], code: c[3], reason: c[4], hard: c[5] == "true", rcpt: c[7]})
		}
	}
	return rows
}

// right says whether a report names the recipient of a row, and whether its
// cause is hard or soft as the row has it.
func (row bounceRow) right(r message.Report) bool {
	for _, rcpt := range r.Rcpts {
		named := row.rcpt == "" || strings.EqualFold(rcpt.Address, row.rcpt) || strings.EqualFold(rcpt.Final, row.rcpt)
		if named && row.hard == (rcpt.Action == "failed" && Judge(rcpt.Status, rcpt.Code, rcpt.Diagnostic).Hard()) {
			return true
		}
	}
	return false
}

// share counts how many of some rows are right.
type share struct{ right, all int }

func (s share) percent() float64 { return 100 * float64(s.right) / float64(max(s.all, 1)) }

// The real bounces of one collection name their recipients, and say whether
// they are hard or soft. The rules were tuned on two thirds of the files.
func TestBounceCorpus(t *testing.T) {
	t.Parallel()
	root := os.Getenv("PARLEY_CORPORA")
	if root == "" {
		t.Skip("PARLEY_CORPORA is not set: no bounces to read")
	}
	dir := filepath.Join(root, "bounces")
	var tuned, held share
	for _, row := range bounceRows(t, filepath.Join(dir, "sisimai.tsv")) {
		raw, err := os.ReadFile(filepath.Join(dir, "sisimai", row.file))
		if err != nil {
			t.Fatal(err)
		}
		part, name := &tuned, "tuned"
		if heldOut(row.file) {
			part, name = &held, "held out"
		}
		part.all++
		if r := message.ReadReport(raw); row.right(r) {
			part.right++
		} else {
			t.Logf("miss (%s) %s: want %q, hard %v, %s %s %s", name, row.file, row.rcpt, row.hard, row.status, row.code, row.reason)
			for _, rcpt := range r.Rcpts {
				t.Logf("  %s %s %s %d %v: %.300s", rcpt.Address, rcpt.Action, rcpt.Status, rcpt.Code, Judge(rcpt.Status, rcpt.Code, rcpt.Diagnostic), rcpt.Diagnostic)
			}
		}
	}
	t.Logf("tuned: %d of %d rows, %.1f %%; held out: %d of %d rows, %.1f %%", tuned.right, tuned.all, tuned.percent(), held.right, held.all, held.percent())
	if all := (share{tuned.right + held.right, tuned.all + held.all}); all.percent() < 95 || all.all < 300 {
		t.Errorf("%d of %d rows are right, %.1f %%", all.right, all.all, all.percent())
	}
}
