package list

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/message"
)

// Limits of a list's options, in bytes.
const (
	minMaxSize     = 1 << 10
	maxMaxSize     = 100 << 20
	defaultMaxSize = 10 << 20
	maxDescription = 200
	maxPrefix      = 40
	maxFooter      = 4 << 10
	maxFooterLine  = 500
	maxCustoms     = 2 << 10
)

// Languages are those that Parley writes its mails in.
var Languages = []string{"en", "de"}

const defaultDigestAt = "06:00 UTC"

// option is one setting of a list, in words.
type option struct {
	name string
	doc  string
	get  func(List) string
	set  func(*List, string) error // the error says what is allowed
}

// options is the one table of what can be set, in the order of display.
var options = []option{
	{"description", "what the list is about, one line of at most 200 bytes",
		func(l List) string { return l.Description },
		func(l *List, v string) error { return setLine(&l.Description, v, maxDescription) }},
	{"owners", "addresses that get mail to -owner; none: the operator stands in",
		func(l List) string { return strings.Join(l.Owners, ", ") },
		func(l *List, v string) error { return setPeople(l, &l.Owners, v) }},
	{"moderators", "addresses that decide about held posts, besides the owners",
		func(l List) string { return strings.Join(l.Moderators, ", ") },
		func(l *List, v string) error { return setPeople(l, &l.Moderators, v) }},
	{"post", "who may post: anyone, members, moderated, nobody",
		func(l List) string { return string(l.Post) },
		func(l *List, v string) error { return setWord(&l.Post, v, Anyone, Members, Moderated, Nobody) }},
	{"start", "who may start a thread: as post; empty for the same as post",
		func(l List) string { return string(l.Start) },
		func(l *List, v string) error { return setWord(&l.Start, v, "", Anyone, Members, Moderated, Nobody) }},
	{"archive", "who may read the archive: public, members, none",
		func(l List) string { return string(l.Archive) },
		func(l *List, v string) error {
			return setWord(&l.Archive, v, ArchivePublic, ArchiveMembers, ArchiveNone)
		}},
	{"addresses", "what strangers see of addresses in the archive: masked, shown",
		func(l List) string { return either(l.Masked, "masked", "shown") },
		func(l *List, v string) error { return setEither(&l.Masked, v, "masked", "shown") }},
	{"copies", "one copy for each member, or one for up to 100: personal, shared",
		func(l List) string { return either(l.Shared, "shared", "personal") },
		func(l *List, v string) error { return setEither(&l.Shared, v, "shared", "personal") }},
	{"max_size", "largest post: bytes, KiB or MiB, from 1KiB to 100MiB",
		func(l List) string { return formatSize(l.MaxSize) },
		func(l *List, v string) error { return setSize(&l.MaxSize, v) }},
	{"subject_prefix", "put before each subject, at most 40 bytes; breaks signatures",
		func(l List) string { return l.SubjectPrefix },
		func(l *List, v string) error { return setPrefix(&l.SubjectPrefix, v) }},
	{"footer", "text added to each copy, at most 4 KiB; breaks signatures",
		func(l List) string { return l.Footer },
		func(l *List, v string) error { return setFooter(&l.Footer, v) }},
	{"reply_to", "where a reply goes: author, list",
		func(l List) string { return either(l.ReplyToList, "list", "author") },
		func(l *List, v string) error { return setEither(&l.ReplyToList, v, "list", "author") }},
	{"join", "how somebody becomes a member: open, approval, invitation, closed",
		func(l List) string { return string(l.Join) },
		func(l *List, v string) error {
			return setWord(&l.Join, v, JoinOpen, JoinApproval, JoinInvitation, JoinClosed)
		}},
	{"customs", "what newcomers are told of the list, at most 2 KiB of text",
		func(l List) string { return l.Customs },
		func(l *List, v string) error { return setText(&l.Customs, v, maxCustoms) }},
	{"language", "of the mails that Parley writes: en, de",
		func(l List) string { return l.Language },
		func(l *List, v string) error { return setWord(&l.Language, v, Languages...) }},
	{"digest_at", "when digests go out, as 06:00 Europe/Berlin; weekly ones on Mondays",
		func(l List) string { return l.DigestAt.String() },
		func(l *List, v string) error { return setClock(&l.DigestAt, v) }},
	{"roster", "who may ask by mail who is subscribed: nobody, members",
		func(l List) string { return either(l.Roster, "members", "nobody") },
		func(l *List, v string) error { return setEither(&l.Roster, v, "members", "nobody") }},
	{"banned", "addresses, or @domain, whose posts are refused",
		func(l List) string { return strings.Join(l.Banned, ", ") },
		func(l *List, v string) error { return setAddresses(&l.Banned, v, canonicalBan) }},
}

// NewList is a list as it is created: members post, the archive is public with
// masked addresses, copies are personal, and a post has at most 10 MiB. The
// address is one that ValidListAddress accepts.
func NewList(address string) List {
	l := List{Address: address, Post: Members, Archive: ArchivePublic, Masked: true, MaxSize: defaultMaxSize,
		Join: JoinOpen, Language: Languages[0]}
	l.DigestAt, _ = ParseClock(defaultDigestAt) // a constant that parses
	l.ListID = l.Local() + "." + l.Domain()
	return l
}

// OptionNames are the names of all options, in the order of display.
func OptionNames() []string {
	names := make([]string, len(options))
	for i, o := range options {
		names[i] = o.name
	}
	return names
}

// OptionDoc says in one line what an option means and takes, "" if there is
// none of that name.
func OptionDoc(name string) string {
	if o, ok := findOption(name); ok {
		return o.doc
	}
	return ""
}

// Option is the value of an option in words, as SetOption takes it; "" if
// there is none of that name.
func Option(l List, name string) string {
	if o, ok := findOption(name); ok {
		return o.get(l)
	}
	return ""
}

// SetOption sets an option of l. Its error is an *Error that names the option,
// the value and what is allowed; l is then as it was.
func SetOption(l *List, name, value string) error {
	o, ok := findOption(name)
	if !ok {
		return Errorf(Malformed, "no option %s; the options are %s", show(name), strings.Join(OptionNames(), ", "))
	}
	if err := o.set(l, value); err != nil {
		return Errorf(Malformed, "option %s = %s: %s", o.name, show(value), err)
	}
	return nil
}

func findOption(name string) (option, bool) {
	i := slices.IndexFunc(options, func(o option) bool { return o.name == name })
	if i < 0 {
		return option{}, false
	}
	return options[i], true
}

// show quotes what somebody typed for an error text: ASCII, at most 60 bytes.
func show(value string) string {
	const most = 60
	if len(value) > most {
		return strconv.QuoteToASCII(value[:most]) + "..."
	}
	return strconv.QuoteToASCII(value)
}

func either(first bool, yes, no string) string {
	if first {
		return yes
	}
	return no
}

func setEither(dst *bool, value, yes, no string) error {
	if value != yes && value != no {
		return fmt.Errorf("allowed are %s and %s", yes, no)
	}
	*dst = value == yes
	return nil
}

func setWord[T ~string](dst *T, value string, allowed ...T) error {
	if !slices.Contains(allowed, T(value)) {
		words := make([]string, len(allowed))
		for i, w := range allowed {
			words[i] = either(w == "", "nothing", string(w))
		}
		return fmt.Errorf("allowed are %s", strings.Join(words, ", "))
	}
	*dst = T(value)
	return nil
}

// setLine takes one line of text.
func setLine(dst *string, value string, most int) error {
	value = strings.TrimSpace(value)
	if len(value) > most {
		return fmt.Errorf("at most %d bytes", most)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return fmt.Errorf("one line of UTF-8 text without control characters")
	}
	*dst = value
	return nil
}

func setPrefix(dst *string, value string) error {
	if strings.Contains(value, "=?") {
		return fmt.Errorf(`"=?" would be read as the start of an encoded word`)
	}
	return setLine(dst, value, maxPrefix)
}

func setFooter(dst *string, value string) error { return setText(dst, value, maxFooter) }

func setClock(dst *DailyAt, value string) error {
	at, err := ParseClock(value)
	if err == nil {
		*dst = at
	}
	return err
}

// setText takes lines of text. They are kept with LF between them; white space
// at the ends of lines goes, since mail software changes it anyway.
func setText(dst *string, value string, most int) error {
	lines := strings.Split(strings.ReplaceAll(value, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRightFunc(line, unicode.IsSpace)
		if len(line) > maxFooterLine {
			return fmt.Errorf("lines of at most %d bytes", maxFooterLine)
		}
	}
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if len(text) > most {
		return fmt.Errorf("at most %d bytes", most)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, badInFooter) {
		return fmt.Errorf("lines of UTF-8 text without control characters")
	}
	*dst = text
	return nil
}

func badInFooter(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// setPeople takes addresses of people: the list's own, or one that leads back
// to it, would answer itself for ever.
func setPeople(l *List, dst *[]string, value string) error {
	return setAddresses(dst, value, func(addr string) (string, error) {
		canonical, err := message.Canonical(addr)
		if err == nil && l.leadsBack(canonical) {
			return "", fmt.Errorf("it is an address of this list")
		}
		return canonical, err
	})
}

// leadsBack reports whether addr is one of the list's own addresses.
func (l List) leadsBack(addr string) bool {
	t, err := ParseTarget(addr, Site{Domains: []string{l.Domain()}})
	return err == nil && t.Local != "" && t.Local == l.Local()
}

// setAddresses takes addresses with commas between them, each once, in their
// order.
func setAddresses(dst *[]string, value string, canonical func(string) (string, error)) error {
	var all []string
	for _, part := range strings.Split(value, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		addr, err := canonical(part)
		if err != nil {
			return fmt.Errorf("%s is no address for it: %w; allowed are addresses with commas between them", show(part), err)
		}
		if strings.Contains(addr, ",") {
			return fmt.Errorf("%s has a comma", show(part))
		}
		if !slices.Contains(all, addr) {
			all = append(all, addr)
		}
	}
	*dst = all
	return nil
}

// canonicalBan is an address, or @domain for a whole domain.
func canonicalBan(value string) (string, error) {
	if !strings.HasPrefix(value, "@") {
		return message.Canonical(value)
	}
	addr, err := message.Canonical("x" + value)
	if err != nil {
		return "", err
	}
	return addr[1:], nil
}

// formatSize writes a size with the largest unit that keeps it exact.
func formatSize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "KiB"
	}
	return strconv.FormatInt(n, 10)
}

func setSize(dst *int64, value string) error {
	number, shift := strings.ToLower(strings.TrimSpace(value)), 0
	if digits, ok := strings.CutSuffix(number, "mib"); ok {
		number, shift = digits, 20
	} else if digits, ok := strings.CutSuffix(number, "kib"); ok {
		number, shift = digits, 10
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32) // 32 bits: the shift cannot overflow
	if err != nil || n<<shift < minMaxSize || n<<shift > maxMaxSize {
		return fmt.Errorf("allowed are 1KiB to 100MiB, as bytes, KiB or MiB")
	}
	*dst = n << shift
	return nil
}
