package rules

import (
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// To compile validation rules is the most that a CRD costs, and the API server's own
// validation, which CRD017 applies, does it without telling what it has found out. So
// rules are compiled here, once, for CRD020. Where that shows that the API server has
// surely nothing against them, CRD017 validates the CRD without; where it does not, or
// something else is wrong, CRD017 has the API server's validation compile them again, for
// the words and the order of what is refused are its own.

// compiled are the rules of a version, or why they are not known.
type compiled struct {
	// costs are nil without rules.
	costs *celCosts
	err   error
}

// compiledRules returns the rules of each version by its name.
func compiledRules(crd *audit.CRD) map[string]compiled {
	return crd.Derive("CRD017,CRD020", func() any { return compileVersions(crd) }).(map[string]compiled)
}

func compileVersions(crd *audit.CRD) map[string]compiled {
	var schemas []*apiextensionsv1.CustomResourceValidation
	var known []compiled
	byName := map[string]compiled{}
	for i := range crd.Spec.Versions {
		v := crd.Version(crd.Spec.Versions[i].Name)
		if v.Schema == nil || !hasRules(v.Schema.OpenAPIV3Schema) {
			continue
		}
		// Versions often differ in nothing but their name.
		same := slices.IndexFunc(schemas, func(s *apiextensionsv1.CustomResourceValidation) bool {
			return apiequality.Semantic.DeepEqual(s, v.Schema)
		})
		if same < 0 {
			same = len(schemas)
			schemas, known = append(schemas, v.Schema), append(known, compileVersion(v))
		}
		byName[v.Name] = known[same]
	}
	return byName
}

func compileVersion(v *audit.Version) compiled {
	root, err := v.InternalSchema()
	if err != nil {
		return compiled{err: err}
	}
	return compiled{costs: estimateCEL(root)}
}

// soundRules reports whether the API server has surely nothing against the rules of a
// CRD, be there any.
func soundRules(crd *audit.CRD) bool {
	for _, c := range compiledRules(crd) {
		if c.err != nil || !c.costs.sound {
			return false
		}
	}
	return !crd.Spec.PreserveUnknownFields // which does not go together with rules
}

// sound reports whether the API server has surely nothing against a rule but, perhaps,
// what it costs.
func sound(r *apiextensions.ValidationRule, compiled cel.CompilationResult, alone bool) bool {
	rule, message := strings.TrimSpace(r.Rule), strings.TrimSpace(r.Message)
	reasons := []apiextensions.FieldValueErrorReason{
		apiextensions.FieldValueRequired, apiextensions.FieldValueForbidden, apiextensions.FieldValueInvalid, apiextensions.FieldValueDuplicate,
	}
	switch {
	case rule == "", r.Message != "" && message == "", lines(message), lines(rule) && message == "",
		r.MessageExpression != "" && strings.TrimSpace(r.MessageExpression) == "",
		r.FieldPath != "" && (compiled.NormalizedRuleFieldPath == "" || lines(r.FieldPath)),
		compiled.UsesOldSelf && alone, !compiled.UsesOldSelf && r.OptionalOldSelf != nil:
		return false
	}
	return slices.Contains(reasons, ptr.Deref(r.Reason, apiextensions.FieldValueInvalid))
}

func lines(text string) bool { return strings.ContainsAny(text, "\r\n") }

// dropRules takes the rules that were compiled out of all schemas of a CRD. What the
// API server looks for besides it still finds.
func dropRules(crd *apiextensions.CustomResourceDefinition) {
	if v := crd.Spec.Validation; v != nil {
		dropRulesOf(v.OpenAPIV3Schema)
	}
	for i := range crd.Spec.Versions {
		if v := crd.Spec.Versions[i].Schema; v != nil {
			dropRulesOf(v.OpenAPIV3Schema)
		}
	}
}

func dropRulesOf(s *apiextensions.JSONSchemaProps) {
	if s == nil {
		return
	}
	s.XValidations = nil
	for name := range s.Properties {
		child := s.Properties[name]
		dropRulesOf(&child)
		s.Properties[name] = child
	}
	if s.AdditionalProperties != nil {
		dropRulesOf(s.AdditionalProperties.Schema)
	}
	if s.Items != nil {
		dropRulesOf(s.Items.Schema)
	}
}
