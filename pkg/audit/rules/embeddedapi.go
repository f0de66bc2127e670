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

// builtInGroups are those of Kubernetes in which versions were removed. Every cluster
// has them, in one version or another.
var builtInGroups = []string{
	"extensions", "apps", "batch", "policy", "autoscaling", "networking.k8s.io", "rbac.authorization.k8s.io",
	"apiextensions.k8s.io", "admissionregistration.k8s.io", "storage.k8s.io", "scheduling.k8s.io", "coordination.k8s.io",
	"certificates.k8s.io", "discovery.k8s.io", "events.k8s.io", "node.k8s.io", "flowcontrol.apiserver.k8s.io",
}

// elsewhere matches the groups and kinds of what carries objects to other clusters,
// which may serve what this one does not.
var elsewhere = regexp.MustCompile(`(?i)cluster\.x-k8s\.io|open-cluster-management|\bwork\.|karmada|fleet|kubernetes\.crossplane\.io|kubernetes\.m\.crossplane\.io|argoproj|clusterresource|manifestwork|hypershift|hive\.openshift`)

// remoteField matches fields that hold what is meant for another cluster.
var remoteField = regexp.MustCompile(`(?i)remote|workload|cluster`)

// embedded is an object within an object.
type embedded struct {
	path     string
	question audit.Question
}

// embeddedIn are those of a spec whose type this cluster should serve.
func embeddedIn(in *audit.Input) []embedded {
	if elsewhere.MatchString(in.CRD.Spec.Group) || elsewhere.MatchString(in.CRD.Spec.Names.Kind) || hasKubeconfig(in.Object) {
		return nil
	}
	var found []embedded
	var walk func(path string, value any)
	walk = func(path string, value any) {
		switch v := value.(type) {
		case map[string]any:
			if q, ok := embeddedQuestion(in, v); ok {
				found = append(found, embedded{path, q})
			}
			for name, child := range v {
				if !remoteField.MatchString(name) {
					walk(path+"."+name, child)
				}
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), child)
			}
		}
	}
	walk(".spec", in.Object.Object["spec"])
	slices.SortFunc(found, func(a, b embedded) int { return strings.Compare(a.path, b.path) })
	return found
}

// hasKubeconfig: the object says how to reach another cluster, as those of Flux do.
func hasKubeconfig(o *audit.Object) bool {
	spec, _ := o.Object["spec"].(map[string]any)
	for name := range spec {
		if strings.HasPrefix(strings.ToLower(name), "kubeconfig") {
			return true
		}
	}
	return false
}

func embeddedQuestion(in *audit.Input, m map[string]any) (q audit.Question, ok bool) {
	_, hasMetadata := m["metadata"].(map[string]any)
	_, hasSpec := m["spec"].(map[string]any)
	gv, err := schema.ParseGroupVersion(text(m, "apiVersion"))
	kind := text(m, "kind")
	if err != nil || kind == "" || gv.Version == "" || !hasMetadata && !hasSpec {
		return q, false
	}
	q = audit.Question{Group: gv.Group, Version: gv.Version, Kind: kind}
	return q, slices.Contains(builtInGroups, gv.Group) || isCustom(in, gv.Group)
}

func askEmbedded(in *audit.Input) []audit.Question {
	if in.Offline {
		return nil
	}
	var questions []audit.Question
	for _, e := range embeddedIn(in) {
		questions = append(questions, e.question)
	}
	return questions
}

func checkEmbedded(in *audit.Input) ([]audit.Finding, error) {
	if in.Offline {
		return nil, nil
	}
	var findings []audit.Finding
	var unknown []string
	for _, e := range embeddedIn(in) {
		switch a := in.Answer(e.question); a.Outcome {
		case audit.NotServed:
			findings = append(findings, audit.Finding{
				Path: e.path,
				Message: fmt.Sprintf("embeds a %s of %s, which the API server does not serve: to create it will fail",
					e.question.Kind, groupVersion(e.question)),
			})
		case audit.Unknown:
			unknown = append(unknown, fmt.Sprintf("%s of %s: %s", e.question.Kind, groupVersion(e.question), a.Message))
		}
	}
	if len(unknown) > 0 {
		return findings, fmt.Errorf("whether embedded types are served is not known: %s", some(unknown))
	}
	return findings, nil
}
