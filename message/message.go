// Package message reads mail: header bytes, addresses, ids, and the text of a
// MIME tree, all under limits, and it adds header fields byte-exactly. It
// returns what is there instead of giving up on what is broken, and it never
// re-encodes what others wrote. It knows nothing of lists.
package message

// Attachment is one part of a mail that is not its text.
type Attachment struct {
	N    int    `json:"n"`    // its place among the attachments, from 1
	Name string `json:"name"` // decoded file name without path or control characters; never empty
	Type string `json:"type"` // media type in lower case, without parameters
	Size int64  `json:"size"` // bytes, decoded
}
