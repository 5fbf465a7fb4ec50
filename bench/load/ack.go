package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"parley/bench/rig"
)

// acks are times from MAIL FROM to the 250 of the final dot, in milliseconds.
type acks struct {
	One []float64 `json:"list_of_1_ms"`
	Ten []float64 `json:"list_of_10000_ms"`
}

// measure posts in turn to the list of one and to the list of 10,000, each
// time when no fan-out is running, over one kept connection.
func (a *acks) measure(ctx context.Context, s side, run, pairs int) error {
	client, err := rig.Dial(s.addr, "")
	if err != nil {
		return err
	}
	defer client.Close()
	for n := range pairs {
		for _, to := range []struct {
			list   string
			copies int
			times  *[]float64
		}{{"mb1@lists.test", 1, &a.One}, {"mb10k@lists.test", 10_000, &a.Ten}} {
			if err := s.calm(ctx); err != nil {
				return err
			}
			took, err := timed(ctx, client, to.list, fmt.Sprintf("%d.%d.%d", run, n, to.copies), to.copies)
			if err != nil {
				return fmt.Errorf("time to 250 of %s: %w", to.list, err)
			}
			*to.times = append(*to.times, milliseconds(took))
		}
	}
	return nil
}

// timed posts one mail and then waits until all its copies are out.
func timed(ctx context.Context, client *rig.Client, list, id string, copies int) (time.Duration, error) {
	if _, err := ask(ctx, "/reset"); err != nil {
		return 0, err
	}
	const author = "a00000@d0.example.org"
	data := fmt.Sprintf("From: %s\r\nTo: %s\r\nSubject: time to 250\r\nDate: Mon, 02 Jan 2006 15:04:05 +0000\r\n"+
		"Message-ID: <%s.%d@client.example.org>\r\n\r\nHow long does this take?\r\n", author, list, id, time.Now().UnixNano())
	began := time.Now()
	reply, err := client.Post(rig.Mail{From: author, To: []string{list}, Data: []byte(data)})
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	if !reply.OK() {
		return 0, fmt.Errorf("answered %s", reply)
	}
	got, err := ask(ctx, fmt.Sprintf("/wait?rcpts=%d&timeout=60", copies))
	if err == nil && got < copies {
		err = fmt.Errorf("%d copies came, not %d", got, copies)
	}
	return took, err
}

// ask asks the sink; what it counts are recipients.
func ask(ctx context.Context, path string) (rcpts int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+sinkHTTP+path, nil)
	if err != nil {
		return 0, fmt.Errorf("ask the sink: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask the sink: %w", err)
	}
	defer res.Body.Close()
	if path == "/reset" {
		return 0, nil
	}
	var stats struct {
		Rcpts int `json:"rcpts"`
	}
	if err := json.NewDecoder(res.Body).Decode(&stats); err != nil {
		return 0, fmt.Errorf("read what the sink counts: %w", err)
	}
	return stats.Rcpts, nil
}
