package report

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// gap explains a GAP to someone who has never heard of one: that something is
// missing, since when, why, and what is known all the same.
func (p *textPrinter) gap(b *bytes.Buffer, ev *watch.Event) {
	for i, line := range wrap(p.gapText(ev), p.gapWidth()) {
		if i == 0 {
			line = strings.Replace(line, gapWarning, paint(p.Palette.Gap, gapWarning), 1)
		}
		fmt.Fprintf(b, "%s%s\n", p.indent, line)
	}
	fmt.Fprintf(b, "%sresourceVersion %s → %s\n", p.indent, plain(ev.Gap.From), plain(ev.Gap.To))
}

// gapWidth keeps prose within what is comfortable to read.
func (p *textPrinter) gapWidth() int {
	const least, most = 30, 90
	if p.wide {
		return most
	}
	return min(max(p.Width-len(p.indent), least), most)
}

const gapWarning = "WARNING: changes are missing here."

func (p *textPrinter) gapText(ev *watch.Event) string {
	return gapWarning + " " + p.gapWindow(ev.Gap) +
		"the API server no longer has what happened to these objects in the meantime. " +
		"Differences that remained are reported as events marked reconciled. " + missed(ev.Gap)
}

// gapWindow says from when to when crdwatch was blind, as far as it is known.
func (p *textPrinter) gapWindow(g *watch.GapInfo) string {
	if g.Since.IsZero() || g.Until.IsZero() {
		return "crdwatch was not watching for a while, and "
	}
	since, until := g.Since.In(p.Location), g.Until.In(p.Location)
	layout := dateTime
	if since.Format(time.DateOnly) == until.Format(time.DateOnly) {
		layout = time.TimeOnly
	}
	return fmt.Sprintf("From %s to %s (%s) crdwatch was not watching, and ",
		since.Format(dateTime), until.Format(layout), duration.HumanDuration(until.Sub(since)))
}

// missed speaks of what even the reconciled events do not show.
func missed(g *watch.GapInfo) string {
	switch g.MissedGenerations {
	case 0:
		return "No revision of a spec is missing from the objects that still exist."
	case 1:
		return "1 revision of a spec is shown by no event."
	}
	return fmt.Sprintf("%d revisions of specs are shown by no event.", g.MissedGenerations)
}

// wrap breaks text into lines of at most width columns, between words.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
