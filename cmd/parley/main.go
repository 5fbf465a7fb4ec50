// Command parley is the discussion list manager: `parley serve` runs it, the
// other commands look at it and change it. It reads the config, wires the rooms
// together, and turns errors into exit codes; it knows no rules of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // zones of members and digests, on machines that have none

	"github.com/alecthomas/kong"

	"parley/list"
)

// The exit codes.
const (
	exitDone    = 0
	exitRefused = 1
	exitUsage   = 2
	exitConfig  = 78 // EX_CONFIG of sysexits.h: systemd does not restart on it
)

// systemConfig is read where the working directory has no config.toml.
const systemConfig = "/etc/parley/config.toml"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program, with its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	p := &program{stdin: os.Stdin, stdout: stdout, stderr: stderr, open: openDesk, serving: serving}
	return p.run(args)
}

// program is one run of the command, with what it needs of the world.
type program struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// open opens the database that a config names; close it with the second.
	open func(context.Context, *Config) (desk, func() error, error)
	// serving says whether a `parley serve` runs on the config's data.
	serving func(context.Context, *Config) (bool, error)

	cli cli
}

// cli is the command line.
type cli struct {
	Config string `placeholder:"FILE" help:"The config file. Without it: config.toml in the working directory, else ${system}."`
	JSON   bool   `name:"json" help:"Print JSON, for programs."`

	Serve   serveCmd   `cmd:"" help:"Run everything that the config names."`
	Check   checkCmd   `cmd:"" help:"Read the config and say what is wrong with it."`
	List    listCmds   `cmd:"" help:"Lists and their options."`
	Member  memberCmds `cmd:"" help:"Who is on a list."`
	Held    heldCmds   `cmd:"" help:"Posts that wait for a decision."`
	Queue   queueCmds  `cmd:"" help:"Copies that are not delivered yet."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Import laterCmd `cmd:"" hidden:"" help:"Comes in a later version."`
	Export laterCmd `cmd:"" hidden:"" help:"Comes in a later version."`
	Backup laterCmd `cmd:"" hidden:"" help:"Comes in a later version."`
	Verify laterCmd `cmd:"" hidden:"" help:"Comes in a later version."`
	Init   laterCmd `cmd:"" hidden:"" help:"Comes in a later version."`
	DKIM   laterCmd `cmd:"" name:"dkim" hidden:"" help:"Comes in a later version."`
	Doctor laterCmd `cmd:"" hidden:"" help:"Comes in a later version."`
	Status laterCmd `cmd:"" hidden:"" help:"Comes in a later version."`
}

// run parses args, runs the command and gives its exit code.
func (p *program) run(args []string) int {
	shown := false // kong has printed the help and wants to end
	parser, err := kong.New(&p.cli,
		kong.Name("parley"),
		kong.Description("Parley, an email-native discussion list manager."),
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { shown = true }),
		kong.Vars{"system": systemConfig},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return p.report(fmt.Errorf("build the command line: %w", err))
	}
	if len(args) == 0 {
		return p.report(usagef("no command is given"))
	}
	command, err := parser.Parse(args)
	if shown {
		return exitDone
	}
	if err != nil {
		return p.report(usagef("%v", err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	return p.report(command.Run(p))
}

// report prints what went wrong and gives the exit code for it.
func (p *program) report(err error) int {
	var problems Problems
	var one Problem
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &problems):
		fmt.Fprintln(p.stderr, plain(problems.Error()))
		return exitConfig
	case errors.As(err, &one):
		fmt.Fprintln(p.stderr, plain(one.Error()))
		return exitConfig
	case errors.As(err, new(usageError)):
		fmt.Fprintf(p.stderr, "parley: %s. `parley --help` shows the commands.\n", sentence(err.Error()))
		return exitUsage
	case errors.Is(err, errReported):
		return exitRefused
	}
	text := sentence(refusal(err))
	if !strings.Contains(text, "`parley ") { // which is the next step
		text += ". " + nextStep(err)
	}
	fmt.Fprintf(p.stderr, "parley: %s.\n", text)
	return exitRefused
}

// refusal is an error in words: the domain's own text, or all of it, because
// who runs the command may know everything.
func refusal(err error) string {
	var e *list.Error
	if errors.As(err, &e) && e.Kind != list.Temporary {
		return e.Text
	}
	return err.Error()
}

// sentence makes s ready for a full stop and safe for a terminal.
func sentence(s string) string { return strings.TrimRight(plain(s), ". \n") }

// errReported ends a command whose refusals stand in its output already.
var errReported = errors.New("refused")

// usageError is a command line that asks for nothing we could try.
type usageError string

func (e usageError) Error() string { return string(e) }

func usagef(format string, a ...any) error { return usageError(fmt.Sprintf(format, a...)) }

// advised is an error with the next step for the one who runs the command.
type advised struct {
	error
	next string // one sentence without a full stop
}

func (a advised) Unwrap() error { return a.error }

// advise adds the next step to err, unless one stands there already.
func advise(err error, next string) error {
	if err == nil || errors.As(err, new(advised)) {
		return err
	}
	return advised{err, next}
}

// nextStep is what can be done about err: as its command advised, or by its kind.
func nextStep(err error) string {
	var a advised
	if errors.As(err, &a) {
		return a.next
	}
	switch list.KindOf(err) {
	case list.Unknown:
		return "`parley list ls` shows the lists"
	case list.Conflict:
		return "Nothing was changed"
	case list.Temporary, list.Full:
		return "Nothing was changed; try again when that is repaired"
	}
	return "Nothing was changed; correct it and try again"
}

// config reads the config file.
func (p *program) config() (*Config, error) { return loadConfig(p.configPath()) }

// configPath is the file that --config names, or the one found without it.
func (p *program) configPath() string {
	const local = "config.toml"
	if p.cli.Config != "" {
		return p.cli.Config
	}
	if _, err := os.Stat(local); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(systemConfig); err == nil {
			return systemConfig
		}
	}
	return local
}

// withDesk runs do with the database open.
func (p *program) withDesk(ctx context.Context, do func(desk) error) (err error) {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	d, closeDesk, err := p.open(ctx, cfg)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() {
		if closeErr := closeDesk(); err == nil && closeErr != nil {
			err = fmt.Errorf("close the database: %w", closeErr)
		}
	}()
	return do(d)
}
