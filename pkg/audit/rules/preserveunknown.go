package rules

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func preserveUnknown() audit.Rule {
	return audit.Rule{
		ID: "CRD019", Name: "preserve-unknown", Severity: audit.Medium, About: audit.AboutCRD, Doc: doc("CRD019"),
		Remediation: "Describe the fields in the schema, and keep x-kubernetes-preserve-unknown-fields for the leaves that are free-form.",
		Check:       checkPreserveUnknown,
	}
}

func checkPreserveUnknown(in *audit.Input) ([]audit.Finding, error) {
	var findings []audit.Finding
	if in.CRD.Spec.PreserveUnknownFields {
		findings = append(findings, audit.Finding{
			Path:        ".spec.preserveUnknownFields",
			Message:     "spec.preserveUnknownFields is true, which is left over from v1beta1: no field is pruned, so a misspelt one is stored and ignored in silence, defaults and conversion webhooks are not available, and the API server refuses to create such a CRD again",
			Remediation: "Set spec.preserveUnknownFields to false, after making sure that the schema has all fields that objects use: the others are dropped.",
		})
	}
	var flaws []flaw
	for _, v := range in.CRD.Served() {
		if v.Schema != nil && v.Schema.OpenAPIV3Schema != nil {
			flaws = append(flaws, unknownPreserved(v.Name, v.Schema.OpenAPIV3Schema)...)
		}
	}
	return append(findings, joinVersions(flaws)...), nil
}

// unknownPreserved looks at the root and at the spec alone. Further down the marker is
// how a leaf is declared free-form, as for a runtime.RawExtension.
func unknownPreserved(version string, root *apiextensionsv1.JSONSchemaProps) []flaw {
	at := func(p place, text string) flaw {
		return flaw{severity: audit.Low, version: version, path: p.path + ".x-kubernetes-preserve-unknown-fields", text: text}
	}
	var flaws []flaw
	if preserves(root) {
		flaws = append(flaws, at(rootPlace(), rootText(root)))
	}
	spec, ok := root.Properties["spec"]
	if !ok || !preserves(&spec) || spec.XEmbeddedResource {
		return flaws
	}
	text := "x-kubernetes-preserve-unknown-fields is set on the spec, and no field of it is described: whatever it holds is accepted, so mistakes show only when the controller fails"
	if hasFields(&spec) {
		text = "x-kubernetes-preserve-unknown-fields is set on the spec beside the fields that it describes: a misspelt field is stored and ignored in silence"
	}
	return append(flaws, at(rootPlace().property("spec"), text))
}

func rootText(root *apiextensionsv1.JSONSchemaProps) string {
	for name := range root.Properties {
		if !isMeta(name) {
			return "x-kubernetes-preserve-unknown-fields is set at the root of the schema: a misspelt or misplaced top-level field is stored and ignored in silence"
		}
	}
	return "x-kubernetes-preserve-unknown-fields is set at the root of the schema, and no field is described: whatever an object holds is accepted, so mistakes show only when the controller fails"
}

func preserves(s *apiextensionsv1.JSONSchemaProps) bool {
	return s.XPreserveUnknownFields != nil && *s.XPreserveUnknownFields
}
