package smtpd

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestHostile01EndOfDataVariants(t *testing.T) {
	t.Parallel()
	var scenes []scene
	for _, end := range []string{`\n.\n`, `\n.\r\n`, `\r\n.\n`, `\r.\r`, `\r.\r\n`, `\r\n.\r`, `\r\n.\x00\r\n`} {
		scenes = append(scenes, scene{name: end, script: `
			D
			R "Subject: one\r\n\r\nfirst` + end + `MAIL FROM:<eve@example.org>\r\nRCPT TO:<dev@lists.example.org>\r\nDATA\r\nSubject: two\r\n\r\nforged\r\n.\r\n"
			S 550 5.6.0
			N`})
	}
	playAll(t, Config{}, scenes)
}

func TestHostile02CRCRLFEnd(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "at once", script: `
			D
			R "Subject: x\r\n\r\nhello\r\r\n.\r\n"
			S 550 5.6.0
			N`},
		{name: "byte by byte", script: `
			D
			R "Subject: x\r\n\r\nhello\r"
			R "\r"
			R "\n"
			R "."
			R "\r"
			R "\n"
			S 550 5.6.0
			N`},
	})
}

func TestHostile03BareCRAndLF(t *testing.T) {
	t.Parallel()
	messages := map[string]string{
		"LF in header": `Subject: x\nBcc: eve@example.org\r\n\r\nhello\r\n`,
		"CR in header": `Subject: x\rBcc: eve@example.org\r\n\r\nhello\r\n`,
		"LF in body":   `Subject: x\r\n\r\nhel\nlo\r\n`,
		"CR in body":   `Subject: x\r\n\r\nhel\rlo\r\n`,
		"only LF":      `Subject: x\n\nhello\n\r\n`,
		"LF first":     `\nSubject: x\r\n`,
		"CR last":      `Subject: x\r\n\r\nhello\r\r\n`,
	}
	var refused []scene
	for name, m := range messages {
		refused = append(refused, scene{name: name, script: "D\nR \"" + m + `.\r\n"` + "\nS 550 5.6.0\nN"})
	}
	playAll(t, Config{}, refused)
	playAll(t, Config{Normalize: true}, []scene{
		{"normalized LF", "D\nR \"Subject: x\\n\\nhel\\nlo\\r\\n.\\r\\n\"\nS 250\nN", []string{"Subject: x\r\n\r\nhel\r\nlo\r\n"}},
		{"normalized CR", "D\nR \"Subject: x\\r\\n\\r\\nhel\\rlo\\r\\r\\n.\\r\\n\"\nS 250\nN", []string{"Subject: x\r\n\r\nhel\r\nlo\r\n\r\n"}},
		{"normalized dots", "D\nR \"Subject: x\\n\\n..a\\n.\\n.\\r\\n\\r\\n.\\r\\n\"\nS 250\nN", []string{"Subject: x\r\n\r\n.a\r\n.\r\n.\r\n\r\n"}},
		{"NUL all the same", "D\nR \"Subject: x\\n\\n\\x00\\r\\n.\\r\\n\"\nS 550 5.6.0\nN", nil},
	})
}

func TestHostile04NUL(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "header", script: "D\nR \"Sub\\x00ject: x\\r\\n\\r\\nhello\\r\\n.\\r\\n\"\nS 550 5.6.0\nN"},
		{name: "body", script: "D\nR \"Subject: x\\r\\n\\r\\n\\x00\\r\\n.\\r\\n\"\nS 550 5.6.0\nN"},
		{name: "chunk", script: "M\nR \"BDAT 3 LAST\\r\\na\\x00b\"\nS 550 5.6.0\nN"},
	})
}

func TestHostile05DotBytes(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "dot CR X", script: "D\nR \"Subject: x\\r\\n\\r\\n.\\rX\\r\\n.\\r\\n\"\nS 550 5.6.0\nN"},
		{name: "dot LF", script: "D\nR \"Subject: x\\r\\n\\r\\n.\\nX\\r\\n.\\r\\n\"\nS 550 5.6.0\nN"},
		{"stuffed", "D\nR \"Subject: x\\r\\n\\r\\n..\\r\\n.a\\r\\n...\\r\\n.\\r\\n\"\nS 250\nN", []string{"Subject: x\r\n\r\n.\r\na\r\n..\r\n"}},
		{"empty", "D\nR \".\\r\\n\"\nS 250\nN", []string{""}},
	})
}

// smuggled is what a stalled client sends behind a message.
const smuggled = "MAIL FROM:<eve@example.org>\r\nRCPT TO:<ops@lists.example.org>\r\n"

func TestHostile06StalledData(t *testing.T) {
	t.Parallel()
	h := open(t, Config{Limits: Limits{DataIdle: 100 * time.Millisecond}}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play(`
		D
		R "Subject: x\r\n\r\nhalf a mess"
		S 451 4.4.2`)
	v.conn.Write([]byte(smuggled)) // may fail: it is closed already
	v.over()
	h.stored(t)
	if asked := h.ledger.questions(); len(asked) != 1 {
		t.Errorf("lists were asked about %q", asked)
	}
}

func TestHostile07CutData(t *testing.T) {
	t.Parallel()
	var scenes []scene
	for _, tail := range []string{`hello`, `hello\r\n.`, `hello\r\n.\r`, `hello\r\n`} {
		scenes = append(scenes, scene{name: tail, script: "D\nR \"Subject: x\\r\\n\\r\\n" + tail + "\"\nH\nS 451 4.4.2\nX"})
	}
	playAll(t, Config{}, append(scenes, scene{
		"whole, then closed", "D\nR \"Subject: x\\r\\n\\r\\nhello\\r\\n.\\r\\n\"\nH\nS 250 2.0.0 queued\nX", []string{"Subject: x\r\n\r\nhello\r\n"},
	}))
}

func TestHostile08CutChunk(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "five of fifty", script: "M\nR \"BDAT 50 LAST\\r\\nhello\"\nH\nS 451 4.4.2\nX"},
		{name: "none of fifty", script: "M\nR \"BDAT 50 LAST\\r\\n\"\nH\nS 451 4.4.2\nX"},
		{name: "second chunk", script: "M\nR \"BDAT 3\\r\\nabc\"\nS 250\nR \"BDAT 5 LAST\\r\\nab\"\nH\nS 451 4.4.2\nX"},
		{name: "no last", script: "M\nR \"BDAT 3\\r\\nabc\"\nS 250\nH\nX"},
		{"whole, then closed", "M\nR \"BDAT 7 LAST\\r\\nhello\\r\\n\"\nH\nS 250 2.0.0 queued\nX", []string{"hello\r\n"}},
	})
}

func TestHostile09StalledChunk(t *testing.T) {
	t.Parallel()
	h := open(t, Config{Limits: Limits{DataIdle: 100 * time.Millisecond}}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play(`
		M
		R "BDAT 500 LAST\r\nSubject: x\r\n"
		S 451 4.4.2`)
	v.conn.Write([]byte(smuggled))
	v.over()
	h.stored(t)
	if asked := h.ledger.questions(); len(asked) != 1 {
		t.Errorf("lists were asked about %q", asked)
	}
}

func TestHostile10HugeChunk(t *testing.T) {
	t.Parallel()
	var scenes []scene
	for size, code := range map[string]string{
		"4294967295": "552 5.3.4", "99999999999": "552 5.3.4", "99999999999999999999999": "552 5.3.4",
		"-1": "501", "x": "501", "0x10": "501", "": "501", "5 LAST now": "501", "5 FIRST": "501", "+5": "501",
	} {
		scenes = append(scenes, scene{name: size, script: fmt.Sprintf(`
			M
			R "BDAT %s\r\nMAIL FROM:<eve@example.org>\r\nRCPT TO:<ops@lists.example.org>\r\nDATA\r\n"
			S %s
			X`, size, code)})
	}
	playAll(t, Config{}, append(scenes,
		scene{name: "in all", script: `
			M
			R "BDAT 6\r\nabcd\r\nBDAT 6 LAST\r\nabcd\r\n"
			S 250
			S 250`, stored: []string{"abcd\r\nabcd\r\n"}},
	))
	playAll(t, Config{MaxSize: func() int64 { return 10 }}, []scene{
		{name: "two chunks over the limit", script: `
			M
			R "BDAT 6\r\nabcd\r\nBDAT 6 LAST\r\nabcd\r\n"
			S 250
			S 552 5.3.4
			N
			C BDAT 0 LAST
			S 502
			N`},
	})
}

func TestHostile11ChunkWithoutRcpt(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "no mail", script: `
			S 220
			C EHLO client.example.org
			S 250
			R "BDAT 29 LAST\r\nMAIL FROM:<eve@example.org>\r\n"
			S 502
			C RCPT TO:<dev@lists.example.org>
			S 503
			N`},
		{name: "no recipient", script: `
			S 220
			C EHLO client.example.org
			S 250
			C MAIL FROM:<anna@example.org>
			S 250
			C RCPT TO:<nobody@lists.example.org>
			S 550 5.1.1
			R "BDAT 6 LAST\r\nQUIT\r\n"
			S 502
			N`},
	})
}

func TestHostile12ResetBetweenChunks(t *testing.T) {
	t.Parallel()
	second := `
		C RCPT TO:<ops@lists.example.org>
		S 250
		R "BDAT 3 LAST\r\nx\r\n"
		S 250 2.0.0 queued
		N`
	playAll(t, Config{}, []scene{
		{name: "RSET", script: "M\nR \"BDAT 5\\r\\nhello\"\nS 250\nC RSET\nS 250\nC BDAT 0 LAST\nS 502\nN"},
		{name: "MAIL", script: "M\nR \"BDAT 5\\r\\nhello\"\nS 250\nC MAIL FROM:<ben@example.org>\nS 250\nC BDAT 0 LAST\nS 502\nN"},
		{name: "EHLO", script: "M\nR \"BDAT 5\\r\\nhello\"\nS 250\nC EHLO client.example.org\nS 250\nC BDAT 0 LAST\nS 502\nN"},
		{"RSET, then another", "M\nR \"BDAT 5\\r\\nhello\"\nS 250\nC RSET\nS 250\nC MAIL FROM:<ben@example.org>\nS 250" + second, []string{"x\r\n"}},
		{"MAIL, then another", "M\nR \"BDAT 5\\r\\nhello\"\nS 250\nC MAIL FROM:<ben@example.org>\nS 250" + second, []string{"x\r\n"}},
	})
}

func TestHostile13DataAndChunksMixed(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "DATA after BDAT", script: "M\nR \"BDAT 5\\r\\nhello\"\nS 250\nC DATA\nS 503\nN\nC BDAT 0 LAST\nS 502\nN"},
		{name: "RCPT after BDAT", script: "M\nR \"BDAT 5\\r\\nhello\"\nS 250\nC RCPT TO:<ops@lists.example.org>\nS 503\nN"},
		{"BDAT after DATA", "D\nR \"hello\\r\\n.\\r\\n\"\nS 250\nC BDAT 0 LAST\nS 502\nN", []string{"hello\r\n"}},
	})
}

// sized is a message of exactly n bytes in lines of 100.
func sized(n int) string {
	line := strings.Repeat("x", 98) + "\r\n"
	s := strings.Repeat(line, n/len(line))
	if rest := n - len(s); rest > 0 {
		s = strings.Repeat("x", rest+98) + "\r\n" + s[len(line):]
	}
	return s
}

func TestHostile14TooLarge(t *testing.T) {
	t.Parallel()
	h := open(t, Config{MaxSize: func() int64 { return 5000 }}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("D")
	v.send(sized(5001) + ".\r\n")
	v.play("S 552 5.3.4\nN")
	v.play("C MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250\nC DATA\nS 354")
	v.send(sized(500000) + ".\r\n")
	v.play("S 552 5.3.4\nN")
	h.stored(t)
	if n := h.memory.used.Load(); n != 0 {
		t.Errorf("%d bytes are still reserved", n)
	}
}

func TestHostile14ReadingOnIsBounded(t *testing.T) {
	t.Parallel()
	h := open(t, Config{MaxSize: func() int64 { return 100 }, Limits: Limits{Grace: 50 * time.Millisecond}}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("D")
	line := []byte(strings.Repeat("x", 998) + "\r\n")
	for { // a sender that never ends
		if _, err := v.conn.Write(line); err != nil {
			break
		}
	}
	h.stored(t)
}

func TestHostile15SizeAtMail(t *testing.T) {
	t.Parallel()
	playAll(t, Config{MaxSize: func() int64 { return 1000 }}, []scene{
		{name: "one more", script: "S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org> SIZE=1001\nS 552 5.3.4\nN\nC MAIL FROM:<anna@example.org> SIZE=1000 BODY=8BITMIME\nS 250\nN"},
		{name: "no number", script: "S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org> SIZE=-1\nS 501\nN"},
	})
}

func TestHostile16HugeSizeAtMail(t *testing.T) {
	t.Parallel()
	var scenes []scene
	for _, n := range []string{"4294967296", "99999999999", "99999999999999999999999999999"} {
		scenes = append(scenes, scene{name: n, script: "S 220\nC EHLO client.example.org\nS 250\nC MAIL FROM:<anna@example.org> size=" + n + "\nS 552 5.3.4\nN"})
	}
	playAll(t, Config{}, scenes)
}

func TestHostile17ExactSize(t *testing.T) {
	t.Parallel()
	text := sized(5000)
	h := open(t, Config{MaxSize: func() int64 { return 5000 }}, nil)
	v := h.visit(t, "127.0.0.2")
	v.play("D")
	v.send(text + ".\r\n")
	v.play("S 250 2.0.0 queued\nN\nC MAIL FROM:<anna@example.org>\nS 250\nC RCPT TO:<dev@lists.example.org>\nS 250")
	v.send("BDAT 5000 LAST\r\n" + text)
	v.play("S 250 2.0.0 queued\nN")
	h.stored(t, text, text)
}

func TestHostile18BodyLines(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	for _, over := range []int{0, 1} {
		t.Run(fmt.Sprint(mib+over), func(t *testing.T) {
			t.Parallel()
			h := open(t, Config{}, nil)
			v := h.visit(t, "127.0.0.2")
			text := "Subject: x\r\n\r\n" + strings.Repeat("y", mib+over) + "\r\n"
			v.play("D")
			v.send(text + ".\r\n")
			if over == 0 {
				v.play("S 250 2.0.0 queued\nN")
				h.stored(t, text)
				return
			}
			v.play("S 550 5.6.0\nN")
			h.stored(t)
		})
	}
}

func TestHostile19CommandLine(t *testing.T) {
	t.Parallel()
	playAll(t, Config{}, []scene{
		{name: "2048", script: "S 220\nC NOOP " + strings.Repeat("x", 2043) + "\nS 250\nN"},
		{name: "2049", script: "S 220\nC NOOP " + strings.Repeat("x", 2044) + "\nS 500\nX"},
		{name: "no end", script: "S 220\nR \"" + strings.Repeat("x", 100000) + "\"\nS 500\nX"},
	})
}
