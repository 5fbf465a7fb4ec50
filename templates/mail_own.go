package templates

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxOwnMail is the largest file of an operator's words, in bytes.
const maxOwnMail = 64 << 10

// replaceMails puts the operator's words in place of ours. Every file must be
// in order: words that are silently not used are found out by a subscriber.
func (s *Set) replaceMails(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("read the folder of words: %w. Make it, or take it out of the config", err)
	}
	var problems []error
	for _, entry := range entries {
		if !hidden(entry) {
			problems = append(problems, s.replaceIn(folder, entry.Name()))
		}
	}
	return errors.Join(problems...)
}

// hidden files are those of version control, editors and file systems.
func hidden(entry fs.DirEntry) bool { return strings.HasPrefix(entry.Name(), ".") }

// replaceIn reads the words of one language or list. Links are followed, as
// some ways to deploy files are made of them.
func (s *Set) replaceIn(folder, name string) error {
	where := filepath.Join(folder, name)
	info, err := os.Stat(where)
	if err != nil {
		return fmt.Errorf("read the words: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: words stand in a folder for a language (%s) or a list. Move it into one", where, strings.Join(s.langs, ", "))
	}
	isList := strings.Contains(name, "@")
	if !isList && !slices.Contains(s.langs, name) {
		return fmt.Errorf("%s: is neither a language (%s) nor the address of a list. Rename the folder", where, strings.Join(s.langs, ", "))
	}
	entries, err := os.ReadDir(where)
	if err != nil {
		return fmt.Errorf("read the words: %w", err)
	}
	var problems []error
	for _, entry := range entries {
		if !hidden(entry) {
			problems = append(problems, s.replace(where, entry.Name(), name, isList))
		}
	}
	return errors.Join(problems...)
}

// replace takes one file of an operator. That of a list is parsed for each
// language, since it stands for all of them.
func (s *Set) replace(folder, file, owner string, isList bool) error {
	path := filepath.Join(folder, file)
	m, ok := mailOf(file)
	if !ok {
		return fmt.Errorf("%s: no mail has this name. The names are %s", path, mailFiles())
	}
	source, err := readOwn(path)
	if err != nil {
		return err
	}
	langs, list := []string{owner}, ""
	if isList {
		langs, list = s.langs, strings.ToLower(owner)
	}
	for _, language := range langs {
		w, err := parseMail(path, language, source, m)
		if err != nil {
			return withNextStep(err)
		}
		s.mails[mailKey{list, language, m.name}] = w
	}
	return nil
}

// withNextStep tells what to do after each problem of a file.
func withNextStep(err error) error {
	problems := []error{err}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		problems = several.Unwrap()
	}
	out := make([]error, len(problems))
	for i, problem := range problems {
		out[i] = fmt.Errorf("%w. Correct it, or remove the file for the words of Parley", problem)
	}
	return errors.Join(out...)
}

func readOwn(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read the words: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxOwnMail {
		return "", fmt.Errorf("%s: is no text file of at most %d KiB. Replace or remove it", path, maxOwnMail>>10)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the words: %w", err)
	}
	if !utf8.Valid(source) {
		return "", fmt.Errorf("%s: is not UTF-8. Save it as UTF-8", path)
	}
	return string(source), nil
}

func mailOf(file string) (mail, bool) {
	name, ok := strings.CutSuffix(file, ".txt")
	if !ok {
		return mail{}, false
	}
	all := mails()
	i := slices.IndexFunc(all, func(m mail) bool { return m.name == name })
	if i < 0 {
		return mail{}, false
	}
	return all[i], true
}

func mailFiles() string {
	var names []string
	for _, m := range mails() {
		names = append(names, m.name+".txt")
	}
	return strings.Join(names, ", ")
}
