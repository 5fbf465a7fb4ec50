package main

import (
	"strings"
	"testing"
)

func TestMemberCommands(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest)
	transcript(t, newClerk(), path, `$ member ls dev
ADDRESS           NAME      ROLE    DELIVERY     OWN  STATE      SINCE                 NOTE
ada@example.org   Ada �[2J  member  each         yes  active     2031-05-01 12:30 UTC  -
you@example.org   山田      owner   daily plain  no   active     2031-05-01 12:30 UTC  paused until 2031-05-08 12:30 UTC; mail 08:00-18:00 UTC
deaf@example.org  -         member  each         yes  suspended  2031-05-01 12:30 UTC  550 5.1.1 no such mailbox
$ member ls news
news@lists.example.org has no members. «parley member add news@lists.example.org ADDRESS ...» adds some.
$ member add dev bo@example.org 'Cy <cy@Example.org>' ada@example.org
dev@lists.example.org: 2 members added, 1 on the list already.
$ member add dev --file -
dev@lists.example.org: 1 member added, 1 on the list already.
$ member add dev
! parley: member add wants addresses, or --file FILE. «parley --help» shows the commands.
= 2
$ member add dev bo@
! parley: "bo@" is not an address: nothing stands after the @. Nothing was done; write "address" or "Name <address>".
= 1
$ member set dev bo@example.org role=moderator delivery=none
dev@lists.example.org: bo@example.org: delivery = none
dev@lists.example.org: bo@example.org: role = moderator
$ member set dev bo@example.org acknowledgement=yes 'delivery=daily plain' 'hours=08:00-18:00 Europe/Berlin' pause=2031-06-01
dev@lists.example.org: bo@example.org: acknowledgement = yes
dev@lists.example.org: bo@example.org: delivery = daily plain
dev@lists.example.org: bo@example.org: hours = 08:00-18:00 Europe/Berlin
dev@lists.example.org: bo@example.org: pause = 2031-06-01
$ member set dev bo@example.org rank=1
! parley: there is no option "rank"; there are: role, delivery, own, acknowledgement, hours, name, pause. «parley --help» shows the commands.
= 2
$ member set dev nobody@example.org role=owner
! parley: nobody@example.org is not on the list. «parley member ls dev@lists.example.org» shows the members.
= 1
$ member invite dev 'Fay <fay@example.org>' bo@example.org gus@example.org --by 'Ada Example'
dev@lists.example.org: bo@example.org is a member already.
dev@lists.example.org: 2 invitations sent.
$ member invite dev --file -
dev@lists.example.org: new@example.org is a member already.
dev@lists.example.org: ada@example.org is a member already.
dev@lists.example.org: 0 invitations sent.
$ member invite dev noreply@example.org
! parley: noreply@example.org cannot join dev@lists.example.org: it is an address that no person reads as their own. Nothing was changed; correct it and try again.
= 1
$ member invite dev
! parley: member invite wants addresses, or --file FILE. «parley --help» shows the commands.
= 2
$ member remove dev bo@example.org nobody@example.org
dev@lists.example.org: 1 member removed, 1 not on the list.
$ member password dev ada@example.org
! parley: member password comes in a later version. «parley --help» shows those of this version.
= 1
`)
}

func TestMemberCommandsJSON(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallest)
	transcript(t, newClerk(), path, `$ member ls dev --all --json
[
  {
    "address": "ada@example.org",
    "name": "Ada \u001b[2J",
    "role": "member",
    "delivery": "each",
    "plain": false,
    "own": true,
    "acknowledgement": false,
    "hours": "",
    "paused_until": null,
    "state": "active",
    "why": "",
    "since": "2031-05-01T12:30:00Z"
  },
  {
    "address": "you@example.org",
    "name": "山田",
    "role": "owner",
    "delivery": "daily",
    "plain": true,
    "own": false,
    "acknowledgement": true,
    "hours": "08:00-18:00 UTC",
    "paused_until": "2031-05-08T12:30:00Z",
    "state": "active",
    "why": "",
    "since": "2031-05-01T12:30:00Z"
  },
  {
    "address": "deaf@example.org",
    "name": "",
    "role": "member",
    "delivery": "each",
    "plain": false,
    "own": true,
    "acknowledgement": false,
    "hours": "",
    "paused_until": null,
    "state": "suspended",
    "why": "550 5.1.1 no such\nmailbox",
    "since": "2031-05-01T12:30:00Z"
  },
  {
    "address": "gone@example.org",
    "name": "",
    "role": "member",
    "delivery": "each",
    "plain": false,
    "own": true,
    "acknowledgement": false,
    "hours": "",
    "paused_until": null,
    "state": "left",
    "why": "",
    "since": "2031-05-01T12:30:00Z"
  }
]
$ member add dev bo@example.org --json
{
  "list": "dev@lists.example.org",
  "given": 1,
  "added": 1
}
$ member invite dev bo@example.org fay@example.org --json
{
  "list": "dev@lists.example.org",
  "invited": [
    "fay@example.org"
  ],
  "members": [
    "bo@example.org"
  ]
}
$ member set dev bo@example.org own=no --json
{
  "list": "dev@lists.example.org",
  "address": "bo@example.org",
  "set": {
    "own": "no"
  }
}
$ member remove dev bo@example.org --json
{
  "list": "dev@lists.example.org",
  "given": 1,
  "removed": 1
}
`)
}

func TestMemberFile(t *testing.T) {
	t.Parallel()
	good := "\ufeff# the team\r\n\r\nBo B. <bo@example.org>\r\n  \"C, Cy\" <cy@example.org>\r\ndi@example.org"
	members, err := parseMembers("team", strings.NewReader(good))
	if err != nil || len(members) != 3 || members[0].Name != "Bo B." || members[1].Name != "C, Cy" || members[2].Addr != "di@example.org" {
		t.Errorf("members %q, %v", members, err)
	}
	bad := "a@example.org\nb\nc@example.org, d@example.org\n<e@example.org\nf>\nG g@example.org\n"
	_, err = parseMembers("team", strings.NewReader(bad))
	if err == nil {
		t.Fatal("the bad file was taken")
	}
	for i, want := range []string{"team:2: ", "team:3: ", "team:4: ", "team:5: ", "team:6: "} {
		if lines := strings.Split(err.Error(), "\n"); len(lines) != 5 || !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d of\n%v\nwants %s", i, err, want)
		}
	}
}
