package list

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxMemberName is the longest name in bytes that a member can give themselves.
const maxMemberName = 100

// settingForms are the words for each setting, and how its value is read.
var settingForms = map[string]settingForm{
	"delivery":         {SettingDelivery, readDelivery},
	"mail":             {SettingDelivery, readDelivery},
	"own":              {SettingOwn, readYes},
	"myposts":          {SettingOwn, readYes},
	"acknowledgement":  {SettingAck, readYes},
	"acknowledgements": {SettingAck, readYes},
	"acknowledgment":   {SettingAck, readYes},
	"acknowledge":      {SettingAck, readYes},
	"ack":              {SettingAck, readYes},
	"acks":             {SettingAck, readYes},
	"hours":            {SettingHours, readHours},
	"name":             {SettingName, readName},
}

type settingForm struct {
	setting string
	read    func(value string) (string, error)
}

// readSetting reads set SETTING VALUE, also with "to" or "=" between them, and
// set RHYTHM.
func readSetting(c *Command, p wording) error {
	words := strings.Fields(strings.Replace(p.free(), "=", " ", 1))
	if len(words) == 0 {
		return fmt.Errorf("set needs a setting and a value: set delivery daily")
	}
	form, ok := settingForms[strings.ToLower(strings.TrimRight(words[0], ":"))]
	if !ok {
		if readRhythm(c, p) == nil {
			return nil
		}
		return fmt.Errorf("there is no setting %s: the settings are delivery, own, ack, hours and name", show(words[0]))
	}
	words = words[1:]
	if len(words) > 1 && strings.EqualFold(words[0], "to") {
		words = words[1:]
	}
	c.Setting = form.setting
	if form.setting != SettingName { // a name can end in a full stop
		words = plainWords(words)
	}
	value, err := form.read(strings.Join(words, " "))
	c.Value = value
	return err
}

// plainWords are words in lower case, without a please or a full stop.
func plainWords(words []string) []string {
	for len(words) > 0 && isPlease(words[len(words)-1]) {
		words = words[:len(words)-1]
	}
	return strings.Fields(trimEnd(strings.ToLower(strings.Join(words, " "))))
}

// readRhythm reads a rhythm that stands for the whole setting: digest, or
// nomail.
func readRhythm(c *Command, p wording) error {
	words := p.low
	if words[0] == "set" {
		words = words[1:]
	}
	value, err := readDelivery(strings.Join(words, " "))
	if err != nil {
		return errProse
	}
	c.Setting, c.Value = SettingDelivery, value
	return nil
}

// rhythms are the words for each delivery.
var rhythms = map[string]Delivery{
	"each": DeliverEach, "each post": DeliverEach, "all": DeliverEach, "every": DeliverEach, "every post": DeliverEach,
	"posts": DeliverEach, "yes": DeliverEach, "on": DeliverEach, "digest off": DeliverEach, "nodigest": DeliverEach,
	"first": DeliverFirst, "first post": DeliverFirst, "first posts": DeliverFirst, "topics": DeliverFirst,
	"followed": DeliverFollowed, "followed threads": DeliverFollowed, "follow": DeliverFollowed,
	"daily": DeliverDaily, "digest": DeliverDaily, "digests": DeliverDaily, "daily digest": DeliverDaily,
	"digest on": DeliverDaily, "digest daily": DeliverDaily,
	"weekly": DeliverWeekly, "weekly digest": DeliverWeekly, "digest weekly": DeliverWeekly,
	"summary": DeliverSummary, "daily summary": DeliverSummary, "summaries": DeliverSummary,
	"none": DeliverNone, "nomail": DeliverNone, "no mail": DeliverNone, "no": DeliverNone, "off": DeliverNone,
	"nothing": DeliverNone,
}

// readDelivery reads a rhythm; a digest can be asked for as plain text
// (RFC 1153) or as MIME (RFC 2046).
func readDelivery(value string) (string, error) {
	words := strings.Fields(value)
	shape := ""
	if n := len(words); n > 1 {
		switch words[n-1] {
		case "plain", "text":
			shape = " plain"
		case "mime":
			shape = " mime"
		}
		if shape != "" {
			words = words[:n-1]
		}
	}
	d, ok := rhythms[strings.Join(words, " ")]
	if !ok {
		return "", fmt.Errorf("delivery is one of each, first, followed, daily, weekly, summary, none")
	}
	if shape != "" && d != DeliverDaily && d != DeliverWeekly {
		return "", fmt.Errorf("plain and mime are said of a digest: set delivery daily plain")
	}
	return string(d) + shape, nil
}

func readYes(value string) (string, error) {
	words := strings.Fields(value)
	if len(words) == 2 && (words[0] == "posts" || words[0] == "copies") { // set own posts no
		words = words[1:]
	}
	switch strings.Join(words, " ") {
	case "yes", "y", "on", "true", "1":
		return "yes", nil
	case "no", "n", "off", "false", "0":
		return "no", nil
	}
	return "", fmt.Errorf("this setting takes yes or no")
}

func readHours(value string) (string, error) {
	if value == "" {
		return "", fmt.Errorf("hours are written as 08:00-18:00 Europe/Berlin, or off")
	}
	h, err := ParseHours(value)
	if err == nil && h == "" {
		return "off", nil
	}
	return string(h), err
}

func readName(value string) (string, error) {
	value = strings.Trim(value, `"' `)
	switch {
	case value == "":
		return "", fmt.Errorf("set name needs a name: set name Ann Example")
	case len(value) > maxMemberName:
		return "", fmt.Errorf("a name has at most %d bytes", maxMemberName)
	case strings.ContainsAny(value, `@<>"\`) || !utf8.ValidString(value):
		return "", fmt.Errorf("a name is no address, and has none of the characters that addresses have")
	}
	return value, nil
}
