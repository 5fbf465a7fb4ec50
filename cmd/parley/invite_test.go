package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"parley/list"
)

// parley runs a command beside the running server, and wants its exit code.
func (h *house) parley(want int, args ...string) string {
	h.t.Helper()
	var out bytes.Buffer
	if code := run(append(args, "--config", h.path), &out, &out); code != want {
		h.t.Errorf("%v: exit %d, not %d:\n%s", args, code, want, &out)
	}
	return out.String()
}

// TestInvitation: the operator's word opens a closed list, once, to the one
// who was asked.
func TestInvitation(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	h.parley(exitDone, "list", "set", "dev", "join=closed", "description=About boats", "banned=@spam.example.org")
	got := h.parley(exitDone, "member", "invite", "dev", "Fay F. <fay@example.org>", "ann@example.org", "FAY@example.org", "--by", "Ada\nExample")
	if want := "dev@lists.example.org: ann@example.org is a member already.\ndev@lists.example.org: 1 invitation sent.\n"; got != want {
		t.Errorf("printed\n%swant\n%s", got, want)
	}
	invitation := h.letter("fay@example.org", "dev: an invitation to join")
	for _, line := range []string{"Return-Path: <>\r\n", "\nAuto-Submitted: auto-generated\r\n", "\nList-Id: <dev.lists.example.org>\r\n",
		"\nReply-To: <dev+confirm-", "\nAdaExample invites you to dev@lists.example.org,", "About boats"} {
		if !strings.Contains(invitation.raw, line) {
			t.Errorf("no %q in\n%s", line, invitation.raw)
		}
	}
	h.wantState("fay@example.org", "")
	h.reply(invitation, "gladly")
	h.letter("fay@example.org", "dev: welcome")
	h.wantState("fay@example.org", list.Active)
	h.settled()
	h.letters("ann@example.org", "dev: an invitation to join", 0)
	if found := tokens(invitation.raw); len(found) != 1 {
		t.Errorf("tokens %v", found)
	}
}

// TestInvitationRefused: one address that cannot join keeps all of them from
// being asked.
func TestInvitationRefused(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	h.parley(exitDone, "list", "set", "dev", "banned=@spam.example.org")
	for address, reason := range map[string]string{
		"dev-owner@lists.example.org":  "it is an address of the list itself",
		"dev@lists.example.org":        "it is an address of the list itself",
		"postmaster@lists.example.org": "it is an address of the list itself",
		"noreply@example.com":          "it is an address that no person reads as their own",
		"x@spam.example.org":           "it is banned from this list",
	} {
		got := h.parley(exitRefused, "member", "invite", "dev", "fay@example.org", address)
		if want := "parley: " + address + " cannot join dev@lists.example.org: " + reason + ". "; !strings.HasPrefix(got, want) {
			t.Errorf("printed\n%swant\n%s", got, want)
		}
	}
	h.settled()
	if n := h.count(); n != 0 {
		t.Errorf("%d mails went out", n)
	}
}

// TestMemberLsSaysWhy: who is suspended, in the words of their server, until
// the operator adds them again.
func TestMemberLsSaysWhy(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	ctx := context.Background()
	err := h.store.Write(ctx, func(tx list.Tx) error {
		m, _, err := tx.FindMember(1, "bo@example.org")
		if err != nil {
			return err
		}
		for day, why := range []string{"550 5.1.1 older", "550 5.1.1 no such mailbox"} {
			if err := tx.AddStrike(m.List, m.ID, time.Date(2026, 3, 1+day, 0, 0, 0, 0, time.UTC), why); err != nil {
				return err
			}
		}
		m.State = list.Suspended
		return tx.SetMember(m)
	})
	if err != nil {
		t.Fatal(err)
	}
	line := func() string {
		for line := range strings.Lines(h.parley(exitDone, "member", "ls", "dev")) {
			if strings.HasPrefix(line, "bo@") {
				return line
			}
		}
		return ""
	}
	if got := line(); !strings.Contains(got, "  suspended  ") || !strings.HasSuffix(got, "  550 5.1.1 no such mailbox\n") {
		t.Errorf("suspended: %q", got)
	}
	h.parley(exitRefused, "member", "set", "dev", "bo@example.org", "own=no")
	h.parley(exitDone, "member", "add", "dev", "bo@example.org")
	if got := line(); !strings.Contains(got, "  active ") || strings.Contains(got, "550") {
		t.Errorf("back again: %q", got)
	}
}
