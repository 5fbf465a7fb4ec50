package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// guessByHTTP asks for pages with wrong tokens, and presses their buttons.
func (s *scene) guessByHTTP(ctx context.Context) ([]pair, error) {
	all := []pair{{name: "GET with a wrong token", classes: guessed}, {name: "POST with a wrong token", classes: guessed}}
	for i, method := range []string{http.MethodGet, http.MethodPost} {
		tokens, classes := s.guesses()
		for n, token := range tokens {
			took, err := s.press(ctx, method, token)
			if err != nil {
				return nil, err
			}
			all[i].add(classes[n], took)
		}
	}
	return all, nil
}

// press asks for one page, over a connection that is kept.
func (s *scene) press(ctx context.Context, method, token string) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.house.Web+"/u/"+token, strings.NewReader("List-Unsubscribe=One-Click"))
	if err != nil {
		return 0, fmt.Errorf("ask for a page: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("ask for a page: %w", err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0, fmt.Errorf("read a page: %w", err)
	}
	took := time.Since(began)
	if res.StatusCode != http.StatusNotFound {
		return 0, fmt.Errorf("a wrong token was answered %s", res.Status)
	}
	return took, nil
}
