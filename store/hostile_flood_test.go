package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"parley/list"
)

// lists makes more lists beside dev, and returns the local parts of all.
func (o *office) lists(more int) []string {
	o.Helper()
	names := []string{"dev"}
	for i := range more {
		names = append(names, fmt.Sprintf("list%d", i))
		if _, err := o.desk.CreateList(o.Context(), names[i+1]+"@lists.example.org", nil); err != nil {
			o.Fatal(err)
		}
	}
	return names
}

// flood hands many mails in at once, as many clients do, and carries them out.
func (o *office) flood(mails []written) {
	o.Helper()
	answers := make(chan error)
	for i, w := range mails {
		go func() {
			env := list.Envelope{From: w.from, To: []string{w.to}, Session: "s", Received: o.clock.time()}
			answers <- o.desk.Receive(o.Context(), env, fmt.Appendf(nil, "From: %s\r\nSubject: %s\r\nMessage-ID: <flood%d@example.org>\r\n\r\n%s\r\n", w.from, w.subject, i, w.body))
		}()
	}
	for range mails {
		if err := <-answers; err != nil {
			o.Error(err)
		}
	}
	o.work()
}

// taken empties the mailboxes of an address with every tag, and returns how
// many mails of each subject lay in them.
func (o *office) taken(address string) map[string]int {
	name, domain, _ := strings.Cut(address, "@")
	sums := map[string]int{}
	for box := range o.boxes {
		local, host, _ := strings.Cut(strings.ToLower(box), "@")
		if base, _, _ := strings.Cut(local, "+"); base == name && host == domain {
			for _, l := range o.inbox(box) {
				sums[l.Get("Subject")]++
			}
		}
	}
	return sums
}

func TestHostile86JoiningInTheNameOfVictims(t *testing.T) {
	t.Parallel()
	const victims, rounds = 20, 5 // and 20 lists: 2,000 tries a day
	o := openOffice(t)
	names := o.lists(19)
	spellings := []string{"vic%d@example.net", "Vic%d@EXAMPLE.net", "vic%d+a@example.net", "vic%d+%[1]d@example.net", "\"vic%d\"@example.net."}
	for day := range 2 {
		for round := range rounds {
			var tries []written
			for v := range victims {
				for i, name := range names {
					from := fmt.Sprintf(spellings[(round+i)%len(spellings)], v)
					to := name + []string{"-subscribe", "-join", "+subscribe", "-request"}[(round+i)%4] + "@lists.example.org"
					tries = append(tries, written{from: from, to: to, subject: "subscribe"})
				}
			}
			o.flood(tries)
			o.clock.pass(24 * time.Hour / rounds)
		}
		for v := range victims {
			sums, all := o.taken(fmt.Sprintf("vic%d@example.net", v)), 0
			for subject, n := range sums {
				all += n
				if n > 1 || !strings.HasSuffix(subject, ": do you want to join?") {
					t.Errorf("day %d, victim %d: %d of %q", day, v, n, subject)
				}
			}
			if all != 3 { // three lists ask, and no more
				t.Errorf("day %d, victim %d: %v", day, v, sums)
			}
		}
		if len(o.boxes) != 0 {
			t.Errorf("day %d: somebody else has mail: %d boxes", day, len(o.boxes))
		}
	}
}

func TestHostile86OneQuestionOfEachListInADay(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	names := o.lists(3)
	try := func(name string, want int) {
		t.Helper()
		for range 3 {
			o.say(written{from: victim, to: name + "-join@lists.example.org", unproven: true})
		}
		if n := len(o.inbox(victim)); n != want {
			t.Errorf("%s sent %d mails", name, n)
		}
	}
	try(names[0], 1)
	o.clock.pass(12 * time.Hour)
	try(names[0], 0)
	try(names[1], 1)
	try(names[2], 1)
	try(names[3], 0) // a fourth list
	o.clock.pass(12*time.Hour + time.Second)
	try(names[0], 1)
	try(names[1], 0)
}

func TestHostile86OtherCommandsInTheNameOfAVictim(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	names := o.lists(4)
	for hour := range 24 {
		var tries []written
		for i, name := range names {
			for _, word := range []string{"help", "info", "lists", "which", "unsubscribe", "who", "set delivery daily", "catchup week", "get 1"} {
				tries = append(tries, written{from: fmt.Sprintf("vic+%d@example.net", (hour+i)%7), to: name + "-request@lists.example.org", body: word})
			}
			tries = append(tries, written{from: "vic@example.net", to: name + "-help@lists.example.org"},
				written{from: "vic@example.net", to: name + "-unsubscribe@lists.example.org"})
		}
		o.flood(tries)
		o.clock.pass(time.Hour - time.Second) // one day in all
	}
	all := 0
	for _, n := range o.taken("vic@example.net") {
		all += n
	}
	if all != 10 || len(o.boxes) != 0 {
		t.Errorf("%d mails, and %d other boxes", all, len(o.boxes))
	}
}

// Mail to the owners goes to the owners: one for one, and none to its author.
func TestHostile86TheOwnersAddressAnswersNobody(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	var tries []written
	for range 50 {
		tries = append(tries, written{from: "vic@example.net", to: "dev-owner@lists.example.org", subject: "subscribe", body: "help"})
	}
	o.flood(tries)
	if n := len(o.inbox("owner@example.org")); n != 50 || len(o.boxes) != 0 {
		t.Errorf("%d mails, and %d other boxes", n, len(o.boxes))
	}
}

func TestHostile86NoMoreThanAThousandInAnHour(t *testing.T) {
	t.Parallel()
	o := openOffice(t)
	var tries []written
	for i := range 1050 {
		tries = append(tries, written{from: fmt.Sprintf("vic%d@example.net", i), to: "dev-join@lists.example.org"})
	}
	o.flood(tries)
	if len(o.boxes) != 1000 {
		t.Errorf("%d mails went out", len(o.boxes))
	}
	for range 3 { // who is proven is served all the same
		o.command("ann@example.org", "help")
		o.one("ann@example.org")
	}
	o.clock.pass(time.Hour + time.Second)
	o.flood([]written{{from: "late@example.net", to: "dev-join@lists.example.org"}})
	o.one("late@example.net")
}
