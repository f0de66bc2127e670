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

const (
	// establishPatience is how long a new CRD may take.
	establishPatience = time.Minute
	// terminatePatience is how long its deletion may.
	terminatePatience = 10 * time.Minute
)

func crdUnhealthy() audit.Rule {
	return audit.Rule{
		ID: "CRD003", Name: "crd-unhealthy", Severity: audit.Critical, About: audit.AboutCRD, Doc: doc("CRD003"),
		Remediation: "See the condition: rename what is taken, make the schema structural, or clear the finalizers that hold the deletion.",
		Check:       checkCRDUnhealthy,
	}
}

func checkCRDUnhealthy(in *audit.Input) ([]audit.Finding, error) {
	if in.Offline || len(in.CRD.Status.Conditions) == 0 {
		return nil, nil
	}
	var findings []audit.Finding
	add := func(t apiextensionsv1.CustomResourceDefinitionConditionType, bad apiextensionsv1.ConditionStatus, patience time.Duration, says string) {
		c := in.CRD.Condition(t)
		if c == nil || c.Status != bad || c.ObservedGeneration != 0 && c.ObservedGeneration < in.CRD.Generation {
			return
		}
		since := cmp.Or(c.LastTransitionTime.Time, in.CRD.CreationTimestamp.Time)
		message := says
		if reason := strings.TrimSpace(c.Reason + ": " + c.Message); reason != ":" {
			message += " (" + reason + ")"
		}
		findings = append(findings, audit.Finding{
			Path:  fmt.Sprintf(".status.conditions[type=%q]", t),
			Since: since, Due: since.Add(patience), Message: message, Summary: says,
		})
	}
	names := in.CRD.Condition(apiextensionsv1.NamesAccepted)
	if names == nil || names.Status != apiextensionsv1.ConditionFalse {
		add(apiextensionsv1.Established, apiextensionsv1.ConditionFalse, establishPatience, "the CRD is not established: the API server does not serve its objects")
	}
	add(apiextensionsv1.NamesAccepted, apiextensionsv1.ConditionFalse, establishPatience, "the CRD's names are taken by another type of the group, so it is not served")
	add(apiextensionsv1.Terminating, apiextensionsv1.ConditionTrue, terminatePatience, "the CRD is being deleted and does not go: "+remains(in.Census))
	add(apiextensionsv1.NonStructuralSchema, apiextensionsv1.ConditionTrue, establishPatience, "the schema is not structural: unknown fields are kept and most features are off")
	return findings, nil
}

// remains says what holds a CRD that is being deleted.
func remains(c *audit.Census) string {
	if c == nil {
		return "what is left of its objects is not known"
	}
	if c.Objects == 0 {
		return "no object is left, so look at the CRD's own finalizers"
	}
	var held []string
	for _, f := range slices.Sorted(maps.Keys(c.Finalizers)) {
		held = append(held, fmt.Sprintf("%q on %d (for example %s)", f, c.Finalizers[f].Objects, c.Finalizers[f].Sample))
	}
	if len(held) == 0 {
		return fmt.Sprintf("%s left, none with a finalizer", plural(c.Objects, "object"))
	}
	return fmt.Sprintf("%s left, held by the finalizers %s", plural(c.Objects, "object"), strings.Join(held, ", "))
}
