package message

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The real bounces of one collection name exactly these addresses, and say
// whether they are final.
func TestReportFlufl(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(corpora(t), "bounces")
	table, err := os.ReadFile(filepath.Join(dir, "flufl.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ kind, addrs string }
	want, right := map[string]row{}, 0
	for line := range strings.Lines(string(table)) {
		c := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(c) == 4 && !strings.HasPrefix(c[0], "#") {
			addrs := append(strings.Split(want[c[0]].addrs, ","), strings.Split(c[3], ",")...)
			want[c[0]] = row{c[2], join(addrs)}
		}
	}
	for file, w := range want {
		raw, err := os.ReadFile(filepath.Join(dir, "flufl", file))
		if err != nil {
			t.Fatal(err)
		}
		r := ReadReport(raw)
		var got []string
		temporary := false
		for _, rcpt := range r.Rcpts {
			got = append(got, rcpt.Address)
			temporary = temporary || rcpt.Action == actionDelayed
		}
		if join(got) == w.addrs && (w.addrs == "" || temporary == (w.kind == "temporary")) {
			right++
			continue
		}
		t.Errorf("%s: %q (temporary: %v), want %q, %s", file, join(got), temporary, w.addrs, w.kind)
	}
	t.Logf("%d of %d files exact", right, len(want))
	if len(want) < 100 {
		t.Errorf("only %d files", len(want))
	}
}

// join is a set of words in one order.
func join(words []string) string {
	words = slices.DeleteFunc(slices.Clone(words), func(s string) bool { return s == "" })
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ",")
}

// No post of real lists is taken for a report, although some quote bounces, and
// one is a mailer's answer to spam in the name of the list. Each is read as the
// list sent it and as it came to the list.
func TestReportLists(t *testing.T) {
	t.Parallel()
	for _, list := range []string{
		"open-iscsi.googlegroups.com", "util-linux.vger.kernel.org", "openwrt-devel.lists.openwrt.org", "linux-man.vger.kernel.org",
	} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			read := 0
			postsOf(t, list, 1<<20, func(raw []byte) {
				read++
				for _, raw := range [][]byte{raw, beforeList(raw)} {
					if r := ReadReport(raw); r.Kind != NoReport {
						t.Errorf("post %d, %q: %d, %+v", read, Parse(raw).Get("Subject"), r.Kind, r.Rcpts)
					}
				}
			})
			if t.Logf("%d posts", read); read < 1000 {
				t.Errorf("only %d posts", read)
			}
		})
	}
}

// beforeList is a post without what its list wrote over it.
func beforeList(raw []byte) []byte {
	m := Parse(raw)
	out := AppendKept(nil, m.Fields, func(f Field) bool {
		return strings.HasPrefix(strings.ToLower(f.Name), "list-") || f.is("Precedence") || f.is("Sender") || f.is("Return-Path")
	})
	return append(append(out, "\r\n"...), m.Body...)
}
