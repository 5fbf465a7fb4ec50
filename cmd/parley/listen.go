package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// protocol is what is spoken on a listener.
type protocol string

// The protocols that are served.
const (
	protocolSMTP protocol = "smtp"
	protocolLMTP protocol = "lmtp"
	protocolWeb  protocol = "web"
)

// maxSocketPath is the length of a Unix socket's path that Linux can bind:
// sockaddr_un has 108 bytes with the NUL.
const maxSocketPath = 107

// listener is one address that the config names.
type listener struct {
	key      string // smtp.listen[0]
	protocol protocol
	addr     string // host:port, or unix:/path
}

// listeners are all addresses that the config names, in the order of the file's sections.
func (c *Config) listeners() []listener {
	var all []listener
	add := func(p protocol, addrs []string) {
		for i, addr := range addrs {
			all = append(all, listener{fmt.Sprintf("%s.listen[%d]", p, i), p, addr})
		}
	}
	add(protocolSMTP, c.SMTP.Listen)
	add(protocolLMTP, c.LMTP.Listen)
	add(protocolWeb, c.Web.Listen)
	return all
}

func (l listener) unix() bool { return strings.HasPrefix(l.addr, "unix:") }

// path is the path of a Unix socket, relative as in the file.
func (l listener) path() string { return strings.TrimPrefix(l.addr, "unix:") }

// loopback says whether only this machine can reach the listener. Names other
// than localhost are taken as reachable, without asking the DNS.
func (l listener) loopback() bool {
	host, _, err := net.SplitHostPort(l.addr)
	if err != nil {
		return true // wrong says so
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// wrong says why nothing can listen there, "" if it can.
func (l listener) wrong() string {
	if l.unix() {
		switch {
		case l.protocol != protocolLMTP:
			return "is a Unix socket, which only lmtp.listen takes"
		case l.path() == "":
			return "names no path"
		case len(l.path()) > maxSocketPath:
			return fmt.Sprintf("is longer than the %d bytes that a socket's path can have", maxSocketPath)
		}
		return ""
	}
	host, port, err := net.SplitHostPort(l.addr)
	if err != nil || strings.ContainsAny(host, " /") {
		return "is not host:port"
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 && port != "0" {
		return "has no port between 0 and 65535"
	}
	return ""
}

func (l listener) example() string {
	if l.protocol == protocolLMTP {
		return `Write it as in "127.0.0.1:2424" or "unix:/run/parley/lmtp.sock"`
	}
	return `Write it as in "127.0.0.1:2525", or ":25" for all addresses`
}

// opened are the sockets of a running server.
type opened struct {
	SMTP, LMTP, Web []net.Listener
}

// Close closes all of them.
func (o *opened) Close() {
	for _, group := range [][]net.Listener{o.SMTP, o.LMTP, o.Web} {
		for _, l := range group {
			_ = l.Close() // what fails here was closed before
		}
	}
}

// openListeners opens every address of the config, or none: Problems name each
// that cannot be opened, with its line.
func openListeners(c *Config) (*opened, error) {
	var problems Problems
	o := &opened{}
	for _, l := range c.listeners() {
		open, err := c.open(l)
		if err != nil {
			problems = append(problems, c.unopened(l, err))
			continue
		}
		switch l.protocol {
		case protocolSMTP:
			o.SMTP = append(o.SMTP, open)
		case protocolLMTP:
			o.LMTP = append(o.LMTP, open)
		case protocolWeb:
			o.Web = append(o.Web, open)
		}
	}
	if len(problems) > 0 {
		o.Close()
		return nil, problems
	}
	return o, nil
}

func (c *Config) open(l listener) (net.Listener, error) {
	if !l.unix() {
		// Every session has deadlines of its own; TCP's probes would only cost
		// system calls.
		quiet := net.ListenConfig{KeepAlive: -1}
		return quiet.Listen(context.Background(), "tcp", l.addr)
	}
	mode, err := c.LMTP.socketMode()
	if err != nil {
		return nil, err
	}
	path := c.abs(l.path())
	if err := removeStale(path); err != nil {
		return nil, err
	}
	open, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		_ = open.Close()
		return nil, fmt.Errorf("set the mode of the socket: %w", err)
	}
	return open, nil
}

// removeStale removes the socket that a killed server left behind. One that
// still answers belongs to a running server, and a file that is no socket to
// somebody who will miss it: both stay.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&os.ModeSocket == 0 {
		return errors.New("there is a file that is no socket")
	}
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return syscall.EADDRINUSE // somebody listens, if only with a full backlog
	}
	return os.Remove(path)
}

// unopened says what to do about an address that cannot be listened on.
func (c *Config) unopened(l listener, err error) Problem {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return c.problem(l.key, l.addr+" is in use by another program",
			"Stop that program, perhaps a parley serve that runs already, or choose another address")
	case errors.Is(err, os.ErrPermission):
		return c.problem(l.key, l.addr+" may not be opened by this user",
			"Choose a port over 1023, or give the program CAP_NET_BIND_SERVICE, as doc/install.md shows")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return c.problem(l.key, l.addr+" is not an address of this machine",
			`Write one that it has, or ":port" for all of them`)
	}
	return c.problem(l.key, l.addr+" cannot be opened: "+cause(err), "Correct the address")
}

// prepareData makes the data folder, private to this user, and tries to write
// there. It fails with Problems.
func prepareData(c *Config) error {
	dir := c.DataDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Problems{c.unwritable(dir, err)}
	}
	return tryWriting(c, dir)
}

// checkData is prepareData without making anything that stays: a folder that
// is not there yet has to be possible.
func checkData(c *Config) error {
	dir := c.DataDir()
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return Problems{c.unwritable(dir, syscall.ENOTDIR)}
		case err == nil:
			return tryWriting(c, dir)
		case !errors.Is(err, os.ErrNotExist):
			return Problems{c.unwritable(dir, err)}
		}
		dir = filepath.Dir(dir)
	}
}

func tryWriting(c *Config, dir string) error {
	f, err := os.CreateTemp(dir, ".parley-check-*")
	if err != nil {
		return Problems{c.unwritable(dir, err)}
	}
	_ = f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return Problems{c.unwritable(dir, err)}
	}
	return nil
}

func (c *Config) unwritable(dir string, err error) Problem {
	return c.problem("data", dir+" cannot be written: "+cause(err),
		"Name a folder that this user may write, or run as the user that owns it")
}
