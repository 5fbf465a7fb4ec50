package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"parley/bench/rig"
)

// site is where the world sees the archive; the provider's address on loopback
// is one that the config trusts, that of everybody else is not.
const (
	site     = "https://lists.example.org"
	provider = "127.0.0.2"
	street   = "127.0.0.1"
)

// mailWait is the longest wait for one mail; a day of the server may lie in it.
const mailWait = 60 * time.Second

// mail is one mail, as it was on the wire.
type mail struct {
	envelope string // sender
	number   int    // in its mailbox, from 1; 0: on its way in
	raw      []byte
	fields   []rig.Field
	body     string // of a base64 one the text; lines end in LF
	read     bool
}

func parse(raw []byte) mail {
	fields, body := rig.Split(raw)
	if rig.Value(fields, "content-transfer-encoding") == "base64" {
		if text, err := base64.StdEncoding.DecodeString(string(body)); err == nil {
			body = text
		}
	}
	return mail{raw: raw, fields: fields, body: strings.ReplaceAll(string(body), "\r\n", "\n")}
}

func (m mail) value(name string) string { return rig.Value(m.fields, name) }

// world is everybody around the server: mailboxes behind the relay, the way in
// for a stranger and for users of the trusted provider, and the front server
// that ends TLS.
type world struct {
	ctx   context.Context
	dir   string
	out   io.Writer
	house rig.House
	clock clock
	sink  *rig.Sink
	front *httptest.Server
	gates map[string]*gate // by the address from which they connect

	mu    sync.Mutex
	boxes map[string][]mail
	more  chan struct{} // closed, and made anew, when a mail has come
}

func newWorld(ctx context.Context, dir string, out io.Writer, day time.Duration) (_ *world, err error) {
	w := &world{ctx: ctx, dir: dir, out: out, clock: newClock(day),
		gates: map[string]*gate{}, boxes: map[string][]mail{}, more: make(chan struct{})}
	w.house.Dir = dir
	if w.house.SMTP, err = rig.FreeAddr(); err != nil {
		return nil, err
	}
	if w.house.Web, err = rig.FreeAddr(); err != nil {
		return nil, err
	}
	if w.sink, err = rig.NewSink(w.deliver); err != nil {
		return nil, err
	}
	for _, source := range []string{street, provider} {
		if w.gates[source], err = newGate(source, w.house.SMTP); err != nil {
			return nil, err
		}
	}
	if err := w.openFront(); err != nil {
		return nil, err
	}
	return w, w.write()
}

func (w *world) close() error {
	w.front.Close()
	for _, g := range w.gates {
		g.listener.Close()
	}
	return w.sink.Close()
}

// openFront ends TLS for the archive, as a web server before it does, with a
// certificate that only curl is told to trust.
func (w *world) openFront() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	sketch := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lists.example.org"},
		DNSNames: []string{"lists.example.org"}, IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, sketch, sketch, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	w.front = httptest.NewUnstartedServer(httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: w.house.Web}))
	w.front.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	w.front.StartTLS()
	return os.WriteFile(filepath.Join(w.dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600)
}

// deliver puts a mail into the mailbox of each recipient, for the client as an
// mbox.
func (w *world) deliver(d rig.Delivery) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, who := range d.Rcpts {
		m := parse(d.Data)
		m.envelope, m.number = d.From, len(w.boxes[who])+1
		if err := appendMbox(w.box(who), m); err != nil {
			return err
		}
		w.boxes[who] = append(w.boxes[who], m)
	}
	close(w.more)
	w.more = make(chan struct{})
	return nil
}

func (w *world) box(who string) string { return filepath.Join(w.dir, "mail", who) }

func appendMbox(path string, m mail) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open a mailbox: %w", err)
	}
	text := "\n" + strings.ReplaceAll(string(m.raw), "\r\n", "\n")
	_, err = fmt.Fprintf(f, "From relay@example.org %s%s\n", time.Now().UTC().Format(time.ANSIC), strings.ReplaceAll(text, "\nFrom ", "\n>From "))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

// unread is the first mail of somebody that the story has not looked at.
func (w *world) unread(who string) (mail, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.boxes[who] {
		if !m.read {
			return m, true
		}
	}
	return mail{}, false
}

// next waits for the next mail to somebody and marks it as read.
func (w *world) next(who string) (mail, error) {
	deadline := time.NewTimer(mailWait)
	defer deadline.Stop()
	for {
		w.mu.Lock()
		more := w.more
		w.mu.Unlock()
		if m, ok := w.unread(who); ok {
			w.mu.Lock()
			w.boxes[who][m.number-1].read = true
			w.mu.Unlock()
			return m, nil
		}
		select {
		case <-more:
		case <-deadline.C:
			return mail{}, fmt.Errorf("no mail came to %s within %s", who, mailWait)
		case <-w.ctx.Done():
			return mail{}, fmt.Errorf("wait for a mail to %s: %w", who, w.ctx.Err())
		}
	}
}
