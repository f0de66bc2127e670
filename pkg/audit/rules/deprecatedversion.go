package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/version"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var writerMemory = audit.Threshold[time.Duration]{
	Name: "recent", Default: 90 * 24 * time.Hour, Doc: "how long an entry of managedFields tells that somebody still writes",
}

func deprecatedVersionWritten() audit.Rule {
	return audit.Rule{
		ID: "CRD007", Name: "deprecated-version-still-written", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD007"),
		Remediation: "Upgrade or reconfigure the manager named, so that it writes a version that stays.",
		Check:       checkDeprecatedWritten,
		Thresholds:  []audit.Adjustable{writerMemory},
	}
}

func checkDeprecatedWritten(in *audit.Input) ([]audit.Finding, error) {
	if in.Census == nil {
		return nil, nil
	}
	var findings []audit.Finding
	for i := range in.CRD.Spec.Versions {
		v := in.CRD.Version(in.CRD.Spec.Versions[i].Name)
		if !v.Deprecated && !outdated(in.CRD, v) {
			continue
		}
		for _, w := range writersIn(in, v.Name) {
			findings = append(findings, writtenStill(in, v, w)...)
		}
	}
	return findings, nil
}

// outdated reports whether a version ranks below the storage version. To write a newer
// one is as it should be: the storage version often follows later.
func outdated(crd *audit.CRD, v *audit.Version) bool {
	storage := crd.Storage()
	return storage != nil && version.CompareKubeAwareVersionStrings(v.Name, storage.Name) < 0
}

// successor is the newest version that is served and not deprecated, nil if there is none.
func successor(crd *audit.CRD) *audit.Version {
	var newest *audit.Version
	for _, v := range crd.Served() {
		if !v.Deprecated && (newest == nil || version.CompareKubeAwareVersionStrings(v.Name, newest.Name) > 0) {
			newest = v
		}
	}
	return newest
}

// writersIn are those who have written a version, sorted by manager; none if the objects
// were not read.
func writersIn(in *audit.Input, version string) []audit.Writer {
	if in.Census == nil {
		return nil
	}
	var found []audit.Writer
	for w := range in.Census.Writers {
		if w.APIVersion == in.CRD.Spec.Group+"/"+version {
			found = append(found, w)
		}
	}
	slices.SortFunc(found, func(a, b audit.Writer) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Subresource, b.Subresource))
	})
	return found
}

// writtenStill is a finding, and a milder one for the time when the entry is old.
func writtenStill(in *audit.Input, v *audit.Version, w audit.Writer) []audit.Finding {
	t := in.Census.Writers[w]
	what, severity := "is older or less stable than the storage version", audit.Low // it may be meant to be served for long
	if v.Deprecated {
		what, severity = "is deprecated", audit.Medium
	}
	through, path := w.Operation, fmt.Sprintf("manager=%q,operation=%q", w.Manager, w.Operation)
	if w.Subresource != "" {
		through += " of " + w.Subresource
		path += fmt.Sprintf(",subresource=%q", w.Subresource)
	}
	f := audit.Finding{
		Severity: severity, Since: t.Newest, Path: fmt.Sprintf("%s[%s]", versionPath(v.Name), path),
		Message: fmt.Sprintf("%s %s, and manager %q has written it (%s): %s, last at %s (for example %s)",
			v.Name, what, w.Manager, through, plural(t.Objects, "object"), stamp(t.Newest), t.Sample),
		Summary:     fmt.Sprintf("%s %s, and manager %q has written it", v.Name, what, w.Manager),
		Remediation: leaveVersion(in.CRD, v),
	}
	if t.Newest.IsZero() {
		return []audit.Finding{f}
	}
	old := f
	f.Until = t.Newest.Add(writerMemory.In(in))
	old.Severity, old.Due = audit.Info, f.Until
	return []audit.Finding{f, old}
}

// leaveVersion says what to write instead. Where the whole type is deprecated, only its
// own notice may know.
func leaveVersion(crd *audit.CRD, v *audit.Version) string {
	if next := successor(crd); next != nil {
		return fmt.Sprintf("Upgrade or reconfigure the manager named, so that it writes %s.", next.Name)
	}
	if v.DeprecationWarning != nil {
		return fmt.Sprintf("No version of the type is left that is not deprecated. Its own notice: %q", *v.DeprecationWarning)
	}
	return "No version of the type is left that is not deprecated: see what its project offers instead."
}
