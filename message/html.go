package message

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// The limits of HTML that is turned into text: bytes read, and tags and texts
// looked at. Nesting has no limit, because no tree is built.
const (
	maxHTML  = 2 << 20
	maxNodes = 500_000
)

// HTMLText returns the text of an HTML mail: links as "text <address>", quotes
// with "> ", lists with their marks, rows of tables with their cells side by
// side, preformatted text as it is. What browsers do not show is left out, and
// so are remote images, of which the alternative text remains. It reads at most
// 2 MiB.
func HTMLText(html []byte) string {
	text, _ := htmlText(guess(html))
	return text
}

// htmlText also says whether there was more than it read.
func htmlText(s string) (text string, cut bool) {
	if len(s) > maxHTML {
		s, cut = cutRunes(s, maxHTML), true
	}
	r := htmlReader{z: html.NewTokenizer(strings.NewReader(s))}
	for range maxNodes {
		if !r.next() {
			return cleanText(r.w.finish()), cut
		}
	}
	return cleanText(r.w.finish()), true
}

// htmlReader turns tags and texts into calls of its writer. It keeps no stack
// of elements: what is open is counted, so unbalanced HTML costs nothing.
type htmlReader struct {
	z      *html.Tokenizer
	w      textWriter
	hidden string // name of the element that hides what is in it, "" for none
	depth  int    // how many of that name are open
	href   string // of the link that is open
	image  bool   // it holds one
}

func (r *htmlReader) next() bool {
	switch r.z.Next() {
	case html.ErrorToken:
		r.endLink()
		return false
	case html.TextToken:
		if r.hidden == "" {
			r.w.text(string(r.z.Text()))
		}
	case html.StartTagToken:
		r.start(false)
	case html.SelfClosingTagToken:
		r.start(true)
	case html.EndTagToken:
		name, _ := r.z.TagName()
		r.end(name)
	}
	return true
}

// attributes are those that matter to text.
type attributes struct {
	href, alt, style string
	hidden           bool
}

func (r *htmlReader) attributes() (a attributes) {
	for {
		key, val, more := r.z.TagAttr()
		switch atom.Lookup(key) {
		case atom.Href:
			a.href = string(val)
		case atom.Alt:
			a.alt = string(val)
		case atom.Style:
			a.style = string(val)
		case atom.Hidden:
			a.hidden = true
		}
		if !more {
			return a
		}
	}
}

func (r *htmlReader) start(selfClosing bool) {
	name, hasAttr := r.z.TagName()
	tag := atom.Lookup(name)
	var a attributes
	if hasAttr {
		a = r.attributes()
	}
	switch {
	case r.hidden != "":
		r.nestHidden(string(name), selfClosing)
		return
	case !isVoid(tag) && !selfClosing && (dropped(tag) || a.hides()):
		r.hidden, r.depth = string(name), 1
		return
	case a.hides():
		return
	}
	switch tag {
	case atom.A:
		r.startLink(a.href)
	case atom.Img:
		r.image = true
		r.w.image(a.alt)
	default:
		r.w.start(tag)
	}
}

// nestHidden keeps count of what is open within a hidden element. A paragraph
// cannot hold another, so a hidden one that is not closed ends here.
func (r *htmlReader) nestHidden(name string, selfClosing bool) {
	tag := atom.Lookup([]byte(name))
	switch {
	case r.hidden == "p" && layout(tag) >= line:
		r.hidden = ""
		r.w.start(tag)
	case name == r.hidden && !selfClosing:
		r.depth++
	}
}

func (r *htmlReader) end(name []byte) {
	tag := atom.Lookup(name)
	switch {
	case r.hidden != "":
		if string(name) == r.hidden {
			if r.depth--; r.depth == 0 {
				r.hidden = ""
			}
		}
	case tag == atom.A:
		r.endLink()
	default:
		r.w.end(tag)
	}
}

func (r *htmlReader) startLink(href string) {
	r.endLink()
	r.href, r.image = linkTarget(href), false
	r.w.mark()
}

// endLink writes the address of a link after its text, unless the text says it
// or there is nothing to click on.
func (r *htmlReader) endLink() {
	if r.href == "" {
		return
	}
	spaced := r.w.spaced
	said := strings.TrimSuffix(strings.TrimPrefix(r.href, "mailto:"), "/")
	_, bare, _ := strings.Cut(said, "://")
	switch text := strings.TrimSuffix(r.w.sinceMark(), "/"); {
	case text == "" && r.image:
		r.w.text("<" + r.href + ">")
	case text != "" && text != said && text != bare:
		r.w.text(" <" + r.href + ">")
	}
	r.w.spaced = spaced // white space before the end tag follows the address
	r.href = ""
}

// linkTarget is the address of a link that leads somewhere, "" for scripts,
// places within the mail, and what has no scheme.
func linkTarget(href string) string {
	href = strings.Map(func(r rune) rune {
		if r <= ' ' || isHidden(r) || r == '<' || r == '>' {
			return -1
		}
		return r
	}, href)
	scheme, _, found := strings.Cut(href, ":")
	if !found || len(href) > 2000 {
		return ""
	}
	switch strings.ToLower(scheme) {
	case "http", "https", "mailto", "ftp":
		return href
	}
	return ""
}

// hides says whether a browser would not show the element.
func (a attributes) hides() bool {
	if a.hidden {
		return true
	}
	if a.style == "" || len(a.style) > 4096 {
		return false
	}
	style := strings.ToLower(strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "").Replace(a.style))
	for _, s := range []string{"display:none", "visibility:hidden", "mso-hide:all"} {
		if strings.Contains(style, s) {
			return true
		}
	}
	return false
}

// dropped says whether the content of an element is no text.
func dropped(tag atom.Atom) bool {
	switch tag {
	case atom.Script, atom.Style, atom.Title, atom.Template, atom.Iframe, atom.Object, atom.Noembed,
		atom.Noframes, atom.Svg, atom.Math, atom.Select, atom.Audio, atom.Video, atom.Canvas:
		return true
	}
	return false
}

// isVoid says whether an element has no content and no end tag.
func isVoid(tag atom.Atom) bool {
	switch tag {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input,
		atom.Link, atom.Meta, atom.Source, atom.Track, atom.Wbr, atom.Param:
		return true
	}
	return false
}
