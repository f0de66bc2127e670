package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func unlistableResource() audit.Rule {
	return audit.Rule{
		ID: "CRD002", Name: "unlistable-resource", Severity: audit.Critical, About: audit.AboutCRD, Doc: doc("CRD002"),
		Remediation: "Add the version that the object is stored in back to spec.versions (served: false), migrate the objects, then drop it again.",
		Check:       checkUnlistable,
		Thresholds:  []audit.Adjustable{webhookPatience, failedAttempts},
	}
}

// undecodable are the phrases of the API server about an object in etcd that it cannot
// read. They are looked for before the status: they can hide in a 429 "storage is
// (re)initializing" (k8s.io/apiserver/pkg/storage).
var undecodable = []string{"not decodable", "invalid group/version", "no kind \"", "corrupt object"}

func checkUnlistable(in *audit.Input) ([]audit.Finding, error) {
	if in.Failure == nil {
		return nil, nil
	}
	message := in.Failure.Message
	// A failed conversion is told as a corrupt object, too; CRD001 speaks of it.
	if conversionFailed(in.Failure) {
		return nil, nil
	}
	if !slices.ContainsFunc(undecodable, func(phrase string) bool { return strings.Contains(message, phrase) }) {
		return nil, nil
	}
	var names []string
	for i := range in.CRD.Spec.Versions {
		names = append(names, in.CRD.Spec.Versions[i].Name)
	}
	return []audit.Finding{{
		Path: ".status.storedVersions", Since: in.Failure.Since, Due: failureDue(in),
		Message: fmt.Sprintf("no object of the resource can be listed or watched, because one in etcd cannot be decoded (%s); "+
			"the CRD has the versions %s, and status.storedVersions says %s", message, strings.Join(names, ", "),
			strings.Join(in.CRD.Status.StoredVersions, ", ")),
		Summary: "no object of the resource can be listed, because one cannot be decoded",
	}}, nil
}
