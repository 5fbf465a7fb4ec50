package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows are the imports that the house has, room by room. cmd may have all.
var arrows = map[string][]string{
	"message":   {},
	"templates": {},
	"list":      {"message", "templates"},
	"smtpd":     {"list", "message"},
	"store":     {"list", "message"},
	"outbox":    {"list", "message"},
	"archive":   {"list", "message", "templates"},
	"bench":     {"bench"},
}

// TestImports fails when a room imports another that it should not know. A new
// arrow, or a new room, is a decision about the house: argue it first.
func TestImports(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("../..", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == "testdata" || strings.HasPrefix(name, ".") && name != "..") && file != "../.." {
			return filepath.SkipDir
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		files++
		rel, err := filepath.Rel("../..", file)
		if err != nil {
			return err
		}
		checkImports(t, file, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d files seen: this test looks in the wrong place", files)
	}
}

func checkImports(t *testing.T, file, rel string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", rel, err)
		return
	}
	room, _, _ := strings.Cut(rel, "/")
	if room == "cmd" {
		return
	}
	allowed, known := arrows[room]
	if strings.HasSuffix(rel, "_test.go") && room == "store" {
		allowed = append(slices.Clone(allowed), "templates") // for a whole list.Desk
	}
	if !known {
		t.Errorf("%s: there is no room %s", rel, room)
		return
	}
	for _, spec := range parsed.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		to, ours := strings.CutPrefix(name, "parley/")
		if err != nil || !ours {
			continue
		}
		to, _, _ = strings.Cut(to, "/")
		if to != room && !slices.Contains(allowed, to) {
			t.Errorf("%s imports %s: the house has no arrow %s -> %s", rel, name, room, to)
		}
	}
}
