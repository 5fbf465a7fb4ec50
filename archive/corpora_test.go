package archive

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/list"
)

// TestHardMails makes a page, a raw view and every attachment of each mail of
// the torture collection.
func TestHardMails(t *testing.T) {
	t.Parallel()
	root := os.Getenv("PARLEY_CORPORA")
	if root == "" {
		t.Skip("PARLEY_CORPORA is not set: no corpora to read")
	}
	count := 0
	err := filepath.WalkDir(filepath.Join(root, "hard"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".golden") {
			return err
		}
		mail, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		count++
		showMail(t, filepath.Base(path), string(mail))
		return nil
	})
	if err != nil || count < 100 {
		t.Fatalf("%d mails, %v", count, err)
	}
}

func showMail(t *testing.T, name, mail string) {
	t.Helper()
	m := newMemory(list.List{Address: "dev@lists.example.org", Archive: list.ArchivePublic, Masked: true},
		list.List{Address: "open@lists.example.org", Archive: list.ArchivePublic})
	m.add(dev, mail)
	m.add(open, mail)
	h := serve(t, m)
	for path := range crawl(t, h) {
		if strings.HasSuffix(path, "/raw") && strings.HasPrefix(path, "/open/") {
			raw := m.posts[open][len(m.posts[open])-1].raw
			if w := get(t, h, path); w.Code != http.StatusOK || w.Body.String() != string(raw) {
				t.Errorf("%s: raw is not exact", name)
			}
		}
	}
	if t.Failed() {
		t.Fatalf("at %s", name)
	}
}
