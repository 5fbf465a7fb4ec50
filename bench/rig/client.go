package rig

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// answerWait is how long a client waits for one reply before it gives up.
const answerWait = 60 * time.Second

// Mail is one mail as a client posts it.
type Mail struct {
	From string // envelope sender
	To   []string
	Data []byte // lines end in CRLF; bare CR, bare LF and NUL go out as they are
}

// Reply is an SMTP reply.
type Reply struct {
	Code int
	Text string // the lines after their codes, joined with a space
}

// OK says that the command was done (2xx).
func (r Reply) OK() bool { return r.Code/100 == 2 }

// Temporary says that the same command may succeed later (4xx).
func (r Reply) Temporary() bool { return r.Code/100 == 4 }

func (r Reply) String() string { return strconv.Itoa(r.Code) + " " + r.Text }

// Client is one SMTP connection that posts.
type Client struct {
	conn net.Conn
	r    *bufio.Reader
}

// Dial connects to addr from the loopback address local ("" is any) and says EHLO.
func Dial(addr, local string) (*Client, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	c := &Client{conn: conn, r: bufio.NewReader(conn)}
	if err := c.greet(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) greet() error {
	banner, err := c.reply()
	if err != nil {
		return fmt.Errorf("read the banner: %w", err)
	}
	if !banner.OK() {
		return fmt.Errorf("read the banner: %s", banner)
	}
	ehlo, err := c.command("EHLO client.example.org")
	if err != nil {
		return err
	}
	if !ehlo.OK() {
		return fmt.Errorf("EHLO: %s", ehlo)
	}
	return nil
}

// Close says QUIT without waiting for an answer, and closes.
func (c *Client) Close() error {
	_ = c.conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = c.conn.Write([]byte("QUIT\r\n"))
	return c.conn.Close()
}

// Post sends one mail and returns the reply that decided about it: the first
// one that refuses, or the one to the final dot. An error means that no answer
// came: the mail may be accepted or not, and the connection is of no more use.
func (c *Client) Post(m Mail) (Reply, error) {
	eight := ""
	if bytes.ContainsFunc(m.Data, func(r rune) bool { return r > 127 }) {
		eight = " BODY=8BITMIME"
	}
	lines := []string{"MAIL FROM:<" + m.From + ">" + eight}
	for _, to := range m.To {
		lines = append(lines, "RCPT TO:<"+to+">")
	}
	for _, line := range lines {
		if reply, err := c.command(line); err != nil || !reply.OK() {
			return c.giveUp(reply, err)
		}
	}
	reply, err := c.command("DATA")
	if err != nil || reply.Code != 354 {
		return c.giveUp(reply, err)
	}
	return c.body(m.Data)
}

// giveUp resets the transaction after a refusal.
func (c *Client) giveUp(reply Reply, err error) (Reply, error) {
	if err != nil {
		return reply, err
	}
	_, err = c.command("RSET")
	return reply, err
}

func (c *Client) body(data []byte) (Reply, error) {
	_ = c.conn.SetDeadline(time.Now().Add(answerWait)) // a connection that takes none fails in the write
	if _, err := c.conn.Write(stuffed(data)); err != nil {
		return Reply{}, fmt.Errorf("send a mail: %w", err)
	}
	return c.reply()
}

// stuffed is data with its dots doubled and the final dot (RFC 5321, 4.5.2).
func stuffed(data []byte) []byte {
	out := bytes.ReplaceAll(data, []byte("\r\n."), []byte("\r\n.."))
	if bytes.HasPrefix(out, []byte(".")) {
		out = append([]byte("."), out...)
	}
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\r\n")) {
		out = append(bytes.Clone(out), "\r\n"...)
	}
	return append(out, ".\r\n"...)
}

func (c *Client) command(line string) (Reply, error) {
	_ = c.conn.SetDeadline(time.Now().Add(answerWait))
	if _, err := c.conn.Write([]byte(line + "\r\n")); err != nil {
		return Reply{}, fmt.Errorf("send %q: %w", line, err)
	}
	return c.reply()
}

func (c *Client) reply() (Reply, error) {
	var texts []string
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return Reply{}, fmt.Errorf("read a reply: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 3 {
			return Reply{}, fmt.Errorf("read a reply: %q is none", line)
		}
		code, err := strconv.Atoi(line[:3])
		if err != nil {
			return Reply{}, fmt.Errorf("read a reply: %q is none", line)
		}
		texts = append(texts, strings.TrimLeft(line[3:], "- "))
		if len(line) == 3 || line[3] != '-' {
			return Reply{Code: code, Text: strings.Join(texts, " ")}, nil
		}
	}
}

// Noop asks the server whether it is still there.
func (c *Client) Noop() (Reply, error) { return c.command("NOOP") }
