package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

var (
	namespacePatience = audit.Threshold[time.Duration]{Name: "after", Default: 15 * time.Minute, Doc: "how long the deletion of a namespace may take"}
	maxNamespaces     = audit.Threshold[int]{Name: "namespaces", Default: 100, Min: 1, Max: 1000, Doc: "how many namespaces are looked at for one CRD"}
)

func namespaceBlocked() audit.Rule {
	return audit.Rule{
		ID: "CRD009", Name: "namespace-blocked", Severity: audit.High, About: audit.AboutCRD, Doc: doc("CRD009"),
		Remediation: "Restore the controller that owns the finalizers named; remove them only after cleaning up what they protect.",
		Ask:         askNamespaceBlocked, Check: checkNamespaceBlocked,
		Thresholds: []audit.Adjustable{namespacePatience, maxNamespaces},
	}
}

// namespacesWithBlockers are those in which objects wait to be deleted: nothing else of
// a resource that can be read keeps a namespace.
func namespacesWithBlockers(in *audit.Input) []string {
	if in.Census == nil || in.Offline {
		return nil
	}
	names := map[string]bool{}
	for b := range in.Census.Blocking {
		if b.Namespace != "" {
			names[b.Namespace] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func namespaceQuestion(name string) audit.Question {
	// Followed, because an object that was deleted first does not change when its
	// namespace is deleted later.
	return audit.Question{Resource: "namespaces", Name: name, Whole: true, Follow: true}
}

func askNamespaceBlocked(in *audit.Input) []audit.Question {
	var questions []audit.Question
	names := namespacesWithBlockers(in)
	for _, name := range names[:min(len(names), maxNamespaces.In(in))] {
		questions = append(questions, namespaceQuestion(name))
	}
	return questions
}

func checkNamespaceBlocked(in *audit.Input) ([]audit.Finding, error) {
	var findings []audit.Finding
	var unknown doubts
	names, most := namespacesWithBlockers(in), maxNamespaces.In(in)
	for _, name := range names[:min(len(names), most)] {
		q := namespaceQuestion(name)
		answer := in.Answer(q)
		switch {
		case answer.Outcome == audit.Unknown:
			unknown.add(q, answer)
		case answer.Outcome == audit.Found && len(answer.Objects) == 1:
			findings = append(findings, blockedNamespace(in, name, answer.Objects[0])...)
		}
	}
	if more := len(names) - most; more > 0 {
		unknown.others = append(unknown.others, fmt.Sprintf("%d more namespaces in which objects wait to be deleted: only %d are looked at", more, most))
	}
	return findings, unknown.err("whether namespaces are being deleted")
}

// blockedNamespace tells of a namespace that is being deleted and has objects of the
// CRD that do not go.
func blockedNamespace(in *audit.Input, name string, content map[string]any) []audit.Finding {
	ns := unstructured.Unstructured{Object: content}
	deleted := ns.GetDeletionTimestamp()
	phase, _, _ := unstructured.NestedString(content, "status", "phase")
	if deleted == nil || phase != string(corev1.NamespaceTerminating) || emptied(content) {
		return nil
	}
	finalizers, samples, n := blockersOf(in.Census, name)
	return []audit.Finding{{
		Subject: audit.Subject{Group: in.CRD.Spec.Group, Resource: in.CRD.Spec.Names.Plural, Namespace: name},
		Path:    ".metadata.finalizers", Since: deleted.Time, Due: deleted.Add(namespacePatience.In(in)),
		Message: fmt.Sprintf("the namespace was deleted at %s and is still there: at least %s of this kind in it cannot go (%s), because of %s%s",
			stamp(deleted.Time), plural(n, "object"), samples, finalizers, namespaceMessages(content)),
		Summary: fmt.Sprintf("the namespace was deleted and is still there: objects of this kind in it cannot go, because of %s", finalizers),
	}}
}

// blockersOf names the finalizers that objects in a namespace wait for, an object for
// each, and how many there are at least: one object can have several finalizers.
func blockersOf(c *audit.Census, namespace string) (finalizers, samples string, objects int) {
	var names, objectNames []string
	for b, t := range c.Blocking {
		if b.Namespace == namespace {
			names = append(names, fmt.Sprintf("finalizer %q", b.Finalizer))
			objectNames = append(objectNames, t.Sample)
			objects = max(objects, t.Objects)
		}
	}
	slices.Sort(names)
	slices.Sort(objectNames)
	return strings.Join(names, " and "), strings.Join(slices.Compact(objectNames), ", "), objects
}

// emptied reports whether the namespace controller found nothing left: then something
// else keeps the namespace, and the census is behind.
func emptied(content map[string]any) bool {
	gone := func(t corev1.NamespaceConditionType) bool {
		return namedCondition(content, string(t))["status"] == string(corev1.ConditionFalse)
	}
	return gone(corev1.NamespaceContentRemaining) && gone(corev1.NamespaceFinalizersRemaining)
}

// namespaceMessages quotes what the namespace controller says of the rest.
func namespaceMessages(content map[string]any) string {
	var quoted []string
	for _, t := range []corev1.NamespaceConditionType{corev1.NamespaceContentRemaining, corev1.NamespaceFinalizersRemaining} {
		c := namedCondition(content, string(t))
		if message, _ := c["message"].(string); c["status"] == string(corev1.ConditionTrue) && message != "" {
			quoted = append(quoted, message)
		}
	}
	if len(quoted) == 0 {
		return ""
	}
	return "; Kubernetes says: " + strings.Join(quoted, "; ")
}
