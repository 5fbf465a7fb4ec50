package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"parley/bench/rig"
)

// letterWait is how long a mail is waited for before it counts as missing.
const letterWait = 30 * time.Second

// question is a mail in somebody's name that nothing proves.
type question struct {
	name, to, body string
	answered       bool // a mail follows
}

var questions = []question{
	{"which", "dev-request@lists.test", "which", true},
	{"unsubscribe", "dev-unsubscribe@lists.test", "", true},
	{"set delivery", "dev-request@lists.test", "set delivery daily", true},
	{"a post", listAddress, "Am I subscribed?", false},
}

// collectTokens posts once and reads the links in the copies.
func (s *scene) collectTokens(ctx context.Context) error {
	if _, _, err := s.ask(question{to: openAddress}, "author@example.org"); err != nil {
		return err
	}
	link := regexp.MustCompile(`/u/([a-z2-7]{26})`)
	for range s.tries {
		d, err := s.letter(ctx)
		if err != nil {
			return err
		}
		found := link.FindSubmatch(d.Data)
		if found == nil {
			return fmt.Errorf("a copy for %s has no link", d.Rcpts)
		}
		s.tokens = append(s.tokens, string(found[1]))
	}
	return nil
}

// letter is the next mail that goes out.
func (s *scene) letter(ctx context.Context) (rig.Delivery, error) {
	ctx, cancel := context.WithTimeout(ctx, letterWait)
	defer cancel()
	select {
	case d := <-s.letters:
		return d, nil
	case <-ctx.Done():
		return rig.Delivery{}, fmt.Errorf("wait for a mail: %w", ctx.Err())
	}
}

// ask writes in somebody's name. It returns when it began and when the answer
// to the final dot came.
func (s *scene) ask(q question, from string) (began, answered time.Time, err error) {
	id := s.rand.Uint64()
	data := fmt.Appendf(nil, "From: %s\r\nTo: %s\r\nSubject: \r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\nMessage-ID: <%016x@client.example.org>\r\n\r\n%s\r\n",
		from, q.to, id, q.body)
	began = time.Now()
	reply, err := s.client.Post(rig.Mail{From: from, To: []string{q.to}, Data: data})
	if answered = time.Now(); err == nil && !reply.OK() {
		err = fmt.Errorf("%s in the name of %s: %s", q.name, from, reply)
	}
	return began, answered, err
}

// askBySMTP asks every question in the name of members and of strangers, in an
// order by chance, the next one when the mail of the last one is out.
func (s *scene) askBySMTP(ctx context.Context) ([]pair, error) {
	type try struct{ question, class int }
	var tries []try
	for q := range questions {
		for range s.tries {
			tries = append(tries, try{q, 0}, try{q, 1})
		}
	}
	s.rand.Shuffle(len(tries), func(i, j int) { tries[i], tries[j] = tries[j], tries[i] })
	told, came := make([]pair, len(questions)), make([]pair, len(questions))
	for i, q := range questions {
		told[i] = pair{name: q.name + ": until the 250", classes: [2]string{"member", "stranger"}}
		came[i] = pair{name: q.name + ": from there to the mail", classes: told[i].classes}
	}
	for _, t := range tries {
		people := [2]*[]string{&s.members, &s.strangers}[t.class]
		from := (*people)[0]
		*people = (*people)[1:]
		q := questions[t.question]
		began, answered, err := s.ask(q, from)
		if err != nil {
			return nil, err
		}
		told[t.question].add(t.class, answered.Sub(began))
		if !q.answered {
			continue
		}
		d, err := s.letter(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s in the name of %s: %w", q.name, from, err)
		}
		came[t.question].add(t.class, time.Since(answered))
		if len(d.Rcpts) != 1 || d.Rcpts[0] != from || d.From != "" || !bytes.Contains(d.Data, []byte("\r\nReply-To: <dev+confirm-")) {
			return nil, fmt.Errorf("%s in the name of %s brought a mail for %s:\n%s", q.name, from, d.Rcpts, d.Data)
		}
	}
	var all []pair
	for i, q := range questions {
		all = append(all, told[i])
		if q.answered {
			all = append(all, came[i])
		}
	}
	return all, nil
}

// guesses are wrong tokens, half of them one character from a real one.
func (s *scene) guesses() (tokens []string, classes []int) {
	const chars = "abcdefghijklmnopqrstuvwxyz234567"
	for i := range 2 * s.tries {
		class := i % 2
		b := make([]byte, 26)
		for j := range b {
			b[j] = chars[s.rand.IntN(len(chars))]
		}
		if class == 0 {
			copy(b, s.tokens[i/2%len(s.tokens)])
			b[25] = chars[(strings.IndexByte(chars, b[25])+4+s.rand.IntN(len(chars)-8))%len(chars)]
		}
		tokens, classes = append(tokens, string(b)), append(classes, class)
	}
	s.rand.Shuffle(len(tokens), func(i, j int) {
		tokens[i], tokens[j] = tokens[j], tokens[i]
		classes[i], classes[j] = classes[j], classes[i]
	})
	return tokens, classes
}

var guessed = [2]string{"near", "far"}

// guessBySMTP asks for addresses with wrong tokens.
func (s *scene) guessBySMTP(context.Context) ([]pair, error) {
	p := pair{name: "RCPT with a wrong token", classes: guessed}
	tokens, classes := s.guesses()
	for i, token := range tokens {
		began := time.Now()
		reply, err := s.client.Post(rig.Mail{From: "author@example.org", To: []string{"dev+leave-" + token + "@lists.test"}})
		if err != nil {
			return nil, err
		}
		p.add(classes[i], time.Since(began))
		if reply.Code != 550 {
			return nil, fmt.Errorf("a wrong token was answered %s", reply)
		}
	}
	return []pair{p}, nil
}
