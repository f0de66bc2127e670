package sample

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Schema is a structural schema of apiextensions.k8s.io/v1 (JSONSchemaProps), as
// far as it matters for values.
type Schema struct {
	Type                 string             `json:"type"`
	Format               string             `json:"format"`
	Pattern              string             `json:"pattern"`
	Enum                 []any              `json:"enum"`
	Default              any                `json:"default"`
	Properties           map[string]*Schema `json:"properties"`
	AdditionalProperties *OrBool            `json:"additionalProperties"`
	Items                *Schema            `json:"items"`
	Required             []string           `json:"required"`
	Minimum              *float64           `json:"minimum"`
	Maximum              *float64           `json:"maximum"`
	ExclusiveMinimum     bool               `json:"exclusiveMinimum"`
	ExclusiveMaximum     bool               `json:"exclusiveMaximum"`
	MultipleOf           *float64           `json:"multipleOf"`
	MinLength            *int               `json:"minLength"`
	MaxLength            *int               `json:"maxLength"`
	MinItems             *int               `json:"minItems"`
	MaxItems             *int               `json:"maxItems"`
	MinProperties        *int               `json:"minProperties"`
	MaxProperties        *int               `json:"maxProperties"`
	AllOf                []*Schema          `json:"allOf"`
	AnyOf                []*Schema          `json:"anyOf"`
	OneOf                []*Schema          `json:"oneOf"`
	Not                  *Schema            `json:"not"`
	IntOrString          bool               `json:"x-kubernetes-int-or-string"`
	PreserveUnknown      bool               `json:"x-kubernetes-preserve-unknown-fields"`
	Embedded             bool               `json:"x-kubernetes-embedded-resource"`
	ListType             string             `json:"x-kubernetes-list-type"`
	ListMapKeys          []string           `json:"x-kubernetes-list-map-keys"`
	MapType              string             `json:"x-kubernetes-map-type"`
	Validations          []Rule             `json:"x-kubernetes-validations"`

	patterns  []string        // all that hold, of the alternatives too
	excluded  []*Schema       // what the value must not be
	forbidden map[string]bool // fields that must be missing
	values    []any           // what scalars returned first: finding out is slow
}

// Rule is a CEL rule.
type Rule struct {
	Rule    string `json:"rule"`
	Message string `json:"message"`
}

// OrBool is a schema, or whether anything is allowed.
type OrBool struct {
	*Schema
	Allowed bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *OrBool) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &o.Allowed); err == nil {
		return nil
	}
	o.Schema, o.Allowed = new(Schema), true
	return json.Unmarshal(b, o.Schema)
}

// ParseSchema reads the openAPIV3Schema of a CRD's version. Integers in it stay
// integers, as a dynamic client needs them.
func ParseSchema(openAPIV3 []byte) (*Schema, error) {
	s := new(Schema)
	d := json.NewDecoder(bytes.NewReader(openAPIV3))
	if err := d.Decode(s); err != nil {
		return nil, fmt.Errorf("parsing a schema: %w", err)
	}
	return s, nil
}

// Entry is the schema of a map's values; nil if any value is allowed or none.
func (s *Schema) Entry() *Schema {
	if s.AdditionalProperties == nil {
		return nil
	}
	return s.AdditionalProperties.Schema
}

func (s *Schema) requires(name string) bool {
	return slices.Contains(s.Required, name)
}

// scalar tells whether values of the schema have no fields or items.
func (s *Schema) scalar() bool {
	switch s.Type {
	case "string", "integer", "number", "boolean":
		return true
	}
	return s.IntOrString
}

// effective returns the schema with its allOf and one choice of its alternatives
// merged into it. The turn says which; choices tells how many there are.
func (s *Schema) effective(turn int) *Schema {
	out := *s
	out.patterns, out.excluded, out.values = nil, nil, nil
	out.forbidden = map[string]bool{}
	out.Required = slices.Clone(s.Required)
	out.Properties = maps.Clone(s.Properties)
	if s.Pattern != "" {
		out.patterns = []string{s.Pattern}
	}
	out.mergeAlternatives(s, turn)
	return &out
}

func (s *Schema) choices() int {
	return max(1, len(s.OneOf)) * max(1, len(s.AnyOf))
}

func (s *Schema) mergeAlternatives(from *Schema, turn int) {
	for _, a := range from.AllOf {
		s.merge(a)
	}
	if n := len(from.OneOf); n > 0 {
		chosen := from.OneOf[turn%n]
		turn /= n
		s.merge(chosen)
		for _, other := range from.OneOf {
			s.forbidRequired(other, chosen)
		}
	}
	if n := len(from.AnyOf); n > 0 {
		s.merge(from.AnyOf[turn%n])
	}
	s.exclude(from.Not)
}

// forbidRequired leaves out what another alternative would require.
func (s *Schema) forbidRequired(other, chosen *Schema) {
	for _, name := range other.Required {
		if !chosen.requires(name) && !s.requires(name) {
			s.forbidden[name] = true
		}
	}
}

func (s *Schema) exclude(not *Schema) {
	if not == nil {
		return
	}
	s.excluded = append(s.excluded, not)
	if n := len(not.Required); n > 0 {
		s.forbidden[not.Required[n-1]] = true
	}
	for _, a := range slices.Concat(not.AnyOf, not.OneOf) {
		s.exclude(a)
	}
}

// merge adds what another schema says about the same value.
func (s *Schema) merge(v *Schema) {
	if len(v.Enum) > 0 {
		s.Enum = v.Enum
	}
	if v.Pattern != "" {
		s.patterns = append(s.patterns, v.Pattern)
	}
	if s.Format == "" {
		s.Format = v.Format
	}
	s.Minimum, s.Maximum = or(v.Minimum, s.Minimum), or(v.Maximum, s.Maximum)
	s.MinLength, s.MaxLength = or(v.MinLength, s.MinLength), or(v.MaxLength, s.MaxLength)
	s.MinItems, s.MaxItems = or(v.MinItems, s.MinItems), or(v.MaxItems, s.MaxItems)
	for _, name := range v.Required {
		if !s.requires(name) {
			s.Required = append(s.Required, name)
		}
	}
	for name, p := range v.Properties {
		if own, ok := s.Properties[name]; ok {
			s.Properties[name] = both(own, p)
		}
	}
	if v.Items != nil && s.Items != nil {
		s.Items = both(s.Items, v.Items)
	}
	if v.Entry() != nil && s.Entry() != nil {
		s.AdditionalProperties = &OrBool{Schema: both(s.Entry(), v.Entry()), Allowed: true}
	}
	s.MinProperties, s.MaxProperties = or(v.MinProperties, s.MinProperties), or(v.MaxProperties, s.MaxProperties)
	s.mergeAlternatives(v, 0)
}

// both returns a schema that says what the two say.
func both(s, v *Schema) *Schema {
	out := *s
	out.AllOf = append(slices.Clone(s.AllOf), v)
	return &out
}

func or[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
