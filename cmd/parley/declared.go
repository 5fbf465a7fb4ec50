package main

import (
	"errors"
	"fmt"
	"strings"

	"parley/list"
	"parley/message"
)

// Declared are the lists of the file. Options that the file does not name are
// not in there: they stay as they are in the database.
func (c *Config) Declared() []list.Declared {
	var all []list.Declared
	for i, l := range c.Lists {
		d := list.Declared{Address: l.Address, Options: map[string]string{}}
		for name, value := range l.options() {
			if c.has(fmt.Sprintf("list[%d].%s", i, name)) {
				d.Options[name] = value
			}
		}
		for _, line := range l.Members {
			if a, err := parseMember(line); err == nil {
				d.Members = append(d.Members, a)
			}
		}
		all = append(all, d)
	}
	return all
}

// options are the list's options by the names of list.OptionNames.
func (l ListConfig) options() map[string]string {
	return map[string]string{
		"description":    l.Description,
		"owners":         strings.Join(l.Owners, ", "),
		"moderators":     strings.Join(l.Moderators, ", "),
		"post":           l.Post,
		"start":          l.Start,
		"archive":        l.Archive,
		"addresses":      l.Addresses,
		"copies":         l.Copies,
		"max_size":       string(l.MaxSize),
		"subject_prefix": l.SubjectPrefix,
		"footer":         l.Footer,
		"reply_to":       l.ReplyTo,
		"join":           l.Join,
		"customs":        l.Customs,
		"language":       l.Language,
		"digest_at":      l.DigestAt,
		"roster":         l.Roster,
		"banned":         strings.Join(l.Banned, ", "),
	}
}

func (v *validation) checkLists() {
	if len(v.Lists) > 0 && !v.has("list[0]") {
		// go-toml takes one table for a list of tables; the next list would be
		// an error about a line that is right.
		v.bad("list", "has the wrong type, one table", "Write [[list]], with two brackets")
		return
	}
	seen := map[string]string{}
	for i, l := range v.Lists {
		at := fmt.Sprintf("list[%d]", i)
		switch err := list.ValidListAddress(l.Address, v.Domains); {
		case l.Address == "":
			v.bad(at+".address", "is missing", `Write it as in address = "dev@lists.example.org"`)
		case err != nil:
			v.bad(at+".address", words(err), "Choose another address, at one of: "+strings.Join(v.Domains, ", "))
		case seen[l.Address] != "":
			v.bad(at+".address", l.Address+" is declared in "+seen[l.Address]+" too", "Leave one of them out")
		default:
			seen[l.Address] = at
		}
		v.checkOptions(at, l)
		v.checkPeople(at+".owners", l.Owners, l.Address)
		v.checkPeople(at+".moderators", l.Moderators, l.Address)
		v.checkMembers(at+".members", l)
	}
}

// checkOptions asks the rules themselves, so that the file and
// `parley list set` accept the same.
func (v *validation) checkOptions(at string, l ListConfig) {
	scratch := list.NewList(l.Address)
	values := l.options()
	for _, name := range list.OptionNames() {
		key := at + "." + name
		if !v.has(key) || name == "owners" || name == "moderators" {
			continue // people are looked at one by one
		}
		if err := list.SetOption(&scratch, name, values[name]); err != nil {
			reason := strings.TrimPrefix(words(err), "option "+name+" = ")
			v.bad(key, reason, "Correct it, or leave it out for "+defaultWords(name))
		}
	}
}

// defaultWords names what an option is when nobody has set it.
func defaultWords(name string) string {
	if value := list.Option(list.NewList("x@example.org"), name); value != "" {
		return fmt.Sprintf("%q", value)
	}
	return "none"
}

// checkPeople wants addresses of people: an owner or moderator who is the list
// itself would moderate in circles.
func (v *validation) checkPeople(key string, people []string, address string) {
	for i, p := range people {
		at := fmt.Sprintf("%s[%d]", key, i)
		addr, err := message.Canonical(p)
		if err != nil || strings.Contains(addr, ",") {
			v.bad(at, fmt.Sprintf("%q is not the address of a person", p), `Write it as in "you@example.org"`)
			continue
		}
		if reason := v.ownAddress(addr, address); reason != "" {
			v.bad(at, reason, "Write the address of a person")
		}
	}
}

func (v *validation) checkMembers(key string, l ListConfig) {
	for i, line := range l.Members {
		at := fmt.Sprintf("%s[%d]", key, i)
		a, err := parseMember(line)
		if err != nil {
			v.bad(at, fmt.Sprintf("%q %v", line, err), `Write "address" or "Name <address>"`)
			continue
		}
		if reason := v.ownAddress(a.Addr, l.Address); reason != "" {
			v.bad(at, reason+": its copies would come back as posts", "Leave it out")
		}
	}
}

// parseMember reads "Name <address>" or "address". It is strict where mail
// headers are read leniently: half a line understood would be somebody else.
func parseMember(line string) (message.Address, error) {
	name, addr := "", strings.TrimSpace(line)
	if head, ok := strings.CutSuffix(addr, ">"); ok {
		i := strings.LastIndexByte(head, '<')
		if i < 0 {
			return message.Address{}, errors.New("has a > without a <")
		}
		name, addr = strings.TrimSpace(head[:i]), head[i+1:]
	}
	if strings.ContainsAny(addr, "<>,; \t") {
		return message.Address{}, errors.New("is not one address")
	}
	c, err := message.Canonical(addr)
	if err != nil {
		return message.Address{}, fmt.Errorf("is not an address: %w", err)
	}
	return message.Address{Name: message.DecodeHeader(unquote(name)), Addr: c}, nil
}

// unquote takes the quotes off a display name (RFC 5322, 3.2.4).
func unquote(name string) string {
	if len(name) < 2 || name[0] != '"' || name[len(name)-1] != '"' {
		return name
	}
	return strings.NewReplacer(`\\`, `\`, `\"`, `"`).Replace(name[1 : len(name)-1])
}

// words is what people may read of an error: the text of a list.Error without
// the cause behind it, or all of another.
func words(err error) string {
	if text := list.TextOf(err); text != "" {
		return text
	}
	return err.Error()
}
