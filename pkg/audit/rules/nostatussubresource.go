package rules

import (
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func noStatusSubresource() audit.Rule {
	return audit.Rule{
		ID: "CRD014", Name: "no-status-subresource", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD014"),
		Remediation: "Enable the status subresource (subresources: {status: {}}) once the controller writes the status through it.",
		Check:       checkStatusSubresource,
	}
}

func checkStatusSubresource(in *audit.Input) ([]audit.Finding, error) {
	var flaws []flaw
	for _, v := range in.CRD.Served() {
		if v.OwnStatus() || !partsStatus(v) {
			continue
		}
		flaws = append(flaws, flaw{version: v.Name, path: ".subresources.status",
			text: "the schema describes a status, but the status subresource is not enabled: whoever may write the spec writes the status too, and an apply of the spec can overwrite it"})
	}
	return joinVersions(flaws), nil
}

// partsStatus reports whether the schema has a status and something else to keep it
// apart from. An empty status is what scaffolding leaves behind, and an object that is
// nothing but status (a report, a heartbeat) has one writer anyway.
func partsStatus(v *audit.Version) bool {
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return false
	}
	root := v.Schema.OpenAPIV3Schema.Properties
	status, ok := root["status"]
	return ok && hasFields(&status) && len(wanted(root)) > 0
}

// wanted are the top-level fields that users fill in.
func wanted(root map[string]apiextensionsv1.JSONSchemaProps) []string {
	var names []string
	for name := range root {
		if !isMeta(name) && name != "status" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func hasFields(s *apiextensionsv1.JSONSchemaProps) bool {
	return len(s.Properties) > 0 || s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil
}
