package audit

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says how much a finding matters. Greater is graver.
type Severity int

// The severities of the OpenReports API. The zero Severity is none of them: in a
// Finding it stands for that of the rule.
const (
	Info Severity = iota + 1
	Low
	Medium
	High
	Critical
)

var severities = []string{"", "info", "low", "medium", "high", "critical"}

// Severities lists all, the gravest first.
func Severities() []Severity {
	return []Severity{Critical, High, Medium, Low, Info}
}

// String returns the severity in lower case.
func (s Severity) String() string {
	if s < 0 || int(s) >= len(severities) {
		return fmt.Sprintf("Severity(%d)", int(s))
	}
	return severities[s]
}

// ParseSeverity reads what String writes. Its error names the choices.
func ParseSeverity(text string) (Severity, error) {
	if i := slices.Index(severities, text); i > 0 {
		return Severity(i), nil
	}
	return 0, fmt.Errorf("unknown severity %q, want one of: %s", text, strings.Join(severities[1:], ", "))
}

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSeverity(string(text))
	return err
}
