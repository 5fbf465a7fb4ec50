package list

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the program has it built in, too

	"pgregory.net/rapid"
)

func TestParseHours(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Hours{
		"08:00-18:00 Europe/Berlin":        "08:00-18:00 Europe/Berlin",
		"8-18":                             "08:00-18:00 UTC",
		" 8:00 - 18.30  europe/berlin ":    "08:00-18:30 Europe/Berlin",
		"from 8 to 18 America/New York":    "08:00-18:00 America/New_York",
		"8 until 18 utc":                   "08:00-18:00 UTC",
		"08:00–18:00 CET":                  "08:00-18:00 CET",
		"8am-6pm cet":                      "08:00-18:00 CET",
		"12am - 12 PM America/Los_Angeles": "00:00-12:00 America/Los_Angeles",
		"22:00-06:00 Asia/Kolkata":         "22:00-06:00 Asia/Kolkata",
		"08:00-24:00 GMT":                  "08:00-00:00 UTC",
		"off":                              "", "": "", " Always": "", "none": "",
	} {
		got, err := ParseHours(text)
		if got != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if again, err := ParseHours(string(got)); again != got || err != nil {
			t.Errorf("%q: normal form %q became %q, %v", text, got, again, err)
		}
		if w := got.Window(); (w == Window{}) != (got == "") {
			t.Errorf("%q: window %v", text, w)
		}
	}
}

func TestParseHoursRefused(t *testing.T) {
	t.Parallel()
	for text, part := range map[string]string{
		"daytime":                     "hours are written as 08:00-18:00 Europe/Berlin",
		"08:00":                       "hours are written as",
		"8:0-18:00":                   "hours are written as",
		"25:00-26:00":                 `"25:00" is no time of the day`,
		"24:00-08:00":                 `"24:00" is no time of the day`,
		"08:00-24:01":                 `"24:01" is no time of the day`,
		"8:60-9:00":                   `"8:60" is no time of the day`,
		"13pm-2pm":                    `"13pm" is no time of the day`,
		"08:00-08:00 CET":             "no time at all",
		"00:00-24:00 CET":             "no time at all",
		"8-18 Europe/Nowhere":         `"Europe/Nowhere" is no time zone`,
		"8-18 Local":                  `"Local" is no time zone`,
		"8-18 ../../etc/passwd":       "is no time zone",
		"8-18 Zürich\u202e":           `"Z\u00fcrich\u202e" is no time zone`,
		"8-18 and not on the weekend": `"and_not_on_the_weekend" is no time zone`,
	} {
		if got, err := ParseHours(text); got != "" || err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestHoursUnreadable: a copy is not held back by what cannot be read.
func TestHoursUnreadable(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-11-22T03:00:00Z")
	for _, h := range []Hours{"", "nonsense", "08:00-18:00 Europe/Nowhere", "08:00-08:00 UTC"} {
		if got := h.Next(now); !got.Equal(now) {
			t.Errorf("%q: %s", h, got)
		}
	}
}

// at reads a time as RFC 3339 writes it.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func TestHoursNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, hours, now, want string }{
		{"inside", "08:00-18:00 Europe/Berlin", "2026-11-22T08:00:00Z", "2026-11-22T08:00:00Z"},
		{"at the opening", "08:00-18:00 Europe/Berlin", "2026-11-22T07:00:00Z", "2026-11-22T07:00:00Z"},
		{"before", "08:00-18:00 Europe/Berlin", "2026-11-22T06:59:59.5Z", "2026-11-22T07:00:00Z"},
		{"at the closing", "08:00-18:00 Europe/Berlin", "2026-11-22T17:00:00Z", "2026-11-23T07:00:00Z"},
		{"over midnight, before it", "22:00-06:00 UTC", "2026-11-22T23:00:00Z", "2026-11-22T23:00:00Z"},
		{"over midnight, after it", "22:00-06:00 UTC", "2026-11-22T05:59:00Z", "2026-11-22T05:59:00Z"},
		{"over midnight, by day", "22:00-06:00 UTC", "2026-11-22T06:00:00Z", "2026-11-22T22:00:00Z"},
		{"until midnight", "08:00-00:00 UTC", "2026-11-22T23:59:00Z", "2026-11-22T23:59:00Z"},
		{"the night clocks go forward", "08:00-18:00 Europe/Berlin", "2026-03-28T20:00:00Z", "2026-03-29T06:00:00Z"},
		{"the night clocks go back", "08:00-18:00 Europe/Berlin", "2026-10-24T20:00:00Z", "2026-10-25T07:00:00Z"},
		{"an opening that is skipped", "02:30-09:00 Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"},
		{"a window that is skipped", "02:00-03:00 Europe/Berlin", "2026-03-28T03:00:00Z", "2026-03-30T00:00:00Z"},
		{"a window that comes twice", "02:15-02:45 Europe/Berlin", "2026-10-25T00:50:00Z", "2026-10-25T01:15:00Z"},
		{"half an hour's change", "02:10-03:00 Australia/Lord_Howe", "2026-10-03T15:00:00Z", "2026-10-03T15:30:00Z"},
	} {
		got := Hours(c.hours).Next(at(t, c.now))
		if !got.Equal(at(t, c.want)) {
			t.Errorf("%s: %s, want %s", c.name, got.UTC(), c.want)
		}
	}
}

var zones = rapid.SampledFrom([]string{
	"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo",
	"America/Santiago", "Pacific/Kiritimati", "Africa/Casablanca", "Antarctica/Troll", "Asia/Beirut",
})

// momentNear draws a moment of the next years; every other one is in the days
// of a change of clocks.
func momentNear(t *rapid.T, zone string) time.Time {
	now := time.Unix(rapid.Int64Range(1_790_000_000, 2_100_000_000).Draw(t, "now"), 0)
	if rapid.Bool().Draw(t, "near") {
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if _, change := now.In(place).ZoneBounds(); !change.IsZero() {
			now = change.Add(time.Duration(rapid.IntRange(-26*60, 26*60).Draw(t, "off")) * time.Minute)
		}
	}
	return now.UTC()
}

// TestHoursNextEvery compares with a walk from minute to minute.
func TestHoursNextEvery(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := zones.Draw(t, "zone")
		opens := rapid.IntRange(0, 1439).Draw(t, "opens")
		length := rapid.OneOf(rapid.IntRange(1, 1439), rapid.IntRange(1, 90)).Draw(t, "length")
		hours, err := ParseHours(clockText(opens) + "-" + clockText((opens+length)%1440) + " " + zone)
		if err != nil {
			t.Fatal(err)
		}
		now := momentNear(t, zone).Truncate(time.Minute)
		place, _ := time.LoadLocation(zone)
		inside := func(when time.Time) bool {
			hour, minute, _ := when.In(place).Clock()
			return (hour*60+minute-opens+1440)%1440 < length
		}
		want, limit := now, now.Add(25*time.Hour)
		if length <= 120 { // clocks may jump over it
			limit = now.Add(50 * time.Hour)
		}
		for !inside(want) && !want.After(limit) {
			want = want.Add(time.Minute)
		}
		if got := hours.Next(now); !got.Equal(want) || !hours.Next(got).Equal(got) {
			t.Fatalf("%s at %s: %s, want %s", hours, now, got, want)
		}
	})
}

func TestParseClock(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"06:00 Europe/Berlin": "06:00 Europe/Berlin", "6": "06:00 UTC", "at 6:30 pm america/new york": "18:30 America/New_York",
		"0:00 UTC": "00:00 UTC",
	} {
		got, err := ParseClock(text)
		if got.String() != want || err != nil {
			t.Errorf("%q: %q, %v", text, got, err)
		}
		if again, err := ParseClock(got.String()); again != got || err != nil {
			t.Errorf("%q: %q became %q, %v", text, got, again, err)
		}
	}
	for text, part := range map[string]string{
		"": "written as 06:00", "noon": "written as 06:00", "24:00": "no time of the day", "06:00-07:00": "written as 06:00",
		"06:00 Mars/Olympus": "no time zone",
	} {
		if got, err := ParseClock(text); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if got := (DailyAt{}).String(); got != "00:00 UTC" {
		t.Errorf("the zero value is %q", got)
	}
}

func TestSlots(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, at, now, last, next, monday string }{
		{"between", "06:00 Europe/Berlin", "2026-11-22T12:00:00Z", "2026-11-22T05:00:00Z", "2026-11-23T05:00:00Z", "2026-11-16T05:00:00Z"},
		{"at the slot", "06:00 Europe/Berlin", "2026-11-23T05:00:00Z", "2026-11-23T05:00:00Z", "2026-11-24T05:00:00Z", "2026-11-23T05:00:00Z"},
		{"just before", "06:00 Europe/Berlin", "2026-11-23T04:59:59Z", "2026-11-22T05:00:00Z", "2026-11-23T05:00:00Z", "2026-11-16T05:00:00Z"},
		{"another day there", "06:00 Pacific/Kiritimati", "2026-11-22T15:00:00Z", "2026-11-21T16:00:00Z", "2026-11-22T16:00:00Z", "2026-11-15T16:00:00Z"},
		{"clocks forward", "02:30 Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z", "2026-03-23T01:30:00Z"},
		{"clocks back", "02:30 Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-19T00:30:00Z"},
		{"between the two", "02:30 Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z", "2026-10-19T00:30:00Z"},
		{"midnight skipped", "00:00 Asia/Beirut", "2026-03-28T22:30:00Z", "2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z", "2026-03-22T22:00:00Z"},
	} {
		d, err := ParseClock(c.at)
		if err != nil {
			t.Fatal(err)
		}
		now := at(t, c.now)
		for what, got := range map[string][2]time.Time{
			"last": {d.Last(now), at(t, c.last)}, "next": {d.Next(now), at(t, c.next)}, "monday": {d.LastWeekly(now), at(t, c.monday)},
		} {
			if !got[0].Equal(got[1]) {
				t.Errorf("%s: %s is %s, want %s", c.name, what, got[0].UTC(), got[1])
			}
		}
	}
}

// TestSlotsEvery: every day of a zone has one slot, whatever clocks do.
func TestSlotsEvery(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := zones.Draw(t, "zone")
		minute := rapid.IntRange(0, 1439).Draw(t, "minute")
		d, err := ParseClock(clockText(minute) + " " + zone)
		if err != nil {
			t.Fatal(err)
		}
		now := momentNear(t, zone)
		last, next, monday := d.Last(now), d.Next(now), d.LastWeekly(now)
		if last.After(now) || !next.After(now) || monday.After(last) || next.Sub(last) > 27*time.Hour || last.Sub(monday) > 170*time.Hour {
			t.Fatalf("%s at %s: last %s, next %s, monday %s", d, now, last, next, monday)
		}
		if !d.Next(last).Equal(next) || !d.Last(last).Equal(last) || !d.Last(next.Add(-1)).Equal(last) || !d.LastWeekly(monday).Equal(monday) {
			t.Fatalf("%s at %s: the slots %s and %s do not agree", d, now, last, next)
		}
		place, _ := time.LoadLocation(zone)
		day := func(when time.Time) string { return when.In(place).Format(time.DateOnly) }
		if day(last.In(place).AddDate(0, 0, 1)) != day(next) && day(last) != day(next.In(place).AddDate(0, 0, -1)) {
			t.Fatalf("%s: %s and %s are not neighbouring days", d, last.In(place), next.In(place))
		}
		if w := monday.In(place).Weekday(); w != time.Monday {
			t.Fatalf("%s: %s is a %s", d, monday.In(place), w)
		}
		checkClock(t, last.In(place), minute)
	})
}

// checkClock wants a slot to be at its time, or where clocks skip that time,
// and at the first of two.
func checkClock(t *rapid.T, slot time.Time, minute int) {
	hour, m, _ := slot.Clock()
	change, _ := slot.ZoneBounds()
	if got := hour*60 + m; got != minute && (got < minute || !slot.Equal(change)) {
		t.Fatalf("%s is not at %s", slot, clockText(minute))
	}
	for _, before := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour} {
		earlier := slot.Add(-before)
		if earlier.Format("2006-01-02 15:04") == slot.Format("2006-01-02 15:04") {
			t.Fatalf("%s is the second one, %s was before", slot, earlier)
		}
	}
}

func BenchmarkHours(b *testing.B) {
	h := Hours("08:00-18:00 Europe/Berlin")
	now := at(b, "2026-11-22T19:00:00Z")
	b.Run("Next", func(b *testing.B) {
		for b.Loop() {
			h.Next(now)
		}
	})
	b.Run("Window", func(b *testing.B) {
		w := h.Window()
		for b.Loop() {
			w.Next(now)
		}
	})
}

func ExampleHours_Next() {
	hours, _ := ParseHours("8-18 Europe/Berlin")
	night := time.Date(2026, 11, 22, 19, 0, 0, 0, time.UTC)
	fmt.Println(hours.Next(night).UTC().Format(time.DateTime))
	// Output: 2026-11-23 07:00:00
}
