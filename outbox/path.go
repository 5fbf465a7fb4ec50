package outbox

import "strings"

// screenPath says why an address cannot stand in MAIL or RCPT, nil if it can.
func screenPath(addr string, utf8 bool) *reply {
	for i := range len(addr) {
		switch c := addr[i]; {
		case c < ' ' || c == 0x7f:
			return &reply{553, "5.1.3 the address has control characters"}
		case c >= 0x80 && !utf8:
			// RFC 6531, 3.2: such an address cannot be said without SMTPUTF8,
			// and there is no other way to write it.
			return &reply{553, "5.6.7 the relay does not offer SMTPUTF8, which the address needs"}
		}
	}
	if addr == "" {
		return nil
	}
	local, domain := cutAddress(addr)
	if local == "" || domain == "" || strings.ContainsAny(domain, "<> ,;\"\\()") {
		return &reply{553, "5.1.3 this cannot be an address"}
	}
	return nil
}

func cutAddress(addr string) (local, domain string) {
	at := strings.LastIndexByte(addr, '@')
	if at < 0 {
		return "", ""
	}
	return addr[:at], addr[at+1:]
}

// quotePath writes an address as it stands between the angle brackets: a local
// part that is no dot-atom is quoted (RFC 5321, 4.1.2).
func quotePath(addr string) string {
	local, domain := cutAddress(addr)
	if isDotAtom(local) || len(local) > 1 && local[0] == '"' && local[len(local)-1] == '"' {
		return addr
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"@` + domain
}

// isDotAtom says whether a local part needs no quotes. The empty one of the
// null sender is left alone, too.
func isDotAtom(local string) bool {
	for i := range len(local) {
		c := local[i]
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= 0x80:
		case c == '.' && i > 0 && i < len(local)-1 && local[i-1] != '.':
		case strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0:
		default:
			return false
		}
	}
	return true
}
