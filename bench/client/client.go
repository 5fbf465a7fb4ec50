package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clientWait is the longest that one call of the mail client, or of curl, takes.
const clientWait = 20 * time.Second

// send lets the client write a new mail.
func (w *world) send(who, source, to, subject, text string) (mail, error) {
	return w.snail(source, text, "-S", "from="+names[who]+" <"+who+">", "-s", subject, to)
}

// answer lets the client reply to a mail in its mailbox: the text on top, then
// the mail as the client quotes it. command is reply, or Lreply, which leads to
// the list; "to", unless empty, replaces the recipients, and then the mail is
// included as in a forward: under a line of hyphens, with its header.
func (w *world) answer(who, source, command string, m mail, to, text string) (mail, error) {
	n := strconv.Itoa(m.number)
	script := command + " " + n + "\n" + text + "\n\n"
	if to == "" {
		script += "~Q " + n + "\n"
	} else {
		script += "~m " + n + "\n" + "~^ header remove to\n~^ header remove cc\n~^ header insert to " + to + "\n"
	}
	return w.snail(source, "mlist dev@lists\\\\.example\\\\.org\n"+script+"~.\nxit\n", "-S", "from="+names[who]+" <"+who+">", "-#", "-R", "-f", w.box(who))
}

// snail runs the client and returns the mail that it sent, as it was on the
// wire. The client knows nothing but a server that takes mail.
func (w *world) snail(source, input string, args ...string) (mail, error) {
	ctx, cancel := context.WithTimeout(w.ctx, clientWait)
	defer cancel()
	g := w.gates[source]
	args = append([]string{"-n", "-S", "v15-compat=yes", "-S", "mta=smtp://" + g.listener.Addr().String(), "-S", "smtp-auth=none",
		"-S", "reply-to-honour=yes", "-S", "sendwait", "-S", "indentprefix=> ", "-S", "mime-encoding=8bit"}, args...)
	cmd := exec.CommandContext(ctx, "s-nail", args...)
	cmd.Dir, cmd.Stdin = w.dir, strings.NewReader(input)
	cmd.Env = []string{"HOME=" + w.dir, "MAILRC=/dev/null", "LC_ALL=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		return mail{}, fmt.Errorf("s-nail: %w: %s", err, out)
	}
	select {
	case said := <-g.heard:
		return sent(said)
	case <-ctx.Done():
		return mail{}, fmt.Errorf("wait for the mail of s-nail: %w", ctx.Err())
	}
}

// sent is the mail in what an SMTP client said (RFC 5321, 4.5.2).
func sent(said []byte) (mail, error) {
	_, data, begun := bytes.Cut(said, []byte("DATA\r\n"))
	data, _, ended := bytes.Cut(data, []byte("\r\n.\r\n"))
	if !begun || !ended {
		return mail{}, fmt.Errorf("the client sent no mail; it said: %s", said)
	}
	data = append(bytes.ReplaceAll(data, []byte("\r\n.."), []byte("\r\n.")), "\r\n"...)
	return parse(data), nil
}

// headers lets the client open a file of mails, and returns its list of them.
func (w *world) headers(mbox []byte) (string, error) {
	ctx, cancel := context.WithTimeout(w.ctx, clientWait)
	defer cancel()
	if err := os.WriteFile(filepath.Join(w.dir, "attached.mbox"), mbox, 0o600); err != nil {
		return "", fmt.Errorf("save an attachment: %w", err)
	}
	cmd := exec.CommandContext(ctx, "s-nail", "-n", "-R", "-H", "-f", "attached.mbox")
	cmd.Dir, cmd.Env = w.dir, []string{"HOME=" + w.dir, "MAILRC=/dev/null", "LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("open an attachment with s-nail: %w: %s", err, out)
	}
	return string(out), nil
}

// curl asks for a page of the site, as somebody elsewhere does.
func (w *world) curl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(w.ctx, clientWait)
	defer cancel()
	args = append([]string{"--silent", "--show-error", "--fail", "--cacert", "ca.pem",
		"--connect-to", "lists.example.org:443:" + w.front.Listener.Addr().String()}, args...)
	cmd := exec.CommandContext(ctx, "curl", args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("curl: %w: %s", err, out)
	}
	return string(out), nil
}

// gate hands connections on to the server, from one loopback address.
type gate struct {
	source   string
	server   string
	listener net.Listener
	heard    chan []byte // what each client said, when it has gone
}

func newGate(source, server string) (*gate, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a gate: %w", err)
	}
	g := &gate{source: source, server: server, listener: l, heard: make(chan []byte, 1)}
	go g.serve() // until the listener is closed
	return g, nil
}

// serve hands on one connection after the other: the client has one at a time.
func (g *gate) serve() {
	for {
		client, err := g.listener.Accept()
		if err != nil {
			return
		}
		said, err := g.handOn(client)
		if err != nil {
			said = []byte(err.Error())
		}
		select {
		case g.heard <- said:
		default: // nobody took what the one before said: its call has failed
		}
	}
}

// handOn ends with the client: it is the one that says QUIT.
func (g *gate) handOn(client net.Conn) ([]byte, error) {
	defer client.Close()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(g.source)}, Timeout: 5 * time.Second}
	server, err := dialer.Dial("tcp", g.server)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer server.Close()
	go func() { // ends with either connection
		defer client.Close()
		_, _ = io.Copy(client, server)
	}()
	said := &bytes.Buffer{}
	_, _ = io.Copy(server, io.TeeReader(client, said))
	return said.Bytes(), nil
}
