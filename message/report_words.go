package message

import (
	"regexp"
	"strings"
)

// failureWords introduce a list of recipients.
var failureWords = []string{
	"not be delivered", "n't be delivered", "cannot be delivered", "can not be delivered", "not delivered", "not been delivered",
	"not receive", "has been delayed", "able to deliver", "not deliver", "delivery to the following", "delevery to the following",
	"following address", "following recipient", "following user", "did not reach", "not be reached", "failed recipient", "failed address",
	"fatal error", "transcript of session", "delivery error", "delivery problem", "undeliver", "delivery failed", "delivery failure", "failure reasons", "failed:", "rejected by a remote",
	"delivery of email to", "not relayed to", "returned to sender", "problem with the e-mail address", "addressed to email address", "had errors",
	// French, Spanish, Portuguese, German.
	"delivre a", "délivré à", "ser entregado", "ser enviada", "nicht zugestellt", "nicht übermittelt", "konnte nicht",
}

// delayWords say that a mailer has not given up.
var delayWords = []string{
	"not yet been delivered", "has been delayed", "delivery attempts will continue", "will continue to attempt", "will continue trying",
	"continue to try to deliver", "this is a warning message only", "this is just a warning", "advisory-only", "has been postponed", "message will be retried",
	"still being retried", "this is a warning only", "will be retried", "is still awaiting delivery",
}

// sentenceForms are the sentences in which mailers name one recipient, the more
// certain ones first.
var sentenceForms = compileForms(
	// Labels.
	`(?m)^\W*(?:failed |intended |final |original |undeliverable |recipient |failing )?(?:recipient|address|addressee|rcpt|error-for|destinataire)(?: address)?s?: *[<\["]*(?:smtp:)?ADDR`,
	`unknown user: *<?ADDR`,
	`invalid final delivery userid: *<?ADDR`,
	`delivery failed [0-9]+ attempts: *<?ADDR`,
	`undeliverable\s+to\s+<?ADDR`,
	`user mailbox exceeds allowed size: *<?ADDR`,
	`mailbox is full: *<?ADDR`,
	`delivery delayed: *<?ADDR`,
	`following recipients?(?:\(s\))?: *<?ADDR`,
	`dda:smtp=ADDR`,
	// Sentences.
	`able to deliver the following message\.[^@]{0,500}\sto: *<?ADDR`,
	`(?:could|can|was|were|did) ?not\s+(?:be\s+)?(?:delivered|deliver|reach|relayed)[^.@]{0,60}?\sto:?\s+["'<]*ADDR`,
	`unable\s+to\s+deliver\s+(?:your\s+|the\s+)?(?:message|mail)\s+to:?\s+<?ADDR`,
	`error delivering your (?:message|mail) to\s+<?ADDR`,
	`your\s+(?:message|mail|email)\s+to:?\s+["'<]*ADDR["'>]*\s+(?:was|has|could|cannot|is)`,
	`(?:the following )?message to\s+<?ADDR>?\s+(?:was|is)\s+(?:undeliverable|rejected|returned|not delivered)`,
	`addressed\s+to\s+["'<]*ADDR`,
	`was\s+addressed,\s+ADDR`,
	`mailbox\s+<?ADDR>?\s+is`,
	`generated\s+from\s+<?ADDR`,
	`quota violation for\s+<?ADDR`,
)

func compileForms(forms ...string) []*regexp.Regexp {
	compiled := make([]*regexp.Regexp, len(forms))
	for i, form := range forms {
		compiled[i] = regexp.MustCompile(`(?i)` + strings.ReplaceAll(form, "ADDR", addrPattern))
	}
	return compiled
}
