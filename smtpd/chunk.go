package smtpd

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// reset is fed to go-smtp when a transaction ends that go-smtp does not see end.
const reset = "RSET\r\n"

// gateChunk serves BDAT (RFC 3030) in go-smtp's place, which takes five bytes of
// fifty for a message. The chunks are collected here, and the last one goes to
// go-smtp as a DATA whose answer 354 nobody sees.
func (o *session) gateChunk(arg string) {
	size, last, ok := parseChunk(arg)
	switch {
	case !ok:
		o.hangUp(sayBadChunk)
	case size > o.maxSize:
		o.hangUp(sayHugeChunk)
	case !o.mail.open || len(o.mail.to) == 0:
		o.skipChunk(size)
	default:
		o.chunk(size, last)
	}
}

// hangUp answers a chunk that cannot be skipped.
func (o *session) hangUp(text string) {
	o.wire.say(text)
	o.wire.part("")
}

// parseChunk reads a size and LAST. A number too big for us is as good as the
// biggest.
func parseChunk(arg string) (size int64, last, ok bool) {
	f := strings.Fields(arg)
	if len(f) == 0 || len(f) > 2 || strings.Trim(f[0], "0123456789") != "" {
		return 0, false, false
	}
	if last = len(f) == 2; last && !strings.EqualFold(f[1], "LAST") {
		return 0, false, false
	}
	size, err := strconv.ParseInt(f[0], 10, 64)
	if err != nil {
		size = math.MaxInt64
	}
	return size, last, true
}

// skipChunk swallows a chunk that belongs to no mail.
func (o *session) skipChunk(size int64) {
	b := o.newBody()
	b.refuse(&answer{sayNoRcpt})
	if err := o.wire.readChunk(b, size); err != nil {
		o.lost(b, err)
		return
	}
	o.refuse(sayNoRcpt)
}

// chunk adds a chunk to the mail.
func (o *session) chunk(size int64, last bool) {
	if o.mail.body == nil {
		o.mail.body = o.newBody()
	}
	b := o.mail.body
	b.begin = time.Now() // the rate is that of a chunk, not of what is between them
	if err := o.wire.readChunk(b, size); err != nil {
		o.lost(b, err)
		return
	}
	switch {
	case b.err != nil:
		o.wire.sayReply(line(reply(b.err, o.id)))
		o.wire.feed = []byte(o.dropChunks())
	case last:
		o.wire.mute = "354"
		o.wire.feed = []byte("DATA\r\n")
	case size == 0 && o.countJunk():
	default:
		o.wire.say("250 2.0.0 " + strconv.FormatInt(size, 10) + " bytes received")
	}
}

// lost ends the session after a chunk that did not come whole.
func (o *session) lost(b *body, err error) {
	re := reply(o.torn(b, err), o.id)
	o.wire.sayReply(line(re))
	o.logMail(int(b.size), b.begin, re.Code, err)
	o.Reset()
}

// dropChunks gives up a mail of which chunks are there. It returns what go-smtp
// must be fed to give it up too; its answer is not for the client.
func (o *session) dropChunks() string {
	if o.mail.body == nil {
		return ""
	}
	o.Reset()
	o.wire.mute = "250"
	return reset
}
