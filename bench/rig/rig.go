// Package rig sets up a proof: it builds the real binary, writes its config,
// starts and kills it, and plays everybody around it on loopback: the clients
// that post, the relay that takes the copies. It knows Parley's command line,
// config and protocols, and nothing of its packages.
package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build compiles the real binary with the given build tags into dir and
// returns its path. It works from any folder of the module.
func Build(ctx context.Context, dir string, tags ...string) (string, error) {
	path := filepath.Join(dir, strings.Join(append([]string{"parley"}, tags...), "-"))
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", path, "parley/cmd/parley")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build parley: %w\n%s", err, out)
	}
	return path, nil
}

// FreeAddr is a loopback address on which nobody listens now. Its port lies
// below the range from which the kernel takes the ports of outgoing
// connections: a server that is killed and started again finds it free.
func FreeAddr() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err != nil {
			continue
		}
		return l.Addr().String(), l.Close()
	}
	return "", fmt.Errorf("find a free port: 100 ports between 20000 and 32000 are taken")
}

// House is one installation under test.
type House struct {
	Dir    string // of config, data and log
	SMTP   string // where it listens
	Web    string // "" is off
	Relay  string // the value of relay.url
	Trust  []string
	Fronts []string // clients without limits whose From is not believed
	Lists  []List
}

// List is one list of a House. An empty option is left at its default.
type List struct {
	Address string
	Members []string
	Options map[string]string // as in the config file, strings only
}

// Config is the path of the house's config file.
func (h House) Config() string { return filepath.Join(h.Dir, "parley.toml") }

// Data is the folder of the house's database.
func (h House) Data() string { return filepath.Join(h.Dir, "data") }

// Log is the path of the house's log.
func (h House) Log() string { return filepath.Join(h.Dir, "parley.log") }

// Write makes the folder and the config file of the house.
func (h House) Write() error {
	if err := os.MkdirAll(h.Dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of a house: %w", err)
	}
	if err := os.WriteFile(h.Config(), []byte(h.toml()), 0o600); err != nil {
		return fmt.Errorf("write a config: %w", err)
	}
	return nil
}

func (h House) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, "data = %q\nhostname = \"localhost\"\ndomains = [\"lists.test\"]\noperator = \"operator@example.org\"\n", h.Data())
	fmt.Fprintf(&b, "\n[smtp]\nlisten = [%q]\ntrust = %s\nfronts = %s\n\n[relay]\nurl = %q\n", h.SMTP, array(h.Trust), array(h.Fronts), h.Relay)
	if h.Web == "" {
		b.WriteString("\n[web]\nlisten = []\n")
	} else {
		fmt.Fprintf(&b, "\n[web]\nlisten = [%q]\nurl = %q\n", h.Web, "http://"+h.Web)
	}
	for _, l := range h.Lists {
		fmt.Fprintf(&b, "\n[[list]]\naddress = %q\nmembers = %s\n", l.Address, array(l.Members))
		for name, value := range l.Options {
			fmt.Fprintf(&b, "%s = %q\n", name, value)
		}
	}
	return b.String()
}

func array(values []string) string {
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = fmt.Sprintf("%q", v)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// Root is the folder of the tree, found from any folder of the module.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the root of the tree: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
