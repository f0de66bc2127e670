package rules

import (
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func staleStoredVersions() audit.Rule {
	return audit.Rule{
		ID: "CRD004", Name: "stale-stored-versions", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD004"),
		Remediation: "Migrate the objects with a StorageVersionMigration; it trims status.storedVersions, too (before Kubernetes 1.36 do that afterwards). Never just edit the status.",
		Check:       checkStoredVersions,
		Thresholds:  []audit.Adjustable{grace},
	}
}

func checkStoredVersions(in *audit.Input) ([]audit.Finding, error) {
	storage := in.CRD.Storage()
	migrating := in.CRD.Condition(apiextensionsv1.StorageMigrating)
	if storage == nil || migrating != nil && migrating.Status == apiextensionsv1.ConditionTrue {
		return nil, nil
	}
	stale := slices.DeleteFunc(slices.Clone(in.CRD.Status.StoredVersions), func(v string) bool { return v == storage.Name })
	if len(stale) == 0 {
		return nil, nil
	}
	slices.Sort(stale)
	f := audit.Finding{Path: ".status.storedVersions", Since: in.CRD.Edited(), Due: in.CRD.Edited().Add(grace.In(in))}
	list := enumerate(stale)
	if in.Census != nil && in.Census.Objects == 0 {
		f.Severity = audit.Low
		f.Message = fmt.Sprintf("status.storedVersions still names %s, and there are no objects: it is safe to trim it to %s", list, storage.Name)
		f.Remediation = fmt.Sprintf("Set status.storedVersions to [%s]: without objects nothing has to be migrated.", storage.Name)
		return []audit.Finding{f}, nil
	}
	f.Summary = fmt.Sprintf("objects may still be stored in %s, while %s is the storage version", list, storage.Name)
	f.Message = fmt.Sprintf("%s: the API server does not let the CRD drop %s before they are migrated, and if that is forced, no object can be read any more", f.Summary, list)
	if near := endingVersions(in.CRD, stale); len(near) > 0 {
		f.Severity = audit.Critical
		f.Message += "; the next to go: " + enumerate(near)
	}
	return []audit.Finding{f}, nil
}

// endingVersions are those that will be removed next: nobody tests a version that is
// not served.
func endingVersions(crd *audit.CRD, stale []string) []string {
	var near []string
	for _, name := range stale {
		switch v := crd.Version(name); {
		case v == nil:
			near = append(near, name+" (not in spec.versions any more)")
		case !v.Served:
			near = append(near, name+" (not served any more)")
		case v.Deprecated:
			near = append(near, name+" (deprecated)")
		}
	}
	return near
}
