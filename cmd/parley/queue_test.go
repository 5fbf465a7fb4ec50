package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/list"
)

// TestQueueSaysWhatACopyWaitsFor: hours that its reader keeps, or the owners.
func TestQueueSaysWhatACopyWaitsFor(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	ctx := context.Background()
	soon := time.Now().UTC().Add(6 * time.Hour)
	h.parley(exitDone, "member", "set", "dev", "bo@example.org", "hours="+soon.Format("15:00")+"-"+soon.Add(time.Hour).Format("15:00")+" UTC")
	h.post("ann@example.org", "dev@lists.example.org", "1@example.org", "")
	h.letter("ann@example.org", "About 1@example.org")
	var row list.QueueRow
	h.until(func() bool {
		rows, err := h.desk.ListQueue(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(rows) == 1 {
			row = rows[0]
		}
		return row.ID != 0
	}, "the copy for bo in the queue")
	h.queueLine(soon.Format("2006-01-02 15:00") + " UTC, in its reader's hours")

	err := h.store.Write(ctx, func(tx list.Tx) error {
		if _, _, err := tx.AddUnwanted(row.Job, "example.org"); err != nil {
			return err
		}
		return tx.SetUnwanted(row.Job, "example.org", list.UnwantedWaits, time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	h.queueLine("  when the owners decide  ")
	if got := h.parley(exitDone, "queue", "ls", "--json"); !strings.Contains(got, `"due": null,`) || !strings.Contains(got, `"waits": "owners"`) {
		t.Errorf("%s", got)
	}
	if got := h.parley(exitDone, "queue", "retry"); got != "no copy is due now.\n" {
		t.Errorf("retry: %s", got)
	}
	h.queueLine("  when the owners decide  ")
	h.parley(exitDone, "queue", "drop", fmt.Sprint(row.ID))
	if got := h.parley(exitDone, "queue", "ls"); got != "The queue is empty.\n" {
		t.Errorf("dropped:\n%s", got)
	}
}

// queueLine wants one copy in the queue, for bo, and words in its line.
func (h *house) queueLine(words string) {
	h.t.Helper()
	lines := strings.Split(h.parley(exitDone, "queue", "ls"), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], "bo@example.org") || !strings.Contains(lines[1], words) {
		h.t.Errorf("no %q in\n%s", words, strings.Join(lines, "\n"))
	}
}
