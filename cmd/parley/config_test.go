package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"parley/list"
	"parley/message"
	"parley/smtpd"
)

// smallest is the shortest config that is good.
const smallest = `domains = ["lists.example.org"]
[relay]
url = "maildir:sent"
`

// writeConfig writes text to a config file of its own and gives its path.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := loadConfig(writeConfig(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// problemsOf loads text and gives each problem without the name of the file.
func problemsOf(t *testing.T, text string) []string {
	t.Helper()
	path := writeConfig(t, text)
	_, err := loadConfig(path)
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("load: %v, want Problems", err)
	}
	var all []string
	for _, p := range problems {
		all = append(all, strings.TrimPrefix(p.String(), path+":"))
	}
	return all
}

const examplePath = "../../config.example.toml"

func TestExampleLoads(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Lists) != 1 || len(cfg.Declared()[0].Members) != 3 {
		t.Errorf("lists %v", cfg.Lists)
	}
	if want := filepath.Join("..", "..", "parley-data"); cfg.DataDir() != want {
		t.Errorf("data folder %q, want %q", cfg.DataDir(), want)
	}
	if key := cfg.offLoopback(); key != "" {
		t.Errorf("%s is off loopback", key)
	}
}

// exampleKey is one key of the example file, perhaps commented out.
type exampleKey struct{ value, comment string }

func readExample(t *testing.T) map[string]exampleKey {
	t.Helper()
	doc, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile(`^\[+([a-z]+)\]+$`)
	key := regexp.MustCompile(`^(?:# ?)?([a-z_]+) *= (.+?) +# (.+)$`)
	keys, table := map[string]exampleKey{}, ""
	for line := range strings.Lines(string(doc)) {
		line = strings.TrimSpace(line)
		if m := section.FindStringSubmatch(line); m != nil {
			table = m[1] + "."
		}
		if m := key.FindStringSubmatch(line); m != nil {
			keys[table+m[1]] = exampleKey{m[2], m[3]}
		}
	}
	return keys
}

// defaults are all keys of the config with their defaults.
func defaults() map[string]any {
	all := map[string]any{}
	walkKeys(reflect.ValueOf(*defaultConfig()), "", all)
	l := list.NewList("dev@lists.example.org")
	for _, key := range keysOf([]string{"list"}) {
		f, _ := fieldByTag(reflect.TypeFor[ListConfig](), key)
		if f.Type.Kind() == reflect.Slice {
			all["list."+key] = []string{}
		} else {
			all["list."+key] = list.Option(l, key)
		}
	}
	return all
}

func walkKeys(v reflect.Value, prefix string, all map[string]any) {
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag.Get("toml")
		switch {
		case tag == "" || tag == "-" || tag == "list":
		case v.Field(i).Kind() == reflect.Struct:
			walkKeys(v.Field(i), prefix+tag+".", all)
		default:
			all[prefix+tag] = v.Field(i).Interface()
		}
	}
}

// tomlValue is what a value is after going through TOML, to compare two.
func tomlValue(t *testing.T, text string) any {
	t.Helper()
	var m map[string]any
	if err := toml.Unmarshal([]byte("x = "+text), &m); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return m["x"]
}

func tomlText(t *testing.T, v any) string {
	t.Helper()
	b, err := toml.Marshal(map[string]any{"x": v})
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(string(b), "x = ")), "'", `"`)
}

// TestExampleSaysEverything keeps the example and the code together: each key
// is explained, and its default is the value shown or stands in the comment.
func TestExampleSaysEverything(t *testing.T) {
	t.Parallel()
	example, known := readExample(t), defaults()
	required := []string{"domains", "relay.url", "list.address"}
	for key, def := range known {
		e, ok := example[key]
		if !ok {
			t.Errorf("%s is not explained", key)
			continue
		}
		text := tomlText(t, def)
		switch {
		case slices.Contains(required, key):
			if !strings.Contains(e.comment, "no default") {
				t.Errorf("%s: %q does not say that there is no default", key, e.comment)
			}
		case !reflect.DeepEqual(tomlValue(t, e.value), tomlValue(t, text)) && !strings.Contains(e.comment, "default "+text):
			t.Errorf("%s = %s: %q does not say default %s", key, e.value, e.comment, text)
		}
	}
	for key := range example {
		if _, ok := known[key]; !ok {
			t.Errorf("%s is explained, but there is no such key", key)
		}
	}
}

func TestDocNamesEveryKey(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../doc/config.md")
	if err != nil {
		t.Fatal(err)
	}
	for key := range defaults() {
		name := key[strings.LastIndexByte(key, '.')+1:]
		if !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("doc/config.md does not explain `%s`", key)
		}
	}
}

func TestListOptionsAreKeys(t *testing.T) {
	t.Parallel()
	options := ListConfig{}.options()
	for _, name := range list.OptionNames() {
		if _, ok := options[name]; !ok {
			t.Errorf("the option %s is not read from the file", name)
		}
		if _, ok := fieldByTag(reflect.TypeFor[ListConfig](), name); !ok {
			t.Errorf("the option %s has no key", name)
		}
	}
	if len(options) != len(list.OptionNames()) {
		t.Errorf("options %v, want %v", options, list.OptionNames())
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, smallest)
	if !reflect.DeepEqual(cfg.SMTP.Listen, []string{"127.0.0.1:2525"}) || cfg.SMTP.PerClient != 20 || len(cfg.SMTP.Trust) != 0 {
		t.Errorf("smtp %+v", cfg.SMTP)
	}
	if site := cfg.Site(); site.URL != "http://127.0.0.1:8080" || site.Hostname != "localhost" || site.Domains[0] != "lists.example.org" {
		t.Errorf("site %+v", site)
	}
	if len(cfg.Warnings) != 0 || len(cfg.Declared()) != 0 {
		t.Errorf("warnings %v, declared %v", cfg.Warnings, cfg.Declared())
	}
}

// TestLimitsAreThoseOfSMTP keeps the file's defaults and those of package smtpd together.
func TestLimitsAreThoseOfSMTP(t *testing.T) {
	t.Parallel()
	c, l := defaultConfig().SMTP, smtpd.DefaultLimits()
	if c.MaxConnections != l.Connections || c.PerClient != l.PerClient || c.RatePerMinute != l.PerMinute {
		t.Errorf("config %+v, smtpd %+v", c, l)
	}
}

func TestFileReplacesDefaultLists(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "smtp.listen = [\"127.0.0.2:25\"]\nweb.listen = []\n"+smallest)
	if !reflect.DeepEqual(cfg.SMTP.Listen, []string{"127.0.0.2:25"}) || len(cfg.Web.Listen) != 0 {
		t.Errorf("smtp %v, web %v", cfg.SMTP.Listen, cfg.Web.Listen)
	}
}

func TestDeclaredHasOnlyWhatStandsInTheFile(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, smallest+`
[[list]]
address = "a@lists.example.org"
[[list]]
address = "b@lists.example.org"
owners = ["x@example.org", "y@example.org"]
footer = ""
max_size = 1_048_576
members = ["\"Ada, of B\" <ada@Example.ORG>", "bo@example.org"]
`)
	want := []list.Declared{
		{Address: "a@lists.example.org", Options: map[string]string{}},
		{
			Address: "b@lists.example.org",
			Options: map[string]string{"owners": "x@example.org, y@example.org", "footer": "", "max_size": "1048576"},
			Members: []message.Address{{Name: "Ada, of B", Addr: "ada@example.org"}, {Addr: "bo@example.org"}},
		},
	}
	if got := cfg.Declared(); !reflect.DeepEqual(got, want) {
		t.Errorf("declared\n%+v, want\n%+v", got, want)
	}
}

func TestKeyLines(t *testing.T) {
	t.Parallel()
	got := keyLines([]byte("a = 1\nb.c = 2\n[smtp]\nlisten = [\n  \"x\", # one\n  \"y\",\n]\n\n[[list]]\naddress = \"a\"\n[[list]]\naddress = \"b\"\n[web]\ntls = {cert = \"c\"}\n"))
	want := map[string]int{
		"a": 1, "b": 2, "b.c": 2, "smtp": 3, "smtp.listen": 4, "smtp.listen[0]": 5, "smtp.listen[1]": 6,
		"list[0]": 9, "list[0].address": 10, "list[1]": 11, "list[1].address": 12, "web": 13, "web.tls": 14, "web.tls.cert": 14,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("lines %v\nwant %v", got, want)
	}
}

func TestRelativePaths(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, `data = "d"`+"\n"+smallest)
	if want := filepath.Join(filepath.Dir(cfg.path), "d"); cfg.DataDir() != want {
		t.Errorf("data folder %s, want %s", cfg.DataDir(), want)
	}
	relay, err := cfg.OpenRelay()
	if want := filepath.Join(filepath.Dir(cfg.path), "sent"); err != nil || relay.Path != want {
		t.Errorf("relay %v, %v, want %s", relay, err, want)
	}
}

func TestNets(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, "smtp.trust = [\"127.0.0.1\", \"10.1.2.3/8\"]\nsmtp.fronts = [\"fd00::/8\"]\n"+smallest)
	if got := cfg.TrustNets(); len(got) != 2 || got[0].String() != "127.0.0.1/32" || got[1].String() != "10.0.0.0/8" {
		t.Errorf("trust %v", got)
	}
	if got := cfg.FrontNets(); len(got) != 1 || got[0].String() != "fd00::/8" {
		t.Errorf("fronts %v", got)
	}
}
