package list

import (
	"bytes"
	"slices"
	"strings"

	"parley/message"
)

// keepResults drops what claims to be our own server's word about a sender
// (RFC 8601, 5): behind us, it would be believed.
func (d *dresser) keepResults(f message.Field) {
	if !strings.EqualFold(authservID(f.Value()), d.site.Hostname) {
		d.keep(f)
	}
}

// authservID is the name at the start of Authentication-Results (RFC 8601,
// 2.2), which comments and quotes may hide.
func authservID(value string) string {
	value = skipComments(value)
	if rest, ok := strings.CutPrefix(value, `"`); ok {
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	if end := strings.IndexAny(value, " \t;("); end >= 0 {
		return value[:end]
	}
	return value
}

// skipComments drops white space and comments, nested ones too, at the start.
func skipComments(value string) string {
	depth := 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && depth > 0:
			i++
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth == 0 && c != ' ' && c != '\t':
			return value[i:]
		}
	}
	return ""
}

// keepSignature drops a signature in the name of the list's domain, forged or
// of an earlier copy, unless the author writes from that domain: then it is
// the author's.
func (d *dresser) keepSignature(f message.Field) {
	domain := d.list.Domain()
	if !strings.EqualFold(tag(f.Value(), "d"), domain) || d.fromIsAt(domain) {
		d.keep(f)
	}
}

func (d *dresser) fromIsAt(domain string) bool {
	return slices.ContainsFunc(message.ParseAddresses(d.msg.Get("From")), func(a message.Address) bool {
		return strings.EqualFold(a.Addr[strings.LastIndexByte(a.Addr, '@')+1:], domain)
	})
}

// tag is the value of one tag of a signature without white space (RFC 6376,
// 3.2), "" if it has none.
func tag(value, name string) string {
	for _, part := range strings.Split(value, ";") {
		key, text, _ := strings.Cut(part, "=")
		if strings.TrimSpace(key) == name {
			return strings.Join(strings.Fields(text), "")
		}
	}
	return ""
}

// BreaksSignatures names the domains (d=) whose signatures on the post cannot
// verify in its copy, because they cover a field that the copy has otherwise,
// or the body, when a footer is added. Whether they verified before is not
// asked. It is for the log, so that an operator knows why.
func BreaksSignatures(src Source, site Site) []string {
	before := message.Parse(src.Raw)
	if before.Count("DKIM-Signature") == 0 {
		return nil
	}
	copied := Dress(src, site)
	// Whose fields come into the seam makes no difference: no author can have
	// signed them.
	after := message.Parse(copied.with(site.PersonalFields(src.List, 1, src.Number)))
	footed := len(copied.Body) != len(before.Body)
	var broken []string
	for _, f := range after.Fields {
		if !strings.EqualFold(f.Name, "DKIM-Signature") {
			continue
		}
		sig := f.Value()
		if footed || !sameSigned(sig, before.Fields, after.Fields) {
			broken = append(broken, strings.ToLower(tag(sig, "d")))
		}
	}
	return broken
}

// with is the head of a copy that has fields in its seam.
func (d Dressed) with(fields []byte) []byte {
	if d.Seam < 0 {
		return d.Head
	}
	return slices.Concat(d.Head[:d.Seam], fields, d.Head[d.Seam:])
}

// sameSigned reports whether a signature covers the same in both headers. A
// name that stands n times in h= covers the last n fields of that name, and
// their absence where there are fewer (RFC 6376, 5.4.2).
func sameSigned(sig string, before, after []message.Field) bool {
	relaxed := strings.HasPrefix(strings.ToLower(tag(sig, "c")), "relaxed")
	times := map[string]int{}
	for _, name := range strings.Split(strings.ToLower(tag(sig, "h")), ":") {
		times[name]++
	}
	for name, n := range times {
		if !slices.EqualFunc(lastFields(before, name, n), lastFields(after, name, n), func(a, b message.Field) bool {
			return bytes.Equal(a.Raw, b.Raw) || relaxed && sameWords(a.Value(), b.Value())
		}) {
			return false
		}
	}
	return true
}

// sameWords compares as the relaxed form does (RFC 6376, 3.4.2): any run of
// white space is one space.
func sameWords(a, b string) bool { return slices.Equal(strings.Fields(a), strings.Fields(b)) }

// lastFields is the last n fields of a name, the last one first.
func lastFields(fields []message.Field, name string, n int) []message.Field {
	var last []message.Field
	for i := len(fields) - 1; i >= 0 && len(last) < n; i-- {
		if strings.EqualFold(fields[i].Name, name) {
			last = append(last, fields[i])
		}
	}
	return last
}
