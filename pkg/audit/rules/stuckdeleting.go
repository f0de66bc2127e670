package rules

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var deletionPatience = audit.Threshold[time.Duration]{Name: "after", Default: 15 * time.Minute, Doc: "how long a deletion may take"}

func stuckDeleting() audit.Rule {
	return audit.Rule{
		ID: "CR004", Name: "stuck-deleting", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR004"),
		Remediation: "Restore the controller that owns the finalizer; remove the finalizer only after cleaning up what it protects.",
		Check:       checkStuckDeleting,
		Thresholds:  []audit.Adjustable{deletionPatience},
	}
}

func checkStuckDeleting(in *audit.Input) ([]audit.Finding, error) {
	deleted := in.Object.GetDeletionTimestamp()
	finalizers := in.Object.GetFinalizers()
	if deleted == nil || len(finalizers) == 0 {
		return nil, nil
	}
	var waiting []string
	for _, f := range finalizers {
		waiting = append(waiting, describeFinalizer(in, f))
	}
	return []audit.Finding{{
		Path: ".metadata.finalizers", Since: deleted.Time, Due: deleted.Add(deletionPatience.In(in)),
		Message: fmt.Sprintf("deleted at %s and still there; it waits for %s", stamp(deleted.Time), strings.Join(waiting, ", and ")),
		Summary: fmt.Sprintf("deleted and still there; waiting for %s", strings.Join(finalizers, ", ")),
	}}, nil
}

// describeFinalizer names a finalizer and who set it.
func describeFinalizer(in *audit.Input, finalizer string) string {
	if finalizer == metav1.FinalizerDeleteDependents {
		return "the objects that it owns (foregroundDeletion): look for those of them that do not go"
	}
	manager := finalizerManager(in.Object, finalizer)
	if manager == "" {
		return fmt.Sprintf("finalizer %q, which no manager claims", finalizer)
	}
	last := lastWriteBy(in.Object, func(m string) bool { return m == manager })
	return fmt.Sprintf("finalizer %q of manager %q, which wrote the object last at %s", finalizer, manager, stamp(last))
}
