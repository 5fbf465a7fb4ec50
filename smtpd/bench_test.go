package smtpd

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"parley/list"
)

// mute is a server with no log, for what is measured.
func mute(b *testing.B) string {
	s := New(Config{Hostname: "mx.lists.example.org", Trust: prefixes("127.0.0.0/8")}, forgetful{&ledger{}}, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go s.Serve(l, SMTP)
	b.Cleanup(func() { s.Shutdown(b.Context()) })
	return l.Addr().String()
}

// cpu is what this process has used, the clients of a benchmark included.
func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMessages posts on kept connections, one after the other and without
// pipelining, as smtplib does.
func BenchmarkMessages(b *testing.B) {
	for _, size := range []int{2 << 10, 100 << 10, 5 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			addr := mute(b)
			text := sized(size) + ".\r\n"
			b.SetBytes(int64(size))
			begin := cpu()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				v := &visitor{t: b, conn: c, r: bufio.NewReader(c)}
				v.play("S 220\nC EHLO client.example.org\nS 250")
				for pb.Next() {
					v.send("MAIL FROM:<anna@example.org> SIZE=" + fmt.Sprint(size) + "\r\n")
					v.expect("250")
					v.send("RCPT TO:<dev@lists.example.org>\r\n")
					v.expect("250")
					v.send("DATA\r\n")
					v.expect("354")
					v.send(text)
					v.expect("250")
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64((cpu()-begin).Microseconds())/float64(b.N), "µs-CPU/message")
		})
	}
}

// BenchmarkIdle tells what an idle session costs, both ends of its socket
// included.
func BenchmarkIdle(b *testing.B) {
	addr := mute(b)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range b.N {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Skipf("no more sockets: %v", err)
		}
		b.Cleanup(func() { c.Close() })
		r := bufio.NewReaderSize(c, 64)
		if _, err := r.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
		fmt.Fprint(c, "EHLO client.example.org\r\n")
		if _, err := r.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := after.HeapInuse + after.StackInuse - before.HeapInuse - before.StackInuse
	b.ReportMetric(float64(used)/float64(b.N), "bytes/session")
}

// forgetful is a ledger that keeps nothing.
type forgetful struct{ *ledger }

func (forgetful) Knows(context.Context, list.Envelope, string) error { return nil }

func (forgetful) Receive(context.Context, list.Envelope, []byte) error { return nil }
