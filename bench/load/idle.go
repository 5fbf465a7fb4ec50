package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"parley/bench/rig"
)

// What an idle server may use, and how many idle clients it has.
const (
	emptyMiB   = 30
	crowdedMiB = 150
	idleSMTP   = 1000
	idleHTTP   = 500
	perAddress = 10 // idle connections of each client address, from 127.0.0.2 on
	flowing    = 100
	rest       = 5 * time.Second
)

// measureIdle measures resident memory at rest and with idle connections,
// while posts still flow. No client is trusted.
func measureIdle(ctx context.Context, binary, dir string) error {
	var copies atomic.Int64
	sink, err := rig.NewSink(func(rig.Delivery) error { copies.Add(1); return nil })
	if err != nil {
		return err
	}
	defer sink.Close()
	house, server, err := startIdle(ctx, binary, dir, sink.Addr())
	if err != nil {
		return err
	}
	defer server.Kill()
	if err := wait(ctx, rest); err != nil {
		return err
	}
	failures := []error{within(server.PID(), "empty, at rest", emptyMiB)}
	crowd, err := gather(house)
	defer crowd.close()
	if err != nil {
		return err
	}
	failures = append(failures, flow(ctx, house, &copies))
	failures = append(failures, within(server.PID(), fmt.Sprintf("with %d idle SMTP and %d idle HTTP connections", idleSMTP, idleHTTP), crowdedMiB))
	failures = append(failures, crowd.alive())
	return errors.Join(failures...)
}

func startIdle(ctx context.Context, binary, dir, sink string) (house rig.House, server *rig.Process, err error) {
	house = rig.House{Dir: dir, Relay: "smtp://" + sink,
		Lists: []rig.List{{Address: "idle@lists.test", Members: []string{"a@example.org"}, Options: map[string]string{"post": "anyone"}}}}
	if house.SMTP, err = rig.FreeAddr(); err != nil {
		return house, nil, err
	}
	if house.Web, err = rig.FreeAddr(); err != nil {
		return house, nil, err
	}
	if err := house.Write(); err != nil {
		return house, nil, err
	}
	if server, err = house.Serve(binary); err != nil {
		return house, nil, err
	}
	if err := server.Ready(ctx); err != nil {
		server.Kill()
		return house, nil, err
	}
	return house, server, nil
}

func within(pid int, what string, limit float64) error {
	resident, peak, err := rig.Memory(pid)
	if err != nil {
		return err
	}
	mib := float64(resident) / (1 << 20)
	fmt.Printf("%s: %.1f MiB resident (peak %.1f), at most %.0f\n", what, mib, float64(peak)/(1<<20), limit)
	if mib >= limit {
		return fmt.Errorf("CRIES: %s: %.1f MiB resident, %.0f or more", what, mib, limit)
	}
	return nil
}

// crowd is all idle connections.
type crowd struct {
	smtp []*rig.Client
	http []net.Conn
}

func gather(house rig.House) (*crowd, error) {
	c := &crowd{}
	for i := range idleSMTP {
		client, err := rig.Dial(house.SMTP, address(i))
		if err != nil {
			return c, fmt.Errorf("idle SMTP connection %d: %w", i+1, err)
		}
		c.smtp = append(c.smtp, client)
	}
	for i := range idleHTTP {
		conn, err := browse(house.Web, address(i))
		if err != nil {
			return c, fmt.Errorf("idle HTTP connection %d: %w", i+1, err)
		}
		c.http = append(c.http, conn)
	}
	return c, nil
}

func address(i int) string { return fmt.Sprintf("127.0.0.%d", 2+i/perAddress) }

// browse fetches the front page and keeps the connection.
func browse(addr, local string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, get(conn, addr)
}

func get(conn net.Conn, addr string) error {
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", addr); err != nil {
		return fmt.Errorf("ask for the front page: %w", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return fmt.Errorf("read the front page: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("read the front page: %s", res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// alive says whether the server still serves every idle connection.
func (c *crowd) alive() error {
	gone := 0
	for _, client := range c.smtp {
		reply, err := client.Noop()
		if err != nil || !reply.OK() {
			gone++
		}
	}
	lost := 0
	for _, conn := range c.http {
		if get(conn, "127.0.0.1") != nil {
			lost++
		}
	}
	fmt.Printf("of the idle connections %d SMTP and %d HTTP were closed by the server\n", gone, lost)
	if gone > 0 || lost > 0 {
		return fmt.Errorf("CRIES: the server closed %d idle SMTP and %d idle HTTP connections", gone, lost)
	}
	return nil
}

func (c *crowd) close() {
	for _, client := range c.smtp {
		client.Close()
	}
	for _, conn := range c.http {
		conn.Close()
	}
}

// flow posts beside the idle crowd and waits for the copies.
func flow(ctx context.Context, house rig.House, copies *atomic.Int64) error {
	client, err := rig.Dial(house.SMTP, "127.0.1.1")
	if err != nil {
		return err
	}
	defer client.Close()
	began := time.Now()
	for n := range flowing {
		data := fmt.Sprintf("From: a@example.org\r\nTo: idle@lists.test\r\nSubject: %d\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\n"+
			"Message-ID: <%d@client.example.org>\r\n\r\nStill flowing.\r\n", n, n)
		reply, err := client.Post(rig.Mail{From: "a@example.org", To: []string{"idle@lists.test"}, Data: []byte(data)})
		if err != nil {
			return fmt.Errorf("post beside the crowd: %w", err)
		}
		if !reply.OK() {
			return fmt.Errorf("post beside the crowd: %s", reply)
		}
	}
	posted := time.Since(began)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for copies.Load() < flowing {
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("CRIES: %d of %d copies came while the crowd was there", copies.Load(), flowing)
		}
	}
	fmt.Printf("%d posts beside them: accepted in %.2f s, all copies out in %.2f s\n", flowing, posted.Seconds(), time.Since(began).Seconds())
	return nil
}
