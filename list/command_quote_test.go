package list

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"parley/message"
)

// corpusFiles are the texts in a folder of the shared corpora by name.
func corpusFiles(t *testing.T, folder string) map[string]string {
	t.Helper()
	root := os.Getenv("PARLEY_CORPORA")
	if root == "" {
		t.Skip("PARLEY_CORPORA is not set: real replies are not read")
	}
	names, err := filepath.Glob(filepath.Join(root, "quotes", filepath.FromSlash(folder), "*.txt"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no texts in %s: %v", folder, err)
	}
	files := map[string]string{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = strings.ReplaceAll(string(b), "\r\n", "\n")
	}
	return files
}

// TestQuotesOfReplies puts help before real replies, and unsubscribe below each
// line of what their authors did not write now: it must not be read. Since prose
// above would end the reading, the quotes are also tried by themselves.
func TestQuotesOfReplies(t *testing.T) {
	t.Parallel()
	emails, elided := corpusFiles(t, "trimmer/emails"), corpusFiles(t, "trimmer/elided")
	tried := 0
	for name, quote := range elided {
		quote = strings.TrimSpace(quote)
		if quote == "" {
			continue
		}
		first, rest := splitOpening(quote)
		hidden := strings.Join(first, "\n") + "\n" + strings.Join(withLine(rest, "unsubscribe"), "\n")
		for how, text := range map[string]string{
			"alone": "help\n\n" + hidden, "without a gap": "help\n" + hidden,
			"in the reply": "help\n\n" + replaceQuote(emails[name], first, hidden),
		} {
			tried++
			got := ParseCommands("", text, commandDay(t))
			if got[0].Verb != DoHelp || slices.ContainsFunc(got, func(c Command) bool { return c.Verb == DoUnsubscribe }) {
				t.Errorf("%s, %s: %s", name, how, say(got))
			}
			if how == "alone" && len(got) > 1 {
				t.Logf("%s: a line of a quote is answered as not understood: %s", name, say(got))
			}
		}
	}
	if tried < 3*25 {
		t.Errorf("only %d texts tried", tried)
	}
	t.Logf("%d texts, of %d replies", tried, len(elided))
}

// splitOpening takes the lines that open a quote from the others: a copied
// header takes two, and an attribution without a colon the first quoted line.
func splitOpening(quote string) (first, rest []string) {
	lines := strings.Split(quote, "\n")
	n := 1
	if headerLine.MatchString(lines[0]) {
		n = 2
	} else if i := slices.IndexFunc(lines, quoted); i > 0 && i < 3 && !strings.Contains(lines[0], ":") {
		n = i + 1
	}
	return lines[:n], lines[n:]
}

// withLine puts a line below each of some lines.
func withLine(lines []string, line string) []string {
	out := []string{line}
	for _, l := range lines {
		out = append(out, l, line)
	}
	return out
}

// replaceQuote cuts a reply where its quote begins, and puts another one there.
func replaceQuote(email string, first []string, quote string) string {
	above, _, _ := strings.Cut(email, first[0])
	return above + "\n" + quote
}

// TestCommandAboveReplies: a command above any real reply is read, and nothing
// of the reply is taken for one.
func TestCommandAboveReplies(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"trimmer/emails", "github", "zapier", "crisp"} {
		for name, text := range corpusFiles(t, folder) {
			got := ParseCommands("Re: something", "mute\n\n"+text, commandDay(t))
			checkCommands(t, got)
			for i, c := range got {
				if (c.Verb == DoMute) != (i == 0) || i > 0 && c.Verb != NotUnderstood {
					t.Errorf("%s/%s: %s", folder, name, say(got))
				}
			}
		}
	}
}

// TestCommandsInHTML: a mail that is HTML only is read as its text is, and what
// nobody sees of it is not read.
func TestCommandsInHTML(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"lines":         {"<div>which</div><div>set own no<br>help</div>", "which; set own no; help"},
		"one paragraph": {"<p>which\r\nset own no</p>", "? which set own no"},
		"list":          {"<ul><li><b>which</b></li><li>set&nbsp;own&nbsp;no</li></ul>", "which; set own no"},
		"quote":         {"<div>which</div><blockquote>unsubscribe</blockquote><div>unsubscribe</div>", "which"},
		"webmail": {`<div dir="ltr">mute</div><br><div class="gmail_quote"><div>On Mon, 23 Nov 2026 at 10:11, Bo &lt;<a href="mailto:bo@example.org">` +
			`bo@example.org</a>&gt; wrote:<br></div><div>unsubscribe</div></div>`, "mute"},
		"rule":   {"<p>mute</p><hr><p><b>From:</b> Bo<br><b>Sent:</b> Monday<br></p><p>unsubscribe</p>", "mute"},
		"header": {"<p>mute</p><div><b>Von:</b> Bo<br><b>Gesendet:</b> Montag<br><b>An:</b> dev<br></div><p>unsubscribe</p>", "mute"},
		"hidden": {`<p style="display:none">unsubscribe</p><script>unsubscribe</script><p>which</p><!-- unsubscribe -->`, "which"},
		"link":   {`get <a href="https://lists.example.org/dev/~7/">https://lists.example.org/dev/~7/</a>`, "get https://lists.example.org/dev/~7/"},
	} {
		raw := "Content-Type: text/html; charset=utf-8\r\n\r\n<html><body>" + c.body + "</body></html>\r\n"
		if got := say(ParseCommands("", message.Read([]byte(raw)).Text, commandDay(t))); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
