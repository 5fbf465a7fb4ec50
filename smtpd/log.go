package smtpd

import (
	"log/slog"
	"strings"
	"time"
)

// loggedRcpts is how many recipients of a mail the log names.
const loggedRcpts = 5

// logMail writes the one line of a mail that was taken or refused.
func (o *session) logMail(size int, begin time.Time, code int, err error) {
	event := "mail taken"
	if code/100 != 2 {
		event = "mail refused"
	}
	to := o.mail.to[:min(len(o.mail.to), loggedRcpts)]
	masked := make([]string, len(to))
	for i, rcpt := range to {
		masked[i] = mask(rcpt)
	}
	attrs := []any{
		slog.Any("client", o.client),
		slog.String("from", mask(o.mail.from)),
		slog.String("to", strings.Join(masked, " ")),
		slog.Int("rcpts", len(o.mail.to)),
		slog.Int("size", size),
		slog.Int("code", code),
		slog.Duration("took", time.Since(begin)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("err", err.Error()))
	}
	o.log.Info(event, attrs...)
}

// mask takes the token out of an address: dev+bounce-….
func mask(address string) string {
	local, domain, at := address, "", strings.LastIndexByte(address, '@')
	if at >= 0 {
		local, domain = address[:at], address[at:]
	}
	name, tail, ok := strings.Cut(local, "+")
	if !ok {
		return address
	}
	verb, _, ok := strings.Cut(tail, "-")
	if !ok {
		return address
	}
	return name + "+" + verb + "-…" + domain
}
