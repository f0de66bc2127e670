package sample

import (
	"math"
	"slices"
)

// Scalars returns values that a scalar schema allows, as far as it can be told
// without the API server, the most natural ones first. Integers are int64, as
// unstructured objects have them.
func Scalars(s *Schema) []any {
	return s.effective(0).scalars()
}

// scalars is Scalars of an effective schema, and not safe for concurrent use.
func (s *Schema) scalars() []any {
	if s.values == nil {
		s.values = s.findScalars()
	}
	return s.values
}

func (s *Schema) findScalars() []any {
	if len(s.Enum) > 0 {
		return enum(s)
	}
	switch {
	case s.IntOrString:
		return append(integers(s), anys(stringsFor(s))...)
	case s.Type == "string":
		return anys(stringsFor(s))
	case s.Type == "integer":
		return integers(s)
	case s.Type == "number":
		return numbers(s)
	case s.Type == "boolean":
		return []any{true, false}
	}
	return nil
}

// enum puts the empty value, which often means "not set", at the end.
func enum(s *Schema) []any {
	var out, last []any
	for _, v := range s.Enum {
		if slices.ContainsFunc(s.excluded, func(not *Schema) bool { return slices.Contains(not.Enum, v) }) {
			continue
		}
		if v == "" || v == nil {
			last = append(last, v)
			continue
		}
		out = append(out, number(v, s.Type))
	}
	return append(out, last...)
}

// number makes an int64 of a JSON number that is an integer.
func number(v any, typ string) any {
	if f, ok := v.(float64); ok && (typ == "integer" || f == math.Trunc(f)) {
		return int64(f)
	}
	return v
}

func integers(s *Schema) []any {
	candidates := []float64{1, 2, 3, 5, 10, 60, 80, 443, 8080, 0, 100, 1000, 600, 3600, 100000}
	if d, ok := s.Default.(float64); ok {
		candidates = append([]float64{d}, candidates...)
	}
	candidates = append(candidates, deref(s.Minimum, 1), deref(s.Minimum, 1)+1, deref(s.Maximum, 1), deref(s.Maximum, 2)-1,
		deref(s.MultipleOf, 1), 2*deref(s.MultipleOf, 1))
	var out []any
	for _, v := range candidates {
		if v == math.Trunc(v) && s.inRange(v) && !slices.Contains(out, any(int64(v))) {
			out = append(out, int64(v))
		}
	}
	return out
}

func numbers(s *Schema) []any {
	var out []any
	for _, v := range []float64{0.5, 0.25, 1.5, 1, deref(s.Minimum, 1), deref(s.Maximum, 1), 10, 100} {
		if !s.inRange(v) {
			continue
		}
		// What is an integer comes back from the API server as one.
		if n := number(v, ""); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (s *Schema) inRange(v float64) bool {
	least, most := deref(s.Minimum, math.Inf(-1)), deref(s.Maximum, math.Inf(1))
	if v < least || v > most || s.ExclusiveMinimum && v == least || s.ExclusiveMaximum && v == most {
		return false
	}
	if s.Format == "int32" && math.Abs(v) > math.MaxInt32 {
		return false
	}
	return s.MultipleOf == nil || math.Mod(v, *s.MultipleOf) == 0
}

func anys(in []string) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}
