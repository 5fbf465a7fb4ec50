package list

import (
	"strings"

	"parley/message"
)

// readComplaint looks into a mail to the owners, the operator or dev-bounces@
// for a report of somebody who called a post spam (RFC 5965): providers send
// them where they were told to, not to the envelope sender of the copy. It
// returns the addresses of ours that the report names; one with a member's
// token says whose copy it was.
func (d *Desk) readComplaint(in *incoming) []string {
	if !strings.Contains(strings.ToLower(in.msg.Get("Content-Type")), "feedback-report") {
		return nil
	}
	r := d.readReport(in.msg.Raw)
	if r.Kind != message.ComplaintReport {
		return nil
	}
	named := []string{r.OriginalFrom}
	returned := message.Parse(r.Returned)
	for _, field := range returned.All("List-Unsubscribe") {
		for _, link := range strings.Split(field, ",") {
			link = strings.Trim(strings.TrimSpace(link), "<>")
			if address, ok := strings.CutPrefix(link, "mailto:"); ok {
				address, _, _ = strings.Cut(address, "?")
				named = append(named, address)
			}
		}
	}
	return append(named, strings.Trim(strings.TrimSpace(returned.Get("Return-Path")), "<>"))
}

// takeComplaint keeps a report for the judge, when it names a member by a token.
func (d *Desk) takeComplaint(tx Tx, in *incoming) error {
	for _, address := range in.complaint {
		to, err := d.resolve(tx, address)
		if err != nil && KindOf(err) == Temporary {
			return err
		}
		if err != nil || to.member == 0 || to.Verb != ToBounce && to.Verb != ToLeave {
			continue
		}
		return tx.AddBounce(NewBounce{List: to.list.ID, Member: to.member, At: d.now(), Report: in.report})
	}
	return nil
}
