package list

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"net/url"
	"strings"
)

// Sizes of a token: 128 bits are 26 characters of base32.
const (
	tokenBytes = 16
	tokenChars = 26
	tokenChar  = "abcdefghijklmnopqrstuvwxyz234567"
)

// Token is what proves that a mail or a request answers one that we sent: 128
// bits of an HMAC over purpose and ids, as 26 lower-case base32 characters, so
// that it survives gateways that change the case of a local part. The same
// arguments give the same token for as long as the site keeps its key.
func (s Site) Token(purpose string, ids ...int64) string {
	mac := hmac.New(sha256.New, s.Key)
	// The length stands first: no purpose is a prefix of another's input.
	buf := binary.BigEndian.AppendUint64(make([]byte, 0, 64), uint64(len(purpose)))
	buf = append(buf, purpose...)
	for _, id := range ids {
		buf = binary.BigEndian.AppendUint64(buf, uint64(id))
	}
	mac.Write(buf)
	return tokenText(mac.Sum(nil))
}

// tokenText writes the first 128 bits of sum as a token.
func tokenText(sum []byte) string {
	return base32.NewEncoding(tokenChar).WithPadding(base32.NoPadding).EncodeToString(sum[:tokenBytes])
}

// isToken reports whether s has the form of a token.
func isToken(s string) bool {
	return len(s) == tokenChars && strings.Trim(s, tokenChar) == ""
}

// TokenHash is what a store keeps in place of a token: who reads the database
// or a backup cannot use it. 16 bytes; looking one up needs no constant time,
// since nobody can choose the hash of what they guess.
func TokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:tokenBytes]
}

// BounceAddress is the envelope sender of a copy: the same for one member and
// list on every post and retry, so that greylisting learns it. A shared copy,
// or a recipient who is no member (m = 0), has the list's dev-bounces address.
func (s Site) BounceAddress(l List, m MemberID) string {
	t := Target{Verb: ToBounces, Local: l.Local(), Domain: l.Domain()}
	if m != 0 {
		t.Verb, t.Token = ToBounce, s.bounceToken(l.ID, m)
	}
	return t.String()
}

// bounceToken is the token in a member's BounceAddress.
func (s Site) bounceToken(l ListID, m MemberID) string {
	return s.Token("bounce", int64(l), int64(m))
}

// ListURL is the page of a list, with a slash at its end; "" when the site has
// no URL. The list stands there as its local part in the site's first domain,
// as its whole address in the others.
func (s Site) ListURL(l List) string {
	if s.URL == "" {
		return ""
	}
	name := l.Address
	if len(s.Domains) > 0 && l.Domain() == lowerASCII(s.Domains[0]) {
		name = l.Local()
	}
	return s.URL + "/" + segment(name) + "/"
}

// PostURL is the page of a post, with a slash at its end; "" when the site has
// no URL. The key is PostRow.Key.
func (s Site) PostURL(l List, key string) string {
	page := s.ListURL(l)
	if page == "" {
		return ""
	}
	return page + segment(key) + "/"
}

// segment makes one segment of a URL's path of any bytes. Two dots would mean
// the folder above even when they are escaped, but no key is that short: a
// Message-ID without "@" has its number for a key.
func segment(key string) string {
	if strings.Trim(key, ".") == "" {
		return strings.ReplaceAll(key, ".", "%2E")
	}
	return url.PathEscape(key)
}
