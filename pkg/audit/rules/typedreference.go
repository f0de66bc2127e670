package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

func danglingTypedRef() audit.Rule {
	return audit.Rule{
		ID: "CR010", Name: "dangling-typed-ref", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR010"),
		Remediation: "Create what is referred to, or correct the kind, the apiVersion or the name.",
		Ask:         askReferences, Check: checkReferences,
		Thresholds: []audit.Adjustable{grace},
	}
}

var (
	// refField matches the names of fields that refer to another object.
	refField = regexp.MustCompile(`(?i)refs?$|references?$`)
	// templateField matches the names of fields whose content is meant for another object,
	// and perhaps for another namespace.
	templateField = regexp.MustCompile(`(?i)templates?$`)
	kindName      = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*$`)
)

// references are those of a spec that say what they mean without doubt. Where only the
// type can be known of, the question has no name.
func references(in *audit.Input) []sought {
	return seek(in, func(n *node) (q audit.Question, found, deeper bool) {
		m, ok := n.value.(map[string]any)
		switch {
		case !ok:
			return q, false, true
		case templateField.MatchString(n.name()), isEmbedded(m):
			return q, false, false
		case !isReference(n, m):
			return q, false, true
		}
		q, found = target(in, m)
		return q, found, false
	})
}

// inAnyVersion asks for the type alone.
func inAnyVersion(q audit.Question) audit.Question {
	return audit.Question{Group: q.Group, Kind: q.Kind}
}

// isReference: it is called so, the schema gives it a kind and a name, and its target has
// to be there. With a UID it tells what a controller found or made, and does not ask for it.
func isReference(n *node, m map[string]any) bool {
	kind, name := text(m, "kind"), text(m, "name")
	optional, _ := m["optional"].(bool)
	return refField.MatchString(n.name()) && kindName.MatchString(kind) && isLiteral(name) && isLiteral(text(m, "namespace")+"-") &&
		!optional && text(m, "uid") == "" && !isFarAway(m, kind) && n.declares("kind", "name")
}

// isLiteral: the text stands for itself and is not filled in by somebody.
func isLiteral(s string) bool {
	return s != "" && !strings.ContainsAny(s, "{}$*%<> ") && !diff.IsMask(s)
}

// isFarAway: the target need not be in the cluster, or in the namespace. A Task of Tekton
// may come from a bundle or a resolver, a Kamelet from the catalog of the operator.
func isFarAway(m map[string]any, kind string) bool {
	return text(m, "bundle") != "" || text(m, "resolver") != "" || kind == "Kamelet"
}

// target reads {kind, name[, apiVersion or group, namespace]}. Objects are asked for only
// if they are custom resources, for others a watcher of custom resources should have no
// rights; of other types it is asked whether there are such.
func target(in *audit.Input, m map[string]any) (q audit.Question, ok bool) {
	q = audit.Question{Kind: text(m, "kind"), Name: text(m, "name"), Namespace: text(m, "namespace")}
	if q.Namespace == "" {
		q.Namespace = in.Object.GetNamespace()
	}
	group, version, given := apiOf(m)
	if !given {
		q.Group, ok = onlyGroup(in, q.Kind)
		return q, ok
	}
	q.Group, q.Version = group, version
	switch {
	case isCustom(in, group):
		return q, true
	case isBuiltinGroup(group), !strings.Contains(group, "."), isForOthers(in):
		return q, false
	}
	return inAnyVersion(q), true
}

// apiOf is the group of a reference, with the version if it names one.
func apiOf(m map[string]any) (group, version string, given bool) {
	for _, field := range []string{"apiVersion", "apiGroup", "group"} {
		value, ok := m[field].(string)
		if !ok {
			continue
		}
		if gv, err := schema.ParseGroupVersion(value); err == nil && (field == "apiVersion" || strings.Contains(value, "/")) {
			return gv.Group, gv.Version, true
		}
		return value, "", true
	}
	return "", "", false
}

// onlyGroup is the group of a kind that only one CRD has. One that Kubernetes has, too,
// is not meant: there is a Service of Knative, and hardly anybody refers to it.
func onlyGroup(in *audit.Input, kind string) (group string, ok bool) {
	for _, p := range in.Peers {
		if p.Kind != kind {
			continue
		}
		if ok {
			return "", false
		}
		group, ok = p.Group, true
	}
	return group, ok && !slices.ContainsFunc(builtins(), func(p audit.Peer) bool { return p.Kind == kind })
}

// isCustom: the cluster has CRDs of the group.
func isCustom(in *audit.Input, group string) bool {
	return slices.ContainsFunc(in.Peers, func(p audit.Peer) bool { return p.Group == group })
}

func isBuiltinGroup(group string) bool {
	return slices.ContainsFunc(builtins(), func(p audit.Peer) bool { return p.Group == group })
}

func askReferences(in *audit.Input) []audit.Question {
	var questions []audit.Question
	for _, r := range references(in) {
		questions = append(questions, r.question, inAnyVersion(r.question))
	}
	return questions
}

func checkReferences(in *audit.Input) ([]audit.Finding, error) {
	findings, unknown := judgeEach(references(in), func(q audit.Question) (audit.Finding, *audit.Answer) { return judgeReference(in, q) })
	for i := range findings {
		findings[i].Due = later(in.Object.Changed(), in.CRD.Edited()).Add(grace.In(in))
	}
	return findings, unknown.err("whether what is referred to exists")
}

// judgeReference says what is wrong with a reference, or returns the answer that does not
// tell.
func judgeReference(in *audit.Input, q audit.Question) (f audit.Finding, doubt *audit.Answer) {
	switch a := in.Answer(q); a.Outcome {
	case audit.Unknown:
		return f, &a
	case audit.NotServed:
		return notServedType(in, q)
	case audit.Absent:
		if a.Namespaced && q.Namespace == "" {
			return f, nil // which namespace is meant, only the controller knows
		}
		f.Message = fmt.Sprintf("refers to %s %q, which does not exist%s", q.Kind, q.Name, where(a, q))
		f.Summary = fmt.Sprintf("refers to a %s that does not exist", q.Kind)
	}
	return f, nil
}

// notServedType judges a reference to a type that is not served. Many controllers look at
// group and kind only, so that a version that is gone is no harm yet.
func notServedType(in *audit.Input, q audit.Question) (f audit.Finding, doubt *audit.Answer) {
	switch a := in.Answer(inAnyVersion(q)); a.Outcome {
	case audit.Unknown:
		return f, &a
	case audit.Found:
		f.Severity = audit.Low
		f.Message = fmt.Sprintf("refers to %s %q in version %s, which the API server does not serve; it serves the kind in other versions", q.Kind, q.Name, q.Version)
		f.Summary = fmt.Sprintf("refers to kind %s in version %s, which the API server does not serve; it serves the kind in other versions", q.Kind, q.Version)
	default:
		f.Message = fmt.Sprintf("refers to kind %s of group %s, and the API server serves no such kind", q.Kind, q.Group)
	}
	return f, nil
}

func where(a audit.Answer, q audit.Question) string {
	if !a.Namespaced {
		return ""
	}
	return " in the namespace " + q.Namespace
}
