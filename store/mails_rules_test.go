package store

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/message"
)

// manner is how a mail of ours is addressed.
type manner struct {
	from  string // local part of From
	reply string // pattern of the local part of Reply-To; "" for no such field: From is where a reply goes
}

// manners are those of each template.
var manners = map[string]manner{
	"confirm-join": {"dev-request", `dev\+confirm`}, "confirm-leave": {"dev-request", `dev\+confirm`},
	"confirm-commands": {"dev-request", `dev\+confirm`}, "invitation": {"dev-request", `dev\+confirm`},
	"goodbye": {"dev-request", `dev\+confirm`}, "suspended": {"dev-request", `dev\+confirm`},
	"suspended-owner": {"dev-request", `dev\+confirm`}, "approve-join": {"dev-request", ""},
	"unwanted": {"dev-request", `dev\+ok`}, "welcome": {"dev-request", `dev\+me`}, "already-member": {"dev-request", `dev\+me`},
	"catchup": {"dev-request", `dev\+me`}, "ack": {"dev-request", `dev\+me`}, "probe": {"dev-request", `dev\+me`},
	"reply": {"dev-request", `dev\+me|dev-request`}, "help": {"dev-request", `dev\+me|dev-request`},
	"info": {"dev-request", `dev\+me|dev-request`}, "wait-approval": {"dev-request", ""}, "not-member": {"dev-request", ""},
	"digest": {"dev-request", ""}, "summary": {"dev-request", ""}, "join-refused": {"dev-owner", ""},
	"complaint": {"dev-owner", ""}, "held": {"dev-owner", ""}, "rejected": {"dev-owner", ""},
}

// replies are the mails that answer a mail (RFC 3834, 5); those that the
// catch-up of a pause and of a command share, and a goodbye, may be either.
var replies = regexp.MustCompile(`^(confirm-join|confirm-leave|confirm-commands|reply|help|info|ack|rejected|welcome|already-member|wait-approval|not-member)$`)
var maybeReplies = regexp.MustCompile(`^(catchup|goodbye|join-refused)$`)

// checkLetter is what holds for every mail that Parley writes, as it arrives.
func checkLetter(t *testing.T, m *mailroom, template string, l letter) {
	t.Helper()
	complain := func(format string, args ...any) {
		t.Helper()
		t.Errorf("%s: "+format, append([]any{template}, args...)...)
	}
	checkEnvelope(complain, m, template, l)
	checkHeader(complain, m, template, l)
	checkWords(complain, template, l)
	if bytes.Contains(bytes.ReplaceAll(l.raw, []byte("\r\n"), nil), []byte("\n")) || slices.ContainsFunc(bytes.Split(l.raw, []byte("\r\n")), func(b []byte) bool { return len(b) > 998 }) {
		complain("line ends, or a line over 998 bytes (RFC 5322, 2.1.1):\n%q", l.raw)
	}
}

type complaint func(format string, args ...any)

// checkEnvelope: nothing bounces back but from the members' own mails and probes.
func checkEnvelope(complain complaint, m *mailroom, template string, l letter) {
	member := m.desk.Site().BounceAddress(m.list, m.member(l.to).ID)
	switch {
	case template == "probe":
		if !regexp.MustCompile(`^dev\+bounce-[a-z2-7]{26}@lists\.example\.org$`).MatchString(l.sender) || l.sender == member {
			complain("sender %s", l.sender)
		}
	case l.Count("List-Unsubscribe") > 0:
		if l.sender != member || !strings.Contains(l.Get("List-Unsubscribe"), "<https://lists.example.org/u/") || l.Count("List-Unsubscribe-Post") != 1 {
			complain("sender %s of\n%s", l.sender, l.raw)
		}
	case template == "digest" || template == "summary" || l.sender != "":
		complain("sender %q (RFC 3834, 3.3)", l.sender)
	}
}

// headerNames are all fields that a mail of ours can have: none counts readers.
const headerNames = " From To Reply-To Subject Date Message-ID In-Reply-To References Auto-Submitted List-Id MIME-Version Content-Type " +
	"Content-Transfer-Encoding "

// memberNames are the fields of mails with posts in them besides (RFC 2369).
const memberNames = " List-Unsubscribe List-Unsubscribe-Post List-Help List-Subscribe List-Owner List-Post List-Archive Precedence "

func checkHeader(complain complaint, m *mailroom, template string, l letter) {
	head, _, _ := strings.Cut(string(l.raw), "\r\n\r\n")
	names := headerNames
	if m.desk.Site().BounceAddress(m.list, m.member(l.to).ID) == l.sender {
		names += memberNames
		for name := range strings.FieldsSeq(memberNames) {
			if l.Count(name) != 1 {
				complain("%d fields %s", l.Count(name), name)
			}
		}
	}
	for line := range strings.SplitSeq(head, "\r\n") {
		if name, _, ok := strings.Cut(line, ": "); line[0] != ' ' && (!ok || !strings.Contains(names, " "+name+" ") || l.Count(name) != 1) {
			complain("field %q", line)
		}
		if len(line) > 78 && !strings.HasPrefix(line, "List-Unsubscribe: ") || message.EightBit([]byte(line)) {
			complain("line %q (RFC 5322, 2.1.1 and 2.2)", line)
		}
	}
	want := manners[template]
	if got := l.Get("From"); got != "dev list <"+want.from+"@lists.example.org>" {
		complain("From: %s", got)
	}
	reply := regexp.MustCompile(`^$`)
	if want.reply != "" {
		reply = regexp.MustCompile(`^<(` + want.reply + `)(-[a-z2-7]{26})?@lists\.example\.org>$`)
	}
	if got := l.Get("Reply-To"); !reply.MatchString(got) {
		complain("Reply-To: %s", got)
	}
	if to := l.Get("To"); to != l.to && to != m.list.Address && !slices.Contains(strings.Split(to, ", "), l.to) {
		complain("To: %q", to)
	}
	for name, pattern := range map[string]string{"List-Id": `^<dev\.lists\.example\.org>$`, "MIME-Version": `^1\.0$`, "Message-ID": `^<[0-9a-f]{32}@mx\.example\.org>$`,
		"Date": `^[A-Z][a-z]{2}, \d\d Mar 2026 \d\d:\d\d:\d\d \+0000$`, "Content-Transfer-Encoding": `^(7bit|8bit|base64)$`} {
		if !regexp.MustCompile(pattern).MatchString(l.Get(name)) {
			complain("%s: %s", name, l.Get(name))
		}
	}
	checkAutoSubmitted(complain, template, l)
}

func checkAutoSubmitted(complain complaint, template string, l letter) {
	answers := l.Get("In-Reply-To") != ""
	if answers != replies.MatchString(template) && !maybeReplies.MatchString(template) || l.Get("References") != l.Get("In-Reply-To") {
		complain("In-Reply-To: %s, References: %s", l.Get("In-Reply-To"), l.Get("References"))
	}
	if want := map[bool]string{true: "auto-replied", false: "auto-generated"}[answers]; l.Get("Auto-Submitted") != want {
		complain("Auto-Submitted: %s, not %s (RFC 3834, 5)", l.Get("Auto-Submitted"), want)
	}
}

var link76 = regexp.MustCompile(`^\S+$`)

// checkWords looks at what a person reads: short, narrow, with no link that is
// not ours. A digest, a summary and a catch-up are as long as what they tell, and
// the indented lines of a reply are what was asked for.
func checkWords(complain complaint, template string, l letter) {
	words := strings.TrimRight(ownText(l), "\n")
	lines := strings.Split(words, "\n")
	own := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return template == "reply" && strings.HasPrefix(line, "    ") })
	if told := template == "digest" || template == "summary" || template == "catchup"; len(own) >= 25 && !told {
		complain("%d lines:\n%s", len(lines), words)
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > 76 && !link76.MatchString(strings.TrimSpace(line)) {
			complain("a line over 76 characters: %s", line)
		}
		if strings.TrimRight(line, " ") != line {
			complain("space at the end of %q", line)
		}
	}
	if len(lines) < 3 || strings.Contains(words, "\n\n\n") || strings.Contains(words, "%!") || strings.Contains(words, "<no value>") || strings.Contains(words, "{{") {
		complain("words:\n%s", words)
	}
	for _, link := range regexp.MustCompile(`(?i)\b(https?:|www\.)\S*`).FindAllString(words, -1) {
		if !strings.HasPrefix(link, "https://lists.example.org/dev/") {
			complain("link %s", link)
		}
	}
}

// ownText is the words of ours in a mail: without the posts that a digest has.
func ownText(l letter) string {
	if !strings.HasPrefix(l.Get("Content-Type"), "multipart/") {
		text, _, _ := strings.Cut(l.text(), "\n"+strings.Repeat("-", 70)+"\n") // the preamble of RFC 1153
		return text
	}
	_, boundary, _ := strings.Cut(l.Get("Content-Type"), `boundary="`)
	parts := strings.Split(string(l.raw), "--"+strings.TrimSuffix(boundary, `"`)+"\r\n")
	return message.Read([]byte(strings.TrimSuffix(parts[1], "\r\n"))).Text
}

// pythonCheck reads mails as another program does, and says what it finds wrong.
const pythonCheck = `
import email, email.policy, json, sys
out = {}
for name in sys.argv[1:]:
    raw = open(name, "rb").read()
    m = email.message_from_bytes(raw, policy=email.policy.default)
    wrong = [repr(d) for part in m.walk() for d in part.defects]
    wrong += [repr(d) for part in m.walk() for v in part.values() for d in v.defects]
    for v in (m["From"], m["To"], m["Reply-To"]):
        if v is not None and not all(a.domain and a.username for a in v.addresses):
            wrong.append(str(v))
    body = m.get_body(("plain",))
    out[name] = {"Wrong": wrong, "Subject": str(m["Subject"]), "Text": body.get_content(), "Date": m["Date"].datetime.year,
        "HTML": [p.get_content_type() for p in m.walk() if p.get_content_maintype() in ("text", "image") and p.get_content_type() != "text/plain"]}
json.dump(out, sys.stdout)
`

// checkWithPython gives every mail to Python's email package.
func (c *mailCabinet) checkWithPython(t *testing.T) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to read the mails with")
	}
	args := []string{"-c", pythonCheck}
	for file := range c.letters {
		args = append(args, file)
	}
	out, err := exec.Command(python, args...).Output()
	if err != nil {
		t.Fatalf("%v: %s", err, err.(*exec.ExitError).Stderr)
	}
	var seen map[string]struct {
		Wrong, HTML   []string
		Subject, Text string
		Date          int
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatal(err)
	}
	for file, l := range c.letters {
		got := seen[file]
		if len(got.Wrong) > 0 || len(got.HTML) > 0 || got.Date != 2026 || got.Subject != message.DecodeHeader(l.Get("Subject")) {
			t.Errorf("%s: %+v", file, got)
		}
		if text := strings.TrimSpace(ownText(l)); !strings.HasPrefix(strings.TrimSpace(strings.ReplaceAll(got.Text, "\r\n", "\n")), text) {
			t.Errorf("%s reads\n%s\nnot\n%s", file, got.Text, text)
		}
	}
}
