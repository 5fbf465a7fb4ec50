package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"parley/list"
	"parley/message"
	"parley/outbox"
	"parley/templates"
)

// Config is the config file: defaults, then the file, then Validate. Every key
// is explained in config.example.toml and doc/config.md.
type Config struct {
	Data     string   `toml:"data"`
	Database string   `toml:"database"`
	Hostname string   `toml:"hostname"`
	Domains  []string `toml:"domains"`
	Operator string   `toml:"operator"`
	Words    string   `toml:"words"`

	SMTP    SMTPConfig    `toml:"smtp"`
	LMTP    LMTPConfig    `toml:"lmtp"`
	Relay   RelayConfig   `toml:"relay"`
	Web     WebConfig     `toml:"web"`
	IMAP    IMAPConfig    `toml:"imap"`
	TLS     TLSConfig     `toml:"tls"`
	Metrics MetricsConfig `toml:"metrics"`
	Lists   []ListConfig  `toml:"list"`

	// Warnings are what works, but deserves a second look. loadConfig fills them.
	Warnings Problems `toml:"-"`

	path  string         // of the file, as given
	lines map[string]int // key, such as smtp.listen or list[0].post, to line from 1
}

// SMTPConfig is how mail comes in over SMTP.
type SMTPConfig struct {
	Listen         []string `toml:"listen"`
	Trust          []string `toml:"trust"`
	Fronts         []string `toml:"fronts"`
	Believe        []string `toml:"believe"`
	Normalize      bool     `toml:"normalize"`
	MaxConnections int      `toml:"max_connections"`
	PerClient      int      `toml:"per_client"`
	RatePerMinute  int      `toml:"rate_per_minute"`
}

// LMTPConfig is how mail comes in over LMTP, on TCP or Unix sockets.
type LMTPConfig struct {
	Listen []string `toml:"listen"`
	Mode   string   `toml:"mode"`
	Trust  bool     `toml:"trust"`
}

// RelayConfig is where copies go.
type RelayConfig struct {
	URL string `toml:"url"`
}

// WebConfig is where the archive is shown.
type WebConfig struct {
	Listen []string `toml:"listen"`
	URL    string   `toml:"url"`
}

// IMAPConfig is read so that a file which asks for IMAP is refused in plain words.
type IMAPConfig struct {
	Listen []string `toml:"listen"`
}

// TLSConfig is the certificate for STARTTLS.
type TLSConfig struct {
	Cert string `toml:"cert"`
	Key  string `toml:"key"`
	ACME bool   `toml:"acme"`
}

// MetricsConfig is read so that a file which asks for metrics is refused in plain words.
type MetricsConfig struct {
	Listen []string `toml:"listen"`
}

// ListConfig is one [[list]]. Only the keys that stand in the file count; the
// others stay as they are in the database.
type ListConfig struct {
	Address       string   `toml:"address"`
	Description   string   `toml:"description"`
	Owners        []string `toml:"owners"`
	Moderators    []string `toml:"moderators"`
	Members       []string `toml:"members"`
	Post          string   `toml:"post"`
	Start         string   `toml:"start"`
	Archive       string   `toml:"archive"`
	Addresses     string   `toml:"addresses"`
	Copies        string   `toml:"copies"`
	MaxSize       byteSize `toml:"max_size"`
	SubjectPrefix string   `toml:"subject_prefix"`
	Footer        string   `toml:"footer"`
	ReplyTo       string   `toml:"reply_to"`
	Join          string   `toml:"join"`
	Customs       string   `toml:"customs"`
	Language      string   `toml:"language"`
	DigestAt      string   `toml:"digest_at"`
	Roster        string   `toml:"roster"`
	Banned        []string `toml:"banned"`
}

// byteSize is "10MiB", "512KiB" or a number of bytes, as list.SetOption reads it.
type byteSize string

// UnmarshalText is what go-toml calls for an integer, whose digits may be
// grouped with underscores.
func (s *byteSize) UnmarshalText(text []byte) error {
	*s = byteSize(strings.ReplaceAll(string(text), "_", ""))
	return nil
}

// defaultConfig is what a key that the file does not name has. There is none
// for domains and relay.url: both have to be said.
func defaultConfig() *Config {
	return &Config{
		Data:     "parley-data",
		Hostname: "localhost",
		SMTP: SMTPConfig{
			Listen:         []string{"127.0.0.1:2525"},
			MaxConnections: 2000,
			PerClient:      20,
			RatePerMinute:  300,
		},
		LMTP: LMTPConfig{Mode: "0660"},
		Web:  WebConfig{Listen: []string{"127.0.0.1:8080"}, URL: "http://127.0.0.1:8080"},
	}
}

// loadConfig reads, decodes and validates the file at path. A bad file gives
// Problems, all of them.
func loadConfig(path string) (*Config, error) {
	doc, err := os.ReadFile(path)
	if err != nil {
		return nil, Problems{unreadable(path, err)}
	}
	cfg := defaultConfig()
	cfg.path, cfg.lines = path, keyLines(doc)
	problems, fatal := cfg.decode(doc)
	if fatal {
		return nil, problems
	}
	problems = append(problems, cfg.Validate()...)
	if len(problems) > 0 {
		slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
		return nil, problems
	}
	return cfg, nil
}

// unreadable says what to do about a config file that cannot be read.
func unreadable(path string, err error) Problem {
	p := Problem{File: path, Key: "config", Reason: "cannot be read: " + cause(err)}
	switch {
	case errors.Is(err, os.ErrNotExist):
		p.Next = "Copy config.example.toml there, or name another file with --config"
	case errors.Is(err, os.ErrPermission):
		p.Next = "Run this as the user that Parley runs as"
	default:
		p.Next = "Name a readable file with --config"
	}
	return p
}

// cause is the innermost error: "permission denied" without the path, which
// the problem names already.
func cause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// decode reads doc strictly. Unknown keys leave the rest decoded, so that
// Validate can name more; after any other error there is nothing to validate.
func (c *Config) decode(doc []byte) (problems Problems, fatal bool) {
	err := toml.NewDecoder(bytes.NewReader(doc)).DisallowUnknownFields().Decode(c)
	var strict *toml.StrictMissingError
	var one *toml.DecodeError
	switch {
	case err == nil:
		return nil, false
	case errors.As(err, &strict):
		for i := range strict.Errors {
			problems = append(problems, c.unknownKey(&strict.Errors[i]))
		}
		return problems, false
	case errors.As(err, &one):
		return Problems{c.undecodable(one)}, true
	}
	return Problems{{File: c.path, Key: "config", Reason: err.Error(), Next: "Correct the file"}}, true
}

func (c *Config) unknownKey(e *toml.DecodeError) Problem {
	line, _ := e.Position()
	key := e.Key()
	return Problem{
		File: c.path, Line: line, Key: strings.Join(key, "."), Reason: "is not a key of this file",
		Next: "The keys here are: " + strings.Join(keysOf(key[:len(key)-1]), ", "),
	}
}

// keysOf lists the keys of a table, those of the top level where the table is
// not known either.
func keysOf(table []string) []string {
	t := reflect.TypeFor[Config]()
	for _, name := range table {
		f, ok := fieldByTag(t, name)
		if !ok {
			t = reflect.TypeFor[Config]()
			break
		}
		if t = f.Type; t.Kind() == reflect.Slice {
			t = t.Elem()
		}
	}
	var keys []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("toml"); tag != "" && tag != "-" {
			keys = append(keys, tag)
		}
	}
	return keys
}

func fieldByTag(t reflect.Type, name string) (reflect.StructField, bool) {
	if t.Kind() != reflect.Struct {
		return reflect.StructField{}, false
	}
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("toml") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// undecodable turns go-toml's words into the operator's: its text for a wrong
// type names Go types.
func (c *Config) undecodable(e *toml.DecodeError) Problem {
	line, _ := e.Position()
	p := Problem{File: c.path, Line: line, Key: strings.Join(e.Key(), ".")}
	text := strings.TrimPrefix(e.Error(), "toml: ")
	if kind, _, ok := strings.Cut(strings.TrimPrefix(text, "cannot decode TOML "), " into "); ok && kind != text {
		p.Reason = fmt.Sprintf("has the wrong type, %s", kind)
		p.Next = fmt.Sprintf("Write %s", wanted(e.Key()))
		return p
	}
	if p.Key == "" {
		p.Key = "syntax"
	}
	p.Reason, p.Next = "is not TOML: "+text, "Correct this line"
	return p
}

// wanted says how the value of a key is written.
func wanted(key []string) string {
	t := reflect.TypeFor[Config]()
	for _, name := range key {
		if t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		f, ok := fieldByTag(t, name)
		if !ok {
			break
		}
		t = f.Type
	}
	switch {
	case t == reflect.TypeFor[byteSize]():
		return `a size, such as "10MiB"`
	case t == reflect.TypeFor[[]string]():
		return `a list of texts, such as ["one", "two"]`
	case t.Kind() == reflect.Slice:
		return "[[" + key[0] + "]] with a key on each of the lines below it"
	case t.Kind() == reflect.Struct:
		return "[" + key[0] + "] with a key on each of the lines below it"
	case t.Kind() == reflect.Int:
		return "a whole number"
	case t.Kind() == reflect.Bool:
		return "true or false"
	}
	return `a text in quotes, such as "text"`
}

// dir is what relative paths are relative to: the folder of the config file.
func (c *Config) dir() string { return filepath.Dir(c.path) }

// abs makes path absolute with regard to the config file's folder.
func (c *Config) abs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir(), path)
}

// DataDir is the folder of the database.
func (c *Config) DataDir() string { return c.abs(c.Data) }

// WordsDir is the folder of the operator's own mails, "" for none.
func (c *Config) WordsDir() string {
	if c.Words == "" {
		return ""
	}
	return c.abs(c.Words)
}

// OpenWords reads the pages and the mails.
func (c *Config) OpenWords() (*templates.Set, error) {
	words, problems := c.readWords()
	if len(problems) > 0 {
		return nil, problems
	}
	return words, nil
}

func (c *Config) readWords() (*templates.Set, Problems) {
	words, err := templates.NewWith(c.WordsDir())
	if err != nil {
		return nil, c.wordsProblems(err)
	}
	return words, nil
}

// wordsProblems is each thing that is wrong in the folder of words. Its errors
// end in the next step.
func (c *Config) wordsProblems(err error) (problems Problems) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			problems = append(problems, c.wordsProblems(one)...)
		}
		return problems
	}
	reason, next := err.Error(), "Correct the folder, or leave words out"
	if i := strings.LastIndex(reason, ". "); i > 0 {
		reason, next = reason[:i], reason[i+2:]
	}
	return Problems{c.problem("words", reason, next)}
}

// Site is what the rules need of the config; its Key comes from the database.
func (c *Config) Site() list.Site {
	return list.Site{
		Hostname: c.Hostname, Domains: c.Domains,
		URL: strings.TrimRight(c.Web.URL, "/"), Operator: canonical(c.Operator),
	}
}

// canonical is for addresses that Validate has seen already, or will refuse.
func canonical(address string) string {
	if addr, err := message.Canonical(address); err == nil {
		return addr
	}
	return address
}

// OpenRelay is where copies go.
func (c *Config) OpenRelay() (outbox.Relay, error) {
	return outbox.ParseRelay(c.Relay.URL, c.dir())
}

// TrustNets are the clients whose From is taken at its word.
func (c *Config) TrustNets() []netip.Prefix { return prefixes(c.SMTP.Trust) }

// FrontNets are the front servers.
func (c *Config) FrontNets() []netip.Prefix { return prefixes(c.SMTP.Fronts) }

func prefixes(texts []string) []netip.Prefix {
	var nets []netip.Prefix
	for _, text := range texts {
		if p, err := parsePrefix(text); err == nil {
			nets = append(nets, p)
		}
	}
	return nets
}

// parsePrefix reads a network, or one address.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Prefix(addr.Unmap().BitLen())
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}
