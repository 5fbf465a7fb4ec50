package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/list"
	"parley/templates"
)

// Desk is what the links in mails need of the list's desk: the one place where
// a page changes anything.
type Desk interface {
	// Subscription is the membership that a link's token names, with the
	// thread of that post's number (0: none). An Error of kind Unknown when
	// the token names none.
	Subscription(ctx context.Context, token string, post int64) (list.Subscription, error)
	// Grant does what the page asks for; again without harm. Unknown as above.
	Grant(ctx context.Context, token string, post int64, wish list.Wish) error
}

// The links stand at /u/{token}.
const linkSegment = "u"

// The longest form that is read, in bytes: far more than any of ours needs,
// and than the one field of RFC 8058 takes with a part's header around it.
const (
	maxForm      = 4 << 10
	maxMultipart = 64 << 10
)

// isLink reports whether a path belongs to the links, complete or not.
func isLink(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	first, err := url.PathUnescape(first)
	return err == nil && first == linkSegment
}

// loggable is a path as a log may keep it: without the token of a link, however
// a client mangled the rest.
func loggable(path string) string {
	segments := strings.Split(path, "/")
	i := slices.IndexFunc(segments, func(s string) bool { return strings.EqualFold(s, linkSegment) })
	if i < 0 || i == len(segments)-1 {
		return path
	}
	return strings.Join(append(segments[:i+1], "…"), "/")
}

// link serves the page of a mail's unsubscribe link. Whatever has no token of
// ours gets the answer of a page that does not exist, whichever method and
// body it came with: the body is not even looked at, and the form of the token
// is the desk's to judge, so that a well-made guess costs what nonsense costs.
//
// There is no protection against cross-site forms, and net/http's would do
// harm: a mail provider's one-click request has neither Origin nor
// Sec-Fetch-Site nor a cookie (RFC 8058, 3.1), and our own form says "Origin:
// null", because no page of ours tells where it came from. The token is the
// secret. A foreign form that has it is worth as much as the link itself.
func (h *Handler) link(v *visit, path string) error {
	segments, err := unescape(path)
	if err != nil || len(segments) != 2 || segments[1] == "" || h.desk == nil {
		return errNoPage()
	}
	c := call{token: segments[1], post: postNumber(v.r.URL)}
	sub, err := h.subscription(v, c)
	if err != nil {
		return err
	}
	switch v.r.Method {
	case http.MethodGet, http.MethodHead: // scanners and prefetchers follow every link: nothing changes
		return h.showSubscription(v, sub, "")
	case http.MethodPost:
		return h.grant(v, c)
	}
	v.w.Header().Set("Allow", "GET, HEAD, POST")
	v.w.Header().Set("Connection", "close") // whatever the body is, it is not read
	h.problem(v, http.StatusMethodNotAllowed, "This page can be read, its buttons can be pressed, and that is all")
	return nil
}

// call is what a link names.
type call struct {
	token string
	post  int64 // number of the post that the link stood in; 0: none
}

// postNumber is the post of a link's query. One that is no number is no reason
// to keep anybody from leaving: it counts as none.
func postNumber(u *url.URL) int64 {
	n, err := strconv.ParseInt(u.Query().Get("post"), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

func (h *Handler) subscription(v *visit, c call) (list.Subscription, error) {
	sub, err := h.desk.Subscription(v.ctx, c.token, c.post)
	return sub, hideToken(err)
}

// hideToken makes a token that names nothing a page that does not exist.
func hideToken(err error) error {
	if err != nil && list.KindOf(err) == list.Unknown {
		return errNoPage()
	}
	return err
}

// grant does what a form asks for. The answer is the page itself and not a
// redirect, which RFC 8058, 3.1 forbids; pressing again, or loading the page
// again, asks for the same and changes no more.
func (h *Handler) grant(v *visit, c call) error {
	form, err := readForm(v.r)
	if err != nil {
		return err
	}
	wish, err := wishOf(form)
	if err != nil {
		return err
	}
	if err := h.desk.Grant(v.ctx, c.token, c.post, wish); err != nil {
		return hideToken(err)
	}
	sub, err := h.subscription(v, c)
	if err != nil {
		return err
	}
	return h.showSubscription(v, sub, wish)
}

// readForm reads the fields of a request's body, in either of the two forms
// that RFC 8058, 3.2 allows. What stands in the address is no part of it.
func readForm(r *http.Request) (url.Values, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	most := int64(maxForm)
	switch {
	case err == nil && kind == "multipart/form-data":
		most = maxMultipart
	case err != nil || kind != "application/x-www-form-urlencoded":
		return nil, errNoForm(err)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	if err != nil {
		return nil, &list.Error{Kind: list.Temporary, Text: "The request did not come in whole", Err: err}
	}
	if int64(len(body)) > most {
		return nil, list.Errorf(list.TooLarge, "That form is larger than any of this page")
	}
	if kind == "multipart/form-data" {
		return readParts(body, params["boundary"])
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errNoForm(err)
	}
	return form, nil
}

// readParts reads the fields of a multipart form. Files are no fields.
func readParts(body []byte, boundary string) (url.Values, error) {
	form := url.Values{}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, errNoForm(err)
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, errNoForm(err)
		}
		if part.FileName() == "" {
			form.Add(part.FormName(), string(value))
		}
	}
}

func errNoForm(cause error) error {
	return &list.Error{Kind: list.Malformed, Text: "That is not a form of this page. Nothing was changed", Err: cause}
}

// oneClick is the field that a mail provider sends for a reader who pressed
// its own unsubscribe button (RFC 8058, 3.1).
const (
	oneClick      = "List-Unsubscribe"
	oneClickValue = "One-Click"
)

// wishOf is the one wish of a form: that of a mail provider, or that of a
// button of ours. Two of them are none, since one would have to be guessed.
func wishOf(form url.Values) (list.Wish, error) {
	words := form["wish"]
	for _, value := range form[oneClick] {
		if value != oneClickValue {
			return "", errNoForm(fmt.Errorf("%s is %.40q", oneClick, value))
		}
		words = append(words, string(list.WishLeave))
	}
	if len(words) != 1 || !slices.Contains(wishes(), list.Wish(words[0])) {
		return "", errNoForm(fmt.Errorf("%d wishes", len(words)))
	}
	return list.Wish(words[0]), nil
}

// wishes is all that a form may ask for.
func wishes() []list.Wish {
	return []list.Wish{list.WishLeave, list.WishJoin, list.WishPause, list.WishResume,
		list.WishDaily, list.WishEach, list.WishMute, list.WishUnmute}
}

// showSubscription sends the page of a membership. Nobody keeps it, and no
// search engine that came across a link in a mail shows it.
func (h *Handler) showSubscription(v *visit, sub list.Subscription, did list.Wish) error {
	v.w.Header().Set("X-Robots-Tag", "noindex")
	v.w.Header().Set("Cache-Control", "no-store")
	return h.page(v, http.StatusOK, h.subscriptionView(v, sub, did))
}

// subscriptionView is the page of a membership, after a wish or without one.
// It leads to the list's pages only where everybody may read them.
func (h *Handler) subscriptionView(v *visit, sub list.Subscription, did list.Wish) templates.Subscription {
	if isOpen(sub.List) {
		v.list = &sub.List
	}
	view := templates.Subscription{
		Frame:    h.frame(v, ""),
		To:       clean(sub.List.Address),
		Address:  cleanLine(sub.Address),
		State:    string(sub.State),
		Delivery: string(sub.Delivery),
		Rare:     sub.Delivery.Collected() || sub.Delivery == list.DeliverNone,
		Muted:    sub.Muted,
		Did:      string(did),
		Owner:    mailbox(sub.List, list.ToOwner),
		Request:  mailbox(sub.List, list.ToRequest),
	}
	view.Bare = true
	if sub.Subject != "" {
		view.Subject = orElse(bareSubject(cleanLine(sub.Subject)), noSubject)
	}
	if sub.PausedUntil.After(h.now()) {
		view.Until, view.End = dayOf(sub.PausedUntil), templates.NewStamp(sub.PausedUntil)
	}
	return view
}

// dayOf is a day in UTC, for a headline.
func dayOf(t time.Time) string { return t.UTC().Format("2 January 2006") }

// mailbox is an address of a list that people write to.
func mailbox(l list.List, verb list.Verb) templates.Mailbox {
	address := list.Target{Verb: verb, Local: l.Local(), Domain: l.Domain()}.String()
	return templates.Mailbox{Href: href("mailto:" + mailtoEscape(address)), Address: clean(address)}
}
