package report

import (
	"bytes"
	"cmp"
	"strings"
)

// piece is a part of a line that is not broken, if a line has room for it.
type piece struct{ text, sgr string }

// flow lays out text in lines of width columns, of which the first is indented by first
// columns, and the others by rest.
type flow struct {
	first, rest, width int
	// whole leaves a piece as it is that is longer than a line, so that it can be searched
	// for. On a terminal it is parted: what the terminal would part is harder to read.
	whole bool
}

// newFlow lays out for a terminal of width columns, or, where that is 0, for what is none.
func newFlow(first, rest, width int) flow {
	return flow{first, rest, cmp.Or(width, defaultWidth), width == 0}
}

// leastRoom is what a piece is given at the least, however narrow the terminal.
const leastRoom = 20

// pieces writes pieces with a separator between them, and begins a line before one that
// the line has no room for.
func (f flow) pieces(b *bytes.Buffer, pieces []piece, separator string) {
	b.WriteString(strings.Repeat(" ", f.first))
	f.from(f.first, b, pieces, separator)
}

// from is pieces where the line has begun, and reaches up to a column.
func (f flow) from(column int, b *bytes.Buffer, pieces []piece, separator string) {
	for i, p := range pieces {
		switch {
		case i == 0:
		case column+len(separator)+columns(p.text) > f.width:
			column = f.newLine(b)
		default:
			b.WriteString(separator)
			column += len(separator)
		}
		column = f.piece(b, p, column)
	}
	b.WriteString("\n")
}

// piece writes one at a column, and returns the column behind it.
func (f flow) piece(b *bytes.Buffer, p piece, column int) int {
	for !f.whole {
		begin := line(p.text, max(leastRoom, f.width-column))
		if len(begin) == len(p.text) {
			break
		}
		b.WriteString(paint(p.sgr, strings.TrimRight(begin, " ")))
		p.text = strings.TrimLeft(p.text[len(begin):], " ")
		column = f.newLine(b)
	}
	b.WriteString(paint(p.sgr, p.text))
	return column + columns(p.text)
}

func (f flow) newLine(b *bytes.Buffer) (column int) {
	b.WriteString("\n" + strings.Repeat(" ", f.rest))
	return f.rest
}

// text writes words, made plain.
func (f flow) text(b *bytes.Buffer, text, sgr string) {
	var words []piece
	for word := range strings.FieldsSeq(plain(text)) {
		words = append(words, piece{word, ""})
	}
	var flowed bytes.Buffer
	f.pieces(&flowed, words, " ")
	for l := range strings.Lines(flowed.String()) {
		l = strings.TrimSuffix(l, "\n")
		words := strings.TrimLeft(l, " ")
		b.WriteString(l[:len(l)-len(words)] + paint(sgr, words) + "\n")
	}
}
