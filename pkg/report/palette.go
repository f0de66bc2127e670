package report

// Palette holds the SGR parameters (ECMA-48, for example "1;31") of what stands out
// in a rendering. An empty parameter leaves the text as it is; so the zero Palette
// writes no escape sequence at all.
type Palette struct {
	Added, Modified, Deleted, Gap string
	// Name is for objects, Old and New for values, Faint for what can be skipped.
	Name, Old, New, Faint string
	// Bad is for the state of a resource that is not watched as it should be.
	Bad string
	// Critical, High, Medium and Low (and info) are for severities.
	Critical, High, Medium, Low string
}

// ColorPalette uses the eight colours that every terminal has and that its owner
// may have chosen, so that it is readable on light and dark alike.
func ColorPalette() Palette {
	return Palette{
		Added: "32", Modified: "33", Deleted: "31", Gap: "1;31",
		Name: "1", Old: "31", New: "32", Faint: "2", Bad: "31",
		Critical: "1;31", High: "31", Medium: "33", Low: "36",
	}
}

// paint wraps text, which must be escaped already.
func paint(sgr, text string) string {
	if sgr == "" || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}
