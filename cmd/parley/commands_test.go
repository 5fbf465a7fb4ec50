package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
)

// holdLock locks a file as a running serve does.
func holdLock(t *testing.T, path string) (release func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	return func() { f.Close() }
}

// transcript runs each line that begins with $ as a command of parley, and
// wants the lines below it as its output, then those of stderr with ! before
// them, then its exit code as "= 1" when it is not 0. PATH is the config file.
func transcript(t *testing.T, d desk, path, script string) {
	t.Helper()
	var got strings.Builder
	for line := range strings.Lines(script) {
		command, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "$ ")
		if !ok {
			continue
		}
		fmt.Fprintf(&got, "$ %s\n%s", command, runLine(d, path, command))
	}
	script = strings.NewReplacer("«", "`", "»", "`").Replace(script)
	if got.String() != script {
		t.Errorf("got\n%s\nwant\n%s", got.String(), script)
	}
}

func runLine(d desk, path, command string) string {
	var out, errs bytes.Buffer
	p := &program{
		stdin: strings.NewReader("# friends\n\nNew <new@example.org>\nada@example.org\n"), stdout: &out, stderr: &errs,
		open:    func(context.Context, *Config) (desk, func() error, error) { return d, func() error { return nil }, nil },
		serving: serving,
	}
	code := p.run(append(splitWords(command), "--config", path))
	text := out.String()
	for line := range strings.Lines(errs.String()) {
		text += "! " + line
	}
	if code != exitDone {
		text += fmt.Sprintf("= %d\n", code)
	}
	return strings.ReplaceAll(text, path, "PATH")
}

// splitWords is what a shell makes of a line whose only quotes are '.
func splitWords(line string) []string {
	var words []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

func TestListCommands(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest)
	transcript(t, newClerk(), path, `$ list ls
ADDRESS                 POST       ARCHIVE  COPIES    DESCRIPTION
dev@lists.example.org   members    public   personal  Where the work is talked over
news@lists.example.org  moderated  none     shared
$ list show dev
address         dev@lists.example.org
list_id         dev.lists.example.org
description     Where the work is talked over  (set in the config file)
owners          you@example.org
moderators      -
post            members
start           -
archive         public
addresses       masked
copies          personal
max_size        10MiB
subject_prefix  -
footer          -
reply_to        author
join            open
customs         -
language        en
digest_at       06:00 UTC
roster          nobody
banned          -
$ list create talk@lists.example.org post=anyone 'description=All of it'
talk@lists.example.org is there. «parley member add talk@lists.example.org ADDRESS ...» adds its members.
$ list set talk reply_to=list max_size=512KiB
talk@lists.example.org: max_size = 512KiB
talk@lists.example.org: reply_to = list
$ list set talk join=approval language=de 'digest_at=7 Europe/Berlin' roster=members 'customs=Please quote little.'
talk@lists.example.org: customs = Please quote little.
talk@lists.example.org: digest_at = 07:00 Europe/Berlin
talk@lists.example.org: join = approval
talk@lists.example.org: language = de
talk@lists.example.org: roster = members
$ list set talk language=fr
! parley: option language = "fr": allowed are en, de. Nothing was changed; correct it and try again.
= 1
$ list set talk join=free
! parley: option join = "free": allowed are open, approval, invitation, closed. Nothing was changed; correct it and try again.
= 1
$ list set dev description=Other
! parley: description of dev@lists.example.org is set in the config file: change it there. Nothing was changed.
= 1
$ list set dev colour=red
! parley: there is no option "colour"; there are: description, owners, moderators, post, start, archive, addresses, copies, max_size, subject_prefix, footer, reply_to, join, customs, language, digest_at, roster, banned. «parley --help» shows the commands.
= 2
$ list set dev post
! parley: "post" is not of the form option=value. «parley --help» shows the commands.
= 2
$ list set dev post=members post=anyone
! parley: the option "post" is given twice. «parley --help» shows the commands.
= 2
$ list set dev post=everybody
! parley: option post = "everybody": allowed are anyone, members, moderated, nobody. Nothing was changed; correct it and try again.
= 1
$ list create dev@lists.example.org
! parley: the list dev@lists.example.org is there already; «parley list set» changes it.
= 1
$ list remove talk
talk@lists.example.org takes no more posts and shows no pages. Its archive stays in the database.
$ list show nosuch
! parley: there is no list nosuch; «parley list ls» shows those there are.
= 1
`)
}

func TestListCommandsJSON(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest)
	transcript(t, newClerk(), path, `$ list show news --json
{
  "address": "news@lists.example.org",
  "list_id": "news.lists.example.org",
  "description": "",
  "owners": [],
  "moderators": [
    "mo@example.org"
  ],
  "post": "moderated",
  "start": "",
  "archive": "none",
  "addresses": "masked",
  "copies": "shared",
  "max_size": 10485760,
  "subject_prefix": "",
  "footer": "",
  "reply_to": "author",
  "join": "open",
  "customs": "",
  "language": "en",
  "digest_at": "06:00 UTC",
  "roster": "nobody",
  "banned": [],
  "file_keys": []
}
$ --json list remove news
{
  "removed": "news@lists.example.org"
}
`)
	transcript(t, &clerk{}, path, "$ list ls --json\n[]\n$ list ls\nNo lists yet. `parley list create ADDRESS` makes one.\n")
}

func TestHeldCommands(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest)
	transcript(t, newClerk(), path, `$ held ls
ID  LIST                   RECEIVED              REASON                      FROM                        SUBJECT
1   dev@lists.example.org  2031-05-01 12:30 UTC  the sender is not a member  Eve <eve@evil.example.org>  �]0;owned� hello
2   dev@lists.example.org  2031-05-01 12:30 UTC  every post waits            mo@example.org              -
$ held ls news
Nothing waits.
$ held show 1
id             1
list           dev@lists.example.org
from           Eve <eve@evil.example.org>
subject        �]0;owned� hello
received       2031-05-01 12:30 UTC, 1.5 KiB
waits because  the sender is not a member
proven         signed by evil.example.org; says mx.example.org

From: eve@evil.example.org

�[31mhello
$ held accept 1 7 2
1: accepted.
2: accepted.
! parley: 7: no post 7 waits. «parley held ls» shows what waits.
= 1
$ held reject 1 --reason 'Off topic'
1: rejected, its author is told.
$ held reject 2
2: rejected, its author is not told: a forged one, or a machine, would be.
$ held discard 2
2: discarded.
$ held accept x1
! parley: "x1" is not the number of a row. «parley --help» shows the commands.
= 2
$ held show 7
! parley: no post 7 waits. «parley held ls» shows what waits.
= 1
`)
}

func TestHeldCommandsJSON(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest)
	transcript(t, newClerk(), path, `$ held show 2 --json
{
  "id": 2,
  "list": "dev@lists.example.org",
  "from": "mo@example.org",
  "subject": "-",
  "reason": "every post waits",
  "received": "2031-05-01T12:30:00Z",
  "size": 3,
  "auth": {
    "trusted": true,
    "dmarc": "",
    "dkim": [],
    "by": ""
  },
  "raw": "b25l"
}
$ held accept 2 7 --json
[
  {
    "id": 2,
    "done": "accepted",
    "error": ""
  },
  {
    "id": 7,
    "done": "",
    "error": "no post 7 waits"
  }
]
= 1
$ held ls news --json
[]
`)
}

func TestQueueCommands(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest)
	transcript(t, newClerk(), path, `$ queue ls
ID  LIST                   TO                         TRIES  SINCE                 NEXT                                         SUBJECT  LAST ANSWER
3   dev@lists.example.org  ada@example.org            2      2031-05-01 12:30 UTC  2031-05-01 12:45 UTC                         Hello    451 4.3.0 later
4   dev@lists.example.org  2 recipients               0      2031-05-01 12:30 UTC  2031-05-01 12:45 UTC                         Hello    -
7   dev@lists.example.org  di@example.org             0      2031-05-01 12:30 UTC  2031-05-01 18:30 UTC, in its reader's hours  Hello    -
8   dev@lists.example.org  ed@example.org             0      2031-05-01 12:30 UTC  when the owners decide                       Hello    550 5.7.1 unwanted
-   dev@lists.example.org  (copies still being made)  0      2031-05-01 12:30 UTC  -                                            Hello    -
$ queue retry
2 copies are due now.
$ queue retry 3
1 copy is due now.
$ queue drop 3 9
1 copy is dropped.
! parley: 1 copy is not in the queue any more. «parley queue ls» shows the queue.
= 1
$ queue drop
! parley: expected "<id> ...". «parley --help» shows the commands.
= 2
$ queue drop 4 --json
{
  "dropped": 1
}
$ queue ls --json
[
  {
    "id": 7,
    "job": 5,
    "list": "dev@lists.example.org",
    "subject": "Hello",
    "recipients": [
      "di@example.org"
    ],
    "tries": 0,
    "since": "2031-05-01T12:30:00Z",
    "due": "2031-05-01T18:30:00Z",
    "waits": "hours",
    "last": ""
  },
  {
    "id": 8,
    "job": 5,
    "list": "dev@lists.example.org",
    "subject": "Hello",
    "recipients": [
      "ed@example.org"
    ],
    "tries": 0,
    "since": "2031-05-01T12:30:00Z",
    "due": null,
    "waits": "owners",
    "last": "550 5.7.1 unwanted"
  },
  {
    "id": 0,
    "job": 6,
    "list": "dev@lists.example.org",
    "subject": "Hello",
    "recipients": [],
    "tries": 0,
    "since": "2031-05-01T12:30:00Z",
    "due": null,
    "waits": "",
    "last": ""
  }
]
`)
}

func TestOtherCommands(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest+"[smtp]\nlisten = [\"127.0.0.1:0\"]\ntrust = [\"127.0.0.1\"]\n"+
		"[web]\nlisten = [\"127.0.0.1:0\"]\nurl = \"https://lists.example.org\"\n")
	transcript(t, nil, path, `$ check
PATH is good: 0 lists.
! warning: PATH:6: smtp.trust: every From of these clients is taken at its word. Keep it for a trial, or for servers that check their senders themselves.
$ check --json
{
  "ok": true,
  "file": "PATH",
  "lists": 0,
  "problems": [],
  "warnings": [
    {
      "file": "PATH",
      "line": 6,
      "key": "smtp.trust",
      "reason": "every From of these clients is taken at its word",
      "next": "Keep it for a trial, or for servers that check their senders themselves"
    }
  ]
}
$ import mbox dev old.mbox
! parley: import comes in a later version. «parley --help» shows those of this version.
= 1
$ dkim
! parley: dkim comes in a later version. «parley --help» shows those of this version.
= 1
$ list ls --wide
! parley: unknown flag --wide. «parley --help» shows the commands.
= 2
`)
	transcript(t, nil, writeConfig(t, domain), `$ check --json
{
  "ok": false,
  "file": "PATH",
  "lists": 0,
  "problems": [
    {
      "file": "PATH",
      "line": 1,
      "key": "relay.url",
      "reason": "is missing",
      "next": "Name the mail server that sends for you, such as \"smtp://127.0.0.1:25\", or \"maildir:sent\" to try it"
    }
  ],
  "warnings": []
}
! PATH:1: relay.url: is missing. Name the mail server that sends for you, such as "smtp://127.0.0.1:25", or "maildir:sent" to try it.
= 78
$ list ls
! PATH:1: relay.url: is missing. Name the mail server that sends for you, such as "smtp://127.0.0.1:25", or "maildir:sent" to try it.
= 78
`)
	transcript(t, nil, "/nowhere/config.toml", `$ check
! PATH: config: cannot be read: no such file or directory. Copy config.example.toml there, or name another file with --config.
= 78
`)
}

func TestHelpAndVersion(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--help"}, exitDone, "Usage: parley <command>"},
		{[]string{"held", "reject", "--help"}, exitDone, "--reason=TEXT"},
		{[]string{"version"}, exitDone, "parley "},
		{nil, exitUsage, "parley: no command is given. `parley --help` shows the commands.\n"},
	} {
		var out bytes.Buffer
		if code := run(c.args, &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
			t.Errorf("%v: exit %d, printed\n%s", c.args, code, &out)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		limit int
		want  string
	}{{"abcdef", 0, "abcdef"}, {"abcdef", 6, "abcdef"}, {"abcdef", 5, "abcd…"}, {"山田太郎", 6, "山田…"}} {
		if got := cut(c.text, c.limit); got != c.want {
			t.Errorf("cut %q to %d: %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}
