package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	establishPatience = audit.Threshold[time.Duration]{Name: "after", Default: time.Minute, Doc: "how long the API server may take to see a change of the CRD"}
	terminatePatience = audit.Threshold[time.Duration]{Name: "deleting", Default: 10 * time.Minute, Doc: "how long the deletion of the CRD may take"}
)

func crdUnhealthy() audit.Rule {
	return audit.Rule{
		ID: "CRD003", Name: "crd-unhealthy", Severity: audit.Critical, About: audit.AboutCRD, Doc: doc("CRD003"),
		Remediation: "See the condition: rename what is taken, make the schema structural, or clear the finalizers that hold the deletion.",
		Check:       checkCRDUnhealthy,
		Thresholds:  []audit.Adjustable{establishPatience, terminatePatience, grace},
	}
}

func checkCRDUnhealthy(in *audit.Input) ([]audit.Finding, error) {
	if in.Offline { // the status is the cluster's
		return nil, nil
	}
	return slices.Concat(notServed(in), notDeleted(in), notStructural(in)), nil
}

// current returns a condition, unless it speaks of an earlier generation of the CRD.
func current(crd *audit.CRD, t apiextensionsv1.CustomResourceDefinitionConditionType) *apiextensionsv1.CustomResourceDefinitionCondition {
	c := crd.Condition(t)
	if c == nil || c.ObservedGeneration != 0 && c.ObservedGeneration < crd.Generation {
		return nil
	}
	return c
}

// ofCondition is a finding about a condition: the summary, what else there is to say,
// and the condition's own words.
func ofCondition(in *audit.Input, c *apiextensionsv1.CustomResourceDefinitionCondition, summary, more string) audit.Finding {
	since := cmp.Or(c.LastTransitionTime.Time, in.CRD.CreationTimestamp.Time)
	f := audit.Finding{
		Path: conditionPath(string(c.Type)), Since: since, Due: since.Add(establishPatience.In(in)),
		Message: summary + more, Summary: summary,
	}
	if words := strings.Trim(c.Reason+": "+c.Message, ": "); words != "" {
		f.Message += " (" + words + ")"
	}
	return f
}

// notServed tells of names that are taken, and of whatever else keeps the CRD from
// being established.
func notServed(in *audit.Input) []audit.Finding {
	if in.CRD.DeletionTimestamp != nil {
		return nil
	}
	established := in.CRD.Condition(apiextensionsv1.Established)
	served := established != nil && established.Status == apiextensionsv1.ConditionTrue
	names := current(in.CRD, apiextensionsv1.NamesAccepted)
	switch {
	case names != nil && names.Status == apiextensionsv1.ConditionFalse && served:
		f := ofCondition(in, names, "a new name of the CRD is taken by another type of the group, so its objects are served without it", "")
		f.Severity = audit.High
		return []audit.Finding{f}
	case names != nil && names.Status == apiextensionsv1.ConditionFalse:
		return []audit.Finding{ofCondition(in, names, "a name of the CRD is taken by another type of the group, so its objects are not served", "")}
	case served:
		return nil
	case established == nil:
		created := in.CRD.CreationTimestamp.Time
		return []audit.Finding{{
			Path: conditionPath(string(apiextensionsv1.Established)), Since: created, Due: created.Add(grace.In(in)),
			Message:     "the CRD has no condition Established: no API server has taken notice of it, and its objects are not served",
			Remediation: "See whether the API server runs its controllers for CRDs: its log says why it does not update the status.",
		}}
	}
	if current(in.CRD, apiextensionsv1.Established) == nil {
		return nil
	}
	return []audit.Finding{ofCondition(in, established, "the CRD is not established: the API server does not serve its objects", "")}
}

func notStructural(in *audit.Input) []audit.Finding {
	c := current(in.CRD, apiextensionsv1.NonStructuralSchema)
	if c == nil || c.Status != apiextensionsv1.ConditionTrue {
		return nil
	}
	return []audit.Finding{ofCondition(in, c, "the schema is not structural: unknown fields are kept, and defaults and webhook conversion are off", "")}
}

// notDeleted tells of a CRD that is being deleted for long, or cannot be.
func notDeleted(in *audit.Input) []audit.Finding {
	c := in.CRD.Condition(apiextensionsv1.Terminating)
	terminating := c != nil && c.Status == apiextensionsv1.ConditionTrue
	deleted := in.CRD.DeletionTimestamp
	if !terminating && deleted == nil {
		return nil
	}
	if c == nil {
		c = &apiextensionsv1.CustomResourceDefinitionCondition{Type: apiextensionsv1.Terminating}
	}
	f := ofCondition(in, c, "the CRD is being deleted and does not go", ": "+remains(in))
	if deleted != nil {
		f.Since = deleted.Time
	}
	f.Due = f.Since.Add(terminatePatience.In(in))
	if terminating && c.Reason == "InstanceDeletionFailed" {
		f.Due = f.Since.Add(establishPatience.In(in)) // it does not even wait for finalizers
	}
	return []audit.Finding{f}
}

// remains says what holds a CRD that is being deleted.
func remains(in *audit.Input) string {
	c := in.Census
	if c == nil {
		return "what is left of its objects is not known"
	}
	if c.Objects == 0 {
		return "no object is left" + ownFinalizers(in.CRD)
	}
	left := "objects are left"
	if c.Objects == 1 {
		left = "object is left"
	}
	var held []string
	for _, f := range slices.Sorted(maps.Keys(c.Finalizers)) {
		held = append(held, fmt.Sprintf("%q on %d (for example %s)", f, c.Finalizers[f].Objects, c.Finalizers[f].Sample))
	}
	if len(held) == 0 {
		return fmt.Sprintf("%d %s, without finalizers", c.Objects, left)
	}
	return fmt.Sprintf("%d %s, held by the finalizers %s", c.Objects, left, some(held))
}

// ownFinalizers names those that are not the API server's own.
func ownFinalizers(crd *audit.CRD) string {
	var own []string
	for _, f := range slices.Sorted(slices.Values(crd.Finalizers)) {
		if f != apiextensionsv1.CustomResourceCleanupFinalizer {
			own = append(own, fmt.Sprintf("%q", f))
		}
	}
	if len(own) == 0 {
		return ""
	}
	return "; the CRD itself has the finalizers " + enumerate(own)
}
