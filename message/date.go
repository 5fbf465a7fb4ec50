package message

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseDate reads a Date field (RFC 5322, 3.3, its obsolete forms of 4.3, and
// the forms of asctime and ISO 8601). The result keeps the zone as written. It
// answers false for what is no date, and for one before 1970-01-02 or after
// 2106-02-07, where 32 bits of seconds end: such a date says nothing.
func ParseDate(value string) (time.Time, bool) {
	var d dateReader
	d.month, d.day, d.year, d.hour = -1, -1, -1, -1
	for _, w := range strings.FieldsFunc(cutComments(value), isDateSpace) {
		if d.words++; d.words > 12 || !d.take(w) {
			return time.Time{}, false
		}
	}
	return d.time()
}

func isDateSpace(r rune) bool { return strings.ContainsRune(" \t\r\n,", r) }

// cutComments drops comments, such as the name of the zone.
func cutComments(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	for {
		i := strings.IndexByte(s, '(')
		if i < 0 {
			return s
		}
		end := commentEnd(s[i:])
		if end == 0 {
			return s[:i]
		}
		s = s[:i] + " " + s[i+end:]
	}
}

// dateReader takes the words of a date in any order that is clear.
type dateReader struct {
	words            int
	year, month, day int // -1: not seen
	hour, min, sec   int
	offset           int // seconds east of UTC
	zoned            bool
}

func (d *dateReader) take(w string) bool {
	switch c := w[0]; {
	case (c == '+' || c == '-') && len(w) > 1:
		return d.numericZone(w)
	case strings.Contains(w, ":"):
		return d.clock(w)
	case c >= '0' && c <= '9' && strings.Contains(w, "-"):
		return d.dashed(w)
	case c >= '0' && c <= '9':
		return d.number(w)
	}
	return d.name(w)
}

// number is the day first, then the year.
func (d *dateReader) number(w string) bool {
	n, err := strconv.Atoi(w)
	switch {
	case err != nil || len(w) > 4:
		return false
	case d.day < 0 && n >= 1 && n <= 31 && len(w) <= 2:
		d.day = n
	case d.year < 0:
		d.year = fullYear(n, len(w))
	default:
		return false
	}
	return true
}

// fullYear completes a year of two or three digits (RFC 5322, 4.3).
func fullYear(n, digits int) int {
	switch {
	case digits <= 2 && n < 50:
		return 2000 + n
	case digits <= 3:
		return 1900 + n
	}
	return n
}

// dashed is 17-Sep-2001 or 2001-09-17.
func (d *dateReader) dashed(w string) bool {
	p := strings.Split(w, "-")
	if len(p) != 3 || d.day >= 0 || d.year >= 0 {
		return false
	}
	if len(p[0]) == 4 {
		p[0], p[2] = p[2], p[0]
	}
	day, err1 := strconv.Atoi(p[0])
	year, err2 := strconv.Atoi(p[2])
	if err1 != nil || err2 != nil || year < 0 {
		return false
	}
	d.day, d.year = day, fullYear(year, len(p[2]))
	if n, err := strconv.Atoi(p[1]); err == nil {
		d.month = n
		return true
	}
	return d.name(p[1])
}

// clock is 10:00, 10:00:00, 10:00:00.5, or a time that ISO 8601 joined with its
// day or its zone.
func (d *dateReader) clock(w string) bool {
	if day, rest, found := strings.Cut(w, "T"); found {
		if !d.dashed(day) {
			return false
		}
		w = rest
	}
	if i := strings.IndexAny(w, "+-Zz"); i > 0 {
		if !d.take(w[i:]) {
			return false
		}
		w = w[:i]
	}
	p := strings.Split(w, ":")
	if len(p) > 3 || d.hour >= 0 {
		return false
	}
	var n [3]int
	for i := range p {
		whole, _, _ := strings.Cut(p[i], ".")
		v, err := strconv.Atoi(whole)
		if err != nil || v < 0 || len(whole) > 2 {
			return false
		}
		n[i] = v
	}
	d.hour, d.min, d.sec = n[0], n[1], n[2]
	return true
}

// numericZone is +0200 or +02:00; what cannot be a zone is UTC (RFC 5322, 4.3).
func (d *dateReader) numericZone(w string) bool {
	n, err := strconv.Atoi(strings.Replace(w[1:], ":", "", 1))
	if d.zoned || err != nil || n < 0 {
		return d.zoned
	}
	d.zoned = true
	if len(w) <= 3 {
		n *= 100
	}
	if n%100 < 60 && n < 2400 {
		d.offset = n/100*3600 + n%100*60
	}
	if w[0] == '-' {
		d.offset = -d.offset
	}
	return true
}

// name is the name of a month, of a day of the week (ignored), or of a zone.
// Names of zones other than those of RFC 5322, 4.3 are UTC.
func (d *dateReader) name(w string) bool {
	w = strings.ToLower(w)
	if len(w) >= 3 {
		months := "janfebmaraprmayjunjulaugsepoctnovdec"
		if i := strings.Index(months, w[:3]); i >= 0 && i%3 == 0 && d.month < 0 {
			d.month = i/3 + 1
			return true
		}
		if rest, found := strings.CutPrefix(w, "gmt"); found && len(rest) > 1 && (rest[0] == '+' || rest[0] == '-') {
			return d.numericZone(rest)
		}
	}
	if len(w) > 9 || !isLetters(strings.TrimSuffix(w, ".")) {
		return false
	}
	if d.zoned || d.hour < 0 {
		return true // a day of the week, or the zone said again
	}
	return d.namedZone(w)
}

func (d *dateReader) namedZone(w string) bool {
	switch w {
	case "am", "pm":
		d.hour = d.hour%12 + map[string]int{"am": 0, "pm": 12}[w]
		return true
	}
	if i := strings.IndexByte("ecmp", w[0]); i >= 0 && len(w) == 3 && w[2] == 't' {
		switch w[1] {
		case 's':
			d.offset, d.zoned = -(5+i)*3600, true
		case 'd':
			d.offset, d.zoned = -(4+i)*3600, true
		}
	}
	return true
}

func isLetters(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return s != ""
}

func (d *dateReader) time() (time.Time, bool) {
	if d.year < 0 || d.month < 1 || d.month > 12 || d.day < 1 || d.hour > 23 || d.min > 59 || d.sec > 60 {
		return time.Time{}, false
	}
	zone := time.UTC
	if d.offset != 0 {
		zone = time.FixedZone("", d.offset)
	}
	t := time.Date(d.year, time.Month(d.month), d.day, max(d.hour, 0), d.min, d.sec, 0, zone)
	day := time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
	if day.Day() != d.day || t.Unix() < 24*60*60 || t.Unix() > math.MaxUint32 {
		return time.Time{}, false
	}
	return t, true
}
