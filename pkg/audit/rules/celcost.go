package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
)

// celRule is one of x-kubernetes-validations with what it may cost at most.
type celRule struct {
	place
	// index is its position in the list at its place.
	index int
	text  string
	// cost is estimated as the API server does before it takes a CRD: all objects of
	// the largest request together.
	cost uint64
	// below is the schema that the rule is about, above what lies over it.
	below *apiextensions.JSONSchemaProps
	above []ancestor
}

// ancestor is a schema on the way to another.
type ancestor struct {
	place
	schema *apiextensions.JSONSchemaProps
}

// celCosts estimates the rules of a version as k8s.io/apiextensions-apiserver does in
// ValidateCustomResourceDefinitionOpenAPISchema, which does not give the figures away.
type celCosts struct {
	rules []celRule
	// failed are rules that could not be compiled.
	failed []error
}

func estimateCEL(root *apiextensions.JSONSchemaProps) *celCosts {
	c := &celCosts{}
	c.visit(root, rootPlace(), nil, validation.RootCELContext(root))
	return c
}

// total is the sum of all costs.
func (c *celCosts) total() uint64 {
	var sum uint64
	for _, r := range c.rules {
		if sum > math.MaxUint64-r.cost {
			return math.MaxUint64
		}
		sum += r.cost
	}
	return sum
}

func (c *celCosts) visit(s *apiextensions.JSONSchemaProps, at place, above []ancestor, ctx *validation.CELSchemaContext) {
	if len(s.XValidations) > 0 {
		c.compile(s, at, above, ctx)
	}
	above = append(slices.Clip(above), ancestor{at, s})
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child := s.Properties[name]
		c.visit(&child, at.property(name), above, ctx.ChildPropertyContext(&child, name))
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		child := s.AdditionalProperties.Schema
		c.visit(child, at.values(), above, ctx.ChildAdditionalPropertiesContext(child))
	}
	if s.Items != nil && s.Items.Schema != nil {
		c.visit(s.Items.Schema, at.items(), above, ctx.ChildItemsContext(s.Items.Schema))
	}
}

func (c *celCosts) compile(s *apiextensions.JSONSchemaProps, at place, above []ancestor, ctx *validation.CELSchemaContext) {
	results, err := compileRules(ctx)
	if err != nil {
		c.failed = append(c.failed, fmt.Errorf("compiling the rules at %s: %w", at, err))
		return
	}
	for i, r := range results {
		rule := celRule{place: at, index: i, text: s.XValidations[i].Rule, below: s, above: above}
		switch {
		case r.Error != nil:
			c.failed = append(c.failed, fmt.Errorf("compiling rule %q at %s: %w", shorten(rule.text), at, firstLine(r.Error)))
			continue
		case r.MessageExpressionError != nil:
			c.failed = append(c.failed, fmt.Errorf("compiling the messageExpression of rule %q at %s: %w", shorten(rule.text), at, firstLine(r.MessageExpressionError)))
		}
		rule.cost = times(r.MaxCost, cardinality(r, ctx))
		if r.MessageExpressionMaxCost > rule.cost {
			rule.cost = r.MessageExpressionMaxCost // it is evaluated once: for the first violation
		}
		c.rules = append(c.rules, rule)
	}
}

// compileRules compiles with all that a stored CRD may use, so that a function too new
// for a rollback is no obstacle.
func compileRules(ctx *validation.CELSchemaContext) ([]cel.CompilationResult, error) {
	info, err := ctx.TypeInfo()
	if err != nil {
		return nil, err
	}
	if info == nil {
		return nil, fmt.Errorf("the schema here is nothing that CEL has a type for")
	}
	env := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	return cel.Compile(info.Schema, info.DeclType, celconfig.PerCallLimit, env, cel.StoredExpressionsEnvLoader())
}

// cardinality is how often the place can occur in an object. Without limits above it,
// as often as its smallest form fits into a request.
func cardinality(r cel.CompilationResult, ctx *validation.CELSchemaContext) uint64 {
	if ctx.MaxCardinality != nil {
		return *ctx.MaxCardinality
	}
	return r.MaxCardinality
}

func times(a, b uint64) uint64 {
	if a != 0 && b > math.MaxUint64/a {
		return math.MaxUint64
	}
	return a * b
}
