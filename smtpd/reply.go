package smtpd

import (
	"fmt"
	"strings"

	"github.com/emersion/go-smtp"

	"parley/list"
)

// The answers that depend on nothing but the protocol. Each gets the session's
// id behind it.
const (
	sayBusy    = "421 4.7.0 Too many connections, try again later"
	sayCrowd   = "421 4.7.0 Too many connections from your address, try again later"
	sayRush    = "421 4.7.0 Too many new connections from your address, try again later"
	sayJunk    = "421 4.7.0 Too many commands without a mail, closing connection"
	sayWrong   = "421 4.7.0 Too many wrong recipients, closing connection"
	sayIdle    = "421 4.4.2 Too slow, closing connection"
	sayClosing = "421 4.3.2 Shutting down, try again later"
	sayFault   = "421 4.3.0 Internal error, try again later"

	sayLongLine  = "500 5.5.2 Command line too long, closing connection"
	sayBadBytes  = "500 5.5.2 Command has bytes that no command may have"
	sayBadHello  = "501 5.5.2 That is not a name or address of a host"
	sayNoHello   = "503 5.5.1 Introduce yourself first"
	sayOrder     = "503 5.5.1 RCPT is not allowed here"
	sayNested    = "503 5.5.1 A transaction is open already"
	sayNoAuth    = "502 5.5.1 AUTH is not offered"
	sayTLSTwice  = "502 5.5.1 TLS is on already"
	sayTLSArg    = "501 5.5.4 STARTTLS has no arguments"
	sayTLSReady  = "220 2.0.0 Ready to start TLS"
	sayMixed     = "503 5.5.1 DATA is not allowed after BDAT"
	sayBadChunk  = "501 5.5.4 BDAT needs a size, closing connection"
	sayNoRcpt    = "502 5.5.1 Missing RCPT TO command"
	sayHugeChunk = "552 5.3.4 Chunk over the size limit, closing connection"
	saySize      = "552 5.3.4 Message over the size limit"

	sayRelay    = "550 5.7.1 Relay denied"
	sayBadPath  = "501 5.1.3 That is not an address"
	sayLongPath = "501 5.1.3 Address too long"
	sayBadAddr  = "553 5.1.3 Address has bytes that no address may have"
	sayCrowded  = "452 4.5.3 Too many recipients for one mail"
	sayStalled  = "451 4.4.2 Message did not arrive in time, closing connection"
	sayCut      = "451 4.4.2 Connection lost inside the message"
)

// status is one kind of error as SMTP says it (RFC 5321, 4.2; RFC 3463).
type status struct {
	code     int
	enhanced smtp.EnhancedCode
	text     string // for an error without one that strangers may read
}

// statusOf has a Kind nobody thought of as temporary: an unknown error must
// never become a bounce.
func statusOf(k list.Kind) status {
	switch k {
	case list.Unknown:
		return status{550, smtp.EnhancedCode{5, 1, 1}, "No such list here"}
	case list.Foreign:
		return status{550, smtp.EnhancedCode{5, 7, 1}, "Relay denied"}
	case list.Refused:
		return status{550, smtp.EnhancedCode{5, 7, 1}, "Not allowed here"}
	case list.Malformed:
		return status{550, smtp.EnhancedCode{5, 6, 0}, "The message is broken"}
	case list.BadAddress:
		return status{553, smtp.EnhancedCode{5, 1, 3}, "That is not an address"}
	case list.TooLarge:
		return status{552, smtp.EnhancedCode{5, 3, 4}, "Message over the size limit"}
	case list.Loop:
		return status{554, smtp.EnhancedCode{5, 4, 6}, "The message was here before"}
	case list.Full:
		return status{452, smtp.EnhancedCode{4, 3, 1}, "Out of space, try again later"}
	}
	return status{451, smtp.EnhancedCode{4, 3, 0}, "Try again later"}
}

// reply is the one way from an error to an answer: go-smtp makes a permanent
// 554 of any error that is not itself an *SMTPError, and shows its text.
func reply(err error, session string) *smtp.SMTPError {
	if own, ok := err.(*answer); ok {
		return own.reply(session)
	}
	st := statusOf(list.KindOf(err))
	if text := plain(list.TextOf(err)); text != "" {
		st.text = text
	}
	return &smtp.SMTPError{Code: st.code, EnhancedCode: st.enhanced, Message: signed(st.text, session)}
}

// queued is the answer to a message that is kept. Nothing else that we say has
// that word.
func queued(mail string) *smtp.SMTPError {
	return &smtp.SMTPError{Code: 250, EnhancedCode: smtp.EnhancedCode{2, 0, 0}, Message: "queued as " + mail}
}

// answer is one of the answers above as an error.
type answer struct{ text string }

func (a *answer) Error() string { return a.text }

func (a *answer) reply(session string) *smtp.SMTPError {
	digit := func(i int) int { return int(a.text[i] - '0') }
	return &smtp.SMTPError{
		Code:         digit(0)*100 + digit(1)*10 + digit(2),
		EnhancedCode: smtp.EnhancedCode{digit(4), digit(6), digit(8)},
		Message:      signed(a.text[10:], session),
	}
}

// line is an answer as it stands on the wire.
func line(re *smtp.SMTPError) string {
	e := re.EnhancedCode
	return fmt.Sprintf("%d %d.%d.%d %s", re.Code, e[0], e[1], e[2], re.Message)
}

func signed(text, session string) string { return text + " (session " + session + ")" }

// plain is text as a reply may carry it: printable ASCII, at most 400 bytes, so
// that the line stays under 512 (RFC 5321, 4.5.3.1.5).
func plain(text string) string {
	if len(text) > 400 {
		text = text[:400]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
