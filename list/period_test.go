package list

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSpan(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]span{
		"10 days": {days: 10}, "a day": {days: 1}, "week": {days: 7}, "two weeks": {days: 14}, "2w": {days: 14}, "3wks": {days: 21},
		"an hour": {}, "0 days": {}, "-1 days": {}, "1000 days": {}, "day 1": {}, "": {}, "1 2 days": {}, "weeks days": {},
		"a fortnight": {days: 14}, "6 months": {months: 6}, "1 year": {years: 1}, "twelve months": {months: 12}, "10": {}, "zero days": {},
	} {
		got, err := parseSpan(strings.Fields(text))
		if got != want || (err == nil) != (want != span{}) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func TestReadDay(t *testing.T) {
	t.Parallel()
	now := commandDay(t) // a Wednesday
	for _, c := range []struct{ text, ahead, past string }{
		{"2027-01-08", "2027-01-08", "2027-01-08"},
		{"2027/1/8", "2027-01-08", "2027-01-08"},
		{"today", "2026-11-25", "2026-11-25"},
		{"tomorrow", "2026-11-26", "2026-11-26"},
		{"friday", "2026-11-27", "2026-11-20"},
		{"next fri", "2026-11-27", "2026-11-20"},
		{"wednesday", "2026-12-02", "2026-11-18"},
		{"tue", "2026-12-01", "2026-11-24"},
		{"8 january 2027", "2027-01-08", "2027-01-08"},
		{"8 january", "2027-01-08", "2026-01-08"},
		{"jan 8", "2027-01-08", "2026-01-08"},
		{"the 8th of january, 2027", "2027-01-08", "2027-01-08"},
		{"friday, 8 january 2027", "2027-01-08", "2027-01-08"},
		{"fri 8. jan.", "2027-01-08", "2026-01-08"},
		{"sept 1st", "2027-09-01", "2026-09-01"},
		{"25 november", "2027-11-25", "2026-11-25"},
		{"29 february", "2028-02-29", "2024-02-29"},
		{"31 april", "", ""}, {"2027-13-01", "", ""}, {"2026-02-29", "", ""}, {"32 may", "", ""}, {"0 may", "", ""},
		{"01/02/2027", "", ""}, {"1.2.2027", "", ""}, {"1.2.", "", ""}, {"13-12-2027", "", ""}, {"8 jan 27", "", ""},
		{"", "", ""}, {"soon", "", ""}, {"ma 8", "", ""}, {"8 8", "", ""}, {"may june", "", ""}, {"january", "", ""}, {"1 2 3 4", "", ""},
		{"20270108", "", ""}, {"fri jan", "", ""}, {"next", "", ""},
	} {
		for past, want := range map[bool]string{false: c.ahead, true: c.past} {
			got, err := newDayReader(now, past).read(strings.Fields(c.text))
			if (err != nil) != (want == "") || err == nil && got != at(t, want+"T00:00:00Z") {
				t.Errorf("%q, past %v: %s, %v, want %s", c.text, past, got, err, want)
			}
		}
	}
}

// TestDaysEvery: whatever the day, a weekday and a date without a year are the
// nearest ones.
func TestDaysEvery(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1_700_000_000, 4_000_000_000).Draw(t, "now"), 0).UTC()
		today := startOfDay(now)
		off := rapid.IntRange(1, 360).Draw(t, "off")
		ahead, back := today.AddDate(0, 0, off), today.AddDate(0, 0, -off)
		for _, form := range []string{"2 January", "Jan 2", time.DateOnly, "2 Jan 2006"} {
			words := func(day time.Time) []string { return strings.Fields(strings.ToLower(day.Format(form))) }
			if got, err := newDayReader(now, false).read(words(ahead)); err != nil || !got.Equal(ahead) {
				t.Fatalf("%s on %s: %s, %v", words(ahead), now, got, err)
			}
			if got, err := newDayReader(now, true).read(words(back)); err != nil || !got.Equal(back) {
				t.Fatalf("%s on %s: %s, %v", words(back), now, got, err)
			}
		}
		week := today.AddDate(0, 0, (off-1)%7+1)
		name := []string{strings.ToLower(week.Weekday().String())}
		if got, err := newDayReader(now, false).read(name); err != nil || !got.Equal(week) {
			t.Fatalf("%s on %s: %s, %v", name, now, got, err)
		}
		week = today.AddDate(0, 0, -((off-1)%7 + 1))
		name = []string{strings.ToLower(week.Weekday().String())}
		if got, err := newDayReader(now, true).read(name); err != nil || !got.Equal(week) {
			t.Fatalf("last %s on %s: %s, %v", name, now, got, err)
		}
	})
}

// TestPauseLimits: a pause ends ahead of us, at the start of a day, and within
// two years.
func TestPauseLimits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(1_700_000_000, 4_000_000_000).Draw(t, "now"), 0).UTC()
		days := rapid.IntRange(-800, 800).Draw(t, "days")
		day := startOfDay(now).AddDate(0, 0, days)
		until, err := parsePause([]string{"until", day.Format(time.DateOnly)}, now)
		if fits := day.After(now) && !day.After(now.AddDate(2, 0, 0)); (err == nil) != fits || fits && !until.Equal(day) {
			t.Fatalf("until %s at %s: %s, %v", day, now, until, err)
		}
		period, err := parseCatchUp([]string{"since", day.Format(time.DateOnly)}, now)
		if fits := day.Before(now) && !day.Before(now.AddDate(-1, 0, 0)); (err == nil) != fits || fits && period != now.Sub(day) {
			t.Fatalf("since %s at %s: %s, %v", day, now, period, err)
		}
	})
}
