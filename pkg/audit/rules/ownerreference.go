package rules

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// ownerPatience is how long the garbage collector may take to follow a deletion.
const ownerPatience = 2 * time.Minute

func badOwnerReference() audit.Rule {
	return audit.Rule{
		ID: "CR005", Name: "bad-owner-reference", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR005"),
		Remediation: "Remove the owner reference, or write it anew from the owner that exists now.",
		Ask:         askOwners, Check: checkOwners,
	}
}

// ownerQuestion asks for the owner. The API server looks for that of a namespaced object
// in the same namespace.
func ownerQuestion(o *audit.Object, ref metav1.OwnerReference) audit.Question {
	gv, _ := schema.ParseGroupVersion(ref.APIVersion)
	return audit.Question{Group: gv.Group, Version: gv.Version, Kind: ref.Kind, Namespace: o.GetNamespace(), Name: ref.Name}
}

func askOwners(in *audit.Input) []audit.Question {
	if in.Offline {
		return nil
	}
	var questions []audit.Question
	for _, ref := range in.Object.GetOwnerReferences() {
		questions = append(questions, ownerQuestion(in.Object, ref))
	}
	return questions
}

func checkOwners(in *audit.Input) ([]audit.Finding, error) {
	refs := in.Object.GetOwnerReferences()
	if in.Object.GetDeletionTimestamp() != nil {
		return nil, nil // it goes anyway
	}
	var findings []audit.Finding
	var unknown []string
	controllers := 0
	for i, ref := range refs {
		if ref.Controller != nil && *ref.Controller {
			controllers++
		}
		if in.Offline {
			continue
		}
		f, doubt := judgeOwner(in, i, ref)
		if f.Message != "" {
			findings = append(findings, f)
		}
		if doubt != "" {
			unknown = append(unknown, doubt)
		}
	}
	if controllers > 1 {
		findings = append(findings, audit.Finding{
			Path: ".metadata.ownerReferences", Since: in.Object.Changed(),
			Message: fmt.Sprintf("%d owners are marked controller: true, and only one may be: controllers will fight over the object", controllers),
		})
	}
	if len(unknown) > 0 {
		return findings, fmt.Errorf("whether owners exist is not known: %s", some(unknown))
	}
	return findings, nil
}

// judgeOwner says what is wrong with one reference, or why that is not known.
func judgeOwner(in *audit.Input, i int, ref metav1.OwnerReference) (f audit.Finding, doubt string) {
	a := in.Answer(ownerQuestion(in.Object, ref))
	f = audit.Finding{
		Path:  fmt.Sprintf(".metadata.ownerReferences[%d]", i),
		Since: in.Object.Changed(), Due: in.Object.Changed().Add(ownerPatience),
	}
	owner := fmt.Sprintf("%s %q", ref.Kind, ref.Name)
	clusterScoped := in.Object.GetNamespace() == ""
	switch {
	case a.Outcome == audit.NotServed:
		f.Message = fmt.Sprintf("the owner %s is of %s, which the API server does not serve, so the object is never collected", owner, ref.APIVersion)
		f.Summary = fmt.Sprintf("the owner's type %s %s is not served", ref.APIVersion, ref.Kind)
	case a.Outcome != audit.Unknown && a.Namespaced && clusterScoped:
		f.Message = fmt.Sprintf("the owner %s is namespaced and the object is not: the garbage collector takes the owner for missing and may delete the object", owner)
		f.Summary = fmt.Sprintf("the owner, a %s, is namespaced and the object is not", ref.Kind)
	case a.Outcome == audit.Absent:
		f.Message = fmt.Sprintf("the owner %s does not exist%s: the garbage collector deletes the object when it next looks", owner, inNamespace(in.Object))
		f.Summary = fmt.Sprintf("the owner, a %s, does not exist", ref.Kind)
	case a.Outcome == audit.Found && uidOf(a) != string(ref.UID):
		f.Message = fmt.Sprintf("the owner %s was created anew: it has the UID %s, and the reference says %s", owner, uidOf(a), ref.UID)
		f.Summary = fmt.Sprintf("the owner, a %s, was created anew with another UID", ref.Kind)
	case a.Outcome == audit.Unknown:
		return audit.Finding{}, strings.TrimSpace(owner + " " + a.Message)
	default:
		return audit.Finding{}, ""
	}
	return f, ""
}

func inNamespace(o *audit.Object) string {
	if o.GetNamespace() == "" {
		return ""
	}
	return " in the namespace " + o.GetNamespace() + ", where owners have to be"
}

func uidOf(a audit.Answer) string {
	if len(a.Objects) != 1 {
		return ""
	}
	return string((&unstructured.Unstructured{Object: a.Objects[0]}).GetUID())
}
