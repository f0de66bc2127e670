package rules

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// pauseMark is an annotation by which somebody tells a controller to leave an object
// alone.
type pauseMark struct {
	annotation string
	// group is that of the objects it works on, or one above; empty: any.
	group string
	// value is what it must say; empty: anything, even nothing.
	value string
	// lasting: it is meant for good as often as not.
	lasting bool
	// effect is what does not happen.
	effect string
}

// pauseMarks are the annotations known, each as the project documents it.
func pauseMarks() []pauseMark {
	return []pauseMark{
		// Managed resources of Crossplane have the groups of their providers, composite
		// ones those of their users.
		{annotation: "crossplane.io/paused", value: "true", effect: "Crossplane does not reconcile it"},
		{annotation: "cluster.x-k8s.io/paused", effect: "Cluster API does not reconcile it"},
		{annotation: "baremetalhost.metal3.io/paused", group: "metal3.io", effect: "Metal3 does not reconcile it"},
		{annotation: "argocd.argoproj.io/skip-reconcile", group: "argoproj.io", value: "true", effect: "Argo CD does not reconcile it, and its status is out of date"},
		{annotation: "strimzi.io/pause-reconciliation", group: "strimzi.io", value: "true", effect: "Strimzi does not reconcile it"},
		{annotation: "autoscaling.keda.sh/paused", group: "keda.sh", value: "true", effect: "KEDA does not scale its target"},
		{annotation: "autoscaling.keda.sh/paused-replicas", group: "keda.sh", effect: "KEDA keeps its target at a fixed number of replicas"},
		{annotation: "cnpg.io/reconciliationLoop", group: "cnpg.io", value: "disabled", effect: "CloudNativePG does not reconcile it: no failover, no renewal of certificates"},
		{annotation: "cnpg.io/hibernation", group: "cnpg.io", value: "on", lasting: true, effect: "CloudNativePG keeps the database shut down"},
		{annotation: "serviceoperator.azure.com/reconcile-policy", group: "azure.com", value: "skip", lasting: true, effect: "Azure Service Operator neither changes nor deletes the resource in Azure"},
		{annotation: "eck.k8s.elastic.co/managed", group: "k8s.elastic.co", value: "false", effect: "ECK does not reconcile it, and renews no certificates"},
		{annotation: "eck.k8s.elastic.co/pause-orchestration", group: "k8s.elastic.co", value: "true", effect: "ECK does not carry out changes of its spec"},
		{annotation: "common.k8s.elastic.co/pause", group: "k8s.elastic.co", value: "true", effect: "ECK does not reconcile it"},
		{annotation: "stackgres.io/reconciliation-pause", group: "stackgres.io", value: "true", effect: "StackGres does not reconcile it"},
	}
}

// pause is a mark that an object has.
type pause struct {
	path fieldpath.Path
	// text is the field and its value.
	text, effect string
	lasting      bool
}

// pauses are the marks that an object has.
func pauses(o *audit.Object, group string) []pause {
	var found []pause
	for _, field := range []string{"paused", "suspend"} {
		if on, _, _ := unstructured.NestedBool(o.Object, "spec", field); on {
			found = append(found, pause{path: fieldpath.MakePathOrDie("spec", field), text: "spec." + field + " is true", effect: "its controller leaves it alone"})
		}
	}
	annotations := o.GetAnnotations()
	for _, m := range pauseMarks() {
		value, ok := annotations[m.annotation]
		if !ok || m.value != "" && !strings.EqualFold(value, m.value) || !within(group, m.group) {
			continue
		}
		found = append(found, pause{
			path: fieldpath.MakePathOrDie("metadata", "annotations", m.annotation), effect: m.effect, lasting: m.lasting,
			text: "annotation " + m.annotation + " is " + quoteValue(value),
		})
	}
	return found
}

func quoteValue(value string) string {
	if value == "" {
		return "set"
	}
	return `"` + value + `"`
}

// within reports whether a group is another or below it.
func within(group, other string) bool {
	return other == "" || group == other || strings.HasSuffix(group, "."+other)
}
