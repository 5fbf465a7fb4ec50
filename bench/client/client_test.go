package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestSubscriberNeedsNothingButAMailClient plays the whole transcript: about
// half a minute, most of it waiting for a digest and for the end of a pause.
func TestSubscriberNeedsNothingButAMailClient(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	var out strings.Builder
	err := transcript(t.Context(), &out, 15*time.Second, false)
	if errors.Is(err, errSkip) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("%v\nWhat happened before:\n%s", err, out.String())
	}
}

func TestSentIsWhatTheClientSaid(t *testing.T) {
	t.Parallel()
	m, err := sent([]byte("EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSubject: dots\r\n\r\n..\r\n...two\r\n.\r\nQUIT\r\n"))
	if err != nil || m.body != ".\n..two\n" || m.value("subject") != "dots" {
		t.Errorf("%q, %v", m.body, err)
	}
	if _, err := sent([]byte("EHLO x\r\nQUIT\r\n")); err == nil {
		t.Error("a session without a mail has one")
	}
}
