package main

import (
	"io"
	"os"

	"golang.org/x/term"

	"github.com/crdwatch/crdwatch/pkg/report"
)

// terminal returns the file behind a stream if it is a terminal.
func terminal(stream any) (*os.File, bool) {
	f, ok := stream.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// width returns the number of columns of a terminal, and 0 for anything else.
func width(stream any) int {
	f, ok := terminal(stream)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// palette follows --color and NO_COLOR (https://no-color.org).
func (g *globals) palette(w io.Writer) report.Palette {
	_, isTerminal := terminal(w)
	switch {
	case g.color == "always", g.color == "auto" && isTerminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb":
		return report.ColorPalette()
	}
	return report.Palette{}
}
