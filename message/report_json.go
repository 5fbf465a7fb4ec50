package message

import (
	"encoding/json"
	"strings"
)

// notification is how one large relay reports: as JSON in a mail of its own.
type notification struct {
	NotificationType string `json:"notificationType"`
	Bounce           struct {
		BouncedRecipients []struct {
			EmailAddress   string `json:"emailAddress"`
			Action         string `json:"action"`
			Status         string `json:"status"`
			DiagnosticCode string `json:"diagnosticCode"`
		} `json:"bouncedRecipients"`
		BounceType string `json:"bounceType"`
	} `json:"bounce"`
	Complaint struct {
		ComplainedRecipients []struct {
			EmailAddress string `json:"emailAddress"`
		} `json:"complainedRecipients"`
		ComplaintFeedbackType string `json:"complaintFeedbackType"`
	} `json:"complaint"`
	Delivery struct {
		Recipients []string `json:"recipients"`
	} `json:"delivery"`
	Mail struct {
		Source        string `json:"source"`
		CommonHeaders struct {
			MessageID string `json:"messageId"`
		} `json:"commonHeaders"`
	} `json:"mail"`
}

// isNotification says whether a mail is one of that relay's notices.
func isNotification(m *Message) bool {
	return strings.Contains(m.Get("From"), "no-reply@sns.") || m.Count("X-Amz-Sns-Message-Id") > 0
}

// notified reads such a notice. Its one line is folded where it was too long for
// a mail.
func notified(text string) Report {
	var n notification
	var out Report
	unfolded := strings.ReplaceAll(cutRunes(text, maxReportText), "\n ", "")
	if !strings.HasPrefix(unfolded, "{") || json.NewDecoder(strings.NewReader(unfolded)).Decode(&n) != nil {
		return Report{}
	}
	switch n.NotificationType {
	case "Bounce":
		out.Kind = DeliveryReport
		n.bounced(&out)
	case "Delivery":
		out.Kind = DeliveryReport
		for _, addr := range n.Delivery.Recipients {
			out.add(ReportRcpt{Address: reportAddr(addr), Action: "delivered"})
		}
	case "Complaint":
		out = Report{Kind: ComplaintReport, Feedback: firstToken(n.Complaint.ComplaintFeedbackType)}
		for _, c := range n.Complaint.ComplainedRecipients {
			out.add(ReportRcpt{Address: reportAddr(c.EmailAddress)})
		}
	}
	if len(out.Rcpts) == 0 {
		return Report{}
	}
	out.OriginalFrom = reportAddr(n.Mail.Source)
	out.OriginalID = firstID(n.Mail.CommonHeaders.MessageID)
	return out
}

func (n *notification) bounced(out *Report) {
	for _, b := range n.Bounce.BouncedRecipients {
		rcpt := ReportRcpt{Address: reportAddr(b.EmailAddress), Action: actionFailed, Status: findStatus(b.Status)}
		if b.Action == actionDelayed || n.Bounce.BounceType == "Transient" && b.Action == "" {
			rcpt.Action = actionDelayed
		}
		rcpt.setDiagnostic(untyped(b.DiagnosticCode))
		out.add(rcpt)
	}
}
