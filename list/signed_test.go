package list

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// signer signs fixtures in the name of example.org, and answers for its key.
type signer struct{ key ed25519.PrivateKey }

func newSigner() signer {
	return signer{ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))}
}

func (s signer) sign(t *testing.T, raw []byte, form dkim.Canonicalization, names ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	err := dkim.Sign(&out, bytes.NewReader(raw), &dkim.SignOptions{
		Domain: "example.org", Selector: "s", Signer: s.key, HeaderKeys: names,
		HeaderCanonicalization: form, BodyCanonicalization: form,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// verify is the number of signatures of a mail that verify.
func (s signer) verify(t *testing.T, raw []byte) (good int) {
	t.Helper()
	record := "v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(s.key.Public().(ed25519.PublicKey))
	results, err := dkim.VerifyWithOptions(bytes.NewReader(raw), &dkim.VerifyOptions{
		LookupTXT: func(domain string) ([]string, error) {
			if domain != "s._domainkey.example.org" {
				return nil, fmt.Errorf("no key at %s", domain)
			}
			return []string{record}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err == nil {
			good++
		}
	}
	return good
}

// TestSignaturesOfCopies signs, dresses and verifies: BreaksSignatures must say
// what a receiver of the copy finds.
func TestSignaturesOfCopies(t *testing.T) {
	t.Parallel()
	const archived = "Archived-At: <https://archive.example.net/1/>\n"
	usual := []string{"From", "To", "Cc", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}
	also := func(names ...string) []string { return append(slices.Clone(usual), names...) }
	const leave = "List-Unsubscribe: <https://example.org/leave>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
	footer := func(l *List) { l.Footer = "footer" }
	shared := func(l *List) { l.Shared = true }
	for _, c := range []struct {
		name   string
		extra  string // fields on top of the fixture
		signed []string
		change func(*List)
		breaks bool
	}{
		{"plain", "", usual, nil, false},
		{"oversigned Sender and Reply-To", "", also("From", "Sender", "Sender", "Reply-To"), nil, false},
		{"with a Reply-To", "Reply-To: <ann@example.org>\n", also("Reply-To"), nil, false},
		{"oversigned List-Id", "", also("List-Id"), nil, true},
		{"oversigned all List fields", "", also("List-Id", "List-Post", "List-Unsubscribe"), nil, true},
		{"absent field that is not added", "", also("Return-Receipt-To"), nil, false},
		{"oversigned List-Help", "", also("List-Help"), nil, true},
		{"oversigned List-Subscribe", "", also("List-Subscribe"), nil, true},
		{"oversigned List-Unsubscribe", "", also("List-Unsubscribe"), nil, true},
		{"oversigned List-Unsubscribe, shared", "", also("List-Unsubscribe"), shared, true},
		{"oversigned List-Unsubscribe-Post", "", also("List-Unsubscribe-Post"), nil, true},
		{"oversigned List-Unsubscribe-Post, shared", "", also("List-Unsubscribe-Post"), shared, false},
		{"signed List-Unsubscribe", leave, also("List-Unsubscribe", "List-Unsubscribe-Post"), nil, true},
		{"signed List-Unsubscribe, shared", leave, also("List-Unsubscribe"), shared, true},
		{"List-Unsubscribe that nobody signed", leave, usual, nil, false},
		{"signed Precedence", "Precedence: bulk\n", also("Precedence"), nil, true},
		{"signed Precedence that is ours", "Precedence: list\n", also("Precedence"), nil, false},
		{"signed Archived-At elsewhere", archived, also("Archived-At"), nil, false},
		{"oversigned Archived-At", archived, also("Archived-At", "Archived-At"), nil, true},
		{"subject prefix", "", usual, func(l *List) { l.SubjectPrefix = "[dev]" }, true},
		{"subject has it", "", usual, func(l *List) { l.SubjectPrefix = "first" }, false},
		{"footer", "", usual, footer, true},
		{"footer, fields of the body not signed", "", []string{"From"}, footer, true},
		{"footer in sealed mail", "X: y\nContent-Type: multipart/signed; boundary=x\n", []string{"From"}, footer, false},
		{"reply to list", "", usual, func(l *List) { l.ReplyToList = true }, false},
		{"reply to list, Reply-To oversigned", "", also("Reply-To"), func(l *List) { l.ReplyToList = true }, true},
		{"reply to list, which it names", "Reply-To: dev@lists.example.org\n", also("Reply-To", "Reply-To"), func(l *List) { l.ReplyToList = true }, false},
	} {
		for _, form := range []dkim.Canonicalization{dkim.CanonicalizationSimple, dkim.CanonicalizationRelaxed} {
			t.Run(c.name+"/"+string(form), func(t *testing.T) {
				t.Parallel()
				s := newSigner()
				raw := s.sign(t, slices.Concat(crlf(c.extra), fixture(t, "plain.eml")), form, c.signed...)
				if s.verify(t, raw) != 1 {
					t.Fatal("the fixture does not verify")
				}
				src := aSource(aList(c.change), raw)
				d, head := aCopy(src)
				if good := s.verify(t, slices.Concat(head, d.Body)); (good == 0) != c.breaks {
					t.Errorf("%d signatures verify in\n%s", good, head)
				}
				if broken := BreaksSignatures(src, aSite()); slices.Equal(broken, []string{"example.org"}) != c.breaks {
					t.Errorf("BreaksSignatures: %q", broken)
				}
			})
		}
	}
}

func TestBreaksSignaturesOfSeveral(t *testing.T) {
	t.Parallel()
	raw := crlf("DKIM-Signature: v=1; d=One.example.org; h=From:Precedence\n" +
		"DKIM-Signature: v=1; d=two.example.org; h=From : Subject\n" +
		"DKIM-Signature: v=1; d=lists.example.org; h=From:List-Id\n" +
		"DKIM-Signature: v=1; h=From:list-post\nFrom: ann@example.org\n\n")
	if got := BreaksSignatures(aSource(aList(nil), raw), aSite()); !slices.Equal(got, []string{"one.example.org", ""}) {
		t.Errorf("%q", got)
	}
	if got := BreaksSignatures(aSource(aList(nil), crlf("From: ann@example.org\n\n")), aSite()); got != nil {
		t.Errorf("unsigned: %q", got)
	}
}

// TestKeepSignature: a signature of the list's domain is ours, or forged, but
// for an author who writes from there.
func TestKeepSignature(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, domain string
		kept         bool
	}{
		{"ann@example.org", "example.org", true},
		{"ann@example.org", "lists.example.org", false},
		{"ann@example.org", " LISTS.\r\n example.org ", false},
		{"Ann <ann@Lists.example.org>", "lists.example.org", true},
		{"ann@example.org", "sub.lists.example.org", true},
	} {
		raw := []byte("DKIM-Signature: v=1; d=" + c.domain + "; h=From\r\nFrom: " + c.from + "\r\n\r\n")
		head := string(Dress(aSource(aList(nil), raw), aSite()).Head)
		if strings.Contains(head, "DKIM-Signature") != c.kept {
			t.Errorf("%s signed by %q:\n%s", c.from, c.domain, head)
		}
	}
}

func TestAuthservID(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"mx.example.org; spf=pass":                  "mx.example.org",
		" (a (nested) \\) one) mx.example.org 1;":   "mx.example.org",
		`"mx.example.org" 1; none`:                  "mx.example.org",
		"mx.example.org(comment); none":             "mx.example.org",
		"mx.example.org":                            "mx.example.org",
		"(never closed mx.example.org":              "",
		"":                                          "",
		")mx.example.org; a closing bracket before": ")mx.example.org",
	} {
		if got := authservID(value); got != want {
			t.Errorf("%q: got %q", value, got)
		}
	}
}
