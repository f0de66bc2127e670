package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

const (
	// reconcilePatience is how long a controller may take.
	reconcilePatience = 15 * time.Minute
	// quotedBytes is how much of a condition's message is repeated, in bytes.
	quotedBytes = 300
)

func reconcileFailing() audit.Rule {
	return audit.Rule{
		ID: "CR006", Name: "reconcile-failing", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR006"),
		Remediation: "See what the condition and the controller's log say; if the controller does not run, bring it back.",
		Check:       checkReconcile,
	}
}

// readiness are the condition types that are True when all is well, by common use:
// kstatus and Crossplane (Synced) look at the same.
var readiness = []string{"Ready", "Synced", "Available"}

// checkReconcile makes one finding, of the sign that stands longest: one that comes and
// goes must not hide it.
func checkReconcile(in *audit.Input) ([]audit.Finding, error) {
	o := in.Object
	if o.GetDeletionTimestamp() != nil || atRest(o, in.CRD.Spec.Group) {
		return nil, nil
	}
	var signs []audit.Finding
	for _, c := range items(o.Object, "status", "conditions") {
		if text(c, "status") == "False" && slices.Contains(readiness, text(c, "type")) && decided(o, c) {
			signs = append(signs, conditionFinding(o, c, "is False"))
		}
	}
	if f, ok := failed(o); ok {
		signs = append(signs, f)
	}
	signs = append(signs, behind(o)...)
	if len(signs) == 0 {
		return nil, nil
	}
	return []audit.Finding{slices.MinFunc(signs, func(a, b audit.Finding) int { return a.Due.Compare(b.Due) })}, nil
}

// decided: the condition is about the spec as it is now, as far as it tells.
func decided(o *audit.Object, c map[string]any) bool {
	n, ok := c["observedGeneration"].(int64)
	return !ok || n == 0 || n >= o.GetGeneration()
}

func conditionFinding(o *audit.Object, c map[string]any, says string) audit.Finding {
	since, err := time.Parse(time.RFC3339, text(c, "lastTransitionTime"))
	if err != nil {
		since = o.Changed()
	}
	typ, reason := text(c, "type"), text(c, "reason")
	f := audit.Finding{
		Path:  fmt.Sprintf(".status.conditions[type=%q]", typ),
		Since: since, Due: since.Add(reconcilePatience),
		Message: fmt.Sprintf("%s %s since %s", typ, says, stamp(since)),
		Summary: fmt.Sprintf("%s %s", typ, says),
	}
	if reason != "" {
		f.Summary += " (" + reason + ")"
	}
	says = strings.TrimSuffix(strings.TrimPrefix(reason+": "+text(c, "message"), ": "), ": ")
	if quote := oneLine(says); quote != "" {
		f.Message += ": " + quote
	}
	return f
}

// oneLine is a text as one line of bounded length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > quotedBytes {
		s = strings.ToValidUTF8(s[:quotedBytes], "") + "…"
	}
	return s
}

// failed asks kstatus, which knows Stalled and Failed.
func failed(o *audit.Object) (audit.Finding, bool) {
	r, err := status.Compute(&unstructured.Unstructured{Object: o.Object})
	if err != nil || r.Status != status.FailedStatus {
		return audit.Finding{}, false
	}
	for _, c := range items(o.Object, "status", "conditions") {
		if text(c, "status") == "True" && slices.Contains([]string{"Stalled", "Failed"}, text(c, "type")) {
			return conditionFinding(o, c, "is True"), true
		}
	}
	return audit.Finding{}, false
}

// behind: the controller has written a generation, and it is not that of the spec.
func behind(o *audit.Object) []audit.Finding {
	seen, ok, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	if !ok || seen == 0 || seen >= o.GetGeneration() {
		return nil
	}
	var edited time.Time
	for _, e := range o.GetManagedFields() {
		if e.Subresource == "" && e.Time != nil && e.Time.After(edited) {
			edited = e.Time.Time
		}
	}
	if edited.IsZero() {
		edited = o.Changed()
	}
	return []audit.Finding{{
		Path: ".status.observedGeneration", Since: edited, Due: edited.Add(reconcilePatience),
		Message: fmt.Sprintf("the spec is at generation %d, and its controller has seen %d; it was last changed at %s", o.GetGeneration(), seen, stamp(edited)),
		Summary: "its controller has not seen the newest spec",
	}}
}
