package smtpd

import (
	"fmt"
	"strings"
	"testing"

	"parley/list"
)

// greeted is a session up to before MAIL.
const greeted = "S 220\nC EHLO client.example.org\nS 250\n"

func TestHostile33Order(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "MAIL first", script: "S 220\nC MAIL FROM:<anna@example.org>\nS 503\nN"},
		{name: "RCPT first", script: "S 220\nC RCPT TO:<dev@lists.example.org>\nS 503\nN"},
		{name: "DATA first", script: "S 220\nC DATA\nS 502\nN"},
		{name: "DATA before RCPT", script: greeted + "C MAIL FROM:<anna@example.org>\nS 250\nC DATA\nS 502\nN"},
		{name: "RCPT before MAIL", script: greeted + "C RCPT TO:<dev@lists.example.org>\nS 503\nN"},
		{name: "MAIL twice", script: greeted + "C MAIL FROM:<anna@example.org>\nS 250\nC MAIL FROM:<ben@example.org>\nS 503\nN"},
		{name: "DATA with argument", script: "M\nC DATA now\nS 501\nN"},
		{name: "LHLO", script: "S 220\nC LHLO client.example.org\nS 500\nC MAIL FROM:<anna@example.org>\nS 503\nN"},
		{"EHLO resets", "M\nC EHLO other.example.org\nS 250\nC DATA\nS 502\nC MAIL FROM:<anna@example.org>\nS 250\nN", nil},
	})
}

func TestHostile34HTTP(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "GET", script: `
			S 220
			R "GET / HTTP/1.1\r\nHost: lists.example.org\r\nAccept: */*\r\nUser-Agent: x\r\n\r\n"
			S 501
			S 501
			S 501
			S 501
			S 500
			X`},
		{name: "POST that speaks", script: `
			S 220
			R "POST / HTTP/1.1\r\nHost: lists.example.org\r\nA: b\r\nC: d\r\n\r\nEHLO x\r\nMAIL FROM:<eve@example.org>\r\nRCPT TO:<dev@lists.example.org>\r\nDATA\r\n"
			S 500
			S 501
			S 500
			S 500
			S 500
			X`},
	})
}

func TestHostile35EnvelopeBytes(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"\x01", "\x00", "\x07", "\r", "\t", "\x7f", "\xc3\xa9", "\xff", "\x1b[31m", "\xc2\x85"} {
		t.Run(fmt.Sprintf("%q", bad), func(t *testing.T) {
			t.Parallel()
			h := open(t, Config{}, nil)
			v := h.visit(t, "127.0.0.2")
			v.play(greeted)
			var answers string
			for _, path := range []string{"<MARK" + bad + "MARK@lists.example.org>", "<MARKMARK@lists" + bad + ".example.org>", `<"MARK` + bad + `MARK"@lists.example.org>`} {
				v.send("MAIL FROM:" + path + "\r\n")
				answers += v.expect("553 5.1.3")
			}
			v.play("C MAIL FROM:<anna@example.org>\nS 250")
			v.send("RCPT TO:<MARK" + bad + "MARK@lists.example.org>\r\n")
			answers += v.expect("553 5.1.3")
			v.send("RCPT TO:<dev@lists.example.org> ORCPT=rfc822;MARK" + bad + "\r\n")
			answers += v.expect("553 5.1.3")
			v.play("N")
			if strings.Contains(answers, "MARK") || strings.Contains(h.diary.String(), "MARK") {
				t.Errorf("echoed or logged: %q\n%s", answers, h.diary)
			}
			if asked := h.ledger.questions(); len(asked) != 0 {
				t.Errorf("lists were asked about %q", asked)
			}
			h.stored(t)
		})
	}
	t.Run("SMTPUTF8 asked for", func(t *testing.T) {
		t.Parallel()
		h := open(t, Config{}, nil)
		v := h.visit(t, "127.0.0.2")
		v.play(greeted + "C MAIL FROM:<j\u00f6rg@example.org> SMTPUTF8\nS 250\nC RCPT TO:<\u00f6@lists.example.org>\nS 550 5.1.1\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354\nR \".\\r\\n\"\nS 250")
		env := h.ledger.receipts()[0].env
		if env.From != "j\u00f6rg@example.org" || !env.UTF8 || env.Protocol != "UTF8SMTP" {
			t.Errorf("envelope %+v", env)
		}
		v.play("C MAIL FROM:<a\u202eb@example.org> SMTPUTF8\nS 553 5.1.3\nC MAIL FROM:<a\u0085b@example.org> SMTPUTF8\nS 553 5.1.3\nN")
	})
}

func TestHostile36Lengths(t *testing.T) {
	t.Parallel()
	local := strings.Repeat("l", 65)
	domain := strings.Repeat("d.", 130) + "example.org"
	for _, path := range []string{
		"<" + local + "@lists.example.org>",
		"<dev@" + domain + ">",
		"<" + strings.Repeat("l", 64) + "@" + strings.Repeat("d.", 94) + "example>",
		`<"` + local + `"@lists.example.org>`,
	} {
		t.Run(fmt.Sprint(len(path)), func(t *testing.T) {
			t.Parallel()
			h := open(t, Config{}, nil)
			h.visit(t, "127.0.0.2").play(greeted + "C MAIL FROM:" + path + "\nS 501 5.1.3\nC MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:" + path + "\nS 501 5.1.3\nN")
			h.stored(t)
		})
	}
	playAll(t, Config{}, []scene{{name: "64 are fine", script: greeted + "C MAIL FROM:<" + strings.Repeat("l", 64) + "@example.org>\nS 250\nN"}})
}

func TestHostile37NullSender(t *testing.T) {
	t.Parallel()
	desk := &ledger{receive: func(env list.Envelope) error {
		if env.From == "" {
			return list.Errorf(list.Refused, "No posts with a null sender")
		}
		return nil
	}}
	h := open(t, Config{}, desk)
	h.visit(t, "127.0.0.2").play(greeted + `C MAIL FROM:<>
		S 250
		C RCPT TO:<dev@lists.example.org>
		S 250
		C DATA
		S 354
		R "hello\r\n.\r\n"
		S 550 5.7.1 No posts with a null sender
		N`)
	h.stored(t)
}

func TestHostile38EarlyTalker(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{{"all at once",
		`R "EHLO client.example.org\r\nMAIL FROM:<anna@example.org>\r\nRCPT TO:<dev@lists.example.org>\r\nRCPT TO:<no@lists.example.org>\r\nDATA\r\nhello\r\n.\r\nMAIL FROM:<ben@example.org>\r\nRCPT TO:<ops@lists.example.org>\r\nBDAT 3 LAST\r\nx\r\nNOOP\r\nQUIT\r\n"
		S 220
		S 250
		S 250
		S 250
		S 550 5.1.1
		S 354
		S 250 2.0.0 queued
		S 250
		S 250
		S 250 2.0.0 queued
		S 250
		S 221
		X`, []string{"hello\r\n", "x\r\n"}}})
}

func TestHostile39Auth(t *testing.T) {
	t.Parallel()
	h := open(t, Config{TLS: certificate(t)}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("S 220\nC EHLO client.example.org")
	if got := v.expect("250"); strings.Contains(got, "AUTH") {
		t.Errorf("AUTH is offered: %q", got)
	}
	for i := range 100 {
		v.send("AUTH PLAIN AGFubmEAc2VjcmV0\r\n")
		if i < 99 {
			v.expect("502")
		}
	}
	v.play("S 421 4.7.0\nX")
	if strings.Contains(h.diary.String(), "AGFubmE") {
		t.Error("a password is in the log")
	}
}

func TestHostile40Panic(t *testing.T) {
	t.Parallel()
	for _, p := range []Protocol{SMTP, LMTP} {
		for _, where := range []string{"at RCPT", "at DATA", "at BDAT"} {
			t.Run(fmt.Sprint(where, p), func(t *testing.T) {
				t.Parallel()
				desk := &ledger{}
				if where == "at RCPT" {
					desk.knows = func(rcpt string) error {
						if rcpt == "dev@lists.example.org" {
							panic("a fault that the test planted")
						}
						return nil
					}
				} else {
					desk.receive = func(env list.Envelope) error {
						if env.To[0] == "dev@lists.example.org" {
							panic("a fault that the test planted")
						}
						return nil
					}
				}
				h := openAs(t, Config{}, desk, p)
				h.panics = 1
				other, v := h.visit(t, "127.0.0.3"), h.visit(t, "127.0.0.2")
				hello := "C EHLO client.example.org\nS 250"
				if p == LMTP {
					hello = "C LHLO client.example.org\nS 250"
				}
				begin := "S 220\n" + hello + "\nC MAIL FROM:<anna@example.org>\nS 250\n"
				other.play(begin)
				v.play(begin + "C RCPT TO:<dev@lists.example.org>")
				switch where {
				case "at DATA":
					v.play("S 250\nC DATA\nS 354\nR \"hello\\r\\n.\\r\\n\"")
				case "at BDAT":
					v.play("S 250\nR \"BDAT 5 LAST\\r\\nhello\"")
				}
				v.play("S 421\nX")
				other.play("C RCPT TO:<ops@lists.example.org>\nS 250\nC DATA\nS 354\nR \"hello\\r\\n.\\r\\n\"\nS 250\nN")
				h.stored(t, "hello\r\n")
			})
		}
	}
}

func TestHostile40PanicAtHello(t *testing.T) {
	t.Parallel()
	h := open(t, Config{MaxSize: func() int64 { panic("a fault that the test planted") }}, nil)
	h.panics = 1
	h.visit(t, "127.0.0.2").play("S 220\nC EHLO client.example.org\nS 421\nX")
	h.Reconfigure(Config{})
	h.visit(t, "127.0.0.2").play("D\nR \".\\r\\n\"\nS 250\nN")
	h.stored(t, "")
}

func TestHostile41UnterminatedCommand(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "MAIL", script: greeted + "R \"MAIL FROM:<anna@example.org>\"\nH\nX"},
		{name: "RCPT", script: greeted + "C MAIL FROM:<anna@example.org>\nS 250\nR \"RCPT TO:<dev@lists.example.org>\"\nH\nX"},
	})
	h := open(t, Config{}, nil)
	h.visit(t, "127.0.0.2").play(greeted + "C MAIL FROM:<anna@example.org>\nS 250\nR \"RCPT TO:<dev@lists.example.org>\"\nH\nX")
	if asked := h.ledger.questions(); len(asked) != 0 {
		t.Errorf("lists were asked about %q", asked)
	}
}

func TestHostile42Hello(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "control bytes", script: "S 220\nR \"EHLO a\\x01b\\r\\n\"\nS 501\nR \"HELO a\\tb\\r\\n\"\nS 501\nN"},
		{name: "bare CR", script: "S 220\nR \"EHLO a\\rReceived: b\\r\\n\"\nS 501\nN"},
		{name: "8-bit", script: "S 220\nR \"EHLO \\xe9\\r\\n\"\nS 501\nN"},
		{name: "parentheses", script: "S 220\nC EHLO a(b\nS 501\nC EHLO a;b\nS 501\nC EHLO <a>\nS 501\nN"},
		{name: "nothing", script: "S 220\nC EHLO\nS 501\nC EHLO \nS 501\nN"},
		{name: "300 bytes", script: "S 220\nC EHLO " + strings.Repeat("a.", 150) + "b\nS 501\nN"},
		{name: "5 KB", script: "S 220\nC EHLO " + strings.Repeat("a", 5<<10) + "\nS 500\nX"},
		{name: "localhost", script: "S 220\nC EHLO localhost\nS 250\nC EHLO [127.0.0.2]\nS 250\nC EHLO [IPv6:2001:db8::1]\nS 250\nC HELO my_pc\nS 250\nN"},
	})
	h := open(t, Config{}, nil)
	h.visit(t, "127.0.0.2").play("S 220\nC HELO [127.0.0.2] (x)\nS 250\nC MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354\nR \".\\r\\n\"\nS 250")
	env := h.ledger.receipts()[0].env
	if env.Helo != "[127.0.0.2]" || env.Protocol != "SMTP" {
		t.Errorf("helo %q with %s", env.Helo, env.Protocol)
	}
}
