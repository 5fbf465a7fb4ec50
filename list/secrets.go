package list

import (
	"bytes"
	"fmt"
	"slices"
)

// tokenMarks is what stands before a token in a mail: in an address, in a link.
var tokenMarks = [][]byte{[]byte("+leave-"), []byte("+me-"), []byte("+confirm-"), []byte("+ok-"), []byte("+no-"), []byte("+bounce-"), []byte("/u/")}

// maxSecrets is how many places of one mail are looked at: nobody quotes more.
const maxSecrets = 50

// secretsIn is where something that has the form of a token stands in a mail:
// the first byte of each, in their order.
func secretsIn(raw []byte) []int {
	var found []int
	for _, mark := range tokenMarks {
		for at := 0; len(found) < maxSecrets; {
			i := bytes.Index(raw[at:], mark)
			if i < 0 {
				break
			}
			at += i + len(mark)
			if at+tokenChars <= len(raw) && isToken(string(bytes.ToLower(raw[at:at+tokenChars]))) {
				found = append(found, at)
			}
		}
	}
	slices.Sort(found)
	return found
}

// withoutSecrets is a mail whose tokens nobody can use. It is for reports, which
// return our own header fields: only hashes of tokens are kept.
func withoutSecrets(raw []byte) []byte {
	places := secretsIn(raw)
	if len(places) == 0 {
		return raw
	}
	raw = bytes.Clone(raw)
	for _, at := range places {
		copy(raw[at:], bytes.Repeat([]byte("x"), tokenChars))
	}
	return raw
}

// keepSecrets refuses a post that holds a private link of somebody, such as a
// copy that was forwarded as a whole: it would be in the archive for ever, and
// everybody could unsubscribe them (HOSTILE 75).
func (d *Desk) keepSecrets(tx Tx, in *incoming) (*note, error) {
	for _, token := range in.secrets {
		key := TokenHash(token)
		_, _, known, err := tx.FindLeaveKey(key)
		for _, find := range []func(ListID, []byte) (MemberID, bool, error){tx.FindSelfKey, tx.FindBounceKey} {
			if err == nil && !known {
				_, known, err = find(in.to.list.ID, key)
			}
		}
		if err == nil && !known {
			_, known, err = tx.FindPending(in.to.list.ID, key)
		}
		if err != nil {
			return nil, fmt.Errorf("look for tokens: %w", err)
		}
		if known {
			return nil, Errorf(Refused, "the post has a private link or address of a subscriber in it, such as the one to unsubscribe; take it out and send the post again")
		}
	}
	return nil, nil
}
