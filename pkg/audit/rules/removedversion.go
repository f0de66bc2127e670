package rules

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// dropFromAll is for many objects, of each of which the entries stand elsewhere.
const dropFromAll = "Drop the entries of the version from metadata.managedFields of each object: crdwatch audit --explain CR002 has a command that does so."

func removedVersionInManagedFields() audit.Rule {
	return audit.Rule{
		ID: "CR002", Name: "removed-version-in-managed-fields", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR002"),
		Remediation: dropFromAll,
		Check:       checkRemovedVersion,
	}
}

func checkRemovedVersion(in *audit.Input) ([]audit.Finding, error) {
	managers, positions := map[string][]string{}, map[string][]int{}
	for i, e := range in.Object.Entries() {
		gv, err := schema.ParseGroupVersion(e.APIVersion)
		if err != nil || gv.Group != in.CRD.Spec.Group {
			continue
		}
		if v := in.CRD.Version(gv.Version); v == nil || !v.Served {
			managers[gv.Version] = append(managers[gv.Version], e.Manager)
			positions[gv.Version] = append(positions[gv.Version], i)
		}
	}
	var findings []audit.Finding
	for version, names := range managers {
		f := removedVersion(in, version, names)
		f.Remediation, f.General = dropEntries(in, version, positions[version]), dropFromAll
		findings = append(findings, f)
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

// dropEntries is the command that takes entries out of the object's managedFields, the last
// one first, and none if they have moved since.
func dropEntries(in *audit.Input, version string, positions []int) string {
	var steps []string
	for _, i := range slices.Backward(positions) {
		path := fmt.Sprintf("/metadata/managedFields/%d", i)
		steps = append(steps,
			fmt.Sprintf(`{"op":"test","path":"%s/apiVersion","value":"%s/%s"}`, path, in.CRD.Spec.Group, version),
			fmt.Sprintf(`{"op":"remove","path":"%s"}`, path))
	}
	name := in.Object.GetName()
	if namespace := in.Object.GetNamespace(); namespace != "" {
		name += " -n " + namespace
	}
	return fmt.Sprintf("Drop the entries of the version: kubectl patch %s.%s %s --type=json -p '[%s]'",
		in.CRD.Spec.Names.Plural, in.CRD.Spec.Group, name, strings.Join(steps, ","))
}

// quoted are names in quotes, sorted, each once.
func quoted(names []string) []string {
	sorted := slices.Compact(slices.Sorted(slices.Values(names)))
	for i, name := range sorted {
		sorted[i] = fmt.Sprintf("%q", name)
	}
	return sorted
}
