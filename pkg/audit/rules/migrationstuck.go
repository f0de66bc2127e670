package rules

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var migrationPatience = audit.Threshold[time.Duration]{Name: "after", Default: time.Hour, Doc: "how long a migration may take, or wait to be begun"}

func migrationStuck() audit.Rule {
	return audit.Rule{
		ID: "CRD015", Name: "migration-stuck", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD015"),
		Remediation: "Remove what stopped the migration, delete the StorageVersionMigration and create it again.",
		Ask:         askMigrationStuck, Check: checkMigrationStuck,
		Thresholds: []audit.Adjustable{migrationPatience},
	}
}

// migrationQuestions are for the API of Kubernetes itself, and for that of
// kube-storage-version-migrator, which OpenShift has. There are few such objects, and
// they change while nobody touches the CRD.
func migrationQuestions() []audit.Question {
	return []audit.Question{
		{Group: "storagemigration.k8s.io", Resource: "storageversionmigrations", All: true, Whole: true, Follow: true},
		{Group: "migration.k8s.io", Resource: "storageversionmigrations", All: true, Whole: true, Follow: true},
	}
}

func askMigrationStuck(in *audit.Input) []audit.Question {
	if in.Offline {
		return nil
	}
	return migrationQuestions()
}

func checkMigrationStuck(in *audit.Input) ([]audit.Finding, error) {
	if in.Offline {
		return nil, nil
	}
	var migrations []*unstructured.Unstructured
	var unknown doubts
	queued := map[*unstructured.Unstructured]bool{} // those that may wait for others to end
	for _, q := range migrationQuestions() {
		answer := in.Answer(q)
		if answer.Outcome == audit.Unknown {
			unknown.add(q, answer)
		}
		busy := allBusy(q.Group, answer.Objects)
		for _, content := range answer.Objects {
			if m := (&unstructured.Unstructured{Object: content}); migrates(m, in.CRD) {
				migrations = append(migrations, m)
				queued[m] = busy && !runs(m)
			}
		}
	}
	var findings []audit.Finding
	if len(migrations) > 0 {
		m := decisive(migrations)
		findings = stuckMigration(m, queued[m], migrationPatience.In(in))
	} else {
		findings = strayCondition(in.CRD, migrationPatience.In(in))
	}
	return findings, unknown.err("whether a migration of the stored objects is stuck")
}

// migrates reports whether a migration is one of the CRD's objects.
func migrates(m *unstructured.Unstructured, crd *audit.CRD) bool {
	group, _, _ := unstructured.NestedString(m.Object, "spec", "resource", "group")
	resource, _, _ := unstructured.NestedString(m.Object, "spec", "resource", "resource")
	return group == crd.Spec.Group && resource == crd.Spec.Names.Plural
}

// decisive is the migration that counts: the latest, because it was made when the
// earlier ones had their say; but one that runs, if the latest only waits for it, as
// one runs at a time.
func decisive(migrations []*unstructured.Unstructured) *unstructured.Unstructured {
	latest := slices.MaxFunc(migrations, func(a, b *unstructured.Unstructured) int {
		created := a.GetCreationTimestamp().Time
		return cmp.Or(created.Compare(b.GetCreationTimestamp().Time), strings.Compare(a.GetName(), b.GetName()))
	})
	if migrationIs(latest, "Succeeded") || migrationIs(latest, "Failed") {
		return latest
	}
	running := slices.IndexFunc(migrations, runs)
	if running < 0 {
		return latest
	}
	return migrations[running]
}

// allBusy reports whether the controller of an API has its hands full, be it with other
// resources. kube-storage-version-migrator migrates one at a time, that of Kubernetes
// itself has five workers.
func allBusy(group string, migrations []map[string]any) bool {
	workers := 5
	if group == "migration.k8s.io" {
		workers = 1
	}
	for _, content := range migrations {
		if runs(&unstructured.Unstructured{Object: content}) {
			workers--
		}
	}
	return workers <= 0
}

// runs reports whether a migration is under way.
func runs(m *unstructured.Unstructured) bool {
	return migrationIs(m, "Running") && !migrationIs(m, "Succeeded") && !migrationIs(m, "Failed")
}

// migrationIs reports whether a condition of a migration is True.
func migrationIs(m *unstructured.Unstructured, condition string) bool {
	return namedCondition(m.Object, condition)["status"] == "True"
}

// stuckMigration tells of a migration that failed, takes long, or was never begun,
// unless it is queued behind others.
func stuckMigration(m *unstructured.Unstructured, queued bool, patience time.Duration) []audit.Finding {
	if migrationIs(m, "Succeeded") || m.GetDeletionTimestamp() != nil {
		return nil
	}
	f := audit.Finding{Path: conditionPath(string(apiextensionsv1.StorageMigrating))}
	failed, running := namedCondition(m.Object, "Failed"), namedCondition(m.Object, "Running")
	switch {
	case migrationIs(m, "Failed"):
		f.Since = migrationTime(failed, m)
		f.Summary = "the migration of the stored objects to the storage version failed"
		f.Message = fmt.Sprintf("the StorageVersionMigration %s failed at %s%s: objects may still be stored in an old version",
			m.GetName(), stamp(f.Since), quoteMessage(failed))
	case migrationIs(m, "Running"):
		f.Since = migrationTime(running, m)
		f.Due = f.Since.Add(patience)
		f.Summary = fmt.Sprintf("the migration of the stored objects to the storage version has been running for over %s", lasting(patience))
		f.Message = fmt.Sprintf("the StorageVersionMigration %s has been running since %s%s", m.GetName(), stamp(f.Since), quoteMessage(running))
	case queued:
		return nil
	default:
		f.Since = m.GetCreationTimestamp().Time
		f.Due = f.Since.Add(patience)
		f.Summary = "the migration of the stored objects to the storage version has not begun"
		f.Message = fmt.Sprintf("the StorageVersionMigration %s was created at %s and has not begun: perhaps no controller for it runs", m.GetName(), stamp(f.Since))
		f.Remediation = "Enable the API's controller in kube-controller-manager (feature gate StorageVersionMigrator), or install kube-storage-version-migrator for its own API."
	}
	return []audit.Finding{f}
}

// strayCondition tells of a CRD that claims to migrate while no migration is known, and
// of one whose migration failed and is gone.
func strayCondition(crd *audit.CRD, patience time.Duration) []audit.Finding {
	c := crd.Condition(apiextensionsv1.StorageMigrating)
	if c == nil {
		return nil
	}
	f := audit.Finding{Path: conditionPath(string(apiextensionsv1.StorageMigrating)), Since: c.LastTransitionTime.Time}
	switch {
	case c.Status == apiextensionsv1.ConditionTrue:
		f.Due = f.Since.Add(patience)
		f.Summary = "the CRD says that its objects are being migrated, and no StorageVersionMigration for them is to be seen"
		f.Message = fmt.Sprintf("the CRD has said since %s that its objects are being migrated, and no StorageVersionMigration for them is to be seen", stamp(f.Since))
	case c.Reason == "MigrationFailed" && len(crd.Status.StoredVersions) > 1:
		f.Summary = "the last migration of the stored objects failed"
		f.Message = fmt.Sprintf("the last migration of the stored objects failed at %s; the versions %s may all be stored still",
			stamp(f.Since), strings.Join(crd.Status.StoredVersions, ", "))
		f.Remediation = "Create a StorageVersionMigration for the resource, and see why it fails."
	default:
		return nil
	}
	return []audit.Finding{f}
}

// namedCondition returns a condition of an object's status; nil if it has none of that type.
func namedCondition(content map[string]any, t string) map[string]any {
	for _, c := range items(content, "status", "conditions") {
		if c["type"] == t {
			return c
		}
	}
	return nil
}

// migrationTime is when a condition became what it is. lastUpdateTime is what the earlier
// versions of the API have instead.
func migrationTime(condition map[string]any, m *unstructured.Unstructured) time.Time {
	for _, key := range []string{"lastTransitionTime", "lastUpdateTime"} {
		text, _ := condition[key].(string)
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return t
		}
	}
	return m.GetCreationTimestamp().Time
}

// quoteMessage quotes the message of a condition.
func quoteMessage(condition map[string]any) string {
	message, _ := condition["message"].(string)
	if message == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", message)
}
