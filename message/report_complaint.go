package message

import "slices"

// complaint reads a feedback report (RFC 5965). Of its kinds, abuse, fraud and
// opt-out say that somebody does not want such mail; what an authentication
// failure (RFC 6591) or not-spam says is no complaint.
func (r *reportReader) complaint() Report {
	f := r.feedback
	out := Report{Kind: ComplaintReport, Feedback: firstToken(f.Get("Feedback-Type"))}
	switch out.Feedback {
	case "abuse", "fraud", "opt-out", "opt-out-list":
	default:
		return Report{}
	}
	for _, name := range []string{"Original-Rcpt-To", "Removal-Recipient"} {
		for _, v := range f.All(name) {
			out.add(ReportRcpt{Address: typedAddr(v)})
		}
	}
	out.OriginalFrom = typedAddr(f.Get("Original-Mail-From"))
	r.original(&out)
	return out
}

// add adds a recipient that has an address and is not there yet.
func (out *Report) add(rcpt ReportRcpt) {
	known := func(r ReportRcpt) bool { return r.Address == rcpt.Address }
	if rcpt.Address != "" && len(out.Rcpts) < maxRcpts && !slices.ContainsFunc(out.Rcpts, known) {
		out.Rcpts = append(out.Rcpts, rcpt)
	}
}
