package report

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// findingFacts are what the header of a finding says: whether it came or went, how
// grave it is, and which rule found it.
func (p *textPrinter) findingFacts(f *watch.FindingInfo) []piece {
	severity := plain(f.Severity)
	if f.OldSeverity != "" {
		severity = plain(f.OldSeverity) + "→" + severity
	}
	facts := []piece{
		{plain(string(f.State)), p.stateColor(f)}, {severity, p.severityColor(f)}, {plain(f.Rule + " " + f.Name), ""},
	}
	if f.Path != "" {
		facts = append(facts, piece{plain(f.Path), ""})
	}
	return facts
}

// finding says what is wrong, and while it is, what to do about it.
func (p *textPrinter) finding(b *bytes.Buffer, f *watch.FindingInfo) {
	lines := wrap(plain(f.Message), p.gapWidth())
	if f.State == watch.FindingOpen && f.Remediation != "" {
		lines = append(lines, wrap("Fix: "+plain(f.Remediation), p.gapWidth())...)
	}
	for _, line := range lines {
		fmt.Fprintf(b, "%s%s\n", p.indent, line)
	}
}

func (p *textPrinter) stateColor(f *watch.FindingInfo) string {
	if f.State == watch.FindingResolved {
		return p.Palette.Added
	}
	return p.severityColor(f)
}

func (p *textPrinter) severityColor(f *watch.FindingInfo) string {
	severity, err := audit.ParseSeverity(f.Severity)
	if err != nil {
		return ""
	}
	return p.Palette.severity(severity)
}

// severity is the colour of one.
func (p Palette) severity(s audit.Severity) string {
	colors := map[audit.Severity]string{
		audit.Critical: p.Critical, audit.High: p.High, audit.Medium: p.Medium, audit.Low: p.Low, audit.Info: p.Low,
	}
	return cmp.Or(colors[s], "")
}
