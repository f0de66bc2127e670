package synth

import "fmt"

// Require has the type's schema demand up to n fields of spec.forProvider by validation
// rules, as Upjet does: only of objects that are to be created or updated.
func (k *Kind) Require(n int) { k.rules = n }

// validated adds the rules to the schema of spec. They demand what all objects have.
func (k *Kind) validated(spec map[string]any) map[string]any {
	const wanted = "'*' in self.managementPolicies || 'Create' in self.managementPolicies || 'Update' in self.managementPolicies"
	var rules []any
	for _, f := range k.wanted {
		if len(rules) < k.rules && !f.optional {
			rules = append(rules, map[string]any{
				"rule":    fmt.Sprintf("!(%s) || has(self.forProvider.%s)", wanted, f.name),
				"message": fmt.Sprintf("spec.forProvider.%s is a required parameter", f.name),
			})
		}
	}
	if rules != nil {
		spec["x-kubernetes-validations"] = rules
	}
	return spec
}
