package report

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// columns is how many columns of a terminal plain text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += columnsOf(r)
	}
	return n
}

// columnsOf is 2 for what East Asian scripts and emoji show twice as wide (Unicode Standard
// Annex 11, W and F), and 0 for what stands above or below the character before it.
func columnsOf(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case isWide(r):
		return 2
	}
	return 1
}

func isWide(r rune) bool {
	switch {
	case r == 0x303f: // the one narrow character of its block
		return false
	case r >= 0x1100 && r <= 0x115f, // Hangul Jamo
		r >= 0x2e80 && r <= 0xa4cf, // CJK, Hiragana, Katakana, Bopomofo, Yi
		r >= 0xa960 && r <= 0xa97f, // Hangul Jamo, extended
		r >= 0xac00 && r <= 0xd7a3, // Hangul syllables
		r >= 0xf900 && r <= 0xfaff, // CJK compatibility
		r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff01 && r <= 0xff60, // full width
		r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1f64f, // emoji
		r >= 0x1f680 && r <= 0x1f6ff,
		r >= 0x1f900 && r <= 0x1f9ff,
		r >= 0x20000 && r <= 0x3fffd: // CJK, rarer
		return true
	}
	return false
}

// head is the longest beginning of s that takes at most width columns, but never less
// than a character.
func head(s string, width int) string {
	n := 0
	for i, r := range s {
		if n += columnsOf(r); n > width && i > 0 {
			return s[:i]
		}
	}
	return s
}

// tail is the longest end of s that takes at most width columns.
func tail(s string, width int) string {
	begin := len(s)
	for n := 0; begin > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:begin])
		if n += columnsOf(r); n > width {
			break
		}
		begin -= size
	}
	// What stands above the character before it means nothing without that.
	return strings.TrimLeftFunc(s[begin:], func(r rune) bool { return columnsOf(r) == 0 })
}

// line is the beginning of s that a line of width columns takes when s has to be parted:
// up to a blank or a border of a path, if there is one in the second half of it.
func line(s string, width int) string {
	most := head(s, width)
	if len(most) == len(s) {
		return s
	}
	for i := len(most); i > len(most)/2; i-- {
		before, after := s[i-1], s[i]
		if after == ' ' || after == '.' || after == '[' || before == '/' || before == ',' {
			return s[:i]
		}
	}
	return most
}
