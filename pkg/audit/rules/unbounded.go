package rules

import (
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiservercel "k8s.io/apiserver/pkg/cel"
)

// limit is a keyword that is missing at a place.
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
func missingLimits(r celRule) []limit {
	var missing []limit
	for _, a := range r.above {
		if k := missingLimit(a.schema); k != "" {
			missing = append(missing, limit{a.place, k})
		}
	}
	names := map[string]bool{}
	for _, name := range identifier.FindAllString(r.text, -1) {
		names[name] = true
	}
	return append(missing, limitsBelow(r.below, r.place, names)...)
}

func limitsBelow(s *apiextensions.JSONSchemaProps, at place, names map[string]bool) []limit {
	var missing []limit
	if k := missingLimit(s); k != "" {
		missing = append(missing, limit{at, k})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if escaped, ok := apiservercel.Escape(name); ok && names[escaped] {
			child := s.Properties[name]
			missing = append(missing, limitsBelow(&child, at.property(name), names)...)
		}
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		missing = append(missing, limitsBelow(s.AdditionalProperties.Schema, at.values(), names)...)
	}
	if s.Items != nil && s.Items.Schema != nil {
		missing = append(missing, limitsBelow(s.Items.Schema, at.items(), names)...)
	}
	return missing
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
