package outbox

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
)

// Scheme is a way out.
type Scheme string

// The ways out.
const (
	SMTP    Scheme = "smtp"      // to a smarthost, with STARTTLS where it is offered
	SMTPS   Scheme = "smtps"     // to a smarthost, TLS from the first byte (RFC 8314)
	LMTP    Scheme = "lmtp+unix" // to a local delivery agent behind a Unix socket (RFC 2033)
	Maildir Scheme = "maildir"   // into files, to try it out
)

// maxSocketPath is what a sockaddr_un holds on Linux, less its final NUL.
const maxSocketPath = 107

// Relay is where all mail goes. It prints without its password.
type Relay struct {
	Scheme Scheme
	Host   string // of a smarthost: a name or an IP address without brackets
	Port   string
	Path   string // of a socket or a maildir
	User   string // "" when the smarthost asks for no login

	password string
}

// ParseRelay reads the url of [relay]. Relative paths are relative to baseDir.
// No part of a password is ever in its errors.
func ParseRelay(raw, baseDir string) (Relay, error) {
	scheme, rest, ok := strings.Cut(raw, ":")
	if !ok {
		return Relay{}, errors.New("relay url has no scheme: write smtp://host, smtps://host, lmtp+unix:/path or maildir:dir")
	}
	switch Scheme(strings.ToLower(scheme)) {
	case SMTP:
		return parseHost(SMTP, raw, "25")
	case SMTPS:
		return parseHost(SMTPS, raw, "465")
	case LMTP:
		return parsePath(LMTP, rest, baseDir)
	case Maildir:
		return parsePath(Maildir, rest, baseDir)
	case "mx":
		return Relay{}, errors.New("relay url mx: (straight to the world) comes later: name a smarthost, smtp://host")
	}
	return Relay{}, errors.New("relay url has an unknown scheme: there are lmtp+unix:, maildir:, smtp:// and smtps://")
}

func parseHost(s Scheme, raw, port string) (Relay, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// err repeats the URL, and with it the password.
		return Relay{}, fmt.Errorf("relay url cannot be read: write %s://user:password@host:port, special characters of user and password percent-encoded", s)
	}
	if err := onlyHost(u); err != nil {
		return Relay{}, err
	}
	r := Relay{Scheme: s, Host: u.Hostname(), Port: port, User: u.User.Username()}
	r.password, _ = u.User.Password()
	if (r.User == "") != (r.password == "") {
		return Relay{}, errors.New("relay url has a user or a password, but not both")
	}
	if strings.ContainsAny(r.User+r.password, "\x00\r\n") {
		return Relay{}, errors.New("relay url has control characters in its user or password")
	}
	if p := u.Port(); p != "" {
		r.Port = p
	}
	if n, err := strconv.Atoi(r.Port); err != nil || n < 1 || n > 65535 {
		return Relay{}, fmt.Errorf("relay url has the port %q, which is not between 1 and 65535", r.Port)
	}
	return r, nil
}

// onlyHost refuses what a relay URL cannot mean.
func onlyHost(u *url.URL) error {
	switch {
	case u.Opaque != "" || u.Hostname() == "":
		return fmt.Errorf("relay url has no host: write %s://host", u.Scheme)
	case strings.ContainsAny(u.Hostname(), " \t%"):
		return errors.New("relay url has a host that cannot be one")
	case u.Path != "" && u.Path != "/":
		return errors.New("relay url has a path after its host; a password with / needs it as %2F")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("relay url has a ? or # after its host; a password with them needs %3F or %23")
	}
	return nil
}

func parsePath(s Scheme, path, baseDir string) (Relay, error) {
	path = strings.TrimPrefix(path, "//")
	if path == "" {
		return Relay{}, fmt.Errorf("relay url has no path: write %s:/path", s)
	}
	if strings.ContainsRune(path, 0) {
		return Relay{}, errors.New("relay url has a NUL in its path")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(baseDir, path)
	}
	if s == LMTP && len(path) > maxSocketPath {
		return Relay{}, fmt.Errorf("relay url has a socket path of %d bytes; the system allows %d", len(path), maxSocketPath)
	}
	return Relay{Scheme: s, Path: filepath.Clean(path)}, nil
}

// String is the relay as a URL, with its user and without its password.
func (r Relay) String() string {
	if r.Path != "" {
		return string(r.Scheme) + ":" + r.Path
	}
	u := url.URL{Scheme: string(r.Scheme), Host: r.address()}
	if r.User != "" {
		u.User = url.User(r.User)
	}
	return u.String()
}

// GoString keeps the password out of %#v.
func (r Relay) GoString() string { return strconv.Quote(r.String()) }

// LogValue keeps the password out of the log.
func (r Relay) LogValue() slog.Value { return slog.StringValue(r.String()) }

func (r Relay) address() string { return net.JoinHostPort(r.Host, r.Port) }

// loopback says whether the smarthost is this machine, where nobody listens
// between: a password may go there in clear.
func (r Relay) loopback() bool {
	ip := net.ParseIP(r.Host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(r.Host, "localhost")
}
