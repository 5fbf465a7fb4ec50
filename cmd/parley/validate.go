package main

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"parley/list"
	"parley/message"
	"parley/outbox"
)

// comesLater ends the refusal of what a later version brings. It is refused,
// because a key that is read and then ignored is a promise that nobody keeps.
const comesLater = "comes in a later version"

// validation collects what is wrong, all of it: an operator who repairs a file
// wants one round, not ten.
type validation struct {
	*Config
	problems Problems
}

// Validate says what keeps this config from running, and fills Warnings. It
// looks at the file, at the files that it names, and never at the network.
func (c *Config) Validate() Problems {
	c.Warnings = nil
	v := &validation{Config: c}
	v.checkLater()
	v.checkNames()
	v.checkOperator()
	v.checkListeners()
	v.checkNets()
	v.checkLimits()
	v.checkRelay()
	v.checkWeb()
	v.checkTLS()
	v.checkSecrets()
	v.checkLists()
	v.checkWords()
	return v.problems
}

func (v *validation) bad(key, reason, next string) {
	v.problems = append(v.problems, v.problem(key, reason, next))
}

func (v *validation) warn(key, reason, next string) {
	v.Warnings = append(v.Warnings, v.problem(key, reason, next))
}

// checkLater refuses what this version knows by name only.
func (v *validation) checkLater() {
	if v.Database != "" {
		v.bad("database", "another database than SQLite "+comesLater, "Leave it out, and name a folder in data")
	}
	if len(v.IMAP.Listen) > 0 {
		v.bad("imap.listen", "the archive over IMAP "+comesLater, "Leave the list empty")
	}
	if v.TLS.ACME {
		v.bad("tls.acme", "fetching certificates "+comesLater, "Leave it out, and name files in cert and key")
	}
	if len(v.Metrics.Listen) > 0 {
		v.bad("metrics.listen", "the metrics page "+comesLater, "Leave the list empty")
	}
	if strings.HasPrefix(v.Relay.URL, "mx:") {
		v.bad("relay.url", "delivery straight to the world "+comesLater,
			`Name a mail server that sends for you, such as "smtp://127.0.0.1:25"`)
	}
}

func (v *validation) checkNames() {
	if v.Data == "" {
		v.bad("data", "is empty", "Name a folder for the database")
	}
	if !isDomain(v.Hostname) {
		v.bad("hostname", "is not a host name", `Write the name of this machine, such as "lists.example.org"`)
	}
	if len(v.Domains) == 0 {
		v.bad("domains", "is missing", `Name the domain of your lists, such as domains = ["lists.example.org"]`)
	}
	seen := map[string]bool{}
	for i, d := range v.Domains {
		key := fmt.Sprintf("domains[%d]", i)
		switch {
		case !isDomain(d):
			v.bad(key, fmt.Sprintf("%q is not a domain in lower case", d), `Write it as in "lists.example.org"`)
		case seen[d]:
			v.bad(key, fmt.Sprintf("%q stands there twice", d), "Leave one of them out")
		}
		seen[d] = true
	}
}

// isDomain says whether d is a domain as package message writes it: lower case,
// IDN as A-labels, no dot at the end.
func isDomain(d string) bool {
	c, err := message.Canonical("x@" + d)
	return err == nil && c == "x@"+d && !strings.Contains(d, "[")
}

// checkOperator wants a person to write to as soon as strangers can reach us
// (RFC 5321, 4.5.1: postmaster; RFC 2142: abuse).
func (v *validation) checkOperator() {
	if v.Operator == "" {
		if key := v.offLoopback(); key != "" {
			v.bad("operator", "is missing, and "+key+" can be reached from outside",
				"Write your own address: it gets postmaster@, abuse@ and what goes wrong")
		}
		return
	}
	addr, err := message.Canonical(v.Operator)
	if err != nil {
		v.bad("operator", "is not an address: "+err.Error(), `Write it as in "you@example.org"`)
		return
	}
	if reason := v.ownAddress(addr, ""); reason != "" {
		v.bad("operator", reason, "Write the address of a person, elsewhere: mail to postmaster@ would come back here")
	}
}

// ownAddress says why mail to addr would come back to us: "" if it would not.
// only narrows it to one list.
func (v *validation) ownAddress(addr, only string) string {
	t, err := list.ParseTarget(addr, v.Site())
	if err != nil {
		return ""
	}
	if t.Verb == list.ToPostmaster || t.Verb == list.ToAbuse {
		return addr + " is answered by Parley itself"
	}
	for _, l := range v.Lists {
		if l.Address == t.Local+"@"+t.Domain && (only == "" || only == l.Address) {
			return addr + " is an address of the list " + l.Address
		}
	}
	return ""
}

// offLoopback is the key of the first listener that others can reach.
func (c *Config) offLoopback() string {
	for _, l := range c.listeners() {
		if !l.unix() && !l.loopback() {
			return l.key
		}
	}
	return ""
}

func (v *validation) checkListeners() {
	seen := map[string]string{}
	for _, l := range v.listeners() {
		if reason := l.wrong(); reason != "" {
			v.bad(l.key, fmt.Sprintf("%q %s", l.addr, reason), l.example())
			continue
		}
		if other := seen[l.addr]; other != "" {
			v.bad(l.key, fmt.Sprintf("%q is named in %s too", l.addr, other), "Leave one of them out")
		}
		if _, port, _ := net.SplitHostPort(l.addr); port != "0" {
			seen[l.addr] = l.key // port 0 is another one each time
		}
	}
	if len(v.SMTP.Listen) == 0 && len(v.LMTP.Listen) == 0 {
		v.bad("smtp.listen", "is empty, and lmtp.listen too: no mail could come in", `Write listen = ["127.0.0.1:2525"]`)
	}
	if _, err := v.LMTP.socketMode(); err != nil {
		v.bad("lmtp.mode", err.Error(), `Write an octal mode in quotes, such as "0660"`)
	}
	if v.offLoopback() != "" && !strings.Contains(v.Hostname, ".") {
		v.warn("hostname", fmt.Sprintf("%q means nothing to the mail servers that reach you", v.Hostname),
			"Write the full name of this machine")
	}
}

// socketMode is the mode of Unix sockets.
func (l LMTPConfig) socketMode() (fs.FileMode, error) {
	n, err := strconv.ParseUint(l.Mode, 8, 32)
	if err != nil || n > 0o777 {
		return 0, fmt.Errorf("%q is not the mode of a socket", l.Mode)
	}
	return fs.FileMode(n), nil
}

func (v *validation) checkNets() {
	v.checkPrefixes("smtp.trust", v.SMTP.Trust)
	v.checkPrefixes("smtp.fronts", v.SMTP.Fronts)
	if len(v.SMTP.Trust) > 0 {
		v.warn("smtp.trust", "every From of these clients is taken at its word",
			"Keep it for a trial, or for servers that check their senders themselves")
	}
	if v.LMTP.Trust {
		v.warn("lmtp.trust", "every From that comes over LMTP is taken at its word",
			"Keep it for a trial, or for a server that checks its senders itself")
	}
	if len(v.SMTP.Believe) > 0 && len(v.SMTP.Fronts) == 0 && len(v.LMTP.Listen) == 0 {
		v.warn("smtp.believe", "counts for nothing without smtp.fronts or lmtp.listen", "Name the front server in smtp.fronts")
	}
	for i, id := range v.SMTP.Believe {
		if id == "" || strings.ContainsAny(id, " \t;") {
			v.bad(fmt.Sprintf("smtp.believe[%d]", i), fmt.Sprintf("%q is not an authserv-id", id),
				`Write what stands first in its Authentication-Results field, such as "mx.example.org"`)
		}
	}
}

// checkPrefixes refuses what is no network, and what is no network of anybody:
// wider than a /8 (IPv4) or a /7 (IPv6, for fc00::/7) means "everybody", and
// everybody would be believed without limits.
func (v *validation) checkPrefixes(key string, texts []string) {
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", key, i)
		p, err := parsePrefix(text)
		switch {
		case err != nil:
			v.bad(at, fmt.Sprintf("%q is not a network", text), `Write it as in "192.0.2.0/24" or "2001:db8::1"`)
		case tooWide(p):
			v.bad(at, fmt.Sprintf("%q is as good as the whole internet", text), "Name your own servers only")
		}
	}
}

func tooWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < 8
	}
	if p.Addr().Is4In6() {
		return p.Bits() < 96+8
	}
	return p.Bits() < 7
}

func (v *validation) checkLimits() {
	for _, l := range []struct {
		key   string
		value int
	}{
		{"smtp.max_connections", v.SMTP.MaxConnections},
		{"smtp.per_client", v.SMTP.PerClient},
		{"smtp.rate_per_minute", v.SMTP.RatePerMinute},
	} {
		if l.value < 1 {
			v.bad(l.key, fmt.Sprintf("%d would let nobody in", l.value), "Write 1 or more, or leave it out")
		}
	}
}

func (v *validation) checkRelay() {
	switch {
	case v.Relay.URL == "":
		v.bad("relay.url", "is missing", `Name the mail server that sends for you, such as "smtp://127.0.0.1:25", or "maildir:sent" to try it`)
		return
	case strings.HasPrefix(v.Relay.URL, "mx:"):
		return // checkLater has said so
	}
	relay, err := v.OpenRelay()
	if err != nil {
		v.bad("relay.url", err.Error(), `Write it as in "smtp://user:pass@host:587" or "lmtp+unix:/run/mail.sock"`)
		return
	}
	if l, ok := v.leadingBack(relay); ok {
		v.bad("relay.url", fmt.Sprintf("leads back to our own %s %q: every copy would be a new post", l.key, l.addr),
			"Name the mail server that sends for you")
	}
}

// leadingBack finds the listener of ours that the relay leads to. It asks no
// DNS: names other than localhost and our own are taken as elsewhere.
func (v *validation) leadingBack(r outbox.Relay) (listener, bool) {
	for _, l := range v.listeners() {
		if l.protocol == protocolWeb {
			continue
		}
		if r.Scheme == outbox.LMTP {
			if l.unix() && r.Path == filepath.Clean(v.abs(l.path())) {
				return l, true
			}
			continue
		}
		host, port, err := net.SplitHostPort(l.addr)
		if err == nil && r.Port == port && v.sameHost(r.Host, host) {
			return l, true
		}
	}
	return listener{}, false
}

// sameHost says whether a client that dials dialed reaches who listens on bound.
func (v *validation) sameHost(dialed, bound string) bool {
	if strings.EqualFold(dialed, bound) {
		return true
	}
	to, err := netip.ParseAddr(dialed)
	local := err == nil && to.IsLoopback() || strings.EqualFold(dialed, "localhost")
	at, boundErr := netip.ParseAddr(bound)
	switch {
	case bound == "" || boundErr == nil && at.IsUnspecified():
		return local || strings.EqualFold(dialed, v.Hostname)
	case strings.EqualFold(dialed, "localhost"):
		return boundErr == nil && at.IsLoopback()
	case bound == "localhost":
		return local
	}
	return err == nil && boundErr == nil && to.Unmap() == at.Unmap()
}

func (v *validation) checkWeb() {
	if len(v.Web.Listen) == 0 && v.Web.URL == "" {
		return
	}
	u, err := url.Parse(v.Web.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		v.bad("web.url", fmt.Sprintf("%q is not the address of a site", v.Web.URL),
			`Write what people type, such as "https://lists.example.org"`)
		return
	}
	if u.Path != "" && u.Path != "/" {
		v.bad("web.url", fmt.Sprintf("%q has a path: the archive stands at the root of its host", v.Web.URL),
			"Give it a host name of its own, such as https://"+v.Hostname)
	}
}

func (v *validation) checkTLS() {
	if v.TLS.Cert == "" && v.TLS.Key == "" {
		return
	}
	if v.TLS.Cert == "" || v.TLS.Key == "" {
		v.bad("tls", "has only one of cert and key", "Name both files, or none")
		return
	}
	if _, err := v.Certificate(); err != nil {
		v.bad("tls.cert", "cannot be used: "+err.Error(), "Name a certificate in PEM and the key that belongs to it")
	}
}

// Certificate reads the certificate of [tls]. There is none when cert is empty.
func (c *Config) Certificate() (tls.Certificate, error) {
	return tls.LoadX509KeyPair(c.abs(c.TLS.Cert), c.abs(c.TLS.Key))
}

// checkWords reads the operator's mails: one that cannot be written would be
// found out on the day when somebody waits for it.
func (v *validation) checkWords() {
	if v.Words == "" {
		return
	}
	set, problems := v.readWords()
	if len(problems) > 0 {
		v.problems = append(v.problems, problems...)
		return
	}
	for _, address := range set.Lists() {
		if err := list.ValidListAddress(address, v.Domains); err != nil {
			v.bad("words", filepath.Join(v.WordsDir(), address)+": no list can be called so: "+words(err), "Rename the folder")
		}
	}
}

// checkSecrets refuses a secret that every account of the machine can read.
func (v *validation) checkSecrets() {
	if u, err := url.Parse(v.Relay.URL); err == nil && u.User != nil {
		if _, ok := u.User.Password(); ok {
			v.checkPrivate("relay.url", "holds a password", v.path)
		}
	}
	if v.TLS.Key != "" {
		v.checkPrivate("tls.key", "is a secret", v.abs(v.TLS.Key))
	}
}

func (v *validation) checkPrivate(key, what, path string) {
	info, err := os.Stat(path)
	if err != nil {
		return // reading it has failed, or will, with a better reason
	}
	switch mode := info.Mode().Perm(); {
	case mode&0o007 != 0:
		v.bad(key, fmt.Sprintf("%s, and everybody on this machine can read the file (mode %04o)", what, mode), "Run: chmod 600 "+path)
	case mode&0o070 != 0:
		v.warn(key, fmt.Sprintf("%s, and the file's group can read it (mode %04o)", what, mode), "If that is not meant, run: chmod 600 "+path)
	}
}
