package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"parley/list"
	"parley/store"
)

type serveCmd struct{}

// Run runs everything that the config names until a signal ends it.
func (c *serveCmd) Run(ctx context.Context, p *program) error {
	cfg, err := p.config()
	if err != nil {
		return err
	}
	if err := prepareData(cfg); err != nil {
		return err
	}
	p.printWarnings(cfg)
	return runServe(ctx, cfg, p)
}

// runServe serves until ctx ends (SIGTERM, SIGINT) or a part fails; SIGHUP
// rereads the config.
func runServe(ctx context.Context, cfg *Config, p *program) error {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP) // first: without it, the signal kills
	defer signal.Stop(hup)
	log := slog.New(slog.NewTextHandler(p.stderr, nil))
	s, err := newServer(ctx, cfg, log)
	if err != nil {
		return err
	}
	s.start()
	s.greet(p.stdout)
	for {
		select {
		case <-hup:
			s.reread(ctx, p.configPath())
		case err := <-s.failed:
			return errors.Join(err, s.close())
		case <-ctx.Done():
			log.Info("stopping: what is in flight is finished first", "limit", stopLimit)
			return s.close()
		}
	}
}

// greet says in a few lines what runs and where to look.
func (s *server) greet(w io.Writer) {
	lists, err := s.desk.Lists(context.Background())
	if err != nil {
		s.log.Error("look up lists failed", "err", err)
	}
	fmt.Fprintf(w, "Parley serves %s\n", strings.Join(s.cfg.Domains, ", "))
	for _, l := range s.cfg.listeners() {
		fmt.Fprintf(w, "  %-5s %s\n", l.protocol, l.addr)
	}
	for _, l := range lists {
		fmt.Fprintf(w, "  list  %s  %s\n", l.Address, s.pageOf(l))
	}
	if len(lists) == 0 {
		fmt.Fprintf(w, "There is no list yet: \"parley list create NAME@%s\" makes one.\n", s.cfg.Domains[0])
	}
	fmt.Fprintf(w, "Copies go to %s. Stop with Ctrl-C.\n", redacted(s.cfg))
}

// pageOf is where a list can be read, for the greeting.
func (s *server) pageOf(l list.List) string {
	if l.Archive != list.ArchivePublic {
		return "(archive not public)"
	}
	return s.desk.Site().ListURL(l)
}

// redacted is the relay without its password.
func redacted(cfg *Config) string {
	relay, err := cfg.OpenRelay()
	if err != nil {
		return "?"
	}
	return relay.String()
}

// reread takes over a changed config file: its lists, who is trusted, the
// limits, the certificate. A bad file changes nothing and is told about; so is
// what only a restart changes.
func (s *server) reread(ctx context.Context, path string) {
	next, err := loadConfig(path)
	if err != nil {
		s.log.Error("config not reread, the old one stays", "err", err)
		return
	}
	hears, err := s.smtpConfig(next)
	if err != nil {
		s.log.Error("config not reread, the old one stays", "err", err)
		return
	}
	for _, key := range restartKeys(s.cfg, next) {
		s.log.Warn("this change waits for a restart", "key", key)
	}
	// Lists in a domain that waits for the restart wait with it.
	declared := slices.DeleteFunc(next.Declared(), func(d list.Declared) bool {
		return list.ValidListAddress(d.Address, s.cfg.Domains) != nil
	})
	if err := s.desk.Apply(ctx, declared); err != nil {
		s.log.Error("config not reread, the old one stays", "err", err)
		return
	}
	s.smtp.Reconfigure(hears)
	s.log.Info("config reread", "file", path)
}

// restartKeys names the settings that differ and that only a restart changes.
func restartKeys(old, next *Config) []string {
	var keys []string
	for _, k := range []struct {
		key      string
		old, new any
	}{
		{"data", old.DataDir(), next.DataDir()},
		{"hostname", old.Hostname, next.Hostname},
		{"domains", old.Domains, next.Domains},
		{"operator", old.Operator, next.Operator},
		{"smtp.listen", old.SMTP.Listen, next.SMTP.Listen},
		{"lmtp.listen", old.LMTP.Listen, next.LMTP.Listen},
		{"lmtp.mode", old.LMTP.Mode, next.LMTP.Mode},
		{"web", old.Web, next.Web},
		{"words", old.WordsDir(), next.WordsDir()},
		{"relay.url", old.Relay.URL, next.Relay.URL},
	} {
		if !reflect.DeepEqual(k.old, k.new) {
			keys = append(keys, k.key)
		}
	}
	return keys
}

// openDesk opens the database for a command: as one more client beside a
// running serve, or alone.
func openDesk(ctx context.Context, cfg *Config) (_ desk, _ func() error, err error) {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	db, err := store.Open(store.Config{Dir: cfg.DataDir(), Log: log, Now: now})
	if err != nil {
		return nil, nil, databaseProblem(cfg, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	words, err := cfg.OpenWords()
	if err != nil {
		return nil, nil, err
	}
	d, err := newDesk(ctx, cfg, db, words, log)
	if err != nil {
		return nil, nil, err
	}
	return d, db.Close, declareMissing(ctx, d, cfg.Declared())
}

// declareMissing makes lists of the config file that the database has not
// seen, so that commands work before the first serve.
func declareMissing(ctx context.Context, d *list.Desk, declared []list.Declared) error {
	for _, decl := range declared {
		if _, err := d.FindList(ctx, decl.Address); err != nil {
			return d.Apply(ctx, declared)
		}
	}
	return nil
}

// serving says whether a serve runs on the config's data. It holds the lock for
// the moment of the question.
func serving(_ context.Context, cfg *Config) (bool, error) {
	f, err := os.Open(filepath.Join(cfg.DataDir(), store.LockName))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the lock: %w", err)
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
