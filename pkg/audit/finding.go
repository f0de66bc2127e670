package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Subject is what a finding is about: an object, a CRD (then Resource is
// customresourcedefinitions), or with an empty Name many objects of a resource, those
// of one namespace where Namespace is given.
type Subject struct {
	Group     string    `json:"group"`
	Resource  string    `json:"resource"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
}

// ResourceName is plural.group; empty for what concerns no resource.
func (s Subject) ResourceName() string {
	if s.Resource == "" {
		return ""
	}
	return s.Resource + "." + s.Group
}

// Object is namespace/name, name for a cluster-scoped object, or the namespace alone
// for many objects in it.
func (s Subject) Object() string {
	switch {
	case s.Namespace == "":
		return s.Name
	case s.Name == "":
		return s.Namespace
	}
	return s.Namespace + "/" + s.Name
}

// Finding is one defect. A rule fills Path and Message, and what of the rest differs
// from the usual; Evaluate fills the others. Its JSON form is a public contract.
type Finding struct {
	Rule     string   `json:"rule"`
	Name     string   `json:"name"`
	Severity Severity `json:"severity"`
	Subject  Subject  `json:"subject"`
	// Path is the field concerned, as managedFields would write it; may be empty.
	Path string `json:"path"`
	// Message states the facts in a sentence that needs no manual. It does not name
	// the subject, so that equal findings of many objects can be told to be equal.
	Message string `json:"message"`
	// Since is when the defect began, as far as that is known.
	Since time.Time `json:"since,omitzero"`
	// Remediation is what to do; by default that of the rule.
	Remediation string `json:"remediation"`
	// Count is the number of objects that a group of findings stands for, Samples
	// some of them (namespace/name). 1 and none for a single finding.
	Count   int      `json:"count"`
	Samples []string `json:"samples"`
	// Fingerprint identifies the finding across runs, and across deletion and
	// recreation of its subject.
	Fingerprint string `json:"fingerprint"`

	// Summary is the Message of a group: without facts of one object, such as a time.
	// By default the Message itself.
	Summary string `json:"-"`
	// Explains: the finding is about a CRD, and tells why its objects cannot be read. Where
	// they are said not to be evaluated, it is referred to.
	Explains bool `json:"-"`
	// General is the Remediation of a group: without a command for one object. By default
	// the Remediation itself.
	General string `json:"-"`
	// APIVersion and Kind are those of the subject, where they are known.
	APIVersion string `json:"-"`
	Kind       string `json:"-"`
	// Due is when the finding begins to hold, Until when it ceases to, if nothing
	// changes. Zero: at once, and for ever. Of findings with the same fingerprint the
	// gravest that holds counts, so one that worsens with time is returned twice.
	Due, Until time.Time `json:"-"`
}

// HoldsAt reports whether the finding holds at a time.
func (f *Finding) HoldsAt(now time.Time) bool {
	return !now.Before(f.Due) && (f.Until.IsZero() || now.Before(f.Until))
}

// index is a position in a list, which says little about an item.
var index = regexp.MustCompile(`\[\d+\]`)

// NormalizePath leaves out what differs between objects alike: positions in lists.
func NormalizePath(path string) string {
	return index.ReplaceAllString(path, "[]")
}

// Fingerprint is sha256, in hexadecimal, of what identifies a finding: rule, resource,
// object, and normalised path. It has no UID.
func Fingerprint(rule string, s Subject, path string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{rule, s.ResourceName(), s.Object(), NormalizePath(path)}, "\n")))
	return hex.EncodeToString(sum[:])
}
