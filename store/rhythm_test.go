package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/list"
	"parley/message"
)

// How a post comes to somebody.
const (
	asCopy    = "copy"
	collected = "collected" // in a digest, a summary or a catch-up
	anyWay    = "any way"   // one of these: a mail is owed at that moment
	notAtAll  = "not at all"
)

// patron is a member as the model of this test has them.
type patron struct {
	address  string
	active   bool
	delivery list.Delivery
	until    time.Time         // of the pause
	marks    map[int]list.Mark // by the first post of the thread
	hours    list.Hours
	want     map[int]string   // how each post comes, by what was wished when it was taken
	loose    map[int]bool     // it may also not come: they left, or marked its thread, before it did
	got      map[int][]string // how each post came
}

// theatre is an office in which people change their minds while posts go out.
type theatre struct {
	*office
	r       *rand.Rand
	patrons []*patron
	thread  []int // of each post, its first one; posts are numbered from 1
	story   []string
	slow    bool // half of the servers answer "later"
}

// TestEachPostComesAsItWasWished plays random plays: whatever people set, mute,
// pause and leave, and however few copies go out between, each post that was
// taken while somebody was a member comes to them once, as they wished at that
// moment. PARLEY_PLAYS plays more of them.
func TestEachPostComesAsItWasWished(t *testing.T) {
	t.Parallel()
	plays := 8
	if n, err := strconv.Atoi(os.Getenv("PARLEY_PLAYS")); err == nil {
		plays = n
	}
	for seed := range plays {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			p := openTheatre(t, uint64(seed))
			for range 80 {
				p.act()
			}
			p.slow, p.during = false, nil
			for range 24 { // every pause has ended after five days, a digest is due after seven
				p.clock.pass(13 * time.Hour)
				p.settleAll()
			}
			p.judge()
		})
	}
}

func openTheatre(t *testing.T, seed uint64) *theatre {
	copies := []string{"personal", "shared"}[seed%2]
	p := &theatre{office: openOffice(t, "post=anyone", "copies="+copies, "digest_at=06:00 Europe/Berlin"), r: rand.New(rand.NewPCG(seed, 3)), thread: []int{0}}
	for i, delivery := range []list.Delivery{"each", "each", "first", "followed", "daily", "weekly", "summary", "none"} {
		a := &patron{address: fmt.Sprintf("r%d@example.org", i), active: true, delivery: delivery, marks: map[int]list.Mark{},
			want: map[int]string{}, loose: map[int]bool{}, got: map[int][]string{}}
		p.patrons = append(p.patrons, a)
		p.members(a.address)
		p.set(a, list.SettingDelivery, string(delivery))
	}
	p.refuse = p.receive
	p.during = p.meanwhile
	return p
}

func (p *theatre) tell(format string, args ...any) {
	p.story = append(p.story, p.clock.time().Format("02 15:04 ")+fmt.Sprintf(format, args...))
}

// act does one thing at random.
func (p *theatre) act() {
	a := p.patrons[p.r.IntN(len(p.patrons))]
	switch n := p.r.IntN(100); {
	case n < 30:
		p.takePost()
	case n < 48:
		p.deliverSome(1 + p.r.IntN(5))
	case n < 56:
		p.followUp()
	case n < 66:
		p.clock.pass(time.Duration(1+p.r.IntN(30*60)) * time.Minute)
	case n < 72:
		p.tick()
	case n < 74:
		p.slow = !p.slow
	case n < 84:
		p.changeDelivery(a)
	case n < 89:
		p.changePause(a)
	case n < 93:
		p.changeHours(a)
	case n < 97:
		p.changeMark(a)
	default:
		p.comeOrGo(a)
	}
}

// meanwhile does something while a digest, a summary or a catch-up is written.
func (p *theatre) meanwhile(template string) {
	if template != "digest" && template != "summary" && template != "catchup" || p.r.IntN(4) > 0 {
		return
	}
	p.tell("while %s is written:", template)
	a := p.patrons[p.r.IntN(len(p.patrons))]
	switch p.r.IntN(8) {
	case 0, 1, 2, 3:
		p.takePost()
	case 4:
		p.changeDelivery(a)
	case 5:
		p.changePause(a)
	case 6:
		p.changeMark(a)
	case 7:
		p.deliverSome(3)
	}
}

func (p *theatre) takePost() {
	n := len(p.thread)
	var fields []string
	first := n
	if n > 1 && p.r.IntN(2) == 0 {
		up := 1 + p.r.IntN(n-1)
		first = p.thread[up]
		fields = append(fields, fmt.Sprintf("In-Reply-To: <%s>", playID(up)))
	}
	p.thread = append(p.thread, first)
	env := list.Envelope{From: "eve@example.org", To: []string{p.list.Address}, Received: p.clock.time(), Auth: list.Auth{Trusted: true}}
	head := append(fields, "From: eve@example.org", "Message-ID: <"+playID(n)+">", "Subject: "+playName(n), "", "Words of "+playName(n)+".", "")
	if err := p.desk.Receive(context.Background(), env, []byte(strings.Join(head, "\r\n"))); err != nil {
		p.Fatal(err)
	}
	p.tell("post %d in thread %d", n, first)
	for _, a := range p.patrons {
		a.want[n] = p.wished(a, n)
		// A mail that is owed can tell of more than copies would have come.
		a.loose[n] = a.want[n] == anyWay && !a.delivery.Collected() && !a.wantsCopy(p.thread[n] == n, a.marks[p.thread[n]]) ||
			a.want[n] == collected && a.delivery == list.DeliverNone
	}
}

func playID(n int) string { return fmt.Sprintf("p%d@example.org", n) }

func playName(n int) string { return fmt.Sprintf("Play%03d", n) }

// wished is how a post is to come to somebody.
func (p *theatre) wished(a *patron, n int) string {
	mark := a.marks[p.thread[n]]
	switch {
	case !a.active || mark == list.Mute:
		return notAtAll
	case a.until.After(p.clock.time()):
		return collected
	case p.member(a.address).Owed != "":
		return anyWay
	case a.delivery.Collected():
		return collected
	case a.wantsCopy(p.thread[n] == n, mark):
		return asCopy
	}
	return notAtAll
}

func (a *patron) wantsCopy(first bool, mark list.Mark) bool {
	return a.delivery == list.DeliverEach || a.delivery == list.DeliverFirst && first ||
		mark == list.Follow && (a.delivery == list.DeliverFirst || a.delivery == list.DeliverFollowed)
}

func (p *theatre) set(a *patron, name, value string) {
	p.Helper()
	if err := p.desk.SetMember(context.Background(), p.list.ID, a.address, map[string]string{name: value}); err != nil {
		p.Fatal(err)
	}
	p.tell("%s sets %s %s", a.address, name, value)
}

func (p *theatre) changeDelivery(a *patron) {
	if !a.active {
		return
	}
	all := []list.Delivery{"each", "each", "first", "followed", "daily", "weekly", "summary", "none"}
	a.delivery = all[p.r.IntN(len(all))]
	value := string(a.delivery)
	if (a.delivery == list.DeliverDaily || a.delivery == list.DeliverWeekly) && p.r.IntN(3) == 0 {
		value += " plain"
	}
	p.set(a, list.SettingDelivery, value)
}

func (p *theatre) changePause(a *patron) {
	switch {
	case !a.active || a.delivery == list.DeliverNone:
	case p.r.IntN(3) == 0:
		p.set(a, "pause", "off")
		a.until = time.Time{}
	default:
		day := p.clock.time().AddDate(0, 0, 1+p.r.IntN(4)).Format(time.DateOnly)
		p.set(a, "pause", day)
		a.until, _ = time.Parse(time.DateOnly, day)
	}
}

func (p *theatre) changeHours(a *patron) {
	if !a.active {
		return
	}
	a.hours = []list.Hours{"", "08:00-18:00 Europe/Berlin", "22:00-06:00 UTC"}[p.r.IntN(3)]
	p.set(a, list.SettingHours, string(a.hours))
}

func (p *theatre) changeMark(a *patron) {
	if !a.active || len(p.thread) == 1 {
		return
	}
	first := p.thread[1+p.r.IntN(len(p.thread)-1)]
	mark := []list.Mark{list.NoMark, list.Mute, list.Follow}[p.r.IntN(3)]
	m := p.member(a.address)
	write(p.T, p.store, func(tx list.Tx) error {
		post, _, err := tx.FindPost(p.list.ID, playID(first))
		if err != nil {
			return err
		}
		return tx.SetMark(m, post, mark)
	})
	p.tell("%s marks thread %d %s", a.address, first, mark)
	a.marks[first] = mark
	for n := range a.want {
		if p.thread[n] == first && len(a.got[n]) == 0 {
			a.loose[n] = true
			if a.want[n] == notAtAll {
				a.want[n] = anyWay
			}
		}
	}
}

func (p *theatre) comeOrGo(a *patron) {
	ctx := context.Background()
	var err error
	token := p.desk.Site().LeaveToken(p.list.ID, p.member(a.address).ID)
	switch {
	case !a.active && p.r.IntN(2) == 0:
		_, err = p.desk.AddMembers(ctx, p.list.ID, []message.Address{{Addr: a.address}})
	case !a.active:
		if err = p.desk.Grant(ctx, token, 0, list.WishJoin); list.KindOf(err) == list.Refused { // the owners removed them
			return
		}
	case p.r.IntN(2) == 0:
		err = p.desk.Grant(ctx, token, 0, list.WishLeave)
	default:
		_, err = p.desk.RemoveMembers(ctx, p.list.ID, []string{a.address})
	}
	if err != nil {
		p.Fatal(err)
	}
	a.active, a.until = !a.active, time.Time{}
	p.tell("%s is a member: %v", a.address, a.active)
	for n := range a.want {
		a.loose[n] = a.loose[n] || !a.active && len(a.got[n]) == 0
	}
}

// deliverSome claims up to n copies, and settles them.
func (p *theatre) deliverSome(n int) {
	ctx := context.Background()
	copies, _, err := p.store.Claim(ctx, list.Claim{Now: p.clock.time(), Max: n})
	if err != nil {
		p.Fatal(err)
	}
	var results []list.Result
	for _, c := range copies {
		results = append(results, p.carry(c))
	}
	if err := p.store.Settle(ctx, results); err != nil {
		p.Fatal(err)
	}
	p.tell("%d of %d copies went out", len(copies), n)
}

func (p *theatre) followUp() {
	if _, err := p.desk.FollowUp(context.Background()); err != nil {
		p.Fatal(err)
	}
	p.tell("what follows is done")
}

func (p *theatre) tick() {
	if err := p.desk.Tick(context.Background()); err != nil {
		p.Fatal(err)
	}
	p.tell("the clock ticks")
}

// settleAll is work with the clock's tick at a random place.
func (p *theatre) settleAll() {
	if p.r.IntN(2) == 0 {
		p.tick()
	}
	p.work()
}

var playNames = regexp.MustCompile(`Play(\d{3})`)

// receive notes what comes to a mailbox.
func (p *theatre) receive(l letter) *list.Answer {
	if p.slow && p.r.IntN(2) == 0 {
		return &list.Answer{Outcome: list.Later, Code: 451, Due: p.clock.time().Add(time.Hour)}
	}
	i := slices.IndexFunc(p.patrons, func(a *patron) bool { return a.address == l.to })
	if i < 0 || l.Count("List-Unsubscribe") == 0 {
		return nil // a mail to one person: a goodbye
	}
	a, now := p.patrons[i], p.clock.time()
	if !a.hours.Next(now).Equal(now) {
		p.Errorf("%s got mail outside of %s, at %s", a.address, a.hours, now)
	}
	way, text := collected, l.text()
	if l.Count("Received") > 0 {
		way, text = asCopy, l.Get("Subject")
	}
	told := map[int]bool{}
	for _, found := range playNames.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(found[1])
		told[n] = true
	}
	for n := range told {
		a.got[n] = append(a.got[n], way)
		p.tell("%s gets %d: %s %q", a.address, n, way, l.Get("Subject"))
		if c := strings.Count(string(l.raw), "\r\nSubject: "+playName(n)+"\r\n"); c > 1 {
			p.Errorf("%s gets %d %d times in one mail", a.address, n, c)
		}
	}
	return nil
}

// judge compares what came with what was wished.
func (p *theatre) judge() {
	for _, a := range p.patrons {
		for n := 1; n < len(p.thread); n++ {
			want, got := a.want[n], a.got[n]
			right := len(got) == 1 && (got[0] == want || want == anyWay) || len(got) == 0 && (want == notAtAll || a.loose[n]) ||
				len(got) == 1 && a.loose[n]
			if !right {
				p.Errorf("post %d comes to %s %q, wanted: %s (or not at all: %v)", n, a.address, got, want, a.loose[n])
			}
		}
	}
	if p.Failed() {
		p.Log(strings.Join(p.story, "\n"))
	}
}
