package rules

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/version"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func hygiene() audit.Rule {
	return audit.Rule{
		ID: "CRD022", Name: "hygiene", Severity: audit.Info, About: audit.AboutCRD, Doc: doc("CRD022"),
		Remediation: "Tell the maintainer of the CRD; nothing is broken.",
		Check:       checkHygiene,
	}
}

func checkHygiene(in *audit.Input) ([]audit.Finding, error) {
	findings := append(staleStorage(in.CRD), alphaOnly(in.CRD)...)
	findings = append(findings, unapproved(in.CRD)...)
	var flaws []flaw
	for _, v := range in.CRD.Served() {
		if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
			continue
		}
		flaws = append(flaws, undescribed(v)...)
		flaws = append(flaws, lostPaths(v)...)
	}
	return append(findings, joinVersions(flaws)...), nil
}

// staleStorage: objects are converted for most who read them, and the older version
// cannot be given up. A version that is deprecated or less stable is no successor.
func staleStorage(crd *audit.CRD) []audit.Finding {
	storage := crd.Storage()
	if storage == nil {
		return nil
	}
	newest := successor(crd)
	if newest == nil || version.CompareKubeAwareVersionStrings(newest.Name, storage.Name) <= 0 {
		return nil
	}
	return []audit.Finding{{
		Path:    versionPath(storage.Name) + ".storage",
		Message: fmt.Sprintf("objects are stored in version %s, although %s is served: %s cannot be given up before they are stored in the newer one", storage.Name, newest.Name, storage.Name),
	}}
}

func alphaOnly(crd *audit.CRD) []audit.Finding {
	served := crd.Served()
	alpha := func(v *audit.Version) bool { return strings.Contains(v.Name, "alpha") }
	if len(served) == 0 || slices.ContainsFunc(served, func(v *audit.Version) bool { return !alpha(v) }) {
		return nil
	}
	var names []string
	for _, v := range served {
		names = append(names, v.Name)
	}
	return []audit.Finding{{
		Path:    ".spec.versions",
		Message: fmt.Sprintf("only alpha versions are served (%s): such a version may change or go in any release, and objects may then no longer fit", strings.Join(names, ", ")),
	}}
}

func unapproved(crd *audit.CRD) []audit.Finding {
	if !apihelpers.IsProtectedCommunityGroup(crd.Spec.Group) {
		return nil
	}
	state, _ := apihelpers.GetAPIApprovalState(crd.Annotations)
	if state == apihelpers.APIApproved {
		return nil
	}
	text := "is missing"
	if claim := crd.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; claim != "" {
		text = fmt.Sprintf("says %q", claim)
	}
	return []audit.Finding{{
		Path: ".metadata.annotations." + apiextensionsv1.KubeAPIApprovedAnnotation,
		Message: fmt.Sprintf("the group %s belongs to the Kubernetes community, whose APIs are reviewed, but the annotation %s with the approval %s",
			crd.Spec.Group, apiextensionsv1.KubeAPIApprovedAnnotation, text),
	}}
}

// undescribed: kubectl explain has nothing to say. A schema without fields needs no
// words, and generators put them on apiVersion, kind and metadata by themselves.
func undescribed(v *audit.Version) []flaw {
	root := v.Schema.OpenAPIV3Schema
	fields := wanted(root.Properties)
	if len(fields) == 0 || root.Description != "" {
		return nil
	}
	for _, name := range fields {
		field := root.Properties[name]
		if described(&field) {
			return nil
		}
	}
	return []flaw{{version: v.Name, path: rootPlace().path + ".description", text: "no field has a description, so kubectl explain tells nothing"}}
}

func described(s *apiextensionsv1.JSONSchemaProps) bool {
	if s == nil {
		return false
	}
	if s.Description != "" {
		return true
	}
	for name := range s.Properties {
		property := s.Properties[name]
		if described(&property) {
			return true
		}
	}
	return described(valuesOf(s)) || described(itemsOf(s))
}
