package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var clockSkew = audit.Threshold[time.Duration]{
	Name: "clockSkew", Default: 5 * time.Minute, Doc: "how much the clock of a controller may be ahead of the API server's",
}

func conditionConventions() audit.Rule {
	return audit.Rule{
		ID: "CR015", Name: "condition-conventions", Severity: audit.Low, About: audit.AboutObject, Doc: doc("CR015"),
		Remediation: "Have the controller set conditions with meta.SetStatusCondition of k8s.io/apimachinery, which keeps the conventions.",
		Check:       checkConditionConventions,
		Thresholds:  []audit.Adjustable{clockSkew},
	}
}

func checkConditionConventions(in *audit.Input) ([]audit.Finding, error) {
	declared, ok := declaredConditionFields(in)
	if !ok {
		return nil, nil
	}
	conditions, ok := standardConditions(in.Object)
	if !ok {
		return nil, nil
	}
	var findings []audit.Finding
	seen := map[string]int{}
	for _, c := range conditions {
		seen[c["type"].(string)]++
		findings = append(findings, checkCondition(in, c, declared)...)
	}
	for _, t := range slices.Sorted(maps.Keys(seen)) {
		if seen[t] > 1 {
			findings = append(findings, audit.Finding{
				Path:    ".status.conditions",
				Message: fmt.Sprintf("there are %d conditions of type %q; whoever reads the status sees one of them by chance", seen[t], t),
				Summary: fmt.Sprintf("there are several conditions of type %q; whoever reads the status sees one of them by chance", t),
			})
		}
	}
	return findings, nil
}

// conditionFields are those of metav1.Condition.
func conditionFields() []string {
	return []string{"type", "status", "observedGeneration", "lastTransitionTime", "reason", "message"}
}

// declaredConditionFields are the fields that the schema gives to conditions, none if
// it is silent. It is not ok if they are others than metav1.Condition has: conditions
// with a severity, or a time of the last probe, have conventions of their own, in which
// a condition that is True has no reason.
func declaredConditionFields(in *audit.Input) (declared []string, ok bool) {
	v := versionOf(in)
	if v == nil || v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return nil, true
	}
	items := v.Schema.OpenAPIV3Schema.Properties["status"].Properties["conditions"].Items
	if items == nil || items.Schema == nil {
		return nil, true
	}
	declared = slices.Collect(maps.Keys(items.Schema.Properties))
	return declared, onlyStandard(declared)
}

func onlyStandard(fields []string) bool {
	return !slices.ContainsFunc(fields, func(f string) bool { return !slices.Contains(conditionFields(), f) })
}

// standardConditions are those of the object, if they all look like metav1.Condition.
func standardConditions(o *audit.Object) ([]map[string]any, bool) {
	raw, _, _ := unstructured.NestedFieldNoCopy(o.Object, "status", "conditions")
	list, _ := raw.([]any)
	var conditions []map[string]any
	for _, item := range list {
		c, _ := item.(map[string]any)
		_, named := c["type"].(string)
		_, judged := c["status"].(string)
		if !named || !judged || !onlyStandard(slices.Collect(maps.Keys(c))) {
			return nil, false
		}
		conditions = append(conditions, c)
	}
	return conditions, true
}

// checkCondition returns what one condition lacks or has wrong. Only what the schema
// declares can be lacking: anything else would be pruned.
func checkCondition(in *audit.Input, c map[string]any, declared []string) []audit.Finding {
	name := c["type"].(string)
	path := conditionPath(name)
	var findings []audit.Finding
	for _, field := range []string{"lastTransitionTime", "reason"} {
		if field == "reason" && c["status"] == string(metav1.ConditionTrue) {
			continue // Prometheus Operator and others explain only what is not as it should be
		}
		if text, _ := c[field].(string); text == "" && slices.Contains(declared, field) {
			findings = append(findings, audit.Finding{Path: path + "." + field, Message: fmt.Sprintf("condition %s has no %s", name, field)})
		}
	}
	status := c["status"].(string)
	if !slices.Contains(conditionStatuses(), status) {
		findings = append(findings, audit.Finding{Path: path + ".status", Message: fmt.Sprintf(
			"condition %s has the status %q; only %s are understood", name, status, strings.Join(conditionStatuses(), ", "))})
	}
	if f := fromFuture(in, c, path); f != nil {
		findings = append(findings, *f)
	}
	return findings
}

func conditionStatuses() []string {
	return []string{string(metav1.ConditionTrue), string(metav1.ConditionFalse), string(metav1.ConditionUnknown)}
}

// fromFuture tells of a time that lay ahead when the status was written. That is past
// when the time comes.
func fromFuture(in *audit.Input, c map[string]any, path string) *audit.Finding {
	text, _ := c["lastTransitionTime"].(string)
	at, err := time.Parse(time.RFC3339, text)
	written := in.Object.Changed()
	if err != nil || written.IsZero() || !at.After(written.Add(clockSkew.In(in))) {
		return nil
	}
	return &audit.Finding{
		Path: path + ".lastTransitionTime", Until: at,
		Message: fmt.Sprintf("condition %s changed at %s, which lies in the future; the object was last written at %s", c["type"], stamp(at), stamp(written)),
		Summary: fmt.Sprintf("condition %s has a lastTransitionTime that lies in the future", c["type"]),
	}
}
