package outbox

import (
	"bufio"
	"strings"
	"testing"
	"unicode/utf8"

	"parley/list"
)

func TestReplies(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]list.Answer{
		"250 ok\r\n":                             {Outcome: list.Delivered, Code: 250, Text: "ok"},
		"250\r\n":                                {Outcome: list.Delivered, Code: 250},
		"250 2.0.0 ok\r\n":                       {Outcome: list.Delivered, Code: 250, Enhanced: "2.0.0", Text: "ok"},
		"550 5.1.1 who?\n":                       {Outcome: list.Bounced, Code: 550, Enhanced: "5.1.1", Text: "who?"},
		"550-5.1.1 who\r\n550 5.1.1 is it\r\n":   {Outcome: list.Bounced, Code: 550, Enhanced: "5.1.1", Text: "who is it"},
		"550 2.1.1 who?\r\n":                     {Outcome: list.Bounced, Code: 550, Text: "2.1.1 who?"},
		"550 5.1.1111 who?\r\n":                  {Outcome: list.Bounced, Code: 550, Text: "5.1.1111 who?"},
		"451 4.7.1 \x1b[31mlater\x00\xff\r\n":    {Outcome: list.Later, Code: 451, Enhanced: "4.7.1", Text: "[31mlater ?"},
		"354 what\r\n":                           {Outcome: list.Later, Code: 354, Text: "what"},
		"250-ok\r\n451 no\r\n":                   {Outcome: list.Later, Code: 451, Text: "ok no"},
		"550 " + strings.Repeat("ä", 900) + "\n": {Outcome: list.Bounced, Code: 550, Text: strings.Repeat("ä", 250)},
	} {
		rep, err := readReply(bufio.NewReaderSize(strings.NewReader(raw), readBuffer))
		if got := rep.answer(); err != nil || got != want {
			t.Errorf("%.60q: got %+v, %v", raw, got, err)
		}
	}
}

func TestWhatIsNoReply(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"nothing": "", "cut": "250 ok", "words": "hello\r\n", "two digits": "25 ok\r\n", "1xx": "150 ok\r\n", "6xx": "650 ok\r\n",
		"no space": "250ok\r\n", "letters": "2a0 ok\r\n", "HTTP": "HTTP/1.1 400 Bad Request\r\n",
		"long line": "250 " + strings.Repeat("x", readBuffer) + "\r\n",
		"no end":    strings.Repeat("250-ok\r\n", maxReplyLines+1),
	} {
		if rep, err := readReply(bufio.NewReaderSize(strings.NewReader(raw), readBuffer)); err == nil {
			t.Errorf("%s: taken as %+v", name, rep)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "550-5.1.1 a\r\n550 5.1.1 b\r\n", "421\n", "25\r\n", "250-\r\n", "\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		rep, err := readReply(bufio.NewReaderSize(strings.NewReader(string(raw)), readBuffer))
		if err != nil {
			return
		}
		a := rep.answer()
		if a.Code < 200 || a.Code > 599 || (a.Outcome == list.Delivered) != (a.Code < 300) || (a.Outcome == list.Bounced) != (a.Code >= 500) {
			t.Errorf("%q became %+v", raw, a)
		}
		if len(a.Text) > maxText || !utf8.ValidString(a.Text) || strings.ContainsAny(a.Text, "\r\n\x00\x1b") {
			t.Errorf("text %q", a.Text)
		}
		if a.Enhanced != "" && (!isEnhanced(a.Enhanced) || int(a.Enhanced[0]-'0') != a.Code/100) {
			t.Errorf("enhanced code %q for %d", a.Enhanced, a.Code)
		}
	})
}
