package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func storedObjectInvalid() audit.Rule {
	return audit.Rule{
		ID: "CR003", Name: "stored-object-invalid", Severity: audit.High, About: audit.AboutObject, Doc: doc("CR003"),
		Remediation: "Correct the object so that the CRD's schema accepts it, or relax the schema.",
		Check:       checkStoredObject,
	}
}

func checkStoredObject(in *audit.Input) ([]audit.Finding, error) {
	version := versionOf(in)
	if version == nil || in.Object.GroupVersionKind().Group != in.CRD.Spec.Group {
		return nil, nil // the object was read before the version was removed
	}
	violations, err := version.Validate(in.Object.Object)
	var paths []string
	byPath := map[string][]audit.Violation{}
	for _, v := range violations {
		path := audit.NormalizePath(v.Path)
		if len(byPath[path]) == 0 {
			paths = append(paths, path)
		}
		byPath[path] = append(byPath[path], v)
	}
	var findings []audit.Finding
	for _, path := range paths {
		findings = append(findings, invalidPart(version, byPath[path]))
	}
	return findings, err
}

// invalidPart says what is wrong at one path, and at those like it.
func invalidPart(version *audit.Version, violations []audit.Violation) audit.Finding {
	worst := violations[0]
	var wrong, places []string
	for _, v := range violations {
		if v.Reach > worst.Reach {
			worst = v
		}
		wrong = append(wrong, v.Message)
		places = append(places, v.Path)
	}
	slices.Sort(wrong)
	slices.Sort(places)
	wrong, places = slices.Compact(wrong), slices.Compact(places)
	text := strings.Join(wrong, "; ")
	f := audit.Finding{Path: worst.Path, Message: text, Summary: text}
	if len(places) > 1 {
		f.Message += fmt.Sprintf(" (at %d places like it)", len(places))
	}
	status := version.OwnStatus() && (worst.Path == ".status" || strings.HasPrefix(worst.Path, ".status."))
	if status {
		f.Severity = audit.Medium // a restore leaves the status out, and the controller writes it anew
	}
	effect := blocked(worst, status)
	f.Message += ". " + effect
	f.Summary += ". " + audit.NormalizePath(effect)
	return f
}

// blocked says what the API server refuses for a violation.
func blocked(v audit.Violation, status bool) string {
	writes, until := "", "it is corrected"
	if v.Missing {
		until = "it is set"
	}
	switch v.Reach {
	case audit.ReachNothing:
		writes = "Writes that leave it as it is are accepted"
	case audit.ReachPart:
		writes = fmt.Sprintf("No write that changes anything in %s is accepted until %s", v.Part, until)
	case audit.ReachObject:
		writes = fmt.Sprintf("No write of the object but of its status is accepted until %s", until)
	case audit.ReachAll:
		writes = fmt.Sprintf("No write of the object or its status is accepted until %s", until)
	}
	switch {
	case status && v.Reach < audit.ReachAll:
		return writes + "."
	case v.Reach == audit.ReachNothing:
		return writes + ", but creating the object again, as a restore does, fails."
	}
	return writes + ", and creating the object again, as a restore does, fails."
}
