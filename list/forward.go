package list

import (
	"bytes"
	"fmt"
	"strings"

	"parley/message"
)

// forward sends a mail on to the people behind an address of the list: its
// owners, or the operator. Copies come from dev-bounces@, so that a report
// about them reaches us, not the stranger who wrote. The Delivered-To field
// stops a loop between us and a forwarding owner, as other servers do it.
func (d *Desk) forward(tx Tx, in *incoming, to []string) (note, error) {
	if len(to) == 0 {
		return note{}, Errorf(Unknown, "nobody reads mail to this address")
	}
	if n := in.msg.Count("Received"); n > maxReceived {
		return note{}, Errorf(Loop, "the mail went through %d servers: it loops", n)
	}
	if size, most := int64(len(in.msg.Raw)), in.to.list.MaxSize; most > 0 && size > most {
		return note{}, Errorf(TooLarge, "the mail is larger than this list takes")
	}
	here := d.roleAddress(in.to.Target)
	for _, v := range in.msg.All("Delivered-To") {
		if strings.EqualFold(strings.TrimSpace(v), here) {
			return note{}, Errorf(Loop, "the mail was at this address already")
		}
	}
	if in.msg.HeaderSize() > maxHeader {
		return note{}, Errorf(TooLarge, "the header is larger than %d bytes", maxHeader)
	}
	if err := d.takeComplaint(tx, in); err != nil {
		return note{}, err
	}
	job := NewJob{List: in.to.list.ID, At: d.now(), Rcpts: to, Sender: d.reportsTo(in), Mail: in.forwards[in.to.rcpt]}
	if _, err := tx.AddJob(job); err != nil {
		return note{}, fmt.Errorf("start forward: %w", err)
	}
	return note{event: "forwarded", about: []any{"address", here}}, nil
}

// reportsTo is the envelope sender of a forward. A report is forwarded with
// the null sender, so that it never makes another (RFC 5321, 4.5.5).
func (d *Desk) reportsTo(in *incoming) string {
	if in.env.From == "" || in.to.list.ID == 0 {
		return ""
	}
	return d.site.BounceAddress(in.to.list, 0)
}

// roleAddress is the address of ours that a mail was sent to, in one spelling.
func (d *Desk) roleAddress(to Target) string {
	domain := to.Domain
	if domain == "" && len(d.site.Domains) > 0 {
		domain = d.site.Domains[0]
	}
	if to.Local == "" {
		return string(to.Verb) + "@" + domain
	}
	return to.Local + "-" + string(to.Verb) + "@" + domain
}

// forwarded is the mail with our Received and Delivered-To on top and without
// the Return-Path of an earlier delivery (RFC 5321, 4.4).
func (d *Desk) forwarded(in *incoming, to Target) []byte {
	var b bytes.Buffer
	b.Grow(len(in.msg.Raw) + 512)
	here := d.roleAddress(to)
	b.WriteString("Received: " + trace(in.env, d.site.Hostname, here) + "\r\n")
	b.WriteString("Delivered-To: " + here + "\r\n")
	fields := in.msg.Fields
	if len(fields) > 0 && fields[0].Name == "" && unheaded(fields[0].Raw) {
		fields = fields[1:] // it would continue our field
	}
	isReturnPath := func(f message.Field) bool { return strings.EqualFold(f.Name, "Return-Path") }
	b.Write(message.AppendKept(nil, fields, isReturnPath))
	b.WriteString("\r\n")
	b.Write(in.msg.Body)
	return b.Bytes()
}
