package watch

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// FindingState says what an Event of type Finding tells.
type FindingState string

// The states of a finding. One that is open already and is told to be open again has
// another severity now.
const (
	FindingOpen     FindingState = "open"
	FindingResolved FindingState = "resolved"
)

// FindingInfo is a finding of the audit as it was when it appeared, or when it ceased
// to hold. Its JSON form is that of the audit's own findings, with the state. The watch
// makes none and looks at none: it only says how they travel.
type FindingInfo struct {
	State    FindingState   `json:"state"`
	Rule     string         `json:"rule"`
	Name     string         `json:"name"`
	Severity string         `json:"severity"`
	Subject  FindingSubject `json:"subject"`
	Path     string         `json:"path"`
	Message  string         `json:"message"`
	// Since is when the defect began, as far as that is known.
	Since       time.Time `json:"since,omitzero"`
	Remediation string    `json:"remediation"`
	Count       int       `json:"count"`
	Samples     []string  `json:"samples"`
	Fingerprint string    `json:"fingerprint"`

	// Until is when the finding ceases to hold by itself, if nothing changes.
	Until time.Time `json:"until,omitzero"`
	// OldSeverity is set where an open finding got another severity.
	OldSeverity string `json:"oldSeverity,omitempty"`
	// FromHistory: it was found by comparing with what was seen before, which a process
	// that starts does not know.
	FromHistory bool `json:"fromHistory,omitempty"`
}

// FindingSubject is what a finding is about.
type FindingSubject struct {
	Group     string    `json:"group"`
	Resource  string    `json:"resource"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
}

// FindingID returns the ID of the event that a finding became open or resolved at a
// time. A finding that comes back is another event.
func FindingID(fingerprint string, state FindingState, at time.Time) string {
	return fmt.Sprintf("%s/%s/%d", fingerprint, strings.ToUpper(string(state)), at.UnixMicro())
}
