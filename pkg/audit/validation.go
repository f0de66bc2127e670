package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// validators are those of one version, with the API server's own libraries.
type validators struct {
	structural *schema.Structural
	values     *glance
	// plain has none of the choices of the schema (anyOf, oneOf, not). The errors of
	// a choice's best candidate cannot be told from those that must be mended.
	plain *glance
	// embedded is whether there may be embedded objects.
	embedded bool
	rules    *celRules
}

// Validate checks an object of this version, as far as it is known after redaction,
// as the API server does when it is created. The content is read-only, and need not
// have its defaults. Its error says what could not be checked; what is returned
// with it holds. It does not return anything without a schema.
func (v *Version) Validate(content map[string]any) ([]Violation, error) {
	check, err := v.validators()
	if err != nil || check == nil {
		return nil, err
	}
	// Nearly all objects are valid as they are.
	if check.valid(content) {
		return nil, nil
	}
	whole := runtime.DeepCopyJSON(content)
	defaulting.PruneNonNullableNullsWithoutDefaults(whole, check.structural)
	defaulting.Default(whole, check.structural)
	if check.valid(whole) {
		return nil, nil
	}
	hidden, err := v.hidden(whole)
	if err != nil {
		return nil, err
	}
	return check.known(whole, hidden)
}

// buildValidators makes the validators of the version; nil without a schema.
func (v *Version) buildValidators() (*validators, error) {
	structural, err := v.Structural()
	if err != nil || structural == nil {
		return nil, err
	}
	internal, err := v.InternalSchema()
	if err != nil {
		return nil, err
	}
	_, values, err := validation.NewSchemaValidator(internal)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of version %s: %w", v.Name, err)
	}
	_, plain, err := validation.NewSchemaValidator(internal)
	if err != nil {
		return nil, fmt.Errorf("reading the schema of version %s: %w", v.Name, err)
	}
	dropChoices(plain)
	c := &validators{
		structural: structural, values: newGlance(values), plain: newGlance(plain), rules: newCELRules(structural),
	}
	visitor := schema.Visitor{Structural: func(s *schema.Structural) bool {
		c.embedded = c.embedded || s.XEmbeddedResource
		return false
	}}
	visitor.Visit(structural)
	return c, nil
}

// dropChoices takes the choices out of a schema.
func dropChoices(s *spec.Schema) {
	s.AnyOf, s.OneOf, s.Not = nil, nil, nil
	for i := range s.AllOf {
		dropChoices(&s.AllOf[i])
	}
	for name, p := range s.Properties {
		dropChoices(&p)
		s.Properties[name] = p
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		dropChoices(s.AdditionalProperties.Schema)
	}
	if s.Items != nil && s.Items.Schema != nil {
		dropChoices(s.Items.Schema)
	}
}

// valid reports whether an object is surely valid. A glance looks at list types, too.
func (c *validators) valid(content map[string]any) bool {
	if c.values.at(content) != valid || len(c.embeddedViolations(content)) > 0 {
		return false
	}
	if c.rules == nil {
		return true
	}
	violations, err := c.rules.validate(content)
	return len(violations) == 0 && err == nil
}

// schemaViolations returns all but those of validation rules.
func (c *validators) schemaViolations(content map[string]any) []Violation {
	violations := append(c.valueViolations(content), c.embeddedViolations(content)...)
	for _, err := range listtype.ValidateListSetsAndMaps(nil, c.structural, content) {
		violations = append(violations, itemViolation(err))
	}
	return violations
}

func (c *validators) embeddedViolations(content map[string]any) []Violation {
	if !c.embedded {
		return nil
	}
	var violations []Violation
	for _, err := range objectmeta.Validate(context.Background(), nil, content, c.structural, false) {
		violations = append(violations, embeddedViolation(err))
	}
	return violations
}

// valueViolations returns the violated choices, and what is wrong besides them.
func (c *validators) valueViolations(content map[string]any) []Violation {
	if c.values.at(content) == valid {
		return nil
	}
	errs := validateWith(c.values, content)
	var violations []Violation
	for _, err := range errs {
		if o := violation(err); o.mixed {
			violations = append(violations, o)
		}
	}
	if len(violations) > 0 {
		errs = validateWith(c.plain, content)
	}
	for _, err := range errs {
		violations = append(violations, violation(err))
	}
	return violations
}

// validateWith asks the API server's validator about all that a glance doubts.
func validateWith(g *glance, content map[string]any) []error {
	return validation.NewSchemaValidatorFromOpenAPI(g.doubtful(content)).Validate(content).Errors
}

// known returns what is wrong with an object whatever the values are that redaction hides.
func (c *validators) known(content map[string]any, hidden hiddenPaths) ([]Violation, error) {
	var violations []Violation
	blocked := false
	for _, o := range c.schemaViolations(content) {
		if !hidden.matter(o) {
			violations = append(violations, o)
			blocked = blocked || o.malformed
		}
	}
	var err error
	// The API server does not show malformed objects to the rules either.
	if c.rules != nil && !blocked {
		var found []Violation
		found, err = c.rules.validate(content)
		for _, o := range found {
			if !hidden.matter(o) {
				violations = append(violations, o)
			}
		}
	}
	slices.SortFunc(violations, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(violations, func(a, b Violation) bool { return a.Path == b.Path && a.Message == b.Message }), err
}

// OwnStatus reports whether the status is written by an endpoint of its own, and left
// out when an object is created.
func (v *Version) OwnStatus() bool {
	return v.Subresources != nil && v.Subresources.Status != nil
}
