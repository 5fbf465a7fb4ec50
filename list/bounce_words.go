package list

import "strings"

// wordRule gives a cause to words that servers use. All are in lower case with
// single spaces, as judged writes them.
type wordRule struct {
	cause Cause
	words []string
	host  bool // they are of a host, of which a name server is sure
}

func (r wordRule) matches(text string) bool { return hasAny(text, r.words) }

func hasAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// afterData says that a server refused the mail, after it had taken the
// recipient. Message reports have it in these words, whatever a mailer wrote.
const afterData = "in reply to end of data"

// atRcpt say that the recipient itself was refused.
var atRcpt = []string{
	"reply to rcpt", "after rcpt", ">>> rcpt", "our rcpt", "rcpt to response", "rcpt to command", "rcpt to generated", "sent <<< rcpt", "sent: rcpt",
	"rejected address", "address rejected", "recipient rejected",
}

// wordRules are asked in this order; the first that matches wins. What is said
// of the sender comes before what is said of the recipient, because it uses the
// same words; a full or a closed mailbox before a missing one, because some add
// "or does not exist".
var wordRules = []wordRule{
	{cause: CausePolicy, words: []string{ // the sender, not the recipient
		"sender address rejected", "sender rejected", "sender verify", "sender domain", "sender address has", "unknown sender", "sender unknown",
		"domain of sender", "domain of the sender", "invalid sender", "sender does not exist", "sender not found", "mail from domain",
		"from: domain is invalid", "after mail from", "in reply to mail from", "envelope sender", "sender is not", "return path",
	}},
	{cause: CauseLater, words: []string{ // the name servers, not the name; a mailbox that gets too much at once
		"receiving mail at a rate", "receiving mail too quickly", "receiving messages too quickly",
		"host not found, try again", "malformed or unexpected name server", "temporary failure in name resolution", "temporary lookup",
		"lookup failure", "dns timeout", "server failure", "servfail", "too many recipients",
	}},
	{cause: CauseFault, words: []string{ // a program behind the mailbox; a server that does not know its own domain
		"couldn't create", "can't create", "command died", "relaying denied", "relay access denied", "unable to relay", "relay not permitted",
		"relaying not allowed", "not permitted to relay", "relaying is prohibited", "we do not relay", "relaying disallowed",
	}},
	{cause: CauseFull, words: []string{
		"mailbox full", "mailbox is full", "mailbox has exceeded", "mailbox exceeded", "mailbox size limit", "mailbox size exceeded", "mailfolder is full",
		"full mailbox", "mailbox exceeds allowed", "mailbox would exceed", "mailbox quota", "mailbox space", "inbox is full", "inbox full", "maildir full",
		"over quota", "overquota", "over the quota", "over disk quota", "over the allowed quota", "quota exceed", "quota full", "quota violation", "quota has been",
		"exceeded their quota", "exceeding their quota", "exceeded quota", "exceeded its quota", "exceeds quota", "exceed the quota", "disk quota", "mail quota",
		"storage quota", "storage space", "storage allocation", "out of storage", "insufficient storage", "insufficient system storage", "insufficient disk",
		"not enough space", "not enough disk", "not enough storage", "no space left", "out of space", "disk full", "too much mail", "too many messages",
		"number of messages in recipient's mailbox", "boite pleine", "boîte pleine", "mailbox temporarily full", "postfach voll", "postfach ist voll",
	}},
	{cause: CauseClosed, words: []string{
		"account has been disabled", "account is disabled", "account disabled", "disabled or discontinued", "account has been suspended", "mailbox disabled",
		"mailbox is disabled", "mailbox has been disabled", "user disabled", "user is disabled", "recipient disabled", "account closed", "account has been closed",
		"account is closed", "account inactive", "is inactive", "inactive user", "inactive account", "inactive on this domain", "account deactivated", "deactivated",
		"is not active", "not active anymore", "is no longer active", "account expired", "account has expired", "is locked", "account locked", "mailbox locked",
		"mailbox blocked", "mailbox frozen", "is frozen", "temporarily disabled", "that you tried to reach is disabled", "suspended", "is terminated", "extended inactivity",
	}},
	{cause: CauseDead, words: []string{
		"user unknown", "unknown user", "user is unknown", "unknown to this", "unknown recipient", "recipient unknown", "recipient is unknown", "unknown mailbox",
		"mailbox unknown", "unknown local", "unknown account", "unknown email", "unknown virtual", "addressee unknown", "address unknown", "address is unknown",
		"no such user", "no such recipient", "no such mailbox", "no such person", "no such address", "no such local user", "no such account", "no such email",
		"no mailbox here", "no mailbox by that name", "no local mailbox", "no account by that name", "no valid recipient", "not a valid user", "not a valid mailbox",
		"not a valid recipient", "not a valid address", "not a known user", "not a registered", "not our customer", "not in our directory", "not known at this",
		"mailbox not found", "mailbox is not found", "mailbox does not exist", "mailbox doesn't exist", "mailbox unavailable or not local", "invalid mailbox",
		"invalid recipient", "recipient invalid", "recipient is invalid", "invalid user", "user invalid", "invalid address", "address invalid", "invalid final delivery",
		"user not found", "user does not exist", "user doesn't exist", "user doesn't have", "user not known", "user not exist", "users not found",
		"recipient not found", "recipientnotfound", "recipnotfound", "recipient does not exist", "recipient doesn't exist", "recipient not exist", "recipient no longer",
		"recipient not recognized", "name is not recognized", "recipient cannot be verified", "address couldn't be found", "address could not be found",
		"address not found", "address does not exist", "address doesn't exist", "email account does not exist", "account does not exist", "account doesn't exist", "account not found",
		"that you tried to reach does not exist", "does not exist here", "does not exist at", "not listed in domino", "not listed in public", "not listed in the directory",
		"unknown or illegal", "wrong or no longer", "no longer valid", "no longer available", "no longer exists", "no longer works", "no longer with",
		"no longer on server", "no longer in use", "no longer accepts mail", "has moved", "has left", "new address", "not local or gateway",
		"bad destination mailbox", "destinataire invalide", "destinataire inconnu", "utilisateur inconnu", "benutzer unbekannt", "empfänger unbekannt",
		"usuario desconocido", "utente sconosciuto",
	}},
	{cause: CauseDead, host: true, words: []string{
		"host unknown", "unknown host", "host not found", "host or domain name not found", "unknown domain", "no such domain", "no such host", "domain not found",
		"domain does not exist", "domain doesn't exist", "domain name not found", "domain couldn't be found", "nxdomain", "name service error", "name or service not known",
		"non-existent domain", "nonexistent domain", "non-existent host", "could not find a gateway", "couldn't find any host", "couldn't find a mail exchanger",
		"invalid domain name", "illegal host/domain", "bad destination host", "bad destination system", "domain is not reachable", "unrouteable address",
		"unroutable address", "unrouteable mail domain", "unroutable mail domain", "unable to route to domain", "domain must exist",
		"does not accept mail", "does not accept email", "doesn't accept mail", "doesn't accept email", "no smtp service", "no mx record", "null mx", "nullmx",
	}},
	{cause: CausePolicy, words: []string{
		"spam", "junk", "unsolicited", "bulk mail", "blacklist", "black list", "blocklist", "block list", "blocked", "banned", "reputation", " rbl", "dnsbl",
		"listed at", "listed by", "listed on", "virus", "malware", "phish", "infected", "spf", "dkim", "dmarc", "authentication", "unauthenticated",
		"not authorized", "not authorised", "unauthorized", "not permitted", "not allowed", "prohibited", "policy", "policies", "message refused", "mail refused",
		"message rejected", "message was rejected", "rejected as", "not accepted", "denied", "reverse dns", "ptr record", "reverse lookup", "rdns", "too large", "too big",
		"too long", "size exceeds", "exceeds size", "exceeds the maximum", "exceeds maximum", "maximum message size", "message size", "rate limit", "ratelimit", "attachment",
		"compliant", "rfc 5322", "rfc 2822", "filtered", "content filter", "content rejected", "message content", "starttls", "encryption required", "complaint",
	}},
	{cause: CauseLater, words: []string{
		"timed out", "timeout", "timed-out", "time out", "expired", "queue too long", "in the queue", "connection refused", "could not connect", "couldn't connect",
		"cannot connect", "can't connect", "unable to connect", "no answer", "not responding", "unreachable", "try again later", "try later", "greylist", "graylist",
		"deferred", "too many connections", "too many concurrent", "temporar", "too busy", "server busy", "unavailable or busy", "delivery attempts",
		"wasn't able to establish an smtp connection", "lost connection", "connection reset", "connection dropped", "congest", "retry",
	}},
	{cause: CauseFault, words: []string{
		"relay", "loop", "too many hops", "hop count", "configuration error", "local error", "mailer error", "internal error", "system error",
		"program failure", "input/output error",
	}},
}

// weakRules are asked when neither the words nor the status decided. Some
// servers say these of everything, but most of a mailbox that is not there.
var weakRules = []wordRule{
	{cause: CauseDead, words: []string{
		"mailbox unavailable", "mailbox not available", "not found", "does not exist", "doesn't exist", "no user", "unknown", "no matches",
	}},
}
