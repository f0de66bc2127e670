package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func embeddedRemovedAPI() audit.Rule {
	return audit.Rule{
		ID: "CR017", Name: "embedded-removed-api", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR017"),
		Remediation: "Write the embedded object in a version that the API server serves.",
		Ask:         askEmbedded, Check: checkEmbedded,
	}
}

// bygone are groups of Kubernetes that were removed, or had versions that were, and that
// are not among its resources now.
var bygone = []string{"extensions", "settings.k8s.io", "auditregistration.k8s.io", "events.k8s.io"}

// elsewhere matches the groups and kinds of what carries objects to other clusters, which
// may serve what this one does not, and of Gardener, which embeds configuration files.
var elsewhere = regexp.MustCompile(`(?i)cluster\.x-k8s\.io|open-cluster-management|\bwork\.|karmada|fleet|kubernetes\.crossplane\.io|kubernetes\.m\.crossplane\.io|argoproj|clusterresource|manifestwork|hypershift|hive\.openshift|projectsveltos|kubefed|gardener|kratix|kluctl|\bkcp\.io|k0smotron|k0rdent|kubermatic`)

// remoteField matches fields that hold what is meant for another cluster.
var remoteField = regexp.MustCompile(`(?i)remote|workload|cluster`)

// reachesOut matches fields of a spec that say how to reach another cluster, or which.
var reachesOut = regexp.MustCompile(`(?i)^(kubeconfig.*|cluster(name|ref|selector|s)?|placement.*|destinations?)$`)

// notStored are kinds that are served only below another, as pods/eviction is, and that
// discovery does not show as types of their own.
var notStored = []string{"Binding", "DeleteOptions", "Eviction", "Scale", "Status", "TokenRequest"}

// isForOthers: what the object embeds is not meant for this cluster.
func isForOthers(in *audit.Input) bool {
	if elsewhere.MatchString(in.CRD.Spec.Group) || elsewhere.MatchString(in.CRD.Spec.Names.Kind) {
		return true
	}
	spec, _ := in.Object.Object["spec"].(map[string]any)
	for name := range spec {
		if reachesOut.MatchString(name) {
			return true
		}
	}
	return false
}

// embeddedIn are the objects within a spec whose type this cluster should serve.
func embeddedIn(in *audit.Input) []sought {
	if isForOthers(in) {
		return nil
	}
	return seek(in, func(n *node) (q audit.Question, found, deeper bool) {
		if n.field != "" && (remoteField.MatchString(n.field) || isFunctionInput(in, n)) {
			return q, false, false
		}
		if m, ok := n.value.(map[string]any); ok && isEmbedded(m) {
			q, found = embeddedQuestion(in, m)
		}
		return q, found, true
	})
}

// isFunctionInput: a Composition's functions take what looks like objects, of types that
// nobody has to install.
func isFunctionInput(in *audit.Input, n *node) bool {
	return n.field == "input" && in.CRD.Spec.Group == "apiextensions.crossplane.io"
}

// isEmbedded: it is an object, and no reference to one.
func isEmbedded(m map[string]any) bool {
	_, hasMetadata := m["metadata"].(map[string]any)
	_, hasSpec := m["spec"].(map[string]any)
	return text(m, "apiVersion") != "" && text(m, "kind") != "" && (hasMetadata || hasSpec)
}

func embeddedQuestion(in *audit.Input, m map[string]any) (q audit.Question, ok bool) {
	gv, err := schema.ParseGroupVersion(text(m, "apiVersion"))
	kind := text(m, "kind")
	_, isList := m["items"].([]any)
	if err != nil || gv.Group == "" || slices.Contains(notStored, kind) || isList && strings.HasSuffix(kind, "List") {
		return q, false
	}
	q = audit.Question{Group: gv.Group, Version: gv.Version, Kind: kind}
	return q, slices.Contains(bygone, gv.Group) || isBuiltinGroup(gv.Group) || isCustom(in, gv.Group)
}

func askEmbedded(in *audit.Input) []audit.Question {
	var questions []audit.Question
	for _, e := range embeddedIn(in) {
		questions = append(questions, e.question)
	}
	return questions
}

func checkEmbedded(in *audit.Input) ([]audit.Finding, error) {
	findings, unknown := judgeEach(embeddedIn(in), func(q audit.Question) (f audit.Finding, doubt *audit.Answer) {
		switch a := in.Answer(q); a.Outcome {
		case audit.NotServed:
			f.Message = fmt.Sprintf("embeds an object of kind %s in %s, which the API server does not serve: creating it fails", q.Kind, groupVersion(q))
		case audit.Unknown:
			doubt = &a
		}
		return f, doubt
	})
	return findings, unknown.err("whether embedded types are served")
}
