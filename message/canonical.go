package message

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// The limits of an address in bytes (RFC 5321, 4.5.3.1). A path has 256 with
// its angle brackets.
const (
	maxLocal  = 64
	maxDomain = 255
	maxAddr   = 254
	maxLabel  = 63
)

// Canonical writes an address in the one way in which it is stored and
// compared: the domain in lower case, as A-labels (RFC 5890) and without a dot
// at its end, the local part in NFC and with quotes only where it needs them.
// The case of the local part is kept (RFC 5321, 2.4). The error says what is
// wrong with the address; it does not repeat it.
func Canonical(addr string) (string, error) {
	local, domain, err := split(addr)
	if err != nil {
		return "", err
	}
	if domain, err = canonicalDomain(domain); err != nil {
		return "", err
	}
	out := quote(norm.NFC.String(local)) + "@" + domain
	switch {
	case len(out)-len(domain)-1 > maxLocal:
		return "", fmt.Errorf("the part before the @ has more than %d bytes", maxLocal)
	case len(domain) > maxDomain:
		return "", fmt.Errorf("the domain has more than %d bytes", maxDomain)
	case len(out) > maxAddr:
		return "", fmt.Errorf("the address has more than %d bytes", maxAddr)
	}
	return out, nil
}

// split takes an address apart; the local part comes without quotes.
func split(addr string) (local, domain string, err error) {
	switch {
	case len(addr) > 4*maxAddr: // U-labels can be longer than their A-labels
		return "", "", fmt.Errorf("the address has more than %d bytes", maxAddr)
	case !utf8.ValidString(addr):
		return "", "", errors.New("the address is not valid UTF-8")
	case strings.IndexFunc(addr, isHidden) >= 0:
		return "", "", errors.New("the address holds a control character")
	}
	if strings.HasPrefix(addr, `"`) {
		return splitQuoted(addr)
	}
	at := strings.LastIndexByte(addr, '@')
	switch {
	case at < 0:
		return "", "", errors.New("the address has no @")
	case at == 0:
		return "", "", errors.New("nothing stands before the @")
	case !isDotAtom(addr[:at]):
		return "", "", errors.New("the part before the @ is not valid")
	}
	return addr[:at], addr[at+1:], nil
}

func splitQuoted(addr string) (local, domain string, err error) {
	local, end := unquote(addr)
	switch {
	case end == 0:
		return "", "", errors.New("the quote before the @ is not closed")
	case end == len(addr) || addr[end] != '@':
		return "", "", errors.New("the address has no @ after the quoted part")
	}
	return local, addr[end+1:], nil
}

// isDotAtom says whether a local part needs no quotes (RFC 5321, 4.1.2;
// RFC 6531, 3.3 adds everything beyond ASCII).
func isDotAtom(s string) bool {
	dot := true // so that a dot may not stand first, last, or next to another
	for _, r := range s {
		switch {
		case r == '.' && dot:
			return false
		case r == '.':
			dot = true
			continue
		case r < utf8.RuneSelf && !isAtext(byte(r)), r >= utf8.RuneSelf && (!unicode.IsGraphic(r) || unicode.IsSpace(r)):
			return false
		}
		dot = false
	}
	return !dot
}

func isAtext(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

func canonicalDomain(domain string) (string, error) {
	if strings.HasPrefix(domain, "[") {
		return canonicalLiteral(domain)
	}
	if !isASCII(domain) {
		// The mapping of UTS 46 comes first: it makes dots of what looks like one.
		ascii, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true)).ToASCII(domain)
		if err != nil {
			return "", errors.New("the international domain is not valid")
		}
		domain = ascii
	}
	domain = strings.ToLower(strings.TrimSuffix(domain, "."))
	if domain == "" {
		return "", errors.New("nothing stands after the @")
	}
	for label := range strings.SplitSeq(domain, ".") {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	return domain, nil
}

// checkLabel lets the underscore pass, which real mail hosts have against
// RFC 5321, 2.3.5.
func checkLabel(label string) error {
	switch {
	case label == "":
		return errors.New("the domain has an empty part")
	case len(label) > maxLabel:
		return fmt.Errorf("a part of the domain has more than %d bytes", maxLabel)
	case label[0] == '-' || label[len(label)-1] == '-':
		return errors.New("a part of the domain starts or ends with a hyphen")
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return errors.New("the domain holds a character that none has")
		}
	}
	return nil
}

// canonicalLiteral reads an address literal (RFC 5321, 4.1.3).
func canonicalLiteral(domain string) (string, error) {
	text, closed := strings.CutSuffix(domain[1:], "]")
	tag, v6 := "", false
	if len(text) > 5 && strings.EqualFold(text[:5], "IPv6:") {
		text, tag, v6 = text[5:], "IPv6:", true
	}
	ip, err := netip.ParseAddr(text)
	if !closed || err != nil || ip.Zone() != "" || ip.Is4() == v6 {
		return "", errors.New("the address literal after the @ is not valid")
	}
	return "[" + tag + ip.String() + "]", nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
