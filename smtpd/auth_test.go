package smtpd

import (
	"reflect"
	"strings"
	"testing"

	"parley/list"
)

func TestBelieved(t *testing.T) {
	t.Parallel()
	const (
		pass    = "Authentication-Results: mx.example.org; dmarc=pass header.from=example.net; dkim=pass header.d=example.net\n"
		fail    = "Authentication-Results: mx.example.org; dmarc=fail header.from=bank.example; dkim=fail header.d=bank.example\n"
		forged  = "Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example; dkim=pass header.d=bank.example\n"
		front   = "Received: from client.example.net (client.example.net [192.0.2.1])\n\tby mx.example.org (Postfix) with ESMTPS id 1\n\tfor <dev@lists.example.org>; Sun, 22 Nov 2026 10:00:00 +0000\n"
		foreign = "Received: from a by relay.example.net; Sun, 22 Nov 2026 09:59:00 +0000\n"
		rest    = "From: cleo@example.net\nSubject: x\n\nbody\n"
	)
	good := list.Auth{DMARC: "example.net", DKIM: []string{"example.net"}, By: "mx.example.org"}
	for name, c := range map[string]struct {
		head string
		want list.Auth
	}{
		"on top":                  {pass + front + foreign, good},
		"below the front's hop":   {front + pass + foreign, good},
		"inside the machine":      {"Received: from mx by localhost (amavis)\n" + front + pass + foreign, good},
		"two fields":              {"Authentication-Results: mx.example.org; dkim=pass header.d=example.net\nX-Spam: no\nAuthentication-Results: mx.example.org; dmarc=pass header.from=example.net\n", good},
		"none":                    {front + foreign, list.Auth{}},
		"another id":              {strings.Replace(pass, "mx.example.org", "evil.example", 1), list.Auth{}},
		"below a foreign hop":     {front + foreign + forged, list.Auth{}},
		"forged below the real":   {fail + front + forged, list.Auth{}},
		"forged next to the real": {front + fail + forged + foreign, list.Auth{}},
		"in the body":             {"Subject: x\n\n foo: bar\n" + forged, list.Auth{}},
		"folded with comments":    {"Authentication-Results: MX.example.org 1 (our; own);\n\tdkim=pass (2048-bit key; secure)\n\t header.d=Example.NET header.i=@example.net header.b=\"a;b=\";\n\tspf=pass smtp.mailfrom=x@example.net;\n\tdmarc=pass (p=none dis=none) header.from=example.net\n", list.Auth{DMARC: "example.net", DKIM: []string{"example.net"}, By: "MX.example.org"}},
		"one broken result":       {"Authentication-Results: mx.example.org; junk; arc=none header.oldest-pass=x; dmarc=pass header.from=\"example.net\"; dkim=pass header.i=@example.net\n", good},
		"result none":             {"Authentication-Results: mx.example.org; none\n", list.Auth{}},
		"commented out":           {"Authentication-Results: mx.example.org; (dmarc=pass header.from=example.net) dmarc=fail header.from=example.net\n", list.Auth{}},
		"quoted":                  {"Authentication-Results: mx.example.org; spf=fail reason=\"x; dmarc=pass header.from=example.net\"\n", list.Auth{}},
		"two signatures":          {"Authentication-Results: mx.example.org; dkim=pass header.d=a.example; dkim=fail header.d=b.example; dkim=pass header.d=c.example\n", list.Auth{DKIM: []string{"a.example", "c.example"}, By: "mx.example.org"}},
	} {
		raw := strings.ReplaceAll(c.head+rest, "\n", "\r\n")
		if got := believed([]byte(raw), []string{"mx.example.org"}, "lists.example.org"); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
		if got := believed([]byte(raw), nil, "lists.example.org"); !reflect.DeepEqual(got, list.Auth{}) {
			t.Errorf("%s, nobody believed: got %+v", name, got)
		}
	}
}

func TestAuthOfSessions(t *testing.T) {
	t.Parallel()
	const text = "Authentication-Results: mx.example.org; dmarc=pass header.from=example.net\r\n\r\n"
	told := list.Auth{DMARC: "example.net", By: "mx.example.org"}
	for name, c := range map[string]struct {
		cfg      Config
		protocol Protocol
		want     list.Auth
	}{
		"stranger":     {Config{}, SMTP, list.Auth{}},
		"trust":        {Config{Trust: prefixes("127.0.0.0/8")}, SMTP, list.Auth{Trusted: true}},
		"front":        {Config{Fronts: prefixes("127.0.0.2/32")}, SMTP, told},
		"other front":  {Config{Fronts: prefixes("127.0.0.3/32")}, SMTP, list.Auth{}},
		"LMTP":         {Config{}, LMTP, told},
		"LMTP trusted": {Config{LMTPTrust: true}, LMTP, list.Auth{Trusted: true}},
		"SMTP beside":  {Config{LMTPTrust: true}, SMTP, list.Auth{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.cfg.Believe = []string{"mx.example.org"}
			h := openAs(t, c.cfg, nil, c.protocol)
			v := h.visit(t, "127.0.0.2")
			hello := "EHLO"
			if c.protocol == LMTP {
				hello = "LHLO"
			}
			v.play("S 220\nC " + hello + " client.example.org\nS 250\nC MAIL FROM:<a@example.net>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354")
			v.send(text + ".\r\n")
			v.play("S 250")
			if got := h.ledger.receipts()[0].env.Auth; !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}
