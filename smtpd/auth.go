package smtpd

import (
	"bytes"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/authres"

	"parley/list"
)

// believed is what the Authentication-Results fields (RFC 8601) of a front
// server say. Only those count that name an authserv-id of believe and stand
// where only a front server could put them: above the first Received field that
// none of them wrote. A front server must remove fields with its own id that
// came from outside (RFC 8601, 5); for those that it overlooks, the topmost
// result of a method is the one that counts.
func believed(raw []byte, believe []string, hostname string) list.Auth {
	var auth list.Auth
	var dmarc, dkim bool // the topmost result was seen
	for _, f := range frontFields(raw, believe, hostname) {
		id, results := parseResults(f)
		var domains []string
		for _, r := range results {
			switch r := r.(type) {
			case *authres.DMARCResult:
				if !dmarc && r.Value == authres.ResultPass {
					auth.DMARC, auth.By = domainOf(r.From), id
				}
				dmarc = true
			case *authres.DKIMResult:
				domains = append(domains, passing(r)...)
			}
		}
		if hasDKIM(results) && !dkim {
			dkim = true
			auth.DKIM = domains
			if len(domains) > 0 {
				auth.By = id
			}
		}
	}
	return auth
}

func hasDKIM(results []authres.Result) bool {
	return slices.ContainsFunc(results, func(r authres.Result) bool { _, ok := r.(*authres.DKIMResult); return ok })
}

// passing is the signing domain of a result that passed, or nothing.
func passing(r *authres.DKIMResult) []string {
	domain := r.Domain
	if domain == "" {
		domain = r.Identifier
	}
	if domain = domainOf(domain); r.Value != authres.ResultPass || domain == "" {
		return nil
	}
	return []string{domain}
}

// domainOf is the domain of a value that may be an address or quoted.
func domainOf(value string) string {
	value = strings.Trim(value, `"<>`)
	value = value[strings.LastIndexByte(value, '@')+1:]
	return strings.ToLower(strings.TrimSuffix(value, "."))
}

// frontFields are the values of the believed fields, from the top.
func frontFields(raw []byte, believe []string, hostname string) []string {
	var found []string
	for name, value := range fields(raw) {
		switch {
		case strings.EqualFold(name, "Received"):
			if len(found) > 0 || !ownHop(value, believe, hostname) {
				return found
			}
		case strings.EqualFold(name, "Authentication-Results"):
			value = uncomment(value)
			if id, _ := splitResults(value); slices.ContainsFunc(believe, func(b string) bool { return strings.EqualFold(b, id) }) {
				found = append(found, value)
			}
		}
	}
	return found
}

// fields goes through the header, with folded values as they are, until its
// empty line or a line that is no field.
func fields(raw []byte) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for len(raw) > 0 && raw[0] != '\r' && raw[0] != '\n' {
			end := fieldEnd(raw)
			name, value, ok := bytes.Cut(raw[:end], []byte(":"))
			if !ok || !yield(string(bytes.TrimRight(name, " \t")), string(value)) {
				return
			}
			raw = raw[end:]
		}
	}
}

// fieldEnd is where the field that raw begins with ends.
func fieldEnd(raw []byte) int {
	end := 0
	for {
		i := bytes.IndexByte(raw[end:], '\n')
		if i < 0 {
			return len(raw)
		}
		end += i + 1
		if end == len(raw) || raw[end] != ' ' && raw[end] != '\t' {
			return end
		}
	}
}

// ownHop says whether a Received field was written by a host that we believe, by
// us, or on the way between two of them in one machine.
func ownHop(value string, believe []string, hostname string) bool {
	words := strings.Fields(uncomment(value))
	i := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, "by") })
	if i < 0 || i+1 >= len(words) {
		return false
	}
	by := domainOf(words[i+1])
	if by == "localhost" || strings.EqualFold(by, hostname) {
		return true
	}
	return slices.ContainsFunc(believe, func(b string) bool {
		b = strings.ToLower(b)
		return by == b || strings.HasSuffix(by, "."+b)
	})
}

// parseResults reads a value without comments. A result that is broken is left
// out; it does not take the others with it.
func parseResults(value string) (id string, results []authres.Result) {
	id, parts := splitResults(value)
	for _, part := range parts {
		if _, r, err := authres.Parse(id + "; " + part); err == nil {
			results = append(results, r...)
		}
	}
	return id, results
}

// splitResults splits a value at its semicolons and takes the version off the
// authserv-id.
func splitResults(value string) (id string, parts []string) {
	parts = strings.Split(value, ";")
	if f := strings.Fields(parts[0]); len(f) > 0 {
		id = strings.Trim(f[0], `"`)
	}
	return id, parts[1:]
}

// uncomment removes comments (RFC 5322, 3.2.2), which may hold semicolons, and
// what stands in quotes, but for the value of one word.
func uncomment(s string) string {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && (depth > 0 || quoted):
			i++
			continue
		case quoted:
			quoted = c != '"'
			if strings.IndexByte("; \t\r\n=()", c) >= 0 {
				continue
			}
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
			c = ' '
		case c == '"' && depth == 0:
			quoted = true
		}
		if depth == 0 {
			b.WriteByte(c)
		}
	}
	return b.String()
}
