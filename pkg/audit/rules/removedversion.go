package rules

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func removedVersionInManagedFields() audit.Rule {
	return audit.Rule{
		ID: "CR002", Name: "removed-version-in-managed-fields", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR002"),
		Remediation: "Drop the entries of the version from metadata.managedFields with a JSON patch, before the version is removed from the CRD if it still can be.",
		Check:       checkRemovedVersion,
	}
}

func checkRemovedVersion(in *audit.Input) ([]audit.Finding, error) {
	managers := map[string][]string{}
	for _, e := range in.Object.Entries() {
		gv, err := schema.ParseGroupVersion(e.APIVersion)
		if err != nil || gv.Group != in.CRD.Spec.Group {
			continue
		}
		if v := in.CRD.Version(gv.Version); v == nil || !v.Served {
			managers[gv.Version] = append(managers[gv.Version], e.Manager)
		}
	}
	var findings []audit.Finding
	for version, names := range managers {
		findings = append(findings, removedVersion(in, version, names))
	}
	return findings, nil
}

func removedVersion(in *audit.Input, version string, managers []string) audit.Finding {
	f := audit.Finding{Path: fmt.Sprintf(".metadata.managedFields[apiVersion=%q]", in.CRD.Spec.Group+"/"+version)}
	if in.CRD.Version(version) == nil {
		f.Message = fmt.Sprintf("version %s, which the CRD does not have any more, is still named by the managedFields of %s: server-side apply to the object fails (invalid group/version)", version, enumerate(quoted(managers)))
		return f
	}
	f.Severity = audit.Medium
	f.Message = fmt.Sprintf("version %s, which is not served any more, is still named by the managedFields of %s: once the version is removed from the CRD, server-side apply to the object fails", version, enumerate(quoted(managers)))
	return f
}

// quoted are names in quotes, sorted, each once.
func quoted(names []string) []string {
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	for i, name := range sorted {
		sorted[i] = fmt.Sprintf("%q", name)
	}
	return sorted
}
