package message

import (
	"regexp"
	"strings"
)

var (
	// What follows names the recipients without their domain.
	namesPattern = regexp.MustCompile(`(?i)(?:not accepting mail from[^:]*|message not delivered to the following):\s*\n`)
	namePattern  = regexp.MustCompile(`^[ \t]*([A-Za-z0-9._-]+)(?:[ \t]{2,}\S.*)?$`)
	// One university tells for which domains the name stands.
	emailingPattern = regexp.MustCompile(`(?i)emailing\s+(?:to\s+)?NAME@([a-z0-9.-]*[a-z0-9])`)
)

// names finds recipients that are named without a domain, as some do for their
// own: it is the domain of the report's sender, or those that the words tell.
func (t *reportText) names(m *Message) []found {
	from := ParseAddresses(m.Get("From"))
	at := namesPattern.FindStringIndex(t.block)
	if at == nil || len(from) == 0 || !fromMailer(m) {
		return nil
	}
	_, own, _ := strings.Cut(from[0].Addr, "@")
	domains := []string{strings.ToLower(own)}
	for i, hit := range emailingPattern.FindAllStringSubmatch(t.block, 5) {
		if i == 0 {
			domains = nil
		}
		domains = append(domains, hit[1])
	}
	var hits []found
	for i := strings.Count(t.block[:at[1]], "\n"); i < len(t.lines) && len(hits) < maxRcpts; i++ {
		name := namePattern.FindStringSubmatch(t.lines[i])
		if name == nil && strings.TrimSpace(t.lines[i]) != "" {
			break
		}
		for _, domain := range domains {
			if name != nil && textAddr(name[1]+"@"+domain) != "" {
				hits = append(hits, found{addr: name[1] + "@" + domain, line: i})
			}
		}
	}
	return hits
}
