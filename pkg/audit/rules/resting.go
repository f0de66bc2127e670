package rules

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// completions are what conditions, phases and reasons say of a job that is done.
var completions = []string{"Complete", "Completed", "Succeeded", "Finished", "PodCompleted"}

// atRest: it need not be ready, because it is paused, done, or scaled to nothing.
func atRest(o *audit.Object, group string) bool {
	return isSuspended(o, group) || isFinished(o) || isScaledDown(o)
}

// isSuspended: it is not meant to be reconciled.
func isSuspended(o *audit.Object, group string) bool {
	for _, field := range []string{"suspended", "pause"} {
		if on, _, _ := unstructured.NestedBool(o.Object, "spec", field); on {
			return true
		}
	}
	return len(pauses(o, group)) > 0 || hasCondition(o, "True", "Suspended", "Paused")
}

// isFinished: it is a job that is done, which is why it is no longer ready.
func isFinished(o *audit.Object) bool {
	return hasCondition(o, "True", completions...) || slices.Contains(completions, text(o.Object, "status", "phase")) ||
		slices.ContainsFunc(items(o.Object, "status", "conditions"), func(c map[string]any) bool {
			return text(c, "type") == "Ready" && slices.Contains(completions, text(c, "reason"))
		})
}

// isScaledDown: nothing of it is meant to run.
func isScaledDown(o *audit.Object) bool {
	n, ok, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	return ok && n == 0
}

func hasCondition(o *audit.Object, value string, types ...string) bool {
	return slices.ContainsFunc(items(o.Object, "status", "conditions"), func(c map[string]any) bool {
		return text(c, "status") == value && slices.Contains(types, text(c, "type"))
	})
}
