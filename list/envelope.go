package list

import (
	"net/netip"
	"time"
)

// Envelope is what a session knows of a mail besides its bytes.
type Envelope struct {
	From     string     // MAIL FROM, unquoted; "" is the null sender
	To       []string   // RCPT TO, as given
	Client   netip.Addr // zero on a Unix socket
	Helo     string     // EHLO, HELO or LHLO name, checked by smtpd
	Protocol string     // SMTP, ESMTP, ESMTPS, LMTP, LMTPS, UTF8SMTP, ... for Received (RFC 3848)
	Session  string     // the id of the session, on its log lines and in its replies
	Received time.Time
	UTF8     bool // SMTPUTF8 was asked for (RFC 6531)
	Auth     Auth
}

// Auth is what is proven about the sender of a mail.
type Auth struct {
	Trusted bool     // the client is in trust, or on an LMTP listener that is trusted
	DMARC   string   // domain of From for which DMARC passed, "" if for none
	DKIM    []string // domains with a passing signature
	By      string   // authserv-id whose word this is; "" when Trusted alone
}

// Site is what the addresses and links of an installation are made from.
type Site struct {
	Hostname string   // banner, EHLO, Received
	Domains  []string // the first one's name may be left out of URLs
	URL      string   // base of all links, without a slash at the end
	Operator string   // gets postmaster@, abuse@ and what goes wrong; may be ""
	Key      []byte   // secret of the tokens, 32 bytes, from the database
}
