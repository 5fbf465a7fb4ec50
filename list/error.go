package list

import (
	"errors"
	"fmt"
)

// Kind says what an Error means to the one who asked. Its zero value is
// Temporary, because an error that nobody thought of must never become a
// bounce.
type Kind int

// The kinds, each with the replies that the edges make of it.
const (
	Temporary  Kind = iota // 451 4.3.0, HTTP 503: ask again later
	Unknown                // 550 5.1.1, HTTP 404: no such list, member, post
	Foreign                // 550 5.7.1: an address that is not ours
	Refused                // 550 5.7.1, HTTP 403: the list's rules say no
	Malformed              // 550 5.6.0, HTTP 400: the mail or the request is broken
	BadAddress             // 553 5.1.3: an address that cannot be one
	TooLarge               // 552 5.3.4, HTTP 413: over a size limit
	Loop                   // 554 5.4.6: the mail was here before
	Full                   // 452 4.3.1: out of space or of memory, for now
	Conflict               // 451 4.3.0, HTTP 409: the thing exists already, or was decided already
)

// Error is the one error type of the domain. Text may be shown to a stranger;
// Err never leaves the log. It is rendered at each edge: to an SMTP reply in
// smtpd, to an HTTP status in archive, to an exit code in cmd.
type Error struct {
	Kind Kind
	Text string // one sentence without a full stop; plain ASCII, no CR or LF
	Err  error  // the cause, for the log; may be nil
}

// Errorf makes an Error of kind k whose text may be shown to strangers.
func Errorf(k Kind, format string, a ...any) *Error {
	return &Error{Kind: k, Text: fmt.Sprintf(format, a...)}
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of the first Error in err's chain, Temporary if it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Temporary
}

// TextOf is what a stranger may read about err: the Text of the first Error in
// its chain, "" if it has none.
func TextOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Text
	}
	return ""
}
