package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"parley/archive"
	"parley/list"
	"parley/outbox"
	"parley/smtpd"
	"parley/store"
	"parley/templates"
)

// stopLimit is how long a stopping server waits for what is in flight, and
// within it lastAnswers for the servers that our copies went to.
const (
	stopLimit   = 25 * time.Second
	lastAnswers = 20 * time.Second
	lastMails   = 15 * time.Second // for clients in the middle of a mail
)

// server is everything that `parley serve` runs, wired together.
type server struct {
	cfg    *Config
	log    *slog.Logger
	store  *store.Store
	words  *templates.Set
	desk   *list.Desk
	smtp   *smtpd.Server
	web    *http.Server
	outbox *outbox.Runner
	socks  *opened

	failed chan error // a part that ended by itself
	parts  sync.WaitGroup
	stop   context.CancelFunc // of the outbox and the clock
}

// newServer opens everything that the config names, and starts nothing yet.
// Its errors name the next step.
func newServer(ctx context.Context, cfg *Config, log *slog.Logger) (_ *server, err error) {
	s := &server{cfg: cfg, log: log, failed: make(chan error, 8), stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeFiles())
		}
	}()
	if s.socks, err = openListeners(cfg); err != nil {
		return nil, err
	}
	if s.store, err = store.Open(store.Config{Dir: cfg.DataDir(), Log: log, Now: now}); err != nil {
		return nil, databaseProblem(cfg, err)
	}
	if err = s.store.LockServe(); err != nil {
		return nil, err
	}
	if err = s.store.ResetAttempts(ctx); err != nil {
		return nil, fmt.Errorf("look at the queue: %w", err)
	}
	if s.words, err = cfg.OpenWords(); err != nil {
		return nil, err
	}
	if s.desk, err = newDesk(ctx, cfg, s.store, s.words, log); err != nil {
		return nil, err
	}
	if err = s.desk.Apply(ctx, cfg.Declared()); err != nil {
		return nil, fmt.Errorf("apply the lists of the config: %w", err)
	}
	if err = s.desk.MakeKeys(ctx); err != nil {
		return nil, fmt.Errorf("make the members' keys: %w", err)
	}
	s.warnOfWords(ctx)
	return s, s.wire()
}

// warnOfWords tells of mails that nobody will get. The list may be made later.
func (s *server) warnOfWords(ctx context.Context) {
	for _, address := range s.words.Lists() {
		if _, err := s.desk.FindList(ctx, address); list.KindOf(err) == list.Unknown {
			s.log.Warn("words for a list that is not there", "list", address)
		}
	}
}

// wire makes the parts that serve strangers.
func (s *server) wire() error {
	hears, err := s.smtpConfig(s.cfg)
	if err != nil {
		return err
	}
	s.smtp = smtpd.New(hears, s.desk, s.log)
	pages, err := archive.New(archive.Config{Site: s.desk.Site(), Store: s.store, Lists: s.store, Desk: s.desk, Templates: s.words, Log: s.log})
	if err != nil {
		return fmt.Errorf("make the pages: %w", err)
	}
	s.web = archive.Server(pages)
	relay, err := s.cfg.OpenRelay()
	if err != nil {
		return err
	}
	s.outbox, err = outbox.New(outbox.Config{
		Store: s.store, Site: s.desk.Site(), Relay: relay, Bell: s.store.Bell(), Log: s.log, Now: now,
		Timeouts: outbox.Timeouts{Grace: lastAnswers},
	})
	return err
}

// newDesk makes the desk with the installation's key and words.
func newDesk(ctx context.Context, cfg *Config, db *store.Store, words *templates.Set, log *slog.Logger) (*list.Desk, error) {
	site := cfg.Site()
	var err error
	site.Key, err = db.Secret(ctx, "token key", func() []byte {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails: it ends the program instead
		return key
	})
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	return list.NewDesk(list.DeskConfig{Store: db, Site: site, Now: now, Log: log, Pack: store.Pack, Words: words.Mail}), nil
}

func (s *server) smtpConfig(cfg *Config) (smtpd.Config, error) {
	limits := smtpd.DefaultLimits()
	limits.Connections, limits.PerClient, limits.PerMinute = cfg.SMTP.MaxConnections, cfg.SMTP.PerClient, cfg.SMTP.RatePerMinute
	hears := smtpd.Config{
		Hostname: cfg.Hostname, MaxSize: s.maxSize, Trust: cfg.TrustNets(), Fronts: cfg.FrontNets(),
		Believe: cfg.SMTP.Believe, Normalize: cfg.SMTP.Normalize, LMTPTrust: cfg.LMTP.Trust, Limits: limits,
	}
	if cfg.TLS.Cert != "" {
		cert, err := cfg.Certificate()
		if err != nil {
			return hears, err
		}
		hears.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	return hears, nil
}

// maxSize is the largest post that any list takes, in bytes: what a session
// may send before it has said to which.
func (s *server) maxSize() int64 {
	lists, err := s.store.Lists(context.Background())
	if err != nil {
		s.log.Error("look up size limits failed", "err", err)
	}
	largest := int64(smtpd.DefaultMaxSize)
	for _, l := range lists {
		largest = max(largest, l.MaxSize)
	}
	return largest
}

// start starts every part. Each ends by stop, or tells failed why it did not wait for it.
func (s *server) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	for _, l := range s.socks.SMTP {
		s.part("smtp", func() error { return s.serveMail(l, smtpd.SMTP) })
	}
	for _, l := range s.socks.LMTP {
		s.part("lmtp", func() error { return s.serveMail(l, smtpd.LMTP) })
	}
	for _, l := range s.socks.Web {
		s.part("web", func() error { return s.serveWeb(l) })
	}
	s.part("outbox", func() error { return s.outbox.Run(ctx) })
	s.part("texts", func() error { return s.makeTexts(ctx) })
	s.part("follow-up", func() error { return s.followUp(ctx) })
	s.part("clock", func() error { return s.tick(ctx) })
}

func (s *server) part(name string, run func() error) {
	s.parts.Go(func() {
		if err := run(); err != nil {
			s.failed <- fmt.Errorf("%s ended: %w", name, err)
		}
	})
}

// serveMail takes no error from a server that was stopped before it began.
func (s *server) serveMail(l net.Listener, p smtpd.Protocol) error {
	if err := s.smtp.Serve(l, p); !errors.Is(err, smtpd.ErrClosed) {
		return err
	}
	return nil
}

func (s *server) serveWeb(l net.Listener) error {
	if err := s.web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// close stops hearing, waits for what is in flight, stops sending, and closes
// the database last. It takes stopLimit at most.
func (s *server) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	s.stop()
	s.shutMail(ctx)
	err := s.shutWeb(ctx)
	ended := make(chan struct{})
	go func() { s.parts.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		return errors.Join(err, errors.New("some work did not end in time; it goes on at the next start"))
	}
	for {
		select {
		case failed := <-s.failed:
			err = errors.Join(err, failed)
			continue
		default:
		}
		return errors.Join(err, s.closeFiles())
	}
}

// shutMail waits for mails that are arriving. Who takes longer has no answer
// and sends again.
func (s *server) shutMail(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, lastMails)
	defer cancel()
	if err := s.smtp.Shutdown(short); err != nil {
		s.log.Info("clients were hung up on in the middle of a mail", "err", err)
	}
}

func (s *server) shutWeb(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.web.Shutdown(short); err != nil {
		return s.web.Close() // a slow reader can ask again
	}
	return nil
}

func (s *server) closeFiles() error {
	if s.socks != nil {
		s.socks.Close()
	}
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}

// textPause is how long the texts of new posts wait, so that they are made a
// few at a time and the mail always goes first.
const textPause = 100 * time.Millisecond

// followPause is how long commands wait at most, so that the bell of each post
// does not make it look anew.
const followPause = 50 * time.Millisecond

// makeTexts makes display texts and the search index after posts came.
func (s *server) makeTexts(ctx context.Context) error {
	bell := s.store.Bell()
	for {
		n, err := s.desk.MakeTexts(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("make texts failed", "err", err)
		}
		wait := textPause
		if err != nil {
			wait = 10 * time.Second
		}
		if n == 0 && err == nil {
			select {
			case <-bell:
			case <-ctx.Done():
				return nil
			}
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// followUp carries out commands, judges reports and writes owed mails, after
// each bell and, for what time makes due, after each tick of the clock.
func (s *server) followUp(ctx context.Context) error {
	bell := s.store.Bell()
	clock := time.NewTicker(tickEvery)
	defer clock.Stop()
	for {
		n, err := s.desk.FollowUp(ctx)
		wait := followPause
		if err != nil && ctx.Err() == nil {
			s.log.Error("follow-up failed", "err", err)
			wait = 2 * time.Second
		}
		if n == 0 {
			select {
			case <-bell:
			case <-clock.C:
			case <-ctx.Done():
				return nil
			}
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// tick is the clock: it does, again and again, what time alone makes due.
func (s *server) tick(ctx context.Context) error {
	for sleep(ctx, tickEvery) {
		err := errors.Join(s.desk.Tick(ctx), s.store.ClampQueue(ctx, now().Add(outbox.MaxBackoff)))
		if err != nil && ctx.Err() == nil {
			s.log.Error("what is due failed", "err", err)
		}
	}
	return nil
}

// sleep waits for d, or returns false when ctx ends before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// databaseProblem is what keeps the database from being opened: a file that
// must not be touched is a problem of the config's data folder, exit 78.
func databaseProblem(cfg *Config, err error) error {
	var bad *store.BadFile
	if errors.As(err, &bad) {
		return Problems{cfg.problem("data", bad.Path+": "+bad.Reason, "Nothing was changed")}
	}
	return err
}
