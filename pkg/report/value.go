package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	arrow  = " → "
	marker = "…"
)

// plain makes text from the cluster safe to print: every character that could move
// the cursor, change the colour, forge a line or reverse the reading direction is
// shown as an escape. That is all that unicode calls not printable, which includes
// C0, C1, DEL, line separators and bidirectional overrides.
func plain(s string) string {
	if strings.IndexFunc(s, notPlain) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case notPlain(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// notPlain includes RuneError because that is how invalid UTF-8 looks.
func notPlain(r rune) bool {
	return r == utf8.RuneError || !unicode.IsPrint(r)
}

// formatValue renders a JSON value on one line. A string stands without quotes when
// nobody could take it for anything else.
func formatValue(v any) string {
	s, ok := v.(string)
	if !ok {
		return plain(compactJSON(v))
	}
	if isBare(s) {
		return s
	}
	return plain(compactJSON(s))
}

// isBare reports whether s reads as the string that it is: it is not empty, not the
// spelling of a number, a bool, null, a list or an object, has no blank edges, and
// nothing in it is quoted or escaped or looks like our own notation.
func isBare(s string) bool {
	if s == "" || strings.TrimSpace(s) != s || json.Valid([]byte(s)) {
		return false
	}
	if strings.ContainsAny(s[:1], `[{(`) || strings.ContainsAny(s, `"\→…`) {
		return false
	}
	return strings.IndexFunc(s, notPlain) < 0
}

// compactJSON renders v with sorted keys, and < and > as they are: values that were
// redacted are written in these.
func compactJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		// Values come from JSON; one that does not go back is a bug to be seen.
		return fmt.Sprintf("<%v>", err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shorten cuts s in the middle to at most width columns: names and values tell most at
// their ends.
func shorten(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	end := (width - 1) / 2
	return head(s, width-1-end) + marker + tail(s, end)
}

// shortenPair fits "from → to" into width columns. Where cutting the middle would
// hide the difference, it is the common beginning and end that is cut instead.
func shortenPair(from, to string, width int) (string, string) {
	room := width - columns(arrow)
	if shorten(from, room/2) == shorten(to, room/2) {
		from, to = distinct(from, to, max(2, room/8))
	}
	a, b := share(from, to, room)
	return shorten(from, a), shorten(to, b)
}

// share divides room between two texts; what the shorter one leaves, the other gets.
func share(from, to string, room int) (int, int) {
	half := room / 2
	a, b := columns(from), columns(to)
	switch {
	case a <= half:
		return a, room - a
	case b <= half:
		return room - b, b
	}
	return half, half
}

// distinct cuts what from and to have in common at both ends, but for a margin.
func distinct(from, to string, margin int) (string, string) {
	a, b := []rune(from), []rune(to)
	pre := 0
	for pre < min(len(a), len(b)) && a[pre] == b[pre] {
		pre++
	}
	post := 0
	for post < min(len(a), len(b))-pre && a[len(a)-1-post] == b[len(b)-1-post] {
		post++
	}
	return window(a, pre-margin, post-margin), window(b, pre-margin, post-margin)
}

// window leaves out the first pre and the last post characters.
func window(runes []rune, pre, post int) string {
	out := string(runes[max(0, pre) : len(runes)-max(0, post)])
	if pre > 0 {
		out = marker + out
	}
	if post > 0 {
		out += marker
	}
	return out
}
