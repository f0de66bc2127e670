package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func danglingTypedRef() audit.Rule {
	return audit.Rule{
		ID: "CR010", Name: "dangling-typed-ref", Severity: audit.Medium, About: audit.AboutObject, Doc: doc("CR010"),
		Remediation: "Create what is referred to, or correct the kind, the apiVersion or the name.",
		Ask:         askReferences, Check: checkReferences,
	}
}

// refKey matches the names of fields that refer to another object.
var refKey = regexp.MustCompile(`(?i)refs?$|references?$`)

// reference is one that names a kind.
type reference struct {
	path     string
	question audit.Question
}

// references are those of a spec that say what they mean without doubt.
func references(in *audit.Input) []reference {
	var found []reference
	var walk func(path, key string, value any)
	walk = func(path, key string, value any) {
		switch v := value.(type) {
		case map[string]any:
			if q, ok := referenceIn(in, key, v); ok {
				found = append(found, reference{path, q})
				return
			}
			for name, child := range v {
				walk(path+"."+name, name, child)
			}
		case []any:
			for i, child := range v {
				walk(fmt.Sprintf("%s[%d]", path, i), key, child)
			}
		}
	}
	walk(".spec", "spec", in.Object.Object["spec"])
	slices.SortFunc(found, func(a, b reference) int { return strings.Compare(a.path, b.path) })
	return found
}

// referenceIn reads {kind, name[, apiVersion or group, namespace]}. Only custom types
// are followed: to look for others would need rights that a watcher of custom resources
// should not have.
func referenceIn(in *audit.Input, key string, m map[string]any) (q audit.Question, ok bool) {
	kind, name := text(m, "kind"), text(m, "name")
	optional, _ := m["optional"].(bool)
	if !refKey.MatchString(key) || kind == "" || name == "" || optional || strings.ContainsAny(name, "{}$*") || audit.IsRedacted(name) {
		return q, false
	}
	q = audit.Question{Kind: kind, Name: name, Namespace: text(m, "namespace")}
	if q.Namespace == "" {
		q.Namespace = in.Object.GetNamespace()
	}
	for _, field := range []string{"apiVersion", "apiGroup", "group"} {
		value, given := m[field].(string)
		if !given {
			continue
		}
		q.Group = value
		if gv, err := schema.ParseGroupVersion(value); err == nil && (field == "apiVersion" || strings.Contains(value, "/")) {
			q.Group, q.Version = gv.Group, gv.Version
		}
		return q, isCustom(in, q.Group)
	}
	groups := groupsOf(in, kind)
	if len(groups) != 1 {
		return q, false
	}
	q.Group = groups[0]
	return q, true
}

// isCustom: the cluster has CRDs of the group.
func isCustom(in *audit.Input, group string) bool {
	return slices.ContainsFunc(in.Peers, func(p audit.Peer) bool { return p.Group == group })
}

// groupsOf are the groups of the CRDs with a kind.
func groupsOf(in *audit.Input, kind string) []string {
	var groups []string
	for _, p := range in.Peers {
		if p.Kind == kind {
			groups = append(groups, p.Group)
		}
	}
	return groups
}

func askReferences(in *audit.Input) []audit.Question {
	if in.Offline {
		return nil
	}
	var questions []audit.Question
	for _, r := range references(in) {
		questions = append(questions, r.question)
	}
	return questions
}

func checkReferences(in *audit.Input) ([]audit.Finding, error) {
	if in.Offline || in.Object.GetDeletionTimestamp() != nil {
		return nil, nil
	}
	var findings []audit.Finding
	var unknown []string
	due := in.Object.Changed().Add(grace)
	for _, r := range references(in) {
		q := r.question
		f := audit.Finding{Path: r.path, Since: in.Object.Changed(), Due: due}
		switch a := in.Answer(q); a.Outcome {
		case audit.Absent:
			if a.Namespaced && q.Namespace == "" {
				continue // which namespace is meant, only the controller knows
			}
			f.Message = fmt.Sprintf("refers to %s %q, which does not exist%s", q.Kind, q.Name, where(a, q))
			f.Summary = fmt.Sprintf("refers to a %s that does not exist", q.Kind)
		case audit.NotServed:
			f.Message = fmt.Sprintf("refers to %s %q of %s, and the API server does not serve that", q.Kind, q.Name, groupVersion(q))
			f.Summary = fmt.Sprintf("refers to a %s of %s, which is not served", q.Kind, groupVersion(q))
		case audit.Unknown:
			unknown = append(unknown, fmt.Sprintf("%s %q: %s", q.Kind, q.Name, a.Message))
			continue
		default:
			continue
		}
		findings = append(findings, f)
	}
	if len(unknown) > 0 {
		return findings, fmt.Errorf("whether what is referred to exists is not known: %s", some(unknown))
	}
	return findings, nil
}

func where(a audit.Answer, q audit.Question) string {
	if !a.Namespaced {
		return ""
	}
	return " in the namespace " + q.Namespace
}

// groupVersion is the apiVersion that a question speaks of.
func groupVersion(q audit.Question) string {
	if q.Version == "" {
		return q.Group
	}
	return schema.GroupVersion{Group: q.Group, Version: q.Version}.String()
}
