package report

import (
	"bytes"
	"fmt"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// change writes one field: its path, never shortened, and its values, behind it if they
// fit and otherwise on a line of their own, where they are shortened to fit. A path that
// a line of a terminal has no room for is parted.
func (p *textPrinter) change(b *bytes.Buffer, c diff.Change) {
	path := sign(c.Op) + " " + plain(c.Path)
	indent := p.indent + "  "
	room := p.Width - len(indent) - columns(path) - 2
	if p.wide || valuesLength(c) <= room {
		fmt.Fprintf(b, "%s%s  %s\n", indent, path, p.values(c, room))
		return
	}
	b.WriteString(indent)
	p.flow(4).from(len(indent), b, []piece{{path, ""}}, "")
	indent += "    "
	fmt.Fprintf(b, "%s%s\n", indent, p.values(c, max(minValues, p.Width-len(indent))))
}

func sign(op diff.Op) string {
	switch op {
	case diff.Add:
		return "+"
	case diff.Remove:
		return "-"
	}
	return "~"
}

func valuesLength(c diff.Change) int {
	old, new := columns(formatValue(c.Old)), columns(formatValue(c.New))
	switch c.Op {
	case diff.Add:
		return new
	case diff.Remove:
		return old
	}
	return old + columns(arrow) + new
}

// values renders what a change replaced by what, in width columns.
func (p *textPrinter) values(c diff.Change, width int) string {
	from, to := formatValue(c.Old), formatValue(c.New)
	switch {
	case c.Op == diff.Add:
		return paint(p.Palette.New, p.fit(to, width))
	case c.Op == diff.Remove:
		return paint(p.Palette.Old, p.fit(from, width))
	case !p.wide && valuesLength(c) > width:
		from, to = shortenPair(from, to, width)
	}
	return paint(p.Palette.Old, from) + arrow + paint(p.Palette.New, to)
}

func (p *textPrinter) fit(s string, width int) string {
	if p.wide {
		return s
	}
	return shorten(s, width)
}
