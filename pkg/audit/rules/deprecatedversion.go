package rules

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// writerMemory is how long an entry of managedFields says that somebody still writes.
const writerMemory = 90 * 24 * time.Hour

func deprecatedVersionWritten() audit.Rule {
	return audit.Rule{
		ID: "CRD007", Name: "deprecated-version-still-written", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD007"),
		Remediation: "Upgrade or reconfigure the manager named, so that it writes the storage version.",
		Check:       checkDeprecatedWritten,
	}
}

func checkDeprecatedWritten(in *audit.Input) ([]audit.Finding, error) {
	if in.Census == nil {
		return nil, nil
	}
	var findings []audit.Finding
	for i := range in.CRD.Spec.Versions {
		v := in.CRD.Version(in.CRD.Spec.Versions[i].Name)
		if v.Storage && !v.Deprecated {
			continue
		}
		for _, w := range writersIn(in.Census, in.CRD.Spec.Group+"/"+v.Name) {
			findings = append(findings, writtenStill(v, w, in.Census.Writers[w])...)
		}
	}
	return findings, nil
}

// writersIn are those who have written a version, in a fixed order.
func writersIn(c *audit.Census, apiVersion string) []audit.Writer {
	var found []audit.Writer
	for w := range c.Writers {
		if w.APIVersion == apiVersion {
			found = append(found, w)
		}
	}
	slices.SortFunc(found, func(a, b audit.Writer) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Subresource, b.Subresource))
	})
	return found
}

// writtenStill is a finding, and a milder one for the time when the entry is old.
func writtenStill(v *audit.Version, w audit.Writer, t *audit.Trace) []audit.Finding {
	what := "is not the storage version"
	severity := audit.Low // it may be meant to be served for long
	if v.Deprecated {
		what, severity = "is deprecated", audit.Medium
	}
	through := w.Operation
	if w.Subresource != "" {
		through += " of " + w.Subresource
	}
	f := audit.Finding{
		Severity: severity, Since: t.Newest,
		Path: fmt.Sprintf(".spec.versions[name=%q]/%s/%s/%s", v.Name, w.Manager, w.Operation, w.Subresource),
		Message: fmt.Sprintf("%s %s, and manager %q still writes it (%s): %s, last at %s (for example %s)",
			v.Name, what, w.Manager, through, plural(t.Objects, "object"), stamp(t.Newest), t.Sample),
		Summary: fmt.Sprintf("%s %s, and manager %q still writes it", v.Name, what, w.Manager),
	}
	if t.Newest.IsZero() {
		return []audit.Finding{f}
	}
	old := f
	f.Until = t.Newest.Add(writerMemory)
	old.Severity, old.Due = audit.Info, f.Until
	return []audit.Finding{f, old}
}
