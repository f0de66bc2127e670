package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// refusal is what comes of a narrower schema.
const refusal = "; what was valid before may be refused now"

// graded takes in what crdify calls an error, unless it only loosens the schema.
func (c *comparison) graded(validation, e string, before, after *apiextensionsv1.JSONSchemaProps, at place) {
	switch validation {
	case "description":
		c.harmless(at, "descriptions changed")
	case "default":
		c.defaulted(before, after, at)
	case "enum":
		c.enumerated(before, after, at)
	case "required":
		c.required(before, after, at)
	case "type":
		c.retyped(before, after, at)
	case "minItems", "minLength", "minProperties":
		if lowest(after, validation) > 0 {
			c.narrowed(audit.High, at, validation, limited(validation, before, after, e))
		}
	case "maxItems", "maxLength", "maxProperties":
		c.narrowed(audit.High, at, validation, limited(validation, before, after, e))
	case "nullable":
		c.narrowed(audit.High, at, validation, "null is no longer allowed")
	case "pattern":
		severity := audit.High
		if before.Pattern != "" {
			severity = audit.Medium // it may as well match more
		}
		c.narrowed(severity, at, validation, patternText(before, after))
	default:
		c.narrowed(audit.High, at, validation, limited(validation, before, after, e))
	}
}

func (c *comparison) harmless(at place, kind string) {
	c.add(audit.Info, at, "", "").kind = kind
}

func (c *comparison) narrowed(severity audit.Severity, at place, keyword, text string) {
	c.add(severity, at, keyword, text+refusal).narrows = true
}

// lowest is the value of a keyword that forbids nothing at 0.
func lowest(s *apiextensionsv1.JSONSchemaProps, keyword string) int64 {
	value := map[string]*int64{"minItems": s.MinItems, "minLength": s.MinLength, "minProperties": s.MinProperties}[keyword]
	if value == nil {
		return 0
	}
	return *value
}

func (c *comparison) defaulted(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	const effect = "; objects that leave the field out mean something else now"
	switch {
	case before.Default == nil:
		c.harmless(at, "defaults added")
	case after.Default == nil:
		c.add(audit.Medium, at, "default", fmt.Sprintf("the default %s is gone", compact(before.Default.Raw))+effect)
	case compact(before.Default.Raw) != compact(after.Default.Raw):
		c.add(audit.Medium, at, "default", changed("default", compact(before.Default.Raw), compact(after.Default.Raw))+effect)
	}
}

func (c *comparison) enumerated(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	switch {
	case len(after.Enum) == 0:
		c.harmless(at, "enums dropped")
	case len(before.Enum) > 0 && !slices.ContainsFunc(before.Enum, func(v apiextensionsv1.JSON) bool { return !hasValue(after.Enum, v) }):
		c.harmless(at, "enum values added")
	default:
		c.narrowed(audit.High, at, "enum", enumText(before, after))
	}
}

func hasValue(values []apiextensionsv1.JSON, v apiextensionsv1.JSON) bool {
	return slices.ContainsFunc(values, func(w apiextensionsv1.JSON) bool { return compact(v.Raw) == compact(w.Raw) })
}

// required: a field that has a default is never missing.
func (c *comparison) required(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	var added []string
	for _, name := range after.Required {
		field, known := after.Properties[name]
		if !slices.Contains(before.Required, name) && (!known || field.Default == nil) {
			added = append(added, name)
		}
	}
	if len(added) > 0 {
		slices.Sort(added)
		c.narrowed(audit.High, at, "required", "newly required: "+strings.Join(added, ", "))
	}
}

// retyped: values stay valid where any type is allowed now, where an integer may be any
// number, or where it may be a string too. Typed clients may still fail to read them.
func (c *comparison) retyped(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	text := changed("type", before.Type, after.Type)
	wider := after.Type == "number" && before.Type == "integer" ||
		after.Type == "" && (!after.XIntOrString || before.Type == "integer" || before.Type == "string")
	if wider {
		c.add(audit.Medium, at, "type", text+"; objects stay valid, but clients that know the earlier type may fail to read new ones")
		return
	}
	c.narrowed(audit.High, at, "type", text)
}

// beyondCrdify compares the keywords that crdify has no validation for.
func (c *comparison) beyondCrdify(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	if preserves(before) && !preserves(after) {
		c.add(audit.High, at, "x-kubernetes-preserve-unknown-fields",
			"x-kubernetes-preserve-unknown-fields removed; what objects have here beyond the schema disappears, for good at the next write")
	}
	if after.Format != "" && after.Format != before.Format {
		c.narrowed(audit.Medium, at, "format", changed("format", before.Format, after.Format))
	}
	c.ruled(before, after, at)
	c.merging(before, after, at)
	for _, k := range alternatives(before, after) {
		c.narrowed(audit.Medium, at, k, k+" changed")
	}
}

// ruled: validation rules that are new, or have new wording. One that speaks of a field
// which is new too mostly says nothing about the objects that there are.
func (c *comparison) ruled(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	fresh := map[string]bool{}
	newNames(before, after, fresh)
	added := map[audit.Severity][]string{}
	for _, rule := range after.XValidations {
		if slices.ContainsFunc(before.XValidations, func(r apiextensionsv1.ValidationRule) bool { return r.Rule == rule.Rule }) {
			continue
		}
		severity := audit.Medium
		if slices.ContainsFunc(identifier.FindAllString(rule.Rule, -1), func(word string) bool { return fresh[word] }) {
			severity = audit.Low
		}
		added[severity] = append(added[severity], fmt.Sprintf(`"%s"`, shorten(rule.Rule)))
	}
	if len(added[audit.Medium]) > 0 {
		c.narrowed(audit.Medium, at, "x-kubernetes-validations", "new validation rules: "+some(added[audit.Medium]))
	}
	if len(added[audit.Low]) > 0 {
		c.narrowed(audit.Low, at, "x-kubernetes-validations[new]", "new validation rules, which speak of new fields: "+some(added[audit.Low]))
	}
}

// newNames collects the fields below a place that were not there before.
func newNames(before, after *apiextensionsv1.JSONSchemaProps, names map[string]bool) {
	for name := range after.Properties {
		now := after.Properties[name]
		old, ok := before.Properties[name]
		if !ok {
			names[name] = true
			continue
		}
		newNames(&old, &now, names)
	}
	if a, b := itemsOf(before), itemsOf(after); a != nil && b != nil {
		newNames(a, b, names)
	}
	if a, b := valuesOf(before), valuesOf(after); a != nil && b != nil {
		newNames(a, b, names)
	}
}

// merging: lists and maps that are owned as a whole are no more, or the other way round.
func (c *comparison) merging(before, after *apiextensionsv1.JSONSchemaProps, at place) {
	note := "; server-side apply merges it in another way from now on, and conflicts or loses track of who owns what"
	keys := func(s *apiextensionsv1.JSONSchemaProps) string { return strings.Join(s.XListMapKeys, ", ") }
	was, is := or(before.XListType, "atomic"), or(after.XListType, "atomic")
	switch {
	case was != is && is != "atomic":
		c.add(audit.Medium, at, "x-kubernetes-list-type", changed("x-kubernetes-list-type", was, is)+note+"; duplicates are refused").narrows = true
	case was != is:
		c.add(audit.Medium, at, "x-kubernetes-list-type", changed("x-kubernetes-list-type", was, is)+note)
	case keys(before) != keys(after):
		c.add(audit.Medium, at, "x-kubernetes-list-map-keys", changed("x-kubernetes-list-map-keys", keys(before), keys(after))+note).narrows = true
	}
	if was, is := or(before.XMapType, "granular"), or(after.XMapType, "granular"); was != is {
		c.add(audit.Medium, at, "x-kubernetes-map-type", changed("x-kubernetes-map-type", was, is)+note)
	}
}

// alternatives are the keywords of which nobody can tell whether they forbid more now.
// What is dropped forbids nothing.
func alternatives(before, after *apiextensionsv1.JSONSchemaProps) []string {
	var changed []string
	for _, k := range []struct {
		name    string
		present bool
		before  any
		after   any
	}{
		{"allOf", len(after.AllOf) > 0, before.AllOf, after.AllOf},
		{"anyOf", len(after.AnyOf) > 0, before.AnyOf, after.AnyOf},
		{"oneOf", len(after.OneOf) > 0, before.OneOf, after.OneOf},
		{"not", after.Not != nil, before.Not, after.Not},
		{"multipleOf", after.MultipleOf != nil, before.MultipleOf, after.MultipleOf},
		{"exclusiveMaximum", after.ExclusiveMaximum, before.ExclusiveMaximum, after.ExclusiveMaximum},
		{"exclusiveMinimum", after.ExclusiveMinimum, before.ExclusiveMinimum, after.ExclusiveMinimum},
	} {
		if k.present && !apiequality.Semantic.DeepEqual(k.before, k.after) {
			changed = append(changed, k.name)
		}
	}
	return changed
}

// named is a word of a schema that may be missing.
func named(word string) string {
	if word == "" {
		return "none"
	}
	return word
}

func or(s *string, otherwise string) string {
	if s == nil || *s == "" {
		return otherwise
	}
	return *s
}

// compact is JSON in one form, so that only what it means is compared.
func compact(raw []byte) string {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return string(raw)
	}
	out, err := json.Marshal(v)
	if err != nil {
		return string(raw)
	}
	return string(out)
}
