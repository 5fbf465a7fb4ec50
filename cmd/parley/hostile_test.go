package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// badConfig is a config that keeps Parley from starting: its text, and one
// line of what is printed, without the name of the file.
type badConfig struct{ name, text, want string }

// rest is what a config needs besides its first lines.
const rest = "[relay]\nurl = \"maildir:sent\"\n"

const domain = "domains = [\"lists.example.org\"]\n"

var hostile122 = []badConfig{
	{"unknown key", "domain = [\"a.example.org\"]\n" + smallest,
		"1: domain: is not a key of this file. The keys here are: data, database, hostname, domains, operator, words, smtp, lmtp, relay, web, imap, tls, metrics, list."},
	{"unknown key in a table", smallest + "[smtp]\nlisten_on = []\n",
		"5: smtp.listen_on: is not a key of this file. The keys here are: listen, trust, fronts, believe, normalize, max_connections, per_client, rate_per_minute."},
	{"unknown key in a list", smallest + "[[list]]\naddress = \"dev@lists.example.org\"\nmember = []\n",
		"6: list.member: is not a key of this file. The keys here are: address, description, owners,"},
	{"wrong type, number for text", "hostname = 7\n" + smallest,
		"1: hostname: has the wrong type, integer. Write a text in quotes, such as \"text\"."},
	{"wrong type, text for list", "domains = \"lists.example.org\"\n" + rest,
		"1: domains: has the wrong type, string. Write a list of texts, such as [\"one\", \"two\"]."},
	{"wrong type, text for number", smallest + "[smtp]\nper_client = \"many\"\n",
		"5: smtp.per_client: has the wrong type, string. Write a whole number."},
	{"wrong type, table for list of tables", smallest + "[list]\naddress = \"dev@lists.example.org\"\n",
		"4: list: has the wrong type, one table. Write [[list]], with two brackets."},
	{"no TOML", domain + "this is not TOML\n", "2: syntax: is not TOML: "},
	{"the same key twice", domain + domain + rest, "2: domains: is not TOML: "},
	{"missing domain", rest, "1: domains: is missing. Name the domain of your lists, such as domains = [\"lists.example.org\"]."},
	{"no domain", "domains = [\"Lists.Example.ORG\"]\n" + rest, "1: domains[0]: \"Lists.Example.ORG\" is not a domain in lower case. "},
	{"list elsewhere", smallest + "[[list]]\naddress = \"dev@example.com\"\n",
		"5: list[0].address: list address \"dev@example.com\": the domain is none of the configured domains. Choose another address, at one of: lists.example.org."},
	{"list without address", smallest + "[[list]]\npost = \"members\"\n", "4: list[0].address: is missing. "},
	{"list named postmaster", smallest + "[[list]]\naddress = \"postmaster@lists.example.org\"\n",
		"5: list[0].address: list address \"postmaster@lists.example.org\": the name is reserved. "},
	{"list named x-request", smallest + "[[list]]\naddress = \"x-request@lists.example.org\"\n",
		"5: list[0].address: list address \"x-request@lists.example.org\": a name that ends in -request is an address of another list. "},
	{"list named search", smallest + "[[list]]\naddress = \"search@lists.example.org\"\n", "5: list[0].address: "},
	{"list with a long name", smallest + "[[list]]\naddress = \"" + strings.Repeat("n", 29) + "@lists.example.org\"\n", "5: list[0].address: "},
	{"list in upper case", smallest + "[[list]]\naddress = \"Dev@lists.example.org\"\n", "5: list[0].address: "},
	{"two lists of one name", smallest + strings.Repeat("[[list]]\naddress = \"dev@lists.example.org\"\n", 2),
		"7: list[1].address: dev@lists.example.org is declared in list[0] too. "},
	{"unknown option value", smallest + "[[list]]\naddress = \"dev@lists.example.org\"\npost = \"all\"\n",
		"6: list[0].post: \"all\": allowed are anyone, members, moderated, nobody. Correct it, or leave it out for \"members\"."},
	{"size that is none", smallest + "[[list]]\naddress = \"dev@lists.example.org\"\nmax_size = \"10 gigs\"\n", "6: list[0].max_size: "},
	{"member that is none", smallest + "[[list]]\naddress = \"dev@lists.example.org\"\nmembers = [\n\"a@example.org\",\n\"b\"]\n",
		"8: list[0].members[1]: \"b\" is not an address: the address has no @. Write \"address\" or \"Name <address>\"."},
	{"smarthost is self", domain + "[smtp]\nlisten = [\"0.0.0.0:25\"]\n[relay]\nurl = \"smtp://127.0.0.1\"\n",
		"5: relay.url: leads back to our own smtp.listen[0] \"0.0.0.0:25\": every copy would be a new post. "},
	{"smarthost is self by name", domain + "[smtp]\nlisten = [\"127.0.0.1:2525\"]\n[relay]\nurl = \"smtp://localhost:2525\"\n", "5: relay.url: leads back"},
	{"smarthost is self by socket", domain + "[lmtp]\nlisten = [\"unix:./in.sock\"]\n[relay]\nurl = \"lmtp+unix:in.sock\"\n", "5: relay.url: leads back"},
	{"relay missing", domain, "1: relay.url: is missing. "},
	{"relay of no kind", domain + "[relay]\nurl = \"http://example.org\"\n", "3: relay.url: "},
	{"fronts is everybody", smallest + "[smtp]\nfronts = [\"0.0.0.0/0\"]\n",
		"5: smtp.fronts[0]: \"0.0.0.0/0\" is as good as the whole internet. Name your own servers only."},
	{"trust is everybody", smallest + "[smtp]\ntrust = [\"127.0.0.1\", \"::/0\"]\n", "5: smtp.trust[1]: \"::/0\" is as good as the whole internet. "},
	{"half of everybody", smallest + "[smtp]\nfronts = [\"128.0.0.0/1\"]\n", "5: smtp.fronts[0]: "},
	{"mapped everybody", smallest + "[smtp]\nfronts = [\"::ffff:0.0.0.0/96\"]\n", "5: smtp.fronts[0]: "},
	{"front that is none", smallest + "[smtp]\nfronts = [\"mx.example.org\"]\n", "5: smtp.fronts[0]: \"mx.example.org\" is not a network. "},
	{"operator missing off loopback", smallest + "[smtp]\nlisten = [\":25\"]\n",
		"1: operator: is missing, and smtp.listen[0] can be reached from outside. "},
	{"operator missing, web off loopback", smallest + "[web]\nlisten = [\"192.0.2.1:80\"]\nurl = \"http://lists.example.org\"\n", "1: operator: is missing, and web.listen[0]"},
	{"operator is us", "operator = \"postmaster@lists.example.org\"\n" + smallest, "1: operator: postmaster@lists.example.org is answered by Parley itself. "},
	{"site without scheme", smallest + "[web]\nurl = \"lists.example.org\"\n", "5: web.url: \"lists.example.org\" is not the address of a site. "},
	{"site below a path", smallest + "[web]\nurl = \"https://example.org/lists\"\n", "5: web.url: "},
	{"no way in", smallest + "[smtp]\nlisten = []\n", "5: smtp.listen: is empty, and lmtp.listen too: no mail could come in. "},
	{"address without port", smallest + "[smtp]\nlisten = [\"127.0.0.1\"]\n", "5: smtp.listen[0]: \"127.0.0.1\" is not host:port. "},
	{"socket for SMTP", smallest + "[smtp]\nlisten = [\"unix:in.sock\"]\n", "5: smtp.listen[0]: "},
	{"address named twice", smallest + "[lmtp]\nlisten = [\"127.0.0.1:2525\"]\n", "5: lmtp.listen[0]: \"127.0.0.1:2525\" is named in smtp.listen[0] too. "},
	{"mode that is none", smallest + "[lmtp]\nmode = \"rw\"\n", "5: lmtp.mode: \"rw\" is not the mode of a socket. "},
	{"limit of nobody", smallest + "[smtp]\nmax_connections = 0\n", "5: smtp.max_connections: 0 would let nobody in. "},
	{"certificate without key", smallest + "[tls]\ncert = \"cert.pem\"\n", "4: tls: has only one of cert and key. "},
	{"certificate missing", smallest + "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n", "5: tls.cert: cannot be used: "},

	{"PostgreSQL", "database = \"postgres://localhost/parley\"\n" + smallest, "1: database: another database than SQLite comes in a later version. "},
	{"IMAP", smallest + "[imap]\nlisten = [\"127.0.0.1:1143\"]\n", "5: imap.listen: the archive over IMAP comes in a later version. "},
	{"ACME", smallest + "[tls]\nacme = true\n", "5: tls.acme: fetching certificates comes in a later version. "},
	{"metrics", smallest + "[metrics]\nlisten = [\"127.0.0.1:9090\"]\n", "5: metrics.listen: the metrics page comes in a later version. "},
	{"straight to the world", domain + "[relay]\nurl = \"mx:\"\n", "3: relay.url: delivery straight to the world comes in a later version. "},
}

// runBoth runs check and serve on a config and wants the same line from both,
// with exit code 78.
func runBoth(t *testing.T, path, want string) {
	t.Helper()
	for _, command := range []string{"check", "serve"} {
		var out, errs bytes.Buffer
		if code := run([]string{command, "--config", path}, &out, &errs); code != exitConfig {
			t.Errorf("%s: exit %d, want %d; it printed\n%s%s", command, code, exitConfig, &out, &errs)
		}
		lines := strings.Split(errs.String(), "\n")
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, path+":"+want) }) {
			t.Errorf("%s printed\n%s, want a line with\n%s:%s", command, &errs, path, want)
		}
	}
}

func TestHostile122(t *testing.T) {
	t.Parallel()
	for _, c := range hostile122 {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runBoth(t, writeConfig(t, c.text), c.want)
		})
	}
}

func TestHostile122Secrets(t *testing.T) {
	t.Parallel()
	text := domain + "[relay]\nurl = \"smtp://list:hunter2@mail.example.org:587\"\n"
	path := writeConfig(t, text)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	runBoth(t, path, "3: relay.url: holds a password, and everybody on this machine can read the file (mode 0644). Run: chmod 600 "+path+".")

	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	cfg, err := loadConfig(path)
	if err != nil || len(cfg.Warnings) != 1 || cfg.Warnings[0].Key != "relay.url" {
		t.Fatalf("mode 0640: %v, %+v, want one warning", err, cfg)
	}
	for _, text := range []string{fmt.Sprint(cfg.Warnings), fmt.Sprint(cfg.OpenRelay())} {
		if strings.Contains(text, "hunter2") {
			t.Errorf("the password is shown: %s", text)
		}
	}
}

func TestHostile122NoWriteRight(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, "data = \"config.toml/data\"\n"+smallest)
	runBoth(t, path, "1: data: "+filepath.Join(path, "data")+" cannot be written: not a directory. ")
}

func TestHostile122PortBusy(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	path := writeConfig(t, smallest+"[smtp]\nlisten = [\n  \""+busy.Addr().String()+"\"]\n[web]\nlisten = []\n")
	runBoth(t, path, "6: smtp.listen[0]: "+busy.Addr().String()+" is in use by another program. Stop that program, ")
}

// TestProblemsAreAll wants one round of repairs, not one for each mistake.
func TestProblemsAreAll(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, "hostname = \"\"\n[smtp]\nlisten = [\"25\"]\nfront = []\nper_client = 0\n[relay]\nurl = \"\"\n[[list]]\naddress = \"dev@\"\npost = \"x\"\n")
	var keys []string
	for _, line := range got {
		keys = append(keys, strings.SplitN(line, ": ", 3)[0]+" "+strings.SplitN(line, ": ", 3)[1])
	}
	want := []string{"1 hostname", "1 domains", "3 smtp.listen[0]", "4 smtp.front", "5 smtp.per_client", "7 relay.url", "9 list[0].address", "10 list[0].post"}
	if !slices.Equal(keys, want) {
		t.Errorf("problems %q\nwant %q\n%s", keys, want, strings.Join(got, "\n"))
	}
}

// TestHostile85: people of a list that are the list itself.
func TestHostile85(t *testing.T) {
	t.Parallel()
	for _, c := range []badConfig{
		{"moderator is the list", "moderators = [\"you@example.org\", \"dev@lists.example.org\"]\n",
			"6: list[0].moderators[1]: dev@lists.example.org is an address of the list dev@lists.example.org. Write the address of a person."},
		{"moderator is its owners' address", "moderators = [\"dev-owner@lists.example.org\"]\n", "6: list[0].moderators[0]: "},
		{"owner is the list, in other letters", "owners = [\"Dev@Lists.Example.Org.\"]\n", "6: list[0].owners[0]: "},
		{"member is the list", "members = [\"dev@lists.example.org\"]\n", "6: list[0].members[0]: "},
		{"member is a command address", "members = [\"dev+request@lists.example.org\"]\n", "6: list[0].members[0]: "},
		{"owner is the postmaster", "owners = [\"postmaster@lists.example.org\"]\n", "6: list[0].owners[0]: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runBoth(t, writeConfig(t, smallest+"[[list]]\naddress = \"dev@lists.example.org\"\n"+c.text), c.want)
		})
	}
	runBoth(t, writeConfig(t, "operator = \"dev@lists.example.org\"\n"+smallest+"[[list]]\naddress = \"dev@lists.example.org\"\n"),
		"1: operator: dev@lists.example.org is an address of the list dev@lists.example.org. ")
}
