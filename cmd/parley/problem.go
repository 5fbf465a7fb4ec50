package main

import (
	"fmt"
	"strings"
)

// Problem is one thing about the config file that keeps Parley from starting,
// or, as a warning, deserves a second look.
type Problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"` // from 1; 0 when it is about no line
	Key    string `json:"key"`  // smtp.listen, list[0].post
	Reason string `json:"reason"`
	Next   string `json:"next"` // what to do, one sentence without a full stop
}

// String is one line, FILE:LINE: key: reason. Next step.
func (p Problem) String() string {
	where := p.File
	if p.Line > 0 {
		where = fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s: %s: %s. %s.", where, p.Key, p.Reason, p.Next)
}

func (p Problem) Error() string { return p.String() }

// Problems are all that is wrong with a config file, in the order of its lines.
// As an error they end a command with exit code 78.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// problem is about key, at its line: that of the nearest enclosing table where
// the key itself is missing.
func (c *Config) problem(key, reason, next string) Problem {
	return Problem{File: c.path, Line: c.line(key), Key: key, Reason: reason, Next: next}
}

func (c *Config) line(key string) int {
	for {
		if n, ok := c.lines[key]; ok {
			return n
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return 1
		}
		key = key[:i]
	}
}

// has says whether key stands in the file.
func (c *Config) has(key string) bool { _, ok := c.lines[key]; return ok }
