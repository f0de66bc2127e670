package rules

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// ownerPatience is for the garbage collector, which reads the types that are served every
// 30 seconds.
var ownerPatience = audit.Threshold[time.Duration]{Name: "after", Default: 2 * time.Minute, Doc: "how long the garbage collector may take"}

func badOwnerReference() audit.Rule {
	return audit.Rule{
		ID: "CR005", Name: "bad-owner-reference", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR005"),
		Remediation: "Remove the owner reference, or write it anew from the owner that exists now.",
		Ask:         askOwners, Check: checkOwners,
		Thresholds: []audit.Adjustable{ownerPatience},
	}
}

// ownerQuestion asks for the owner. That of a namespaced object is in the same namespace,
// or cluster-scoped.
func ownerQuestion(o *audit.Object, ref metav1.OwnerReference) audit.Question {
	gv, _ := schema.ParseGroupVersion(ref.APIVersion)
	return audit.Question{Group: gv.Group, Version: gv.Version, Kind: ref.Kind, Namespace: o.GetNamespace(), Name: ref.Name}
}

func askOwners(in *audit.Input) []audit.Question {
	if in.Offline || in.Object.GetDeletionTimestamp() != nil {
		return nil
	}
	var questions []audit.Question
	for _, ref := range in.Object.GetOwnerReferences() {
		questions = append(questions, ownerQuestion(in.Object, ref))
	}
	return questions
}

// checkOwners passes over an object that is being deleted: with or without owners, it goes.
func checkOwners(in *audit.Input) ([]audit.Finding, error) {
	if in.Object.GetDeletionTimestamp() != nil {
		return nil, nil
	}
	refs := in.Object.GetOwnerReferences()
	findings := severalControllers(refs)
	if in.Offline {
		return findings, nil
	}
	var unknown doubts
	fate := fateOf(in, refs)
	for i, ref := range refs {
		q := ownerQuestion(in.Object, ref)
		a := in.Answer(q)
		if a.Outcome == audit.Unknown {
			unknown.add(q, a)
			continue
		}
		if f := judgeOwner(in.Object, ref, a, fate); f.Message != "" {
			f.Path = fmt.Sprintf(".metadata.ownerReferences[%d]", i)
			f.Due = in.Object.Changed().Add(ownerPatience.In(in))
			findings = append(findings, f)
		}
	}
	return findings, unknown.err("whether the owners exist")
}

func severalControllers(refs []metav1.OwnerReference) []audit.Finding {
	n := 0
	for _, ref := range refs {
		if ref.Controller != nil && *ref.Controller {
			n++
		}
	}
	if n < 2 {
		return nil
	}
	return []audit.Finding{{
		Path:    ".metadata.ownerReferences",
		Message: fmt.Sprintf("%d owners are marked controller: true, and only one may be: the API server refuses every write until the others are gone", n),
	}}
}

// fate is what becomes of an object with an owner that does not exist.
type fate struct {
	text     string
	severity audit.Severity
}

// fateOf tells what the garbage collector does (attemptToDeleteItem in
// k8s.io/kubernetes/pkg/controller/garbagecollector).
func fateOf(in *audit.Input, refs []metav1.OwnerReference) fate {
	doubtful, kept := false, false
	for _, ref := range refs {
		switch a := in.Answer(ownerQuestion(in.Object, ref)); {
		case a.Outcome == audit.NotServed, a.Namespaced && in.Object.GetNamespace() == "":
			return fate{"the garbage collector neither deletes the object nor removes the reference, because another owner is one that it cannot look for", audit.High}
		case a.Outcome == audit.Found && uidOf(a) == string(ref.UID):
			kept = true
		case a.Outcome == audit.Unknown:
			doubtful = true
		}
	}
	switch {
	case kept:
		return fate{"the garbage collector removes the reference when it next looks, and leaves the object to its other owner", audit.Medium}
	case doubtful:
		return fate{"the garbage collector deletes the object when it next looks, unless another owner exists", audit.High}
	}
	return fate{"the garbage collector deletes the object when it next looks", audit.High}
}

// judgeOwner says what is wrong with a reference. An owner of a type that is not served the
// garbage collector looks for again and again: the type may come. On a namespaced owner of
// an object that is not it gives up at once.
func judgeOwner(o *audit.Object, ref metav1.OwnerReference, a audit.Answer, next fate) (f audit.Finding) {
	owner := fmt.Sprintf("%s %q", ref.Kind, ref.Name)
	const (
		never  = "the garbage collector gives up on the object and never deletes it"
		unless = "the garbage collector cannot look for it, and does not delete the object"
	)
	switch {
	case a.Outcome == audit.NotServed:
		f.Message = fmt.Sprintf("the owner %s is of %s, which the API server does not serve: %s", owner, ref.APIVersion, unless)
		f.Summary = fmt.Sprintf("the owner is of kind %s in %s, which the API server does not serve: %s", ref.Kind, ref.APIVersion, unless)
	case a.Namespaced && o.GetNamespace() == "":
		f.Message = fmt.Sprintf("the owner %s is namespaced and the object is not: %s", owner, never)
		f.Summary = fmt.Sprintf("the owner, of kind %s, is namespaced and the object is not: %s", ref.Kind, never)
	case a.Outcome == audit.Absent:
		f.Message = fmt.Sprintf("the owner %s does not exist%s: %s", owner, inOwnNamespace(a), next.text)
		f.Summary = fmt.Sprintf("the owner, of kind %s, does not exist: %s", ref.Kind, next.text)
		f.Severity = next.severity
	case uidOf(a) != string(ref.UID):
		f.Message = fmt.Sprintf("the owner %s was created anew, with the UID %s where the reference says %s: %s", owner, uidOf(a), ref.UID, next.text)
		f.Summary = fmt.Sprintf("the owner, of kind %s, was created anew with another UID: %s", ref.Kind, next.text)
		f.Severity = next.severity
	}
	return f
}

// inOwnNamespace tells where an owner was looked for: whoever wrote the reference may have
// meant one in another namespace, which cannot be.
func inOwnNamespace(a audit.Answer) string {
	if !a.Namespaced {
		return ""
	}
	return " in the object's own namespace, where it has to be"
}

func uidOf(a audit.Answer) string {
	if len(a.Objects) != 1 {
		return ""
	}
	return string((&unstructured.Unstructured{Object: a.Objects[0]}).GetUID())
}
