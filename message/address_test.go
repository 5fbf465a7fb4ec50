package message

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ value, want string }{
		{"ada@example.org", "ada@example.org"},
		{"Ada <ada@example.org>", "Ada <ada@example.org>"},
		{"<ada@example.org>", "ada@example.org"},
		{"Ada Löw <ada@example.org>, bob@example.org", "Ada Löw <ada@example.org> | bob@example.org"},
		{`"Low, Ada" <ada@example.org>`, "Low, Ada <ada@example.org>"},
		{`"Ada \"the\" Low" <ada@example.org>`, `Ada "the" Low <ada@example.org>`},
		{"=?utf-8?q?Ada_L=C3=B6w?= <ada@example.org>", "Ada Löw <ada@example.org>"},
		{`"=?utf-8?q?Ada_L=C3=B6w?=" <ada@example.org>`, "Ada Löw <ada@example.org>"},
		{"=?utf-8?q?A?= =?utf-8?q?da?= x <ada@example.org>", "Ada x <ada@example.org>"},
		{"=?utf-8?q?eve=40example.org=3E?= <ada@example.org>", "eve@example.org> <ada@example.org>"},
		{`"admin@bank.example" <eve@example.org>`, "admin@bank.example <eve@example.org>"},
		{"admin@bank.example <eve@example.org>", "admin@bank.example <eve@example.org>"},
		{"ada@example.org (Ada Low)", "Ada Low <ada@example.org>"},
		{"ada@example.org (Ada (the first) \\) Low)", "Ada (the first) ) Low <ada@example.org>"},
		{"(one) ada@(two)example.org (three)", "three <ada@example.org>"},
		{"Dr. A. Low <ada@example.org>", "Dr. A. Low <ada@example.org>"},
		{"Ada Low ada@example.org", "Ada Low <ada@example.org>"},
		{"ada @ example.org", "ada@example.org"},
		{`"ada low"@example.org`, `"ada low"@example.org`},
		{`<"ada"@example.org>`, "ada@example.org"},
		{`<"ada low"@example.org>`, `"ada low"@example.org`},
		{`<"a@b"@example.org>`, `"a@b"@example.org`},
		{`<"ada,low>"@example.org>, b@example.org`, `"ada,low>"@example.org | b@example.org`},
		{"<@one.example,@two.example:ada@example.org>", "ada@example.org"},
		{"< ada @ example.org >", "ada@example.org"},
		{"<<ada@example.org>>", "ada@example.org"},
		{"Ada <ada@example.org, Bob <bob@example.org>", "Ada <ada@example.org> | Bob <bob@example.org>"},
		{"ada@[192.0.2.1], b@[IPv6:2001:db8::1]", "ada@[192.0.2.1] | b@[IPv6:2001:db8::1]"},
		{"Friends: ada@example.org, Bob <bob@example.org>;, carol@example.org", "ada@example.org | Bob <bob@example.org> | carol@example.org"},
		{"undisclosed-recipients:;", ""},
		{"undisclosed recipients: ;", ""},
		{"ada@example.org; bob@example.org;", "ada@example.org | bob@example.org"},
		{",, ada@example.org,,bob@example.org,", "ada@example.org | bob@example.org"},
		{"Ada, nobody, <>, @example.org, ada@, bob@example.org", "bob@example.org"},
		{`"never closed <ada@example.org>`, "never closed <ada@example.org>"},
		{"(never closed <ada@example.org>", "never closed <ada@example.org>"},
		{"Ada\r\n\t<ada@example.org>,\r\n bob@example.org", "Ada <ada@example.org> | bob@example.org"},
		{"Ada <ada@exam\x00ple.org>, <\"a\r\nBcc: eve\"@example.org>, <a\xff@example.org>, b@example.org", "b@example.org"},
		{"\"Ada\r\nBcc: eve@example.org\" <ada@example.org>", "Ada  Bcc: eve@example.org <ada@example.org>"},
		{"löw@bücher.example", "löw@bücher.example"},
		{"", ""},
	} {
		var got []string
		for _, a := range ParseAddresses(c.value) {
			if a.Name != "" {
				a.Addr = a.Name + " <" + a.Addr + ">"
			}
			got = append(got, a.Addr)
		}
		if s := strings.Join(got, " | "); s != c.want {
			t.Errorf("%q\ngives %q\nwant  %q", c.value, s, c.want)
		}
	}
}

// hostileAddresses are fields that cost other parsers the square of their
// length.
func hostileAddresses() map[string]string {
	cases := map[string]string{}
	for _, s := range []string{"a ", "(", ")", "(a) ", `"`, `\"`, `"a" `, "<", "<a", "a:", "a@b:", "[", "a@[", ",", "=?utf-8?q?a?= ", "a@b,", `<"`, "@"} {
		cases[s] = strings.Repeat(s, maxAddresses/len(s))
	}
	return cases
}

func TestParseAddressesHostile(t *testing.T) {
	t.Parallel()
	for name, value := range hostileAddresses() {
		for _, a := range ParseAddresses(value) {
			if len(a.Name) > 4*maxShown {
				t.Errorf("%q gives a name of %d bytes", name, len(a.Name))
			}
		}
	}
	many := strings.Repeat("ada@example.org, ", 10_000)
	all := ParseAddresses(many)
	if len(all) < 3000 || len(all) > maxAddresses/10 {
		t.Errorf("%d addresses of a field of %d bytes", len(all), len(many))
	}
	for _, a := range all {
		if a.Addr != "ada@example.org" {
			t.Errorf("an address was cut: %q", a.Addr)
		}
	}
}

func BenchmarkAddressesHostile(b *testing.B) {
	for name, value := range hostileAddresses() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				ParseAddresses(value)
			}
		})
	}
}

func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{
		`"Low, Ada" <ada@example.org>, b@[IPv6:::1] (x)`, "g: a@b;, c", `<"a b"@c>`, "<@a,@b:c@d>", `"a\`, "=?q?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, a := range ParseAddresses(value) {
			if !utf8.ValidString(a.Addr) || hasControl(a.Addr) || strings.IndexByte(a.Addr, '@') <= 0 {
				t.Errorf("address %q", a.Addr)
			}
			checkLine(t, a.Name)
			once, err := Canonical(a.Addr)
			if err != nil {
				continue
			}
			if twice, err := Canonical(once); err != nil || twice != once {
				t.Errorf("%q is canonical %q, and that is %q (%v)", a.Addr, once, twice, err)
			}
			if again := ParseAddresses("<" + once + ">"); len(again) != 1 || again[0].Addr != once {
				t.Errorf("canonical %q is read as %q", once, again)
			}
		}
	})
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for addr, want := range map[string]string{
		"ada@example.org":                             "ada@example.org",
		"Ada.Low+x@Example.ORG":                       "Ada.Low+x@example.org",
		"ada@example.org.":                            "ada@example.org",
		`"ada"@example.org`:                           "ada@example.org",
		`"a\d\a"@example.org`:                         "ada@example.org",
		`"ada low"@example.org`:                       `"ada low"@example.org`,
		`"a\"\\@b"@example.org`:                       `"a\"\\@b"@example.org`,
		`"a..b"@example.org`:                          `"a..b"@example.org`,
		"ada@BÜCHER.example":                          "ada@xn--bcher-kva.example",
		"ada@bu\u0308cher.example":                    "ada@xn--bcher-kva.example",
		"ada@XN--BCHER-KVA.example":                   "ada@xn--bcher-kva.example",
		"ada@bücher\u3002example":                     "ada@xn--bcher-kva.example",
		"ada@straße.example":                          "ada@xn--strae-oqa.example",
		"Lo\u0308w@example.org":                       "Löw@example.org",
		"ada@[192.0.2.1]":                             "ada@[192.0.2.1]",
		"ada@[ipv6:2001:DB8:0::1]":                    "ada@[IPv6:2001:db8::1]",
		"ada@localhost":                               "ada@localhost",
		"ada@my_host.example.org":                     "ada@my_host.example.org",
		long + "@example.org":                         long + "@example.org",
		"!#$%&'*+-/=?^_`{|}~@e.example":               "!#$%&'*+-/=?^_`{|}~@e.example",
		long + "a@example.org":                        "",
		"ada@" + long + ".example":                    "",
		"ada@" + strings.Repeat("ab.", 90):            "",
		long + "@" + strings.Repeat("ab.", 63) + "ab": "",
		strings.Repeat("a", 100_000):                  "",
		"":                                            "",
		"ada":                                         "",
		"@example.org":                                "",
		"ada@":                                        "",
		"ada@.":                                       "",
		".ada@example.org":                            "",
		"a..da@example.org":                           "",
		"ada.@example.org":                            "",
		"ada low@example.org":                         "",
		"a@b@example.org":                             "",
		`""@example.org`:                              `""@example.org`,
		`"ada@example.org`:                            "",
		`"ada"x@example.org`:                          "",
		"ada@example..org":                            "",
		"ada@-example.org":                            "",
		"ada@example-.org":                            "",
		"ada@exam ple.org":                            "",
		"ada@exam<ple.org":                            "",
		"ada@[192.0.2]":                               "",
		"ada@[192.0.2.1":                              "",
		"ada@[IPv6:192.0.2.1]":                        "",
		"ada@[2001:db8::1]":                           "",
		"ada@[IPv6:fe80::1%eth0]":                     "",
		"<ada@example.org>":                           "",
		"ada@example.org\r\n":                         "",
		"a\x00da@example.org":                         "",
		"\"a\x7f\"@example.org":                       "",
		"ada\u0085@example.org":                       "",
		"ada\u202e@example.org":                       "",
		"ada\u00a0low@example.org":                    "",
		"ada@exam\xffple.org":                         "",
		"ada@\u202eexample.org":                       "",
	} {
		got, err := Canonical(addr)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q (%v), want %q", addr, got, err, want)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n\"<") {
			t.Errorf("%q is repeated in its error: %v", addr, err)
		}
	}
}

// The address vectors of another judge: what is valid in SMTP is, what is an
// error is one.
func TestCanonicalCorpus(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(corpora(t), "addresses", "isemail.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Tests []struct {
			ID        string `xml:"id,attr"`
			Address   string `xml:"address"`
			Category  string `xml:"category"`
			Diagnosis string `xml:"diagnosis"`
		} `xml:"test"`
	}
	if err := xml.Unmarshal(b, &vectors); err != nil {
		t.Fatal(err)
	}
	// A dot after the domain is taken off, and a backslash before what is not
	// ASCII quotes it.
	lenient := map[string]bool{"35": true, "160": true}
	judged := 0
	for _, v := range vectors.Tests {
		addr := strings.Map(func(r rune) rune { // how the file writes control characters
			if r >= 0x2400 && r < 0x2420 {
				return r - 0x2400
			}
			return r
		}, v.Address)
		ParseAddresses(addr)
		_, err := Canonical(addr)
		switch v.Category {
		case "ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN", "ISEMAIL_RFC5321", "ISEMAIL_ERR":
			judged++
			if lenient[v.ID] {
				continue
			}
			if wrong := v.Category == "ISEMAIL_ERR"; wrong == (err == nil) {
				t.Errorf("vector %s, %q (%s): %v", v.ID, addr, v.Diagnosis, err)
			}
		}
	}
	if judged < 100 {
		t.Errorf("only %d vectors were judged", judged)
	}
}

// corpora is the folder of real mail that is not in this tree.
func corpora(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("PARLEY_CORPORA")
	if dir == "" {
		t.Skip("PARLEY_CORPORA does not say where the shared corpora are")
	}
	return dir
}

// checkLine fails when a line for display holds what it must not.
func checkLine(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxShown {
		t.Errorf("not a line for display: %q", s)
	}
	for _, r := range s {
		if isHidden(r) || r == '\u2028' || r == '\u2029' {
			t.Errorf("holds %U: %q", r, s)
		}
	}
}
