package main

import "testing"

// TestCheckOneClick: check says why copies have no one-click unsubscribe, and
// finds nothing wrong with that.
func TestCheckOneClick(t *testing.T) {
	t.Parallel()
	const smtp = smallest + "[smtp]\nlisten = [\"127.0.0.1:0\"]\n[web]\n"
	for _, c := range []struct{ web, warning string }{
		{"listen = [\"127.0.0.1:0\"]\nurl = \"https://lists.example.org\"\n", ""},
		{"listen = [\"127.0.0.1:0\"]\nurl = \"HTTPS://lists.example.org\"\n", ""},
		{"listen = [\"127.0.0.1:0\"]\nurl = \"http://lists.example.org\"\n",
			"PATH:8: web.url: is http://lists.example.org: copies get no one-click unsubscribe field (RFC 8058 wants https). Set an https address that reaches /u/."},
		{"listen = []\n",
			"PATH:6: web.url: is http://127.0.0.1:8080: copies get no one-click unsubscribe field (RFC 8058 wants https). Set an https address that reaches /u/."},
		{"listen = []\nurl = \"\"\n",
			"PATH:8: web.url: is empty: copies get no one-click unsubscribe field (RFC 8058). Set an https address that reaches /u/."},
		{"listen = []\nurl = \"https://lists.example.org\"\n",
			"PATH:7: web.listen: is empty: nothing answers the one-click unsubscribe of copies, nor any other link. Name an address, and let https://lists.example.org reach it."},
	} {
		want := "$ check\nPATH is good: 0 lists.\n"
		if c.warning != "" {
			want += "! warning: " + c.warning + "\n"
		}
		transcript(t, nil, writeConfig(t, smtp+c.web), want)
	}
}
