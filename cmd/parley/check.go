package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

type checkCmd struct{}

// checkView is what `parley check` found, in JSON.
type checkView struct {
	OK       bool     `json:"ok"`
	File     string   `json:"file"`
	Lists    int      `json:"lists"`
	Problems Problems `json:"problems"`
	Warnings Problems `json:"warnings"`
}

// Run reads the config and tries what serve would need.
func (c *checkCmd) Run(ctx context.Context, p *program) error {
	cfg, err := p.config()
	if err == nil {
		err = p.checkMachine(ctx, cfg)
	}
	var problems Problems
	if err != nil && !errors.As(err, &problems) {
		return err
	}
	if cfg != nil {
		cfg.Warnings = append(cfg.Warnings, cfg.checkOneClick()...)
	}
	if p.cli.JSON {
		view := checkView{OK: err == nil, File: p.configPath(), Problems: some(problems), Warnings: Problems{}}
		if cfg != nil {
			view.Lists, view.Warnings = len(cfg.Lists), some(cfg.Warnings)
		}
		return errors.Join(p.printJSON(view), err)
	}
	if cfg != nil {
		p.printWarnings(cfg)
	}
	if err != nil {
		return err
	}
	return p.say("%s is good: %s.", cfg.path, count(len(cfg.Lists), "list"))
}

// printWarnings tells what works, but deserves a second look.
func (p *program) printWarnings(cfg *Config) {
	for _, w := range cfg.Warnings {
		fmt.Fprintln(p.stderr, plain("warning: "+w.String()))
	}
}

// checkOneClick says why readers are not offered to unsubscribe with one click.
// It is no warning of serve's: a trial on one's own machine is always like that.
func (c *Config) checkOneClick() Problems {
	const https = "https://"
	url := c.Web.URL
	switch {
	case url == "":
		return Problems{c.problem("web.url", "is empty: copies get no one-click unsubscribe field (RFC 8058)",
			"Set an https address that reaches /u/")}
	case len(url) < len(https) || !strings.EqualFold(url[:len(https)], https):
		return Problems{c.problem("web.url", "is "+url+": copies get no one-click unsubscribe field (RFC 8058 wants https)",
			"Set an https address that reaches /u/")}
	case len(c.Web.Listen) == 0:
		return Problems{c.problem("web.listen", "is empty: nothing answers the one-click unsubscribe of copies, nor any other link",
			"Name an address, and let "+url+" reach it")}
	}
	return nil
}

// checkMachine tries the folder and the addresses that the config names. When
// a serve runs on the same data, an address in use is most likely its own.
func (p *program) checkMachine(ctx context.Context, cfg *Config) error {
	if err := checkData(cfg); err != nil {
		return err
	}
	running, err := p.serving(ctx, cfg)
	if err != nil {
		return fmt.Errorf("look for a running serve: %w", err)
	}
	if running {
		return nil
	}
	return tryListeners(cfg)
}

// tryListeners looks for addresses that are in use or not of this machine. What
// this user may not open, the service may: it is not asked here.
func tryListeners(cfg *Config) error {
	var problems Problems
	for _, l := range cfg.listeners() {
		if l.unix() {
			continue // opening it would take the place of one that is there
		}
		open, err := cfg.open(l)
		if err == nil {
			err = open.Close()
		}
		if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.EADDRNOTAVAIL) {
			problems = append(problems, cfg.unopened(l, err))
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

type versionCmd struct{}

// Run prints the version that the binary was built from.
func (c *versionCmd) Run(p *program) error {
	if p.cli.JSON {
		return p.printJSON(map[string]string{"version": version(), "revision": revision()})
	}
	if r := revision(); r != "" {
		return p.say("parley %s (%s)", version(), r)
	}
	return p.say("parley %s", version())
}

// version is the module's version, as Go recorded it when it built the binary.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}

// revision is the commit that the binary was built from, "" when Go did not know.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return ""
}

// laterCmd is a command whose name is taken, and that is not there yet.
type laterCmd struct {
	Args []string `arg:"" optional:"" passthrough:""`
}

// Run refuses.
func (c *laterCmd) Run(command *kong.Context) error {
	name := strings.TrimPrefix(command.Selected().FullPath(), "parley ")
	return advise(fmt.Errorf("%s %s", name, comesLater), "`parley --help` shows those of this version")
}
