package report

import (
	"bytes"
	"strings"
)

// piece is a part of a line that is not broken.
type piece struct{ text, sgr string }

// flow writes pieces with a separator between them, and begins a line before one that
// would reach beyond width. The first line is indented by first columns, the others by
// rest. A piece that is longer than a line is left whole: it can still be copied.
func flow(b *bytes.Buffer, pieces []piece, separator string, first, rest, width int) {
	column := first
	b.WriteString(strings.Repeat(" ", first))
	for i, p := range pieces {
		n := columns(p.text)
		switch {
		case i == 0:
		case column+len(separator)+n > width:
			b.WriteString("\n" + strings.Repeat(" ", rest))
			column = rest
		default:
			b.WriteString(separator)
			column += len(separator)
		}
		b.WriteString(paint(p.sgr, p.text))
		column += n
	}
	b.WriteString("\n")
}

// flowText writes text, made plain, in lines of at most width columns.
func flowText(b *bytes.Buffer, text, sgr string, first, rest, width int) {
	var words []piece
	for _, word := range strings.Fields(plain(text)) {
		words = append(words, piece{word, ""})
	}
	var flowed bytes.Buffer
	flow(&flowed, words, " ", first, rest, width)
	for line := range strings.Lines(flowed.String()) {
		line = strings.TrimSuffix(line, "\n")
		words := strings.TrimLeft(line, " ")
		b.WriteString(line[:len(line)-len(words)] + paint(sgr, words) + "\n")
	}
}
