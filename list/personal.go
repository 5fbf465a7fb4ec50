package list

import (
	"strconv"
	"strings"
)

// PersonalFields are the header fields that stand only in the copy of one
// member, as complete lines: how this member leaves the list with one request,
// or one mail. post is the number of the post that the link names, so that its
// page can mute the thread; 0 names none. They are the same on every try.
//
// RFC 2369, 3.2: the preferred way stands first. RFC 8058, 3.1: one click needs
// a link by https; one by http is for people, and is not announced. Who is no
// member (m = 0) has no link, and gets what stands in shared copies.
func (s Site) PersonalFields(l List, m MemberID, post int64) []byte {
	out := make([]byte, 0, 288) // a copy's, with names of usual length
	out = append(out, "List-Unsubscribe: <"...)
	if m == 0 {
		return append(append(out, l.mailto(ToUnsubscribe)...), ">\r\n"...)
	}
	token := s.LeaveToken(l.ID, m)
	if s.URL != "" {
		out = append(s.appendLeaveURL(out, token, post), ">,\r\n <"...)
	}
	leave := Target{Verb: ToLeave, Local: l.Local(), Domain: l.Domain(), Token: token}
	out = append(append(append(out, "mailto:"...), leave.String()...), ">\r\n"...)
	if s.secure() {
		out = append(out, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"...)
	}
	return out
}

// LeaveToken is what proves a wish about a membership: it stands in the link
// and in the address of its member's List-Unsubscribe.
func (s Site) LeaveToken(l ListID, m MemberID) string {
	return s.Token("leave", int64(l), int64(m))
}

func (s Site) appendLeaveURL(out []byte, token string, post int64) []byte {
	out = append(append(append(out, s.URL...), "/u/"...), token...)
	if post != 0 {
		out = strconv.AppendInt(append(out, "?post="...), post, 10)
	}
	return out
}

// secure reports whether the links of the site are by https.
func (s Site) secure() bool {
	const scheme = "https://"
	return len(s.URL) > len(scheme) && strings.EqualFold(s.URL[:len(scheme)], scheme)
}

// mailto is a link to an address of the list.
func (l List) mailto(v Verb) string {
	return "mailto:" + Target{Verb: v, Local: l.Local(), Domain: l.Domain()}.String()
}
