package rules

import (
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// restingReason matches the reasons of conditions that are False because nothing is meant
// to run: a virtual machine of KubeVirt that is switched off has VMINotExists.
var restingReason = regexp.MustCompile(`(?i)(suspended|paused|stopped|halted|hibernat(ed|ing)|completed|succeeded|waitforfirstconsumer|notstarted|scaled(down)?tozero)$|^(disabled|vminotexists)$`)

// restingState matches what a spec says where a thing is to be switched off.
var restingState = regexp.MustCompile(`(?i)^(off|stopped|halted|suspended|paused|disabled|hibernat(ed|ing))$`)

// atRest: it need not be ready, because it is paused, switched off, done, or scaled to
// nothing.
func atRest(o *audit.Object, group string) bool {
	return isSuspended(o, group) || isSwitchedOff(o) || isFinished(o)
}

// isSuspended: it is not meant to be reconciled.
func isSuspended(o *audit.Object, group string) bool {
	return len(pauses(o, group)) > 0 || hasCondition(o, "True", "Suspended", "Paused", "Stopped", "Hibernating")
}

// isSwitchedOff: nothing of it is meant to run, by the fields that are in common use.
func isSwitchedOff(o *audit.Object) bool {
	spec, _ := o.Object["spec"].(map[string]any)
	for field, value := range spec {
		switch v := value.(type) {
		case bool:
			if v && slices.Contains([]string{"suspended", "pause", "disabled", "stop", "stopped", "hibernate", "hibernated"}, field) ||
				!v && slices.Contains([]string{"running", "enabled"}, field) {
				return true
			}
		case string:
			if slices.Contains([]string{"runStrategy", "powerState", "state", "desiredState", "targetState"}, field) && restingState.MatchString(v) {
				return true
			}
		}
	}
	replicas, ok, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
	return ok && replicas == 0
}

// completions are the conditions and phases of a job that is done.
var completions = []string{"Complete", "Completed", "Succeeded", "Finished"}

// isFinished: it is a job that is done. A phase says so for good; for a condition see
// outlived.
func isFinished(o *audit.Object) bool {
	return slices.Contains(completions, text(o.Object, "status", "phase"))
}

// outlived: the condition is False because the job is done. One that turned False long
// after the object was complete is about something else: an Argo Rollout is Completed when
// its last version is out, and can fail all the same.
func outlived(in *audit.Input, c map[string]any, conditions []map[string]any) bool {
	return slices.ContainsFunc(conditions, func(done map[string]any) bool {
		if text(done, "status") != "True" || !slices.Contains(completions, text(done, "type")) {
			return false
		}
		at, failed := transition(done), transition(c)
		return at.IsZero() || failed.IsZero() || failed.Sub(at) < reconcilePatience.In(in)
	})
}

func hasCondition(o *audit.Object, value string, types ...string) bool {
	return slices.ContainsFunc(items(o.Object, "status", "conditions"), func(c map[string]any) bool {
		return text(c, "status") == value && slices.Contains(types, text(c, "type"))
	})
}
