package store

import (
	"testing"
	"time"

	"parley/list"
)

// atNight is an office at 20:00 in Berlin, with ann, who keeps hours, and bo.
func atNight(t *testing.T, options ...string) *office {
	o := openOffice(t, append([]string{"post=anyone", "digest_at=06:00 UTC"}, options...)...)
	o.members("ann@example.org", "bo@example.org")
	o.command("ann@example.org", "set hours 08:00-18:00 Europe/Berlin")
	o.one("ann@example.org")
	o.until("2026-03-02 19:00")
	return o
}

func TestCopiesWaitForTheirReadersHours(t *testing.T) {
	t.Parallel()
	for _, copies := range []string{"personal", "shared"} {
		t.Run(copies, func(t *testing.T) {
			t.Parallel()
			o := atNight(t, "copies="+copies)
			o.post("eve@example.org", "Late")
			o.gets("bo@example.org", "Late")
			o.until("2026-03-03 06:59")
			o.empty("ann@example.org")
			o.until("2026-03-03 07:00")
			o.gets("ann@example.org", "Late")
			o.until("2026-03-03 16:59")
			o.post("eve@example.org", "Just in time")
			o.gets("ann@example.org", "Just in time")
		})
	}
}

// Who sets hours while a copy that they share waits for its server gets it then.
func TestHoursHoldForCopiesThatAreMadeAlready(t *testing.T) {
	t.Parallel()
	for _, copies := range []string{"personal", "shared"} {
		t.Run(copies, func(t *testing.T) {
			t.Parallel()
			o := openOffice(t, "post=anyone", "copies="+copies)
			o.members("ann@example.org", "bo@example.org")
			o.until("2026-03-02 16:30")
			o.refuse = func(letter) *list.Answer {
				return &list.Answer{Outcome: list.Later, Code: 451, Text: "busy", Due: o.clock.time().Add(time.Hour)}
			}
			o.post("eve@example.org", "Slow")
			o.refuse = nil
			o.command("ann@example.org", "set hours 08:00-18:00 Europe/Berlin")
			o.one("ann@example.org")
			o.until("2026-03-02 17:30")
			o.gets("bo@example.org", "Slow")
			o.empty("ann@example.org")
			o.until("2026-03-03 07:00")
			o.gets("ann@example.org", "Slow")
			o.empty("bo@example.org")
			if rows := queue(t, o.store); len(rows) != 0 {
				t.Errorf("%+v", rows)
			}
		})
	}
}

func TestARetryOutsideTheHoursWaits(t *testing.T) {
	t.Parallel()
	o := atNight(t)
	o.until("2026-03-03 16:30")
	o.refuse = func(l letter) *list.Answer {
		return &list.Answer{Outcome: list.Later, Code: 451, Text: "busy", Due: o.clock.time().Add(time.Hour)}
	}
	o.post("eve@example.org", "Slow")
	o.refuse = nil
	o.until("2026-03-03 17:30")
	o.gets("bo@example.org", "Slow")
	o.empty("ann@example.org")
	o.until("2026-03-04 07:00")
	o.gets("ann@example.org", "Slow")
}

func TestDigestsAndCatchUpsKeepTheHours(t *testing.T) {
	t.Parallel()
	o := atNight(t)
	o.command("ann@example.org", "set delivery daily")
	o.one("ann@example.org") // an answer comes at once
	o.post("eve@example.org", "Late")
	o.until("2026-03-03 06:59") // it was made at six
	o.empty("ann@example.org")
	o.until("2026-03-03 07:00")
	o.gets("ann@example.org", "dev: 1 post, 2 March 2026")
	o.command("ann@example.org", "set delivery each\npause until 2026-03-05")
	o.one("ann@example.org")
	o.post("eve@example.org", "Meanwhile")
	o.until("2026-03-05 06:59") // it was made at midnight
	o.empty("ann@example.org")
	o.until("2026-03-05 07:00")
	o.gets("ann@example.org", "dev: what happened since 3 March 2026")
}

func TestCopiesThatWaitForHoursEndWithTheMember(t *testing.T) {
	t.Parallel()
	for name, goes := range map[string]func(o *office){
		"left": func(o *office) { o.command("ann@example.org", "unsubscribe"); o.one("ann@example.org") },
		"suspended": func(o *office) {
			m := o.member("ann@example.org")
			m.State = list.Suspended
			write(o.T, o.store, func(tx list.Tx) error { return tx.SetMember(m) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := atNight(t)
			o.post("eve@example.org", "Late")
			goes(o)
			o.until("2026-03-04 12:00")
			o.empty("ann@example.org")
			if rows := queue(t, o.store); len(rows) != 0 {
				t.Errorf("%+v", rows)
			}
		})
	}
}
