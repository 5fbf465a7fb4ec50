package message

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDecodeHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ value, want string }{
		{"", ""},
		{"  plain  text ", "plain  text"},
		{"=?utf-8?q?caf=C3=A9?=", "café"},
		{"=?UTF-8?B?Y2Fmw6k=?= au lait", "café au lait"},
		{"=?utf-8?B?Y2Fmw6k?=", "café"},
		{"=?iso-8859-1?Q?caf=E9_au?= =?iso-8859-1?Q?_lait?=", "café au lait"},
		{"=?iso-8859-1*fr?Q?caf=E9?=", "café"},
		{"=?iso-8859-1?Q?=93quoted=94?=", "“quoted”"},
		{"=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "café"},
		{"=?utf-8?q?a?=\r\n =?iso-8859-1?q?=E9?=", "aé"},
		{"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"},
		{"x=?utf-8?q?a?=y", "xay"},
		{"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"},
		{"=?gb2312?B?1tDOxA==?= =?big5?B?pKSk5Q==?= =?euc-kr?B?x9GxuQ==?= =?koi8-r?B?8NLJ18XU?=", "中文中文한국Привет"},
		{"=?ks_c_5601-1987?B?x9GxuQ==?= =?hz-gb-2312?Q?=7E=7B=56=50=7E=7D?=", "한국中"},
		{"=?x-nowhere?q?caf=C3=A9?=", "café"},
		{"=?utf-8?x?abc?= =?utf-8?q?abc =??q?abc?=", "=?utf-8?x?abc?= =?utf-8?q?abc =??q?abc?="},
		{"=?utf-8?q?with space?=", "with space"},
		{"=?utf-8?q?=zz=4?=", "=zz=4"},
		{"=?utf-8?b?!!!!?=x", "x"},
		{"=?", "=?"},
		{"caf\xc3\xa9", "café"},
		{"caf\xe9", "café"},
		{"caf\xc3\xa9 \xff \xc3\xa9", "café \ufffd é"},
		{"=?utf-8?q?Eve=0D=0ABcc:_x?=", "Eve  Bcc: x"},
		{"=?utf-8?q?a=00b=1Bc=7F=C2=85d=09e?=", "abcd e"},
		{"a\u202eb\u2066c\u2069d\u200fe\u2028f\ufeff", "abcde f"},
		{"\x00\r\n=?utf-8?q?_a_?=", "a"},
		{"नमस्ते 👩\u200d💻", "नमस्ते 👩\u200d💻"},
	} {
		got := DecodeHeader(c.value)
		if got != c.want {
			t.Errorf("%q gives %q, want %q", c.value, got, c.want)
		}
		checkLine(t, got)
	}
}

func TestDecodeHeaderHostile(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"=?", "=?a?q?", "=?utf-8?q??= ", "=?utf-8?q?a?=", "=?gb2312?b?1tDOxA==?= ", "x", "é", "?", "=?iso-2022-jp?q?=1B$B?="} {
		text := DecodeHeader(strings.Repeat(s, 1<<20/len(s)))
		checkLine(t, text)
		if n := utf8.RuneCountInString(text); s == "x" && (n != maxShown || !strings.HasSuffix(text, "x…")) {
			t.Errorf("a long value is cut to %d characters: %q", n, text)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	for _, seed := range []string{
		"=?utf-8?q?a=0D=0Ab?=", "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?utf-8?b?/?=", "\xff\x00\u202e", "=?utf-16?b?AA0ACg==?=", "=?hz-gb-2312?q?=7E=7B?=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		text := DecodeHeader(value)
		checkLine(t, text)
		if strings.Trim(text, " ") != text {
			t.Errorf("white space around %q", text)
		}
	})
}

func TestIDs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 997)
	for _, c := range []struct{ value, want string }{
		{"<1@example.org>", "1@example.org"},
		{"<1@example.org> <2@example.org>\r\n\t<3@example.org>", "1@example.org 2@example.org 3@example.org"},
		{"<1@example.org><2@example.org>,<3@example.org>", "1@example.org 2@example.org 3@example.org"},
		{"<1@exam\r\n ple.org>", "1@example.org"},
		{"< 1 @\texample.org >", "1@example.org"},
		{"<a/b/c@example.org>", "a/b/c@example.org"},
		{"<no-at>", "no-at"},
		{"<>", ""},
		{"< >", ""},
		{"", ""},
		{"<<1@example.org>>", "1@example.org"},
		{"junk <1@example.org> more \"junk\" <2@example.org> (and <3@example.org>)", "1@example.org 2@example.org 3@example.org"},
		{"Message from Ada of \"Mon, 17 Sep 2001\" <1@example.org>", "1@example.org"},
		{"<1@example.org <2@example.org>", "1@example.org 2@example.org"},
		{"<junk <2@example.org>", "2@example.org"},
		{"<1@example.org", "1@example.org"},
		{"<1@example.org and more", "1@example.org"},
		{"1@example.org", "1@example.org"},
		{"1@example.org>, 2@example.org", "1@example.org 2@example.org"},
		{"only", "only"},
		{"two words", ""},
		{"<1\x00\x1b@example.org>", "1@example.org"},
		{"<\xff@example.org>", "\ufffd@example.org"},
		{"<script>alert('..%00')</script>", "script /script"},
		{"<" + long + "b>", long + "b"},
		{"<" + long + "bc> <1@example.org>", "1@example.org"},
	} {
		if got := strings.Join(IDs(c.value), " "); got != c.want {
			t.Errorf("%q gives %q, want %q", c.value, got, c.want)
		}
	}
}

func TestIDsHostile(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]int{"<": 0, ">": 0, "<a@b ": 40_000, "<a@b>": 40_000, "a@b ": 50_000, "< ": 0} {
		if got := len(IDs(strings.Repeat(s, 200_000/len(s)))); got != want {
			t.Errorf("%q many times gives %d ids, want %d", s, got, want)
		}
	}
}
