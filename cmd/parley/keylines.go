package main

import (
	"fmt"
	"sort"

	"github.com/pelletier/go-toml/v2/unstable"
)

// keyLines maps every key of a TOML document, such as smtp.listen, list[0].post
// or list[0].members[2], to its line, from 1. It stops at the first syntax
// error, which decoding reports.
func keyLines(doc []byte) map[string]int {
	s := keyScan{lines: map[string]int{}, tables: map[string]int{}}
	for i, b := range doc {
		if b == '\n' {
			s.ends = append(s.ends, i)
		}
	}
	var p unstable.Parser
	p.Reset(doc)
	table := ""
	for p.NextExpression() {
		switch e := p.Expression(); e.Kind {
		case unstable.Table:
			table = s.key("", e.Key())
		case unstable.ArrayTable:
			table = s.arrayTable(e)
		case unstable.KeyValue:
			s.keyValue(table, e)
		}
	}
	return s.lines
}

// keyScan walks the document once. Line numbers come from a table of line ends,
// because asking the parser for each is quadratic in a file with many members.
type keyScan struct {
	lines  map[string]int
	tables map[string]int // how many elements an array of tables has so far
	ends   []int
}

func (s *keyScan) line(n *unstable.Node) int {
	return 1 + sort.SearchInts(s.ends, int(n.Raw.Offset))
}

// key joins the parts of a key below table, notes its line and returns it.
func (s *keyScan) key(table string, parts unstable.Iterator) string {
	path := table
	for parts.Next() {
		n := parts.Node()
		if path != "" {
			path += "."
		}
		path += string(n.Data)
		if count := s.tables[path]; count > 0 {
			path = fmt.Sprintf("%s[%d]", path, count-1)
		}
		s.note(path, n)
	}
	return path
}

// note keeps the first line of a key.
func (s *keyScan) note(path string, n *unstable.Node) {
	if _, ok := s.lines[path]; !ok {
		s.lines[path] = s.line(n)
	}
}

func (s *keyScan) arrayTable(e *unstable.Node) string {
	path, last := "", e
	for parts := e.Key(); parts.Next(); {
		last = parts.Node()
		if path != "" {
			path += "."
		}
		path += string(last.Data)
	}
	s.tables[path]++
	path = fmt.Sprintf("%s[%d]", path, s.tables[path]-1)
	s.note(path, last)
	return path
}

func (s *keyScan) keyValue(table string, e *unstable.Node) {
	s.value(s.key(table, e.Key()), e.Value())
}

// value notes what stands inside a value: the keys of an inline table, the
// elements of an array.
func (s *keyScan) value(path string, v *unstable.Node) {
	switch v.Kind {
	case unstable.InlineTable:
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				s.keyValue(path, it.Node())
			}
		}
	case unstable.Array:
		i := 0
		for it := v.Children(); it.Next(); {
			if it.Node().Kind == unstable.Comment {
				continue
			}
			element := fmt.Sprintf("%s[%d]", path, i)
			if it.Node().Kind != unstable.Array {
				s.note(element, it.Node())
			}
			s.value(element, it.Node())
			i++
		}
	}
}
