package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
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
		Path: ".status.storedVersions", Since: in.Failure.Since, Due: failureDue(in), Explains: true,
		Message: fmt.Sprintf("no object of the resource can be listed or watched, because %s; "+
			"the CRD has the versions %s, and status.storedVersions says %s", describeUndecodable(message), strings.Join(names, ", "),
			strings.Join(in.CRD.Status.StoredVersions, ", ")),
		Summary: "no object of the resource can be listed, because one cannot be decoded",
	}}, nil
}

// moreUndecodable is how the API server counts the objects beyond the first
// (k8s.io/apiserver/pkg/storage/etcd3).
var moreUndecodable = regexp.MustCompile(`(?s)^(.*) \(and (\d+) more\)$`)

// describeUndecodable says how many objects are at fault, as far as the API server looked.
func describeUndecodable(message string) string {
	found := moreUndecodable.FindStringSubmatch(message)
	if found == nil {
		return fmt.Sprintf("one in etcd cannot be decoded (%s)", message)
	}
	more, err := strconv.Atoi(found[2])
	if err != nil {
		return fmt.Sprintf("some in etcd cannot be decoded (%s)", message)
	}
	return fmt.Sprintf("at least %d in etcd cannot be decoded (the first: %s)", more+1, found[1])
}
