package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// Redaction returns what redacts objects of this version. It is memoised.
func (v *Version) Redaction() (*diff.Schema, error) {
	return v.redaction()
}

func (v *Version) redact() (*diff.Schema, error) {
	if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
		return diff.Deduced(), nil
	}
	text, err := json.Marshal(v.Schema.OpenAPIV3Schema)
	if err != nil {
		return nil, fmt.Errorf("encoding the schema of version %s: %w", v.Name, err)
	}
	// What cannot be converted is of no matter to redaction.
	s, _ := diff.NewSchema(text)
	return s, nil
}

// hiddenPaths are the places of an object of which nothing is known since it was
// redacted: a string was replaced there, or another value may have been dropped. Each
// is split into names and positions.
type hiddenPaths [][]string

// hidden returns what redaction hides in an object.
func (v *Version) hidden(content map[string]any) (hiddenPaths, error) {
	var hidden hiddenPaths
	masks(content, nil, func(path []string) { hidden = append(hidden, slices.Clone(path)) })
	redaction, err := v.Redaction()
	if err != nil {
		return nil, err
	}
	structural, err := v.Structural()
	if err != nil {
		return nil, err
	}
	// What redaction would drop is seen by putting something there and redacting again.
	p := prober{}
	probed := runtime.DeepCopyJSON(content)
	p.fill(probed, structural, nil)
	redaction.Redact(probed)
	for _, probe := range p.probes {
		if probe.dropped() {
			hidden = append(hidden, probe.path)
		}
	}
	return hidden, nil
}

// masks reports the place of each redacted string.
func masks(value any, path []string, report func([]string)) {
	switch value := value.(type) {
	case string:
		if diff.IsMask(value) {
			report(path)
		}
	case map[string]any:
		for key, v := range value {
			masks(v, append(path, key), report)
		}
	case []any:
		for i, v := range value {
			masks(v, append(path, strconv.Itoa(i)), report)
		}
	}
}

// probe is a number that was put where there was nothing.
type probe struct {
	path []string
	in   map[string]any
	key  string
	// items is how many the list at key has with the probe; 0 if it is no list.
	items int
}

func (p *probe) dropped() bool {
	v, ok := p.in[p.key]
	list, _ := v.([]any)
	return !ok || len(list) < p.items
}

type prober struct{ probes []probe }

// fill puts a number into each declared field that an object lacks, and into lists
// and maps of them.
func (p *prober) fill(value any, s *schema.Structural, path []string) {
	if s == nil {
		return
	}
	switch value := value.(type) {
	case map[string]any:
		p.fillMap(value, s, path)
	case []any:
		for i, v := range value {
			p.fill(v, s.Items, append(path, strconv.Itoa(i)))
		}
	}
}

func (p *prober) fillMap(m map[string]any, s *schema.Structural, path []string) {
	for key, v := range m {
		sub := fieldSchema(s, key)
		if list, ok := v.([]any); ok {
			p.fill(list, sub, append(path, key))
			// The items that are there were filled in place.
			m[key] = append(slices.Clip(list), int64(1))
			p.probes = append(p.probes, probe{slices.Clone(append(path, key, strconv.Itoa(len(list)))), m, key, len(list) + 1})
			continue
		}
		p.fill(v, sub, append(path, key))
	}
	for _, key := range expected(s) {
		if _, ok := m[key]; !ok {
			m[key] = int64(1)
			p.probes = append(p.probes, probe{slices.Clone(append(path, key)), m, key, 0})
		}
	}
}

// expected are the fields that an object may have: the declared ones, those that are
// demanded somewhere, and for a map that takes any one that is dropped if it is a number.
func expected(s *schema.Structural) []string {
	var keys []string
	for key := range s.Properties {
		keys = append(keys, key)
	}
	if s.ValueValidation != nil {
		keys = append(keys, demanded(s.ValueValidation)...)
	}
	if s.XPreserveUnknownFields || s.AdditionalProperties != nil && !holdsStrings(s.AdditionalProperties.Structural) {
		keys = append(keys, "password")
	}
	return keys
}

func holdsStrings(s *schema.Structural) bool {
	return s != nil && s.Type == "string"
}

// demanded are the fields that a schema, or a part of it, requires.
func demanded(v *schema.ValueValidation) []string {
	keys := slices.Clone(v.Required)
	for _, nested := range slices.Concat(v.AllOf, v.AnyOf, v.OneOf) {
		keys = append(keys, demanded(&nested.ValueValidation)...)
	}
	if v.Not != nil {
		keys = append(keys, demanded(&v.Not.ValueValidation)...)
	}
	return keys
}

// fieldSchema is the schema of an entry of a map; nil if there is none.
func fieldSchema(s *schema.Structural, key string) *schema.Structural {
	if s == nil {
		return nil
	}
	if sub, ok := s.Properties[key]; ok {
		return &sub
	}
	if s.AdditionalProperties != nil {
		return s.AdditionalProperties.Structural
	}
	return nil
}

// matter reports whether a violation may not be one, for what is hidden.
func (h hiddenPaths) matter(o Violation) bool {
	at := o.Path
	if o.rule != nil {
		at = o.Part
	}
	for _, path := range h {
		below, ok := under(path, plain(at))
		switch {
		case !ok:
		case len(below) == 0:
			return true
		case o.certain, o.rule != nil && !o.rule.reads(below):
		default:
			return true
		}
	}
	return false
}

// under returns what of a path is below another, if it is there or below.
func under(path []string, at string) ([]string, bool) {
	for n := range len(path) + 1 {
		if above := strings.Join(path[:n], "."); n == 0 && at == "" || n > 0 && plain("."+above) == at {
			return path[n:], true
		}
	}
	return nil, false
}

// plain writes a path without brackets, so that the ways to write it become one.
func plain(path string) string {
	if path == root {
		return ""
	}
	return strings.ReplaceAll(strings.ReplaceAll(path, "[", "."), "]", "")
}

// Drops reports whether redaction drops a value at a path if it is no string, so that
// its absence says nothing.
func (v *Version) Drops(path fieldpath.Path) (bool, error) {
	redaction, err := v.Redaction()
	if err != nil || len(path) == 0 || path[0].FieldName == nil {
		return false, err
	}
	var value any = int64(1)
	for _, e := range slices.Backward(path) {
		if e.FieldName != nil {
			value = map[string]any{*e.FieldName: value}
		} else {
			value = []any{value}
		}
	}
	redaction.Redact(value.(map[string]any))
	return !holds(value, len(path)), nil
}

// holds reports whether a value nests n deep, with one entry on each level.
func holds(value any, n int) bool {
	for range n {
		switch v := value.(type) {
		case map[string]any:
			if len(v) == 0 {
				return false
			}
			for _, value = range v {
			}
		case []any:
			if len(v) == 0 {
				return false
			}
			value = v[0]
		}
	}
	return true
}
