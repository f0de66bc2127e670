package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// changed says what something was and what it is.
func changed(what, was, is string) string {
	return fmt.Sprintf("%s changed from %s to %s", what, named(was), named(is))
}

// limited says that a limit is new or tighter; in crdify's words, where it is no limit
// that is known here.
func limited(keyword string, before, after *apiextensionsv1.JSONSchemaProps, otherwise string) string {
	was, is := limitText(before, keyword), limitText(after, keyword)
	switch {
	case is == "" || was == is:
		return plain(otherwise)
	case was == "":
		return fmt.Sprintf("%s is %s now, and there was none before", keyword, is)
	case strings.HasPrefix(keyword, "max"):
		return fmt.Sprintf("%s lowered from %s to %s", keyword, was, is)
	}
	return fmt.Sprintf("%s raised from %s to %s", keyword, was, is)
}

// limitText is the value of a keyword that limits; empty without one.
func limitText(s *apiextensionsv1.JSONSchemaProps, keyword string) string {
	counts := map[string]*int64{
		"minItems": s.MinItems, "minLength": s.MinLength, "minProperties": s.MinProperties,
		"maxItems": s.MaxItems, "maxLength": s.MaxLength, "maxProperties": s.MaxProperties,
	}
	if n := counts[keyword]; n != nil {
		return strconv.FormatInt(*n, 10)
	}
	numbers := map[string]*float64{"minimum": s.Minimum, "maximum": s.Maximum}
	if n := numbers[keyword]; n != nil {
		return strconv.FormatFloat(*n, 'f', -1, 64)
	}
	return ""
}

// enumText says which values an enum takes away. The enum itself is told where there was
// none.
func enumText(before, after *apiextensionsv1.JSONSchemaProps) string {
	if len(before.Enum) == 0 {
		return "only these values are allowed now: " + some(valueTexts(after.Enum))
	}
	gone := slices.DeleteFunc(slices.Clone(before.Enum), func(v apiextensionsv1.JSON) bool { return hasValue(after.Enum, v) })
	return "no longer allowed: " + some(valueTexts(gone))
}

func valueTexts(values []apiextensionsv1.JSON) []string {
	var words []string
	for _, v := range values {
		words = append(words, compact(v.Raw))
	}
	return words
}

// patternText says that a pattern is new or another one.
func patternText(before, after *apiextensionsv1.JSONSchemaProps) string {
	if before.Pattern == "" {
		return fmt.Sprintf("only what matches the pattern %q is allowed now", after.Pattern)
	}
	return changed("pattern", strconv.Quote(before.Pattern), strconv.Quote(after.Pattern))
}

// goneVersions are the stored versions that a revision does not have any more.
func goneVersions(earlier, current *audit.CRD) string {
	var gone []string
	for _, v := range earlier.Status.StoredVersions {
		if !slices.Contains(current.Status.StoredVersions, v) {
			gone = append(gone, v)
		}
	}
	return enumerate(gone)
}
