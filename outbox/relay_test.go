package outbox

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseRelay(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"smtp://mail.example.org":                                 "smtp://mail.example.org:25",
		"SMTP://mail.example.org/":                                "smtp://mail.example.org:25",
		"smtp://mail.example.org:587":                             "smtp://mail.example.org:587",
		"smtp://[::1]:2525":                                       "smtp://[::1]:2525",
		"smtps://mail.example.org":                                "smtps://mail.example.org:465",
		"smtps://list:s3cret@mail.example.org":                    "smtps://list@mail.example.org:465",
		"smtp://list%40example.org:s%2F3%3A@mail.example.org:587": "smtp://list%40example.org@mail.example.org:587",
		"lmtp+unix:/run/lmtp.sock":                                "lmtp+unix:/run/lmtp.sock",
		"lmtp+unix:run/lmtp.sock":                                 "lmtp+unix:/base/run/lmtp.sock",
		"maildir:sent":                                            "maildir:/base/sent",
		"maildir:///var/sent/":                                    "maildir:/var/sent",

		"":                                       "no scheme",
		"mail.example.org":                       "no scheme",
		"mx:":                                    "comes later",
		"http://mail.example.org":                "unknown scheme",
		"s3cret:x":                               "unknown scheme",
		"smtp:mail.example.org":                  "no host",
		"smtp://":                                "no host",
		"smtp://:25":                             "no host",
		"smtp://list@mail.example.org":           "not both",
		"smtp://:s3cret@mail.example.org":        "not both",
		"smtp://list:s3cret%@mail.example.org":   "cannot be read",
		"smtp://list:s3c/ret@mail.example.org":   "cannot be read",
		"smtp://list:s3cret@mail.example.org/a":  "path",
		"smtp://list:s3cret@host?x":              "%3F",
		"smtp://list:a%0As3cret@host":            "control characters",
		"smtp://mail.example.org:0":              "port",
		"smtp://mail.example.org:65536":          "port",
		"smtp://mail.example.org:smtp":           "cannot be read",
		"lmtp+unix:":                             "no path",
		"lmtp+unix:/" + strings.Repeat("x", 107): "socket path of 108 bytes",
		"maildir:":                               "no path",
		"maildir:a\x00b":                         "NUL",
	} {
		r, err := ParseRelay(raw, "/base")
		got := r.String()
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if said := got + fmt.Sprintf(verb, r) + fmt.Sprintf(verb, &r); strings.Contains(said, "3c") || strings.Contains(said, "s/3") {
				t.Errorf("%q: %s shows the password: %q", raw, verb, said)
			}
		}
	}
}

func TestRelayKeepsItsPassword(t *testing.T) {
	t.Parallel()
	r, err := ParseRelay("smtp://list%40example.org:s%2F3%3A@mail.example.org", "")
	if err != nil || r.User != "list@example.org" || r.password != "s/3:" {
		t.Errorf("got %q %q, %v", r.User, r.password, err)
	}
}
