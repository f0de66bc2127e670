package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func staleStoredVersions() audit.Rule {
	return audit.Rule{
		ID: "CRD004", Name: "stale-stored-versions", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD004"),
		Remediation: "Migrate the objects with a StorageVersionMigration, then take the old version out of status.storedVersions; never just edit the status.",
		Check:       checkStoredVersions,
	}
}

func checkStoredVersions(in *audit.Input) ([]audit.Finding, error) {
	storage := in.CRD.Storage()
	if storage == nil || in.CRD.Condition("StorageMigrating") != nil && in.CRD.Condition("StorageMigrating").Status == "True" {
		return nil, nil
	}
	stale := slices.DeleteFunc(slices.Clone(in.CRD.Status.StoredVersions), func(v string) bool { return v == storage.Name })
	if len(stale) == 0 {
		return nil, nil
	}
	slices.Sort(stale)
	f := audit.Finding{Path: ".status.storedVersions", Since: in.CRD.Edited(), Due: in.CRD.Edited().Add(grace)}
	list := strings.Join(stale, ", ")
	if in.Census != nil && in.Census.Objects == 0 {
		f.Severity = audit.Low
		f.Message = fmt.Sprintf("status.storedVersions still names %s, and there are no objects: it is safe to trim it to %s", list, storage.Name)
		f.Remediation = fmt.Sprintf("Set status.storedVersions to [%s]: without objects nothing has to be migrated.", storage.Name)
		return []audit.Finding{f}, nil
	}
	f.Message = fmt.Sprintf("objects may still be stored in %s, while %s is the storage version: %s",
		list, storage.Name, whatBreaks(in.CRD, stale, &f))
	f.Summary = fmt.Sprintf("objects may still be stored in %s", list)
	return []audit.Finding{f}, nil
}

// whatBreaks says what the stale versions keep from being done, and makes the finding
// critical where their end is near: nobody tests a version that is not served.
func whatBreaks(crd *audit.CRD, stale []string, f *audit.Finding) string {
	var near []string
	for _, name := range stale {
		if v := crd.Version(name); v == nil || !v.Served || v.Deprecated {
			near = append(near, name)
		}
	}
	if len(near) == 0 {
		return "none of the versions may be removed before the objects are migrated"
	}
	f.Severity = audit.Critical
	return fmt.Sprintf("%s is deprecated or not served any more, and removing it makes every object of the resource unreadable", strings.Join(near, ", "))
}
