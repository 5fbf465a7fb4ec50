package list

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How far dates and periods of commands may reach.
const (
	maxPauseYears = 2
	defaultCatch  = 7 // days
	maxPeriod     = 999
)

// span is a period as people say it. Months are those of the calendar.
type span struct{ years, months, days int }

func (s span) after(t time.Time) time.Time  { return t.AddDate(s.years, s.months, s.days) }
func (s span) before(t time.Time) time.Time { return t.AddDate(-s.years, -s.months, -s.days) }

// units are the words for one of each span.
var units = map[string]span{
	"day": {days: 1}, "days": {days: 1}, "d": {days: 1},
	"week": {days: 7}, "weeks": {days: 7}, "w": {days: 7}, "wk": {days: 7}, "wks": {days: 7},
	"fortnight": {days: 14}, "fortnights": {days: 14},
	"month": {months: 1}, "months": {months: 1},
	"year": {years: 1}, "years": {years: 1}, "y": {years: 1},
}

var (
	smallNumbers = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve")
	glued        = regexp.MustCompile(`^(\d{1,3})([a-z]+)$`)
	isoDay       = regexp.MustCompile(`^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$`)
	otherDay     = regexp.MustCompile(`^\d{1,2}[-/.]\d{1,2}([-/.]\d{0,4})?$`)
	dayOfMonth   = regexp.MustCompile(`^(\d{1,2})(?:st|nd|rd|th|\.)?$`)
	fourDigits   = regexp.MustCompile(`^\d{4}$`)
)

// parseSpan reads words in lower case such as 10 days, a week, 2w.
func parseSpan(words []string) (span, error) {
	if len(words) == 1 {
		if m := glued.FindStringSubmatch(words[0]); m != nil {
			words = m[1:]
		} else {
			words = []string{"1", words[0]}
		}
	}
	bad := fmt.Errorf("a period is written as 10 days or 2 weeks")
	if len(words) != 2 {
		return span{}, bad
	}
	unit, ok := units[words[1]]
	n := smallNumber(words[0])
	if !ok || n < 1 || n > maxPeriod {
		return span{}, bad
	}
	return span{n * unit.years, n * unit.months, n * unit.days}, nil
}

// smallNumber is a number in digits or in words, -1 for anything else.
func smallNumber(word string) int {
	if word == "a" || word == "an" {
		return 1
	}
	if n, err := strconv.Atoi(word); err == nil {
		return n
	}
	return slices.Index(smallNumbers, word)
}

// A dayReader finds the day that words in lower case mean, seen from today in
// UTC. Where several fit it takes the next one to come, or with past the last
// one that was.
type dayReader struct {
	today time.Time
	past  bool
}

func newDayReader(now time.Time, past bool) dayReader {
	return dayReader{today: startOfDay(now), past: past}
}

// startOfDay is midnight in UTC before t, or t.
func startOfDay(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// read returns the start of the day. The error says in ASCII how to write it.
func (r dayReader) read(words []string) (time.Time, error) {
	for len(words) > 0 && slices.Contains([]string{"the", "on", "next", "last"}, words[0]) {
		words = words[1:]
	}
	if len(words) == 1 {
		return r.word(words[0])
	}
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "of" || w == "the" || w == "," })
	for i := range words {
		words[i] = strings.Trim(words[i], ",")
	}
	if len(words) > 2 && parseWeekday(strings.Trim(words[0], ".")) >= 0 { // Friday, 8 January
		words = words[1:]
	}
	return r.dayAndMonth(words)
}

func (r dayReader) word(word string) (time.Time, error) {
	if day, ok := map[string]int{"today": 0, "tomorrow": 1, "yesterday": -1}[word]; ok {
		return r.today.AddDate(0, 0, day), nil
	}
	if m := isoDay.FindStringSubmatch(word); m != nil {
		return calendarDay(m[1], m[2], m[3])
	}
	if otherDay.MatchString(word) {
		return time.Time{}, fmt.Errorf("%s can be read as two days; write the year first: %s", show(word), r.example())
	}
	if day := parseWeekday(word); day >= 0 {
		return r.weekday(day), nil
	}
	return time.Time{}, r.unreadable()
}

func (r dayReader) unreadable() error { return fmt.Errorf("a day is written as %s", r.example()) }

// example is a day that would do.
func (r dayReader) example() string {
	if r.past {
		return r.today.AddDate(0, 0, -14).Format(time.DateOnly)
	}
	return r.today.AddDate(0, 0, 14).Format(time.DateOnly)
}

// parseWeekday is the number of a weekday from its name or the beginning of it,
// -1 if it is none.
func parseWeekday(word string) int {
	return beginning(word, strings.Fields("sunday monday tuesday wednesday thursday friday saturday"))
}

// parseMonth is the number of a month from 1, 0 if it is none.
func parseMonth(word string) int {
	months := "january february march april may june july august september october november december"
	return beginning(strings.TrimSuffix(word, "."), strings.Fields(months)) + 1
}

// beginning is the index of the name that begins with word, which has at least
// three letters; -1 if there is none.
func beginning(word string, names []string) int {
	if len(word) < 3 {
		return -1
	}
	return slices.IndexFunc(names, func(name string) bool { return strings.HasPrefix(name, word) })
}

// weekday is the next such day, from tomorrow on, or the last one before today.
func (r dayReader) weekday(day int) time.Time {
	ahead := (day-int(r.today.Weekday())+6)%7 + 1
	if r.past && ahead < 7 {
		ahead -= 7
	} else if r.past {
		ahead = -7
	}
	return r.today.AddDate(0, 0, ahead)
}

// dayAndMonth reads 8 January 2027, January 8 2027, 8 Jan.
func (r dayReader) dayAndMonth(words []string) (time.Time, error) {
	if len(words) != 2 && len(words) != 3 {
		return time.Time{}, r.unreadable()
	}
	first, second := words[0], words[1]
	month := parseMonth(second)
	if month == 0 {
		first, second = second, first
		month = parseMonth(second)
	}
	day := dayOfMonth.FindStringSubmatch(first)
	if month == 0 || day == nil {
		return time.Time{}, r.unreadable()
	}
	if len(words) == 2 {
		return r.nearest(month, day[1])
	}
	if !fourDigits.MatchString(words[2]) {
		return time.Time{}, r.unreadable()
	}
	return calendarDay(words[2], strconv.Itoa(month), day[1])
}

// nearest finds the year of a day that was written without one. A 29 February
// can be eight years away.
func (r dayReader) nearest(month int, day string) (time.Time, error) {
	step, year := 1, r.today.Year()
	if r.past {
		step = -1
	}
	for range 9 {
		t, err := calendarDay(strconv.Itoa(year), strconv.Itoa(month), day)
		if err == nil && (r.past && !t.After(r.today) || !r.past && t.After(r.today)) {
			return t, nil
		}
		year += step
	}
	return time.Time{}, fmt.Errorf("there is no such day in the calendar")
}

// calendarDay is a day from its digits.
func calendarDay(year, month, day string) (time.Time, error) {
	text := fmt.Sprintf("%s-%02s-%02s", year, month, day)
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("there is no day %s in the calendar", text)
	}
	return t, nil
}

// parsePause finds out when a pause ends from the words after the verb.
func parsePause(words []string, now time.Time) (time.Time, error) {
	r := newDayReader(now, false)
	if len(words) == 0 {
		return time.Time{}, fmt.Errorf("pause needs a date: pause until %s", r.example())
	}
	words = skipWords(words, "until", "till", "til", "for", "the", "next")
	until, err := r.read(words)
	if s, bad := parseSpan(words); bad == nil {
		until, err = s.after(startOfDay(now)), nil
	}
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("this is no date for a pause: %w", err)
	case !until.After(now):
		return time.Time{}, fmt.Errorf("%s is not ahead of us: pause until %s", until.Format(time.DateOnly), r.example())
	case until.After(now.AddDate(maxPauseYears, 0, 0)):
		return time.Time{}, fmt.Errorf("a pause lasts at most two years; without an end it is set delivery none")
	}
	return until, nil
}

// parseCatchUp finds out how far back to look from the words after the verb:
// more than nothing, and at most a year.
func parseCatchUp(words []string, now time.Time) (time.Duration, error) {
	since := span{days: defaultCatch}.before(now)
	if words = skipWords(words, "since", "from", "of", "on", "for", "the", "last", "past"); len(words) > 0 {
		var err error
		if since, err = newDayReader(now, true).read(words); err != nil {
			s, bad := parseSpan(words)
			if bad != nil {
				return 0, fmt.Errorf("catchup takes a period, such as 2 weeks, or a date: %w", err)
			}
			since = s.before(now)
		}
	}
	switch {
	case !since.Before(now):
		return 0, fmt.Errorf("%s is still ahead of us", since.Format(time.DateOnly))
	case since.Before(now.AddDate(-1, 0, 0)):
		return 0, fmt.Errorf("catchup goes back a year at most; search and the archive go further")
	}
	return now.Sub(since), nil
}

// skipWords leaves out what stands first of some words, as often as it does.
func skipWords(words []string, skipped ...string) []string {
	for len(words) > 0 && slices.Contains(skipped, words[0]) {
		words = words[1:]
	}
	return words
}
