package audit

import (
	"math"
	"regexp"
	"slices"
	"unicode/utf8"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
)

// glance is a schema, prepared for telling fast whether a value is valid. The API
// server's own validator builds a tree of validators for each value, and copies every
// schema on the way: milliseconds and megabytes for an object of 8 KB. It is asked
// only of what a glance does not show to be valid. What a glance says agrees with it: a test
// compares them.
type glance struct {
	schema     *spec.Schema
	types      []string // of JSON; empty: any
	nullable   bool
	enum       []any
	format     string
	pattern    *regexp.Regexp
	minLength  *int64
	maxLength  *int64
	minimum    *float64
	maximum    *float64
	minItems   *int64
	maxItems   *int64
	minFields  *int64
	maxFields  *int64
	exclusive  bool // one of minimum and maximum is
	odd        bool // the schema has something that is left to the validator
	required   []string
	fields     map[string]*glance
	rest       *glance // of the other fields
	items      *glance
	allOf      []*glance
	anyOf      []*glance
	oneOf      []*glance
	not        *glance
	forbidRest bool
	unique     bool     // of x-kubernetes-list-type set or map
	keys       []string // of a map
}

// opinion is what a glance at a value yields.
type opinion int

const (
	unsure opinion = iota
	valid
	invalid
)

func newGlance(s *spec.Schema) *glance {
	if s == nil {
		return nil
	}
	g := &glance{
		schema: s, types: s.Type, nullable: s.Nullable, enum: s.Enum, format: s.Format,
		minLength: s.MinLength, maxLength: s.MaxLength, minimum: s.Minimum, maximum: s.Maximum,
		minItems: s.MinItems, maxItems: s.MaxItems, minFields: s.MinProperties, maxFields: s.MaxProperties,
		exclusive: s.ExclusiveMinimum || s.ExclusiveMaximum, required: s.Required,
		odd: s.MultipleOf != nil || s.UniqueItems || len(s.PatternProperties) > 0 || len(s.Dependencies) > 0 || s.AdditionalItems != nil,
		not: newGlance(s.Not), allOf: newGlances(s.AllOf), anyOf: newGlances(s.AnyOf), oneOf: newGlances(s.OneOf),
	}
	if s.Pattern != "" {
		var err error
		g.pattern, err = regexp.Compile(s.Pattern)
		g.odd = g.odd || err != nil
	}
	if len(s.Properties) > 0 {
		g.fields = make(map[string]*glance, len(s.Properties))
	}
	listType, _ := s.Extensions.GetString("x-kubernetes-list-type")
	g.unique = listType == "set" || listType == "map"
	g.keys, _ = s.Extensions.GetStringSlice("x-kubernetes-list-map-keys")
	for name := range s.Properties {
		property := s.Properties[name]
		g.fields[name] = newGlance(&property)
	}
	if a := s.AdditionalProperties; a != nil {
		g.rest, g.forbidRest = newGlance(a.Schema), !a.Allows
	}
	if s.Items != nil {
		g.items, g.odd = newGlance(s.Items.Schema), g.odd || len(s.Items.Schemas) > 0
	}
	return g
}

// doubtful returns the schema without those properties that are surely valid in a
// value: what is wrong with the value is the same by either.
func (g *glance) doubtful(value any) *spec.Schema {
	m, ok := value.(map[string]any)
	if !ok || len(g.fields) == 0 || g.schema.AdditionalProperties != nil || len(g.schema.PatternProperties) > 0 {
		return g.schema
	}
	part := *g.schema
	part.Properties = map[string]spec.Schema{}
	for name, v := range m {
		if f := g.fields[name]; f != nil && f.at(v) != valid {
			part.Properties[name] = *f.doubtful(v)
		}
	}
	return &part
}

func newGlances(schemas []spec.Schema) []*glance {
	var out []*glance
	for i := range schemas {
		out = append(out, newGlance(&schemas[i]))
	}
	return out
}

// both is the opinion of two of which both must be valid.
func both(a, b opinion) opinion {
	switch {
	case a == invalid || b == invalid:
		return invalid
	case a == unsure || b == unsure:
		return unsure
	}
	return valid
}

func of(ok bool) opinion {
	if ok {
		return valid
	}
	return invalid
}

// at looks at a value.
func (g *glance) at(value any) opinion {
	if g == nil {
		return valid
	}
	if g.odd {
		return unsure
	}
	if value == nil {
		return g.atNull()
	}
	is := both(g.atType(value), g.atEnum(value))
	switch v := value.(type) {
	case string:
		is = both(is, g.atString(v))
	case int64:
		is = both(is, g.atNumber(float64(v)))
	case float64:
		is = both(is, g.atNumber(v))
	case map[string]any:
		is = both(is, g.atMap(v))
	case []any:
		is = both(is, g.atList(v))
	}
	if is == invalid {
		return invalid
	}
	return both(is, g.atChoices(value))
}

func (g *glance) atNull() opinion {
	if len(g.enum) > 0 || len(g.allOf)+len(g.anyOf)+len(g.oneOf) > 0 || g.not != nil {
		return unsure
	}
	return of(len(g.types) == 0 || g.nullable)
}

func (g *glance) atType(value any) opinion {
	if len(g.types) == 0 {
		if g.format != "" {
			return unsure
		}
		return valid
	}
	is := ""
	switch value.(type) {
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case int64:
		is = "integer"
	case float64:
		is = "number"
	case map[string]any:
		is = "object"
	case []any:
		is = "array"
	}
	switch {
	case slices.Contains(g.types, is), is == "integer" && slices.Contains(g.types, "number"):
		return valid
	case g.format != "" || is == "number": // 1.0 is an integer
		return unsure
	}
	return invalid
}

func (g *glance) atEnum(value any) opinion {
	if len(g.enum) == 0 {
		return valid
	}
	switch value.(type) {
	case string, bool:
		if slices.Contains(g.enum, value) {
			return valid
		}
	}
	return unsure
}

func (g *glance) atString(s string) opinion {
	if g.minLength != nil || g.maxLength != nil {
		n := int64(utf8.RuneCountInString(s))
		if g.minLength != nil && n < *g.minLength || g.maxLength != nil && n > *g.maxLength {
			return invalid
		}
	}
	if g.pattern != nil && !g.pattern.MatchString(s) {
		return invalid
	}
	if g.format != "" && strfmt.Default.ContainsName(g.format) {
		return of(strfmt.Default.Validates(g.format, s))
	}
	return valid
}

// atNumber is sure only of numbers well within the limits: the validator converts
// limits and numbers in its own way.
func (g *glance) atNumber(n float64) opinion {
	for _, limit := range []*float64{g.minimum, g.maximum} {
		if limit != nil && (*limit != math.Trunc(*limit) || math.Abs(*limit) > math.MaxInt32) {
			return unsure
		}
	}
	switch {
	case math.Abs(n) > math.MaxInt32 && (g.format == "int32" || g.format == "float" || g.minimum != nil || g.maximum != nil),
		g.minimum != nil && n < *g.minimum, g.maximum != nil && n > *g.maximum,
		g.exclusive && (g.minimum != nil && n == *g.minimum || g.maximum != nil && n == *g.maximum):
		return unsure
	}
	return valid
}

func (g *glance) atList(list []any) opinion {
	n := int64(len(list))
	if g.minItems != nil && n < *g.minItems || g.maxItems != nil && n > *g.maxItems {
		return invalid
	}
	is := valid
	if g.unique && !distinct(list, g.keys) {
		is = unsure
	}
	for _, v := range list {
		if is = both(is, g.items.at(v)); is == invalid {
			break
		}
	}
	return is
}

func (g *glance) atMap(m map[string]any) opinion {
	n := int64(len(m))
	if g.minFields != nil && n < *g.minFields || g.maxFields != nil && n > *g.maxFields {
		return invalid
	}
	for _, name := range g.required {
		if _, ok := m[name]; !ok {
			return invalid
		}
	}
	is := valid
	for name, v := range m {
		f, ok := g.fields[name]
		switch {
		case !ok && g.forbidRest:
			return unsure
		case !ok:
			f = g.rest
		}
		if is = both(is, f.at(v)); is == invalid {
			break
		}
	}
	return is
}
