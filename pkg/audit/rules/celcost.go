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
	// sound: a request to create the CRD is surely not refused for these rules.
	sound bool
	// sum is that of all expressions, those of messages too.
	sum uint64
}

// celNode is a node of a schema on the way down.
type celNode struct {
	place
	above []ancestor
	ctx   *validation.CELSchemaContext
	// alone: an object's old value here has no known counterpart in the new one.
	alone bool
	// special: what is here is looked at by more than the rules alone, because it is in
	// metadata or has a default.
	special bool
}

func estimateCEL(root *apiextensions.JSONSchemaProps) *celCosts {
	c := &celCosts{sound: true}
	c.visit(root, celNode{place: rootPlace(), ctx: validation.RootCELContext(root)})
	c.sound = c.sound && len(c.failed) == 0 && c.sum <= validation.StaticEstimatedCRDCostLimit
	return c
}

// total is the sum of all costs.
func (c *celCosts) total() uint64 {
	var sum uint64
	for _, r := range c.rules {
		sum = plus(sum, r.cost)
	}
	return sum
}

func (c *celCosts) visit(s *apiextensions.JSONSchemaProps, at celNode) {
	at.special = at.special || s.Default != nil
	if len(s.XValidations) > 0 {
		c.compile(s, at)
	}
	at.above = append(slices.Clip(at.above), ancestor{at.place, s})
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		child := s.Properties[name]
		below := at.below(at.property(name), at.ctx.ChildPropertyContext(&child, name), !cel.MapIsCorrelatable(s.XMapType))
		below.special = below.special || name == "metadata"
		c.visit(&child, below)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		child := s.AdditionalProperties.Schema
		c.visit(child, at.below(at.values(), at.ctx.ChildAdditionalPropertiesContext(child), false))
	}
	if s.Items != nil && s.Items.Schema != nil {
		c.visit(s.Items.Schema, at.below(at.items(), at.ctx.ChildItemsContext(s.Items.Schema), s.XListType == nil || *s.XListType != "map"))
	}
}

func (n celNode) below(at place, ctx *validation.CELSchemaContext, alone bool) celNode {
	return celNode{at, n.above, ctx, n.alone || alone, n.special}
}

func (c *celCosts) compile(s *apiextensions.JSONSchemaProps, at celNode) {
	c.sound = c.sound && !at.special
	results, err := c.compileRules(at)
	if err != nil {
		c.failed = append(c.failed, fmt.Errorf("compiling the rules at %s: %w", at, err))
		return
	}
	for i, r := range results {
		rule := celRule{place: at.place, index: i, text: s.XValidations[i].Rule, below: s, above: at.above}
		switch {
		case r.Error != nil:
			c.failed = append(c.failed, fmt.Errorf("compiling rule %q at %s: %w", shorten(rule.text), at, firstLine(r.Error)))
			continue
		case r.MessageExpressionError != nil:
			c.failed = append(c.failed, fmt.Errorf("compiling the messageExpression of rule %q at %s: %w", shorten(rule.text), at, firstLine(r.MessageExpressionError)))
		}
		rule.cost = times(r.MaxCost, cardinality(r, at.ctx))
		c.sum = plus(c.sum, plus(rule.cost, r.MessageExpressionMaxCost))
		if r.MessageExpressionMaxCost > rule.cost {
			rule.cost = r.MessageExpressionMaxCost // it is evaluated once: for the first violation
		}
		c.sound = c.sound && rule.cost <= validation.StaticEstimatedCostLimit && sound(&s.XValidations[i], r, at.alone)
		c.rules = append(c.rules, rule)
	}
}

// compileRules compiles as the API server does what is new. What that does not take, be
// it a function too new for a rollback, it does if it is stored already: so then do we.
// What a rule costs is the same.
func (c *celCosts) compileRules(at celNode) ([]cel.CompilationResult, error) {
	info, err := at.ctx.TypeInfo()
	if err != nil {
		return nil, err
	}
	if info == nil {
		return nil, fmt.Errorf("the schema here is nothing that CEL has a type for")
	}
	env := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion())
	results, err := cel.Compile(info.Schema, info.DeclType, celconfig.PerCallLimit, env, cel.NewExpressionsEnvLoader())
	if err == nil && !slices.ContainsFunc(results, failed) {
		return results, nil
	}
	c.sound = false
	return cel.Compile(info.Schema, info.DeclType, celconfig.PerCallLimit, env, cel.StoredExpressionsEnvLoader())
}

func failed(r cel.CompilationResult) bool {
	return r.Error != nil || r.MessageExpressionError != nil
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

func plus(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}
