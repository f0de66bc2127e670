package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var reconcilePatience = audit.Threshold[time.Duration]{Name: "after", Default: 15 * time.Minute, Doc: "how long a controller may take"}

// quotedRunes is how much of a condition's reason and message is repeated.
const quotedRunes = 300

func reconcileFailing() audit.Rule {
	return audit.Rule{
		ID: "CR006", Name: "reconcile-failing", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR006"),
		Remediation: "See what the condition and the controller's log say; if the controller does not run, bring it back.",
		Check:       checkReconcile,
		Thresholds:  []audit.Adjustable{reconcilePatience, grace},
	}
}

// readiness are the condition types that are True when all is well, by common use. A
// cause comes before what follows from it: to Crossplane, what is not Synced is not Ready.
var readiness = []string{"Synced", "Ready", "Available"}

// checkReconcile makes one finding, of the sign that stands longest: one that comes and
// goes must not hide it.
func checkReconcile(in *audit.Input) ([]audit.Finding, error) {
	if in.Object.GetDeletionTimestamp() != nil || atRest(in.Object, in.CRD.Spec.Group) {
		return nil, nil
	}
	signs := append(failingConditions(in), behind(in)...)
	if len(signs) == 0 {
		return nil, nil
	}
	return []audit.Finding{slices.MinFunc(signs, func(a, b audit.Finding) int { return a.Due.Compare(b.Due) })}, nil
}

// failingConditions are those that say that something fails, the gravest first.
func failingConditions(in *audit.Input) []audit.Finding {
	var signs []audit.Finding
	conditions := items(in.Object.Object, "status", "conditions")
	sign := func(kind, bad string) {
		for _, c := range conditions {
			if text(c, "type") == kind && text(c, "status") == bad && !restingReason.MatchString(text(c, "reason")) && !outlived(in, c, conditions) {
				signs = append(signs, conditionFinding(in, c))
			}
		}
	}
	if stalled(in.Object) {
		sign(string(status.ConditionStalled), "True")
	}
	for _, kind := range readiness {
		sign(kind, "False")
	}
	return signs
}

// stalled asks kstatus whether the controller has given up. It cannot tell where the
// status has another shape than usual: then there is no such condition either.
func stalled(o *audit.Object) bool {
	result, err := status.Compute(&unstructured.Unstructured{Object: o.Object})
	return err == nil && result.Status == status.FailedStatus
}

// conditionFinding quotes a condition. One without a time has been so at least since the
// object was last written; one about an earlier spec says nothing of the present one
// before the controller had time to look at it.
func conditionFinding(in *audit.Input, c map[string]any) audit.Finding {
	o, patience := in.Object, reconcilePatience.In(in)
	kind, reason := text(c, "type"), text(c, "reason")
	since := transition(c)
	if since.IsZero() {
		since = o.Changed()
	}
	due := later(since.Add(patience), specChanged(o).Add(grace.In(in)))
	if seen, ok := c["observedGeneration"].(int64); ok && seen != 0 && seen < o.GetGeneration() {
		due = later(due, specChanged(o).Add(patience))
	}
	f := audit.Finding{
		Path:  conditionPath(kind),
		Since: since, Due: due,
		Message: fmt.Sprintf("%s is %s since %s", kind, text(c, "status"), stamp(since)),
		Summary: fmt.Sprintf("%s is %s", kind, text(c, "status")),
	}
	// Where conditions have a severity, as in Cluster API, Info is for what only takes its time.
	if text(c, "severity") == "Info" {
		f.Severity = audit.Low
	}
	if reason != "" {
		f.Summary += " (" + oneLine(reason) + ")"
	}
	if quote := oneLine(strings.TrimSuffix(strings.TrimPrefix(reason+": "+text(c, "message"), ": "), ": ")); quote != "" {
		f.Message += ": " + quote
	}
	return f
}

// transition is when a condition changed last; zero if it does not tell.
func transition(c map[string]any) time.Time {
	t, _ := time.Parse(time.RFC3339, text(c, "lastTransitionTime"))
	return t
}

// oneLine is a text as one line of bounded length that does nothing to a terminal.
func oneLine(s string) string {
	line := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, strings.Join(strings.Fields(s), " ")))
	if len(line) > quotedRunes {
		return string(line[:quotedRunes-1]) + "…"
	}
	return string(line)
}

// behind: the controller has written the generation that it saw, and that is not the
// present one. Without the status subresource that means nothing: there, to write the
// status makes a new generation, too.
func behind(in *audit.Input) []audit.Finding {
	o := in.Object
	seen, ok, _ := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	if !ok || seen == 0 || seen >= o.GetGeneration() || !ownStatus(in) {
		return nil
	}
	changed := specChanged(o)
	return []audit.Finding{{
		Path: ".status.observedGeneration", Since: changed, Due: changed.Add(reconcilePatience.In(in)),
		Message: fmt.Sprintf("the spec is at generation %d, and its controller has seen %d; it was last changed at %s", o.GetGeneration(), seen, stamp(changed)),
		Summary: "its controller has not seen the newest spec",
	}}
}

// specChanged is when somebody last wrote what makes a new generation: anything but
// metadata and status. A manager's time tells of all its fields together.
func specChanged(o *audit.Object) time.Time {
	last := o.GetCreationTimestamp().Time
	for _, e := range o.Entries() {
		if e.Subresource != "status" && ownsBeyond(e, "metadata", "status") {
			last = later(last, e.Time)
		}
	}
	return last
}
