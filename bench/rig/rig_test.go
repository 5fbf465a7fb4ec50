package rig

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// recorder keeps what a sink received.
type recorder struct {
	mu  sync.Mutex // protects got
	got []Delivery
	err error
}

func (r *recorder) receive(d Delivery) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, d)
	return r.err
}

func opened(t *testing.T, r *recorder) (*Sink, *Client) {
	t.Helper()
	s, err := NewSink(r.receive)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	c, err := Dial(s.Addr(), "127.0.0.9")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

func TestMailPassesUnchanged(t *testing.T) {
	t.Parallel()
	r := &recorder{}
	_, c := opened(t, r)
	long := strings.Repeat("x", 70_000)
	for _, data := range []string{
		"Subject: a\r\n\r\nbody\r\n",
		".\r\n..\r\n.dot\r\n",
		"Subject: long\r\n\r\n" + long + "\r\n." + long + "\r\n",
		"a\r\n\r\nbare \r and \x00 and \n pass\r\n",
		"",
	} {
		reply, err := c.Post(Mail{From: "a@example.org", To: []string{"b@example.org", "c@example.org"}, Data: []byte(data)})
		if err != nil || !reply.OK() {
			t.Fatalf("post %.20q: %s, %v", data, reply, err)
		}
		last := r.got[len(r.got)-1]
		if string(last.Data) != data || last.From != "a@example.org" || strings.Join(last.Rcpts, " ") != "b@example.org c@example.org" {
			t.Errorf("posted %.40q, received %.40q from %s to %s", data, last.Data, last.From, last.Rcpts)
		}
	}
}

func TestSinkThatCannotKeepAnswers451(t *testing.T) {
	t.Parallel()
	r := &recorder{err: errors.New("disk full")}
	_, c := opened(t, r)
	reply, err := c.Post(Mail{From: "a@example.org", To: []string{"b@example.org"}, Data: []byte("x\r\n")})
	if err != nil || !reply.Temporary() {
		t.Fatalf("got %s, %v; want 451", reply, err)
	}
}

func TestSinkCountsConnections(t *testing.T) {
	t.Parallel()
	s, c := opened(t, &recorder{})
	if s.Opened() != 1 || s.Closed() != 0 {
		t.Fatalf("opened %d, closed %d", s.Opened(), s.Closed())
	}
	c.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Closed() != 1 {
		t.Fatalf("closed %d after the end", s.Closed())
	}
}

func TestDottedNeedsItsCRLF(t *testing.T) {
	t.Parallel()
	got, err := dotted(bufio.NewReader(strings.NewReader("a\n.\n..b\r\n\r.\r\n.\r\nRSET\r\n")))
	if err != nil || string(got) != "a\n\n.b\r\n\r.\r\n" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestSplitTakesWhatIsThere(t *testing.T) {
	t.Parallel()
	fields, body := Split([]byte("Subject: a\r\n b\r\nno field\r\nsubject : second\r\n\r\nbody\r\n\r\nmore"))
	if len(fields) != 3 || Value(fields, "subject") != "a b" || fields[1].Name != "" || fields[2].Value() != "second" {
		t.Errorf("fields: %q", fields)
	}
	if string(body) != "body\r\n\r\nmore" {
		t.Errorf("body: %q", body)
	}
	fields, body = Split([]byte("Subject: only a header"))
	if len(fields) != 1 || body != nil {
		t.Errorf("without an empty line: %q, %q", fields, body)
	}
}

func TestLedgerKeepsEveryLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := OpenLedger(path)
	if err != nil {
		t.Fatal(err)
	}
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 20 {
				if err := l.Add("a", "b"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines, err := ReadLedger(path, 2)
	if err != nil || len(lines) != 160 {
		t.Fatalf("%d lines, %v; want 160", len(lines), err)
	}
	if _, err := ReadLedger(path, 3); err == nil {
		t.Error("lines with 2 fields were read as lines with 3")
	}
	if _, err := OpenLedger(path); err == nil {
		t.Error("a ledger was opened over another")
	}
}

func TestMachineIsRead(t *testing.T) {
	t.Parallel()
	resident, peak, err := Memory(os.Getpid())
	if err != nil || resident <= 0 || peak < resident {
		t.Errorf("memory: %d, peak %d, %v", resident, peak, err)
	}
	if _, err := CPU(os.Getpid()); err != nil {
		t.Error(err)
	}
	all, err := MachineCPU()
	if err != nil || all <= 0 {
		t.Errorf("machine: %s, %v", all, err)
	}
	if _, err := CPU(-1); err == nil {
		t.Error("the CPU time of no process was read")
	}
}

func TestConfigNamesEverything(t *testing.T) {
	t.Parallel()
	h := House{Dir: t.TempDir(), SMTP: "127.0.0.1:1", Web: "127.0.0.1:2", Relay: "smtp://127.0.0.1:3", Trust: []string{"127.0.0.0/8"},
		Lists: []List{{Address: "dev@lists.test", Members: []string{"a@example.org", "b@example.org"}, Options: map[string]string{"post": "anyone"}}}}
	if err := h.Write(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(h.Config())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`listen = ["127.0.0.1:1"]`, `url = "http://127.0.0.1:2"`, `url = "smtp://127.0.0.1:3"`,
		`members = ["a@example.org", "b@example.org"]`, `post = "anyone"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
