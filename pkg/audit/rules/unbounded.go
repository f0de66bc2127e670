package rules

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// limit is a keyword at a place, with its value if it is not missing.
type limit struct {
	place
	keyword string
}

// identifier is a name in an expression.
var identifier = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)

// missingLimits are the limits that would make a rule cheaper: on the lists and maps
// that it stands in, and on what lies below it and is named in it. That a name stands
// in the rule does not prove that the rule is expensive for it; that it is expensive is
// known before.
func missingLimits(r celRule) []limit { return limitsOf(r, missingLimit) }

// presentLimits are those that would make a rule cheaper if they were lower.
func presentLimits(r celRule) []limit { return limitsOf(r, presentLimit) }

// limitsOf collects the keywords that a function finds where they matter to a rule.
func limitsOf(r celRule, find func(*apiextensions.JSONSchemaProps) string) []limit {
	var limits []limit
	for _, a := range r.above {
		if k := find(a.schema); k != "" {
			limits = append(limits, limit{a.place, k})
		}
	}
	names := map[string]bool{}
	for _, name := range identifier.FindAllString(r.text, -1) {
		names[name] = true
	}
	return append(limits, limitsBelow(r.below, r.place, names, find)...)
}

func limitsBelow(s *apiextensions.JSONSchemaProps, at place, names map[string]bool, find func(*apiextensions.JSONSchemaProps) string) []limit {
	var limits []limit
	if k := find(s); k != "" {
		limits = append(limits, limit{at, k})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if escaped, ok := apiservercel.Escape(name); ok && names[escaped] {
			child := s.Properties[name]
			limits = append(limits, limitsBelow(&child, at.property(name), names, find)...)
		}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		limits = append(limits, limitsBelow(s.AdditionalProperties.Schema, at.values(), names, find)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		limits = append(limits, limitsBelow(s.Items.Schema, at.items(), names, find)...)
	}
	return limits
}

// presentLimit returns the keyword that bounds a value of the schema, and how far.
func presentLimit(s *apiextensions.JSONSchemaProps) string {
	for _, k := range []struct {
		kind, name string
		value      *int64
	}{{"array", "maxItems", s.MaxItems}, {"object", "maxProperties", s.MaxProperties}, {"string", "maxLength", s.MaxLength}} {
		if s.Type == k.kind && k.value != nil && (k.kind != "object" || s.AdditionalProperties != nil) {
			return fmt.Sprintf("%s %d", k.name, *k.value)
		}
	}
	return ""
}

// missingLimit returns the keyword that bounds a value of the schema and is not there.
// Formats and enums bound a string as well.
func missingLimit(s *apiextensions.JSONSchemaProps) string {
	switch {
	case s.Type == "array" && s.MaxItems == nil:
		return "maxItems"
	case s.Type == "object" && s.AdditionalProperties != nil && s.MaxProperties == nil:
		return "maxProperties"
	case s.Type == "string" && s.MaxLength == nil && len(s.Enum) == 0 && !bounded(s.Format):
		return "maxLength"
	}
	return ""
}

// bounded are the formats whose length the API server takes into account.
func bounded(format string) bool {
	return format == "date" || format == "date-time" || format == "duration"
}

// longestRule is how much of a rule is shown.
const longestRule = 100

// shorten brings an expression on one line of bounded length.
func shorten(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > longestRule {
		return string(runes[:longestRule]) + "…"
	}
	return string(runes)
}

// firstLine leaves out the drawing that CEL adds to an error, and where in the
// expression it is.
func firstLine(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	text = strings.TrimPrefix(text, "compilation failed: ")
	if _, after, ok := strings.Cut(text, "<input>:"); ok {
		if _, what, ok := strings.Cut(after, ": "); ok {
			text = what
		}
	}
	text, _, _ = strings.Cut(text, " (in container")
	return errors.New(text)
}
