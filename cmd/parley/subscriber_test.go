package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley/list"
	"parley/message"
)

// written is a mail that somebody writes to the house.
type written struct {
	from, to, subject, body string
	fields                  []string // more of them
	stranger                bool     // its client is not in smtp.trust
	null                    bool     // the envelope has no sender
}

// write hands a mail in.
func (h *house) write(w written) {
	h.t.Helper()
	client := &net.Dialer{}
	if w.stranger {
		client.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	}
	sender := w.from
	if w.null {
		sender = ""
	}
	lines := append([]string{"From: " + w.from, "To: " + w.to, "Subject: " + w.subject}, w.fields...)
	lines = append(append(lines, ""), strings.Split(w.body, "\n")...)
	h.sayFrom(client, "tcp", h.smtpAddr(), fmt.Sprintf("< 220\n> EHLO client.example.org\n< 250\n> MAIL FROM:<%s>\n< 250\n"+
		"> RCPT TO:<%s>\n< 250\n> DATA\n< 354\n> %s\n> .\n< 250\n> QUIT\n< 221\n", sender, w.to, strings.Join(lines, "\n> ")))
}

// reply answers a letter as a mail program does.
func (h *house) reply(l letter, body string) {
	h.t.Helper()
	h.write(written{from: l.Get("Delivered-To"), to: l.replyTo(), subject: "Re: " + l.Get("Subject"), body: body, stranger: true,
		fields: []string{"Message-ID: <re-" + strings.Trim(l.Get("Message-ID"), "<>") + ">", "In-Reply-To: " + l.Get("Message-ID")}})
}

// letter is a mail that came out of the house.
type letter struct {
	raw string
	*message.Message
}

// replyTo is where a mail program sends an answer.
func (l letter) replyTo() string {
	field := l.Get("Reply-To")
	if field == "" {
		field = l.Get("From")
	}
	return message.ParseAddresses(field)[0].Addr
}

// links are the addresses and links of a field (RFC 2369, 2).
func (l letter) links(field string) (links []string) {
	for _, found := range regexp.MustCompile(`<([^<>]+)>`).FindAllStringSubmatch(l.Get(field), -1) {
		links = append(links, found[1])
	}
	return links
}

// page is the path of the letter's unsubscribe link.
func (l letter) page(t *testing.T) string {
	t.Helper()
	for _, link := range l.links("List-Unsubscribe") {
		if u, err := url.Parse(link); err == nil && u.Scheme == "https" && u.Host == "lists.example.org" {
			return u.RequestURI()
		}
	}
	t.Fatalf("no link in\n%s", l.raw)
	return ""
}

// letters is what somebody got with this subject, once there are n of them.
func (h *house) letters(to, subject string, n int) []letter {
	h.t.Helper()
	var found []letter
	h.until(func() bool {
		found = h.mailbox(to, subject)
		return len(found) >= n
	}, "%d mails %q to %s; the log:\n%s", n, subject, to, h.log)
	if len(found) != n {
		h.t.Errorf("%d mails %q to %s, not %d", len(found), subject, to, n)
	}
	return found
}

func (h *house) letter(to, subject string) letter { h.t.Helper(); return h.letters(to, subject, 1)[0] }

// mailbox is what somebody got with this subject until now.
func (h *house) mailbox(to, subject string) (found []letter) {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "sent", "new", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			h.t.Fatal(err)
		}
		l := letter{string(raw), message.Parse(raw)}
		if l.Get("Delivered-To") == to && l.Get("Subject") == subject {
			found = append(found, l)
		}
	}
	return found
}

// count is how many mails went out.
func (h *house) count() int {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.dir, "sent", "new", "*"))
	if err != nil {
		h.t.Fatal(err)
	}
	return len(files)
}

// settled waits until nothing is on its way.
func (h *house) settled() {
	h.t.Helper()
	h.until(func() bool {
		rows, err := h.desk.ListQueue(context.Background())
		if err != nil {
			h.t.Fatal(err)
		}
		return len(rows) == 0
	}, "an empty queue")
}

// press sends a form as a mail provider or a browser does, and wants an answer.
func (h *house) press(path, form string, want int) {
	h.t.Helper()
	res, err := http.Post("http://"+h.socks.Web[0].Addr().String()+path, "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		h.t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != want {
		h.t.Errorf("POST %q answers %d, not %d", form, res.StatusCode, want)
	}
}

// state is how somebody stands to the list dev.
func (h *house) state(address string) list.State {
	h.t.Helper()
	ctx := context.Background()
	l, err := h.desk.FindList(ctx, "dev")
	if err != nil {
		h.t.Fatal(err)
	}
	members, err := h.desk.ListMembers(ctx, l.ID)
	if err != nil {
		h.t.Fatal(err)
	}
	i := slices.IndexFunc(members, func(m list.Member) bool { return m.Address == address })
	if i < 0 {
		return ""
	}
	return members[i].State
}

func (h *house) wantState(address string, want list.State) {
	h.t.Helper()
	if got := h.state(address); got != want {
		h.t.Errorf("%s is %q, not %q", address, got, want)
	}
}

// TestASubscriberNeedsOnlyMail: in and out and in again, with nothing proven
// but what a mailbox proves. Every token on the way stays out of the log.
func TestASubscriberNeedsOnlyMail(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	const fay = "fay@example.org"
	h.write(written{from: fay, to: "dev-join@lists.example.org", stranger: true})
	ask := h.letter(fay, "dev: do you want to join?")
	h.wantState(fay, "")
	h.reply(ask, "yes")
	welcome := h.letter(fay, "dev: welcome")
	h.wantState(fay, list.Active)

	h.post(fay, "dev@lists.example.org", "1@example.org", "")
	post := h.letter(fay, "About 1@example.org")
	if got := post.Get("List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
		t.Errorf("List-Unsubscribe-Post: %q", got)
	}
	page := post.page(t)
	if code, body := h.get(page); code != http.StatusOK || !strings.Contains(body, "dev@lists.example.org") {
		t.Errorf("%d\n%s", code, body)
	}
	h.press(page, "", http.StatusBadRequest)
	h.press("/u/"+strings.Repeat("a", 26), "List-Unsubscribe=One-Click", http.StatusNotFound)
	h.wantState(fay, list.Active)
	h.press(page, "List-Unsubscribe=One-Click", http.StatusOK)
	h.press(page, "List-Unsubscribe=One-Click", http.StatusOK)
	h.wantState(fay, list.Left)
	goodbye := h.letter(fay, "dev: goodbye")

	h.post("ann@example.org", "dev@lists.example.org", "2@example.org", "")
	h.letter("bo@example.org", "About 2@example.org")
	h.settled()
	h.letters(fay, "About 2@example.org", 0)

	h.reply(goodbye, "I was too fast")
	h.letters(fay, "dev: welcome", 2)
	h.wantState(fay, list.Active)
	h.post("ann@example.org", "dev@lists.example.org", "3@example.org", "")
	h.letter(fay, "About 3@example.org")

	h.reply(welcome, "mute 3\nset delivery daily\nunsubscribe")
	h.letter(fay, "dev: your commands")
	h.letters(fay, "dev: goodbye", 2)
	h.checkLog(ask.raw+post.raw+goodbye.raw+welcome.raw, "joined", "wish granted")
}

// checkLog wants words in the log, and none of the tokens of some mails.
func (h *house) checkLog(mails string, words ...string) {
	h.t.Helper()
	log := h.log.String()
	for _, word := range words {
		if !strings.Contains(log, word) {
			h.t.Errorf("the log does not say %q:\n%s", word, log)
		}
	}
	found := tokens(mails)
	if len(found) < 5 {
		h.t.Errorf("only the tokens %v", found)
	}
	for _, token := range found {
		if strings.Contains(strings.ToLower(log), token) {
			h.t.Errorf("the log has the token %s", token)
		}
	}
}

// TestNoTokenIsLogged: what people do with tokens, and what goes wrong with
// them on the way.
func TestNoTokenIsLogged(t *testing.T) {
	t.Parallel()
	h := openHouse(t, "")
	h.parley(exitDone, "list", "set", "dev", "join=approval")
	const fay = "fay@example.org"
	h.write(written{from: fay, to: "dev-join@lists.example.org"})
	h.letter(fay, "dev: the moderators have your wish to join")
	ask := h.letter("owner@example.org", "dev: somebody wants to join")
	if len(tokens(ask.raw)) < 2 {
		t.Errorf("no way to say yes and no in\n%s", ask.raw)
	}
	h.write(written{from: "owner@example.org", to: ask.replyTo(), subject: "Out of office", fields: []string{"Auto-Submitted: auto-replied"}})
	yes := regexp.MustCompile(`dev\+ok-[a-z2-7]{26}@lists\.example\.org`).FindString(ask.raw)
	h.write(written{from: "owner@example.org", to: yes, stranger: true})
	welcome := h.letter(fay, "dev: welcome")
	h.write(written{from: "owner@example.org", to: yes, stranger: true}) // once more
	h.reply(welcome, "which\nfrobnicate")
	h.letter(fay, "dev: your commands")
	h.write(written{from: "eve@example.org", to: welcome.replyTo(), subject: "unsubscribe", stranger: true}) // she was forwarded it
	h.letter("eve@example.org", "dev: do you want to leave?")

	h.post(fay, "dev@lists.example.org", "1@example.org", "")
	post := h.letter(fay, "About 1@example.org")
	sender := strings.Trim(post.Get("Return-Path"), "<>")
	h.write(written{from: "mailer-daemon@mx.example.com", to: sender, subject: "Undelivered", body: "5.1.1 <" + sender + ">", null: true})
	page, _, _ := strings.Cut(post.page(t), "?")
	for _, path := range []string{page, page + "?post=x", page + "/", page + "/more", strings.ToUpper(page), "/U" + page[2:], "//" + page, "/dev" + page} {
		h.get(path)
		res, err := http.Post("http://"+h.socks.Web[0].Addr().String()+path, "text/plain", strings.NewReader("List-Unsubscribe=One-Click"))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	wrong := strings.Repeat("a", 26)
	for _, verb := range []string{"confirm", "ok", "no", "me", "leave", "bounce", "nosuch"} {
		h.say("tcp", h.smtpAddr(), "< 220\n> EHLO client.example.org\n< 250\n> MAIL FROM:<eve@example.org>\n< 250\n> RCPT TO:<dev+"+verb+"-"+wrong+
			"@lists.example.org>\n< 550 5.1.1\n> QUIT\n< 221\n")
		h.get("/u/" + wrong)
	}
	h.settled()
	h.wantState(fay, list.Active)
	h.checkLog(ask.raw+welcome.raw+post.raw, "joined", "answered before", "a machine wrote it", "recipient refused", "commands", "asked back")
}
