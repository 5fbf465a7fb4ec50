package list

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Hours is the part of the day in which a member takes copies, as
// 08:00-18:00 Europe/Berlin; "" is any time. It may go over midnight, as
// 22:00-06:00 UTC.
type Hours string

// A time of the day as people type it: 8, 08:00, 8.30, 6pm.
const clockForm = `(\d{1,2}(?:[:.]\d{2})?\s*(?:[ap]m)?)`

var (
	hoursForm = regexp.MustCompile(`(?i)^(?:from\s+)?` + clockForm + `\s*(?:-|–|—|to\s|until\s)\s*` + clockForm + `(?:\s+(\S.*))?$`)
	dailyForm = regexp.MustCompile(`(?i)^(?:at\s+)?` + clockForm + `(?:\s+(\S.*))?$`)
)

// ParseHours reads what somebody wrote as their hours and returns it in its
// normal form. Without a zone it is UTC; nothing, "off" and "always" are any
// time. The error says in ASCII what is wrong.
func ParseHours(text string) (Hours, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "", "off", "always", "none", "no":
		return "", nil
	}
	m := hoursForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return "", fmt.Errorf("hours are written as 08:00-18:00 Europe/Berlin")
	}
	opens, err := parseMinute(m[1], false)
	if err != nil {
		return "", err
	}
	closes, err := parseMinute(m[2], true)
	if err != nil {
		return "", err
	}
	if opens == closes {
		return "", fmt.Errorf("hours that begin and end at the same time leave no time at all")
	}
	zone, _, err := findZone(m[3])
	if err != nil {
		return "", err
	}
	return Hours(clockText(opens) + "-" + clockText(closes) + " " + zone), nil
}

// Next is the first moment, from now on, in which a copy may go out: now
// itself, or the next opening. It reads the hours each time; where many
// moments or members are asked about, Window is cheaper.
func (h Hours) Next(now time.Time) time.Time { return h.Window().Next(now) }

// Window is h, read. Hours that are not in normal form, or of a zone that this
// machine does not know, are any time: rather a copy at night than none.
func (h Hours) Window() Window {
	m := hoursForm.FindStringSubmatch(string(h))
	if m == nil {
		return Window{}
	}
	opens, err1 := parseMinute(m[1], false)
	closes, err2 := parseMinute(m[2], true)
	_, zone, err3 := findZone(m[3])
	if err1 != nil || err2 != nil || err3 != nil || opens == closes {
		return Window{}
	}
	return Window{opens: minutes(opens), closes: minutes(closes), zone: zone}
}

// Window is a part of each day by the clocks of a zone; the zero Window is the
// whole of it.
type Window struct {
	opens, closes time.Duration // since midnight, as clocks show it
	zone          *time.Location
}

// Next is the first moment, from now on, in which clocks stand within the
// window. Where they are put forward over the whole window, it is left out
// that day.
func (w Window) Next(now time.Time) time.Time {
	if w.zone == nil {
		return now
	}
	for t := now; ; {
		local := t.In(w.zone)
		clock := sinceMidnight(local)
		if w.open(clock) {
			return t
		}
		opening := t.Add((w.opens - clock + 24*time.Hour) % (24 * time.Hour))
		_, change := local.ZoneBounds()
		if change.IsZero() || opening.Before(change) {
			return opening
		}
		t = change.In(now.Location()) // clocks are changed before then: look again from there
	}
}

func (w Window) open(clock time.Duration) bool {
	if w.opens < w.closes {
		return w.opens <= clock && clock < w.closes
	}
	return w.opens <= clock || clock < w.closes
}

// DailyAt is a time of each day in a zone, as 06:00 Europe/Berlin: the slots in
// which digests are made. The zero DailyAt is midnight UTC.
type DailyAt struct {
	minute int    // since midnight, as clocks show it
	zone   string // one that time.LoadLocation knows
}

// ParseClock reads a time of the day with a zone; without one it is UTC. The
// error says in ASCII what is wrong.
func ParseClock(text string) (DailyAt, error) {
	m := dailyForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return DailyAt{}, fmt.Errorf("a time of the day is written as 06:00 Europe/Berlin")
	}
	minute, err := parseMinute(m[1], false)
	if err != nil {
		return DailyAt{}, err
	}
	zone, _, err := findZone(m[2])
	if err != nil {
		return DailyAt{}, err
	}
	return DailyAt{minute: minute, zone: zone}, nil
}

// String is the form that ParseClock reads as d.
func (d DailyAt) String() string {
	if d.zone == "" {
		return clockText(d.minute) + " UTC"
	}
	return clockText(d.minute) + " " + d.zone
}

// Next is the first slot after a moment.
func (d DailyAt) Next(after time.Time) time.Time {
	zone := d.location()
	year, month, day := after.In(zone).Date()
	for day--; ; day++ {
		if t := d.slot(year, month, day, zone); t.After(after) {
			return t
		}
	}
}

// Last is the slot at now, or the last one before.
func (d DailyAt) Last(now time.Time) time.Time { return d.last(now, 0, 1) }

// LastWeekly is the slot of a Monday at now, or the last one before.
func (d DailyAt) LastWeekly(now time.Time) time.Time {
	back := (int(now.In(d.location()).Weekday()) + 6) % 7 // days since Monday
	return d.last(now, back, 7)
}

// last is the newest slot that is not after now, of the day that is back days
// before now and those at whole steps of days before that.
func (d DailyAt) last(now time.Time, back, step int) time.Time {
	zone := d.location()
	year, month, day := now.In(zone).Date()
	for day += step - back; ; day -= step { // from the one ahead: clocks may go back over midnight
		if t := d.slot(year, month, day, zone); !t.After(now) {
			return t
		}
	}
}

// slot is the first moment in which clocks show the day and the time, or more:
// each day has one slot, also where clocks skip that time or show it twice.
func (d DailyAt) slot(year int, month time.Month, day int, zone *time.Location) time.Time {
	want := time.Date(year, month, day, 0, d.minute, 0, 0, time.UTC) // what clocks show, as if it were UTC
	t := want.Add(-26 * time.Hour)                                   // clocks differ from UTC by less
	for {
		local := t.In(zone)
		_, offset := local.Zone()
		found := want.Add(-time.Duration(offset) * time.Second)
		if found.Before(t) {
			return t.UTC()
		}
		_, change := local.ZoneBounds()
		if change.IsZero() || found.Before(change) {
			return found
		}
		t = change
	}
}

// location is the zone; UTC if this machine does not know it any more.
func (d DailyAt) location() *time.Location {
	if zone, err := time.LoadLocation(d.zone); err == nil {
		return zone
	}
	return time.UTC
}

// parseMinute reads a time of the day as the minutes since midnight. Only an
// end may be 24:00, which is midnight.
func parseMinute(text string, end bool) (int, error) {
	clock := strings.ToLower(strings.ReplaceAll(text, ".", ":"))
	digits := strings.TrimRight(clock, "apm \t")
	half := strings.TrimSpace(clock[len(digits):])
	hourText, minuteText, _ := strings.Cut(digits, ":")
	hour, _ := strconv.Atoi(hourText)     // one or two digits
	minute, _ := strconv.Atoi(minuteText) // two digits, or none
	switch {
	case half != "" && (hour < 1 || hour > 12), hour > 24 || hour == 24 && (minute > 0 || !end), minute > 59:
		return 0, fmt.Errorf("%s is no time of the day; one is written as 08:00", show(strings.TrimSpace(text)))
	case half != "":
		hour %= 12
	}
	if half == "pm" {
		hour += 12
	}
	return hour%24*60 + minute, nil
}

// findZone finds a time zone, whatever its case. No name is UTC.
func findZone(name string) (string, *time.Location, error) {
	name = strings.Join(strings.Fields(name), "_")
	plain := !strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/_+-", r)
	})
	switch upper := strings.ToUpper(name); {
	case upper == "" || upper == "UTC" || upper == "GMT" || upper == "Z":
		return "UTC", time.UTC, nil
	case plain && upper != "LOCAL": // that one would be the server's
		for _, try := range []string{name, titled(name), upper} {
			if zone, err := time.LoadLocation(try); err == nil {
				return try, zone, nil
			}
		}
	}
	return "", nil, fmt.Errorf("%s is no time zone that is known here; one is written as Europe/Berlin", show(name))
}

// titled writes a name as zones are: America/New_York.
func titled(name string) string {
	b := []byte(strings.ToLower(name))
	for i, c := range b {
		if (i == 0 || b[i-1] == '/' || b[i-1] == '_') && c >= 'a' && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

func clockText(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// sinceMidnight is what a clock shows, as a duration.
func sinceMidnight(t time.Time) time.Duration {
	hour, minute, second := t.Clock()
	return time.Duration(hour)*time.Hour + minutes(minute) + time.Duration(second)*time.Second + time.Duration(t.Nanosecond())
}
