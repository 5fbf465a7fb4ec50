package outbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"parley/list"
)

// spool plays a store that costs next to nothing: n copies, counted.
type spool struct {
	copies []list.Copy
	left   int
	done   chan struct{}
	mu     sync.Mutex
}

func newSpool(copies []list.Copy) *spool {
	return &spool{copies: copies, left: len(copies), done: make(chan struct{})}
}

func (s *spool) Claim(_ context.Context, c list.Claim) ([]list.Copy, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(c.Skip) > 0 && len(s.copies) > 0 && s.copies[0].Lane == c.Skip[0] {
		return nil, time.Now(), nil
	}
	n := min(c.Max, len(s.copies))
	out := s.copies[:n]
	s.copies = s.copies[n:]
	return out, time.Time{}, nil
}

func (s *spool) Source(context.Context, list.JobID) (list.Source, error) {
	return list.Source{Kind: list.SourcePost, List: list.List{Address: "dev@lists.example.org"}}, nil
}

func (s *spool) Settle(_ context.Context, results []list.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left -= len(results); s.left == 0 {
		close(s.done)
	}
	return nil
}

// cpu is the time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// quickSink answers as fast as it can read, and keeps nothing. Its own cost is
// in the process's, and is measured by BenchmarkQuickSink.
func quickSink(b *testing.B) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go serveQuickly(nc, nc)
		}
	}()
	return l.Addr().String()
}

func serveQuickly(r io.Reader, nc io.WriteCloser) {
	defer nc.Close()
	in, out := bufio.NewReaderSize(r, 32<<10), bufio.NewWriter(nc)
	_, _ = out.WriteString("220 sink\r\n")
	_ = out.Flush()
	for data := false; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		switch {
		case data:
			if string(line) != ".\r\n" {
				continue
			}
			data = false
			_, _ = out.WriteString("250 2.0.0 taken\r\n")
		case line[0] == 'E':
			_, _ = out.WriteString("250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 0\r\n")
		case line[0] == 'D':
			data = true
			_, _ = out.WriteString("354 go on\r\n")
		default:
			_, _ = out.WriteString("250 2.1.0 ok\r\n")
		}
		if in.Buffered() == 0 {
			_ = out.Flush()
		}
	}
}

// benchRunner sends with the envelope senders and the fields of a real site;
// seam is where the fields go, -1: nowhere.
func benchRunner(b *testing.B, copies func(round int) []list.Copy, rcpts, seam int) {
	address := quickSink(b)
	body := strings.Repeat("A line of the mail, as people write them in discussions.\r\n", 35)
	before := cpu()
	b.ResetTimer()
	for n := range b.N {
		s := newSpool(copies(n))
		cfg := toSink(b, config(b, nil), address)
		cfg.Store, cfg.Site, cfg.Bounce = s, aSite(), nil
		cfg.Dress = func(list.Source, list.Site) list.Dressed {
			d := dressed(body)
			d.Seam = seam
			return d
		}
		stop := start(b, cfg)
		<-s.done
		stop()
	}
	total := float64(b.N * rcpts)
	b.ReportMetric(total/b.Elapsed().Seconds(), "copies/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/total, "cpu-µs/copy") // both sides
}

func BenchmarkPersonalOneDomain(b *testing.B) {
	benchRunner(b, func(int) []list.Copy { return personal(1, 10000, "example.org") }, 10000, 0)
}

// BenchmarkPersonalWithoutFields is what the fields of one recipient cost, by
// comparison.
func BenchmarkPersonalWithoutFields(b *testing.B) {
	benchRunner(b, func(int) []list.Copy { return personal(1, 10000, "example.org") }, 10000, -1)
}

func BenchmarkPersonalManyDomains(b *testing.B) {
	benchRunner(b, func(int) []list.Copy {
		var copies []list.Copy
		for i := range 100 {
			copies = append(copies, personal(i*100, 100, fmt.Sprintf("d%d.example.org", i))...)
		}
		return copies
	}, 10000, 0)
}

func BenchmarkShared(b *testing.B) {
	benchRunner(b, func(int) []list.Copy {
		copies := make([]list.Copy, 100)
		for i := range copies {
			copies[i] = shared(i, 100)
		}
		return copies
	}, 10000, -1)
}

// BenchmarkQuickSink is the cost of the other side: the same dialogue, written
// blindly.
func BenchmarkQuickSink(b *testing.B) {
	nc, err := net.Dial("tcp", quickSink(b))
	if err != nil {
		b.Fatal(err)
	}
	defer nc.Close()
	body := testHead + strings.Repeat("A line of the mail, as people write them in discussions.\r\n", 35) + ".\r\n"
	in := bufio.NewReader(nc)
	expect := func(n int) {
		for range n {
			if _, err := in.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
	}
	expect(1)
	before := cpu()
	b.ResetTimer()
	for range b.N {
		_, _ = io.WriteString(nc, "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
		expect(3)
		_, _ = io.WriteString(nc, body)
		expect(1)
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/copy")
}

// distant is a connection on which everything arrives half a round trip late.
func distant(b *testing.B, roundTrip time.Duration) net.Conn {
	ours, theirs := net.Pipe()
	in, out := net.Pipe()
	go serveQuickly(in, theirs)
	b.Cleanup(func() { ours.Close(); in.Close() })
	return &lateConn{Conn: ours, up: out, late: roundTrip}
}

// lateConn holds each write back for the whole round trip; the answer is then
// as late as it would be.
type lateConn struct {
	net.Conn
	up   net.Conn
	late time.Duration
}

func (c *lateConn) Write(p []byte) (int, error) {
	time.Sleep(c.late)
	return c.up.Write(p)
}

func BenchmarkDistantRelay50(b *testing.B) {
	route := Route{Relay: Relay{Scheme: SMTP, Host: "relay.example.org", Port: "25"},
		Dial: func(context.Context, string, string) (net.Conn, error) { return distant(b, 20*time.Millisecond), nil }}
	senders, err := route.Senders()
	if err != nil {
		b.Fatal(err)
	}
	c := senders()
	defer c.Close()
	t := mailTo(hello())
	for _, r := range shared(1, 50).Rcpts {
		t.Rcpts = append(t.Rcpts, r.Address)
	}
	c.Send(b.Context(), t) // the connection is kept
	b.ResetTimer()
	for range b.N {
		if answers, fault := c.Send(b.Context(), t); fault != NoFault || answers[0].Code != 250 {
			b.Fatal(answers[0], fault)
		}
	}
	b.ReportMetric(50*float64(b.N)/b.Elapsed().Seconds(), "rcpts/s")
}

func BenchmarkDistantRelay50GoSMTP(b *testing.B) {
	c := smtp.NewClient(distant(b, 20*time.Millisecond))
	defer c.Close()
	if err := c.Hello("lists.example.org"); err != nil {
		b.Fatal(err)
	}
	var rcpts []string
	for _, r := range shared(1, 50).Rcpts {
		rcpts = append(rcpts, r.Address)
	}
	b.ResetTimer()
	for range b.N {
		if err := c.SendMail("dev-bounces@lists.example.org", rcpts, strings.NewReader(testHead+"Hello.\r\n")); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(50*float64(b.N)/b.Elapsed().Seconds(), "rcpts/s")
}
