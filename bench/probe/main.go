// Command probe asks a real Parley, as a stranger would, whether an address is
// subscribed or a token is near a real one, and compares the times of the
// answers: there must be no difference that anybody could use. See
// bench/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"parley/bench/rig"
)

const (
	listAddress = "dev@lists.test"  // the posts of strangers wait
	openAddress = "open@lists.test" // they do not: its copies show real links
	allWait     = 20 * time.Minute  // for everything
	// The clock of the server runs fast: a thousand questions are the most that
	// go out in an hour, and here that is the work of four seconds.
	day = "90s"
)

type options struct {
	members int
	tries   int
	seed    uint64
	binary  string
}

func main() {
	var o options
	flag.IntVar(&o.members, "members", 5000, "members of the list")
	flag.IntVar(&o.tries, "tries", 1000, "tries of each kind, for members and for strangers each")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the order in which they are asked")
	flag.StringVar(&o.binary, "binary", "", "the parley to probe, built with the tag fastclock; none: built from the tree")
	flag.Parse()
	if flag.NArg() > 0 || o.tries < 2 || o.members < o.tries*len(questions) {
		fmt.Fprintf(os.Stderr, "probe: each question needs members of its own: -members %d or more\n", o.tries*len(questions))
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, allWait)
	usable, err := o.run(ctx)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
	}
	if err != nil || usable > 0 {
		os.Exit(1)
	}
}

// run returns how many usable differences it found.
func (o options) run(ctx context.Context) (usable int, err error) {
	dir, err := os.MkdirTemp("", "parley-probe-")
	if err != nil {
		return 0, fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	if o.binary == "" {
		if o.binary, err = rig.Build(ctx, dir, "fastclock"); err != nil {
			return 0, err
		}
	}
	s := &scene{options: o, rand: rand.New(rand.NewPCG(o.seed, 0)), letters: make(chan rig.Delivery, 2*o.members)}
	if err := s.open(ctx, dir); err != nil {
		return 0, err
	}
	defer s.close()
	fmt.Printf("seed %d, %d members, %d tries each\n%s\n", o.seed, o.members, o.tries, heading)
	for _, probe := range []func(context.Context) ([]pair, error){s.askBySMTP, s.guessByHTTP, s.guessBySMTP} {
		pairs, err := probe(ctx)
		if err != nil {
			return usable, err
		}
		for _, p := range pairs {
			fmt.Println(p)
			if p.usable() {
				usable++
				fmt.Printf("CRIES: %s, a usable difference\n", p.name)
			}
		}
	}
	return usable, nil
}

// scene is the server, and everybody around it.
type scene struct {
	options
	rand    *rand.Rand
	sink    *rig.Sink
	server  *rig.Process
	house   rig.House
	client  *rig.Client
	letters chan rig.Delivery // what the sink was given

	members, strangers []string // those that were not asked about yet
	tokens             []string // of the members' links
}

func (s *scene) open(ctx context.Context, dir string) (err error) {
	if s.sink, err = rig.NewSink(s.receive); err != nil {
		return err
	}
	s.house = rig.House{Dir: filepath.Join(dir, "house"), Relay: "smtp://" + s.sink.Addr(), Fronts: []string{"127.0.0.1/32"}}
	if s.house.SMTP, err = rig.FreeAddr(); err != nil {
		return err
	}
	if s.house.Web, err = rig.FreeAddr(); err != nil {
		return err
	}
	s.cast()
	s.house.Lists = []rig.List{{Address: listAddress, Members: s.members},
		{Address: openAddress, Members: s.members[:s.tries], Options: map[string]string{"post": "anyone"}}}
	if err := s.house.Write(); err != nil {
		return err
	}
	err = errors.Join(os.Setenv("PARLEY_DAY", day), os.Setenv("PARLEY_FROM", fmt.Sprint(time.Now().Unix())))
	if err != nil {
		return err
	}
	if s.server, err = s.house.Serve(s.binary); err != nil {
		return err
	}
	if err := s.server.Ready(ctx); err != nil {
		return err
	}
	if s.client, err = rig.Dial(s.house.SMTP, ""); err != nil {
		return err
	}
	return s.collectTokens(ctx)
}

// receive takes a mail, unless it tells the operator that posts wait.
func (s *scene) receive(d rig.Delivery) error {
	if !slices.Contains(d.Rcpts, "operator@example.org") {
		s.letters <- d
	}
	return nil
}

// cast makes twice as many people as there are members: which of them are is
// left to chance, so that their names tell nothing.
func (s *scene) cast() {
	all := make([]string, 2*s.options.members)
	for i := range all {
		all[i] = fmt.Sprintf("a%06d@d%02d.example.org", i, i%50)
	}
	s.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	s.members, s.strangers = all[:s.options.members], all[s.options.members:]
}

func (s *scene) close() {
	if s.client != nil {
		s.client.Close()
	}
	if s.server != nil {
		s.server.Kill()
	}
	s.sink.Close()
}
