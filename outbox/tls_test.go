package outbox

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

const testPassword = "p@ss/word with: everything"

// authority is a CA of our own, with one certificate for mx.example.org.
func authority(t testing.TB) (pool *x509.CertPool, server *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.example.org"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"mx.example.org"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool = x509.NewCertPool()
	pool.AddCert(made)
	return pool, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// elsewhere makes every connection one to address, as if DNS said so.
func elsewhere(address string) Dial {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

// loginCase says what a relay offers and what must come of it.
type loginCase struct {
	url    string // its host and port are only names
	offers string // AUTH line
	tls    bool   // the sink offers STARTTLS
	known  bool   // its CA is one that we know
	want   string
	text   string // part of the answer's text
	auth   string // mechanism that was used, "" for none
	clear  bool   // the mail went in clear
}

const user = "smtp://list:p%40ss%2Fword%20with%3A%20everything@"

var loginCases = map[string]loginCase{
	"STARTTLS with a known CA":          {url: "smtp://mx.example.org", tls: true, known: true, want: "250 delivered"},
	"STARTTLS with an unknown CA":       {url: "smtp://mx.example.org", tls: true, want: "250 delivered"},
	"no STARTTLS":                       {url: "smtp://mx.example.org", want: "250 delivered", clear: true},
	"PLAIN over STARTTLS":               {url: user + "mx.example.org:587", offers: "AUTH LOGIN PLAIN", tls: true, known: true, want: "250 delivered", auth: "PLAIN"},
	"LOGIN over STARTTLS":               {url: user + "mx.example.org:587", offers: "AUTH LOGIN", tls: true, known: true, want: "250 delivered", auth: "LOGIN"},
	"login, unknown CA":                 {url: user + "mx.example.org:587", offers: "AUTH PLAIN", tls: true, want: "0 later", text: "certificate"},
	"login, wrong name":                 {url: user + "other.example.org:587", offers: "AUTH PLAIN", tls: true, known: true, want: "0 later", text: "certificate"},
	"login, no STARTTLS":                {url: user + "mx.example.org:587", offers: "AUTH PLAIN", want: "0 later", text: "not sent in clear"},
	"login in clear on this machine":    {url: user + "127.0.0.1:587", offers: "AUTH PLAIN", want: "250 delivered", auth: "PLAIN", clear: true},
	"login, not offered":                {url: user + "127.0.0.1:587", want: "0 later", text: "neither AUTH"},
	"login, wrong password":             {url: "smtp://list:wr0ng@127.0.0.1:587", offers: "AUTH PLAIN", want: "535 later", text: "who are you"},
	"login, wrong password, LOGIN only": {url: "smtp://list:wr0ng@127.0.0.1:587", offers: "AUTH LOGIN", want: "535 later", text: "who are you"},
	"smtps":                             {url: "smtps://mx.example.org", known: true, want: "250 delivered"},
	"smtps, unknown CA":                 {url: "smtps://mx.example.org", want: "0 later", text: "certificate"},
	"smtps with a login":                {url: strings.Replace(user, "smtp", "smtps", 1) + "mx.example.org", offers: "AUTH PLAIN", known: true, want: "250 delivered", auth: "PLAIN"},
}

func TestTLSAndLogin(t *testing.T) {
	t.Parallel()
	pool, server := authority(t)
	for name, c := range loginCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.run(t, pool, server)
		})
	}
}

func (c loginCase) run(t *testing.T, pool *x509.CertPool, server *tls.Config) {
	s := newSink()
	s.login = base64.StdEncoding.EncodeToString([]byte("\x00list\x00" + testPassword))
	if c.offers != "" {
		s.offers = append(s.offers, c.offers)
	}
	s.implicit = strings.HasPrefix(c.url, "smtps")
	if c.tls || s.implicit {
		s.tls = server
	}
	route := Route{Hostname: "lists.example.org", Dial: elsewhere(s.listen(t)), RootCAs: x509.NewCertPool()}
	if c.known {
		route.RootCAs = pool
	}
	answers, _ := open(t, c.url, route).Send(t.Context(), mailTo(hello(), "b@example.org"))
	if got := brief(answers); got != c.want || !strings.Contains(answers[0].Text, c.text) {
		t.Fatalf("got %s (%q)", got, answers[0].Text)
	}
	if strings.Contains(answers[0].Text, "word with") || strings.Contains(answers[0].Text, "wr0ng") {
		t.Errorf("the answer has the password: %q", answers[0].Text)
	}
	said := slices.IndexFunc(s.commands(), func(l string) bool { return strings.HasPrefix(l, "AUTH "+c.auth) })
	if c.auth != "" && said < 0 {
		t.Errorf("no AUTH %s in %q", c.auth, s.commands())
	}
	if c.want == "250 delivered" {
		if secure := s.mails()[0].secure; secure == c.clear {
			t.Errorf("TLS was %t", secure)
		}
	}
}

func TestBrokenSTARTTLSFallsBackWithoutALogin(t *testing.T) {
	t.Parallel()
	s := newSink()
	s.tls = &tls.Config{} // no certificate: every handshake fails
	c := sender(t, s, "")
	for range 2 {
		if answers, _ := c.Send(t.Context(), mailTo(hello(), "b@example.org")); brief(answers) != "250 delivered" {
			t.Fatalf("got %+v", answers)
		}
	}
	if s.connections() != 2 {
		t.Errorf("%d connections, want one that failed and one that was kept", s.connections())
	}
}

func TestNothingSaidBeforeTLSCounts(t *testing.T) {
	t.Parallel()
	pool, server := authority(t)
	s := newSink()
	s.tls, s.inject = server, "250-injected\r\n250 AUTH PLAIN\r\n"
	route := Route{Dial: elsewhere(s.listen(t)), RootCAs: pool}
	c := open(t, user+"mx.example.org", route)
	answers, fault := c.Send(t.Context(), mailTo(hello(), "b@example.org"))
	if brief(answers) != "0 later" || fault != HostFault || !strings.Contains(answers[0].Text, "talks on in clear") {
		t.Errorf("got %+v, fault %d", answers, fault)
	}
}
