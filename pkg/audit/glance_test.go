package audit

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// schemaMaker makes schemas and values that have a fair chance to fit each other.
type schemaMaker struct{ *rand.Rand }

func (r schemaMaker) maybe() bool { return r.IntN(3) == 0 }

func (r schemaMaker) limit(n int) *int64 {
	if !r.maybe() {
		return nil
	}
	v := int64(r.IntN(n))
	return &v
}

func (r schemaMaker) bound() *float64 {
	if !r.maybe() {
		return nil
	}
	v := [...]float64{0, 1, -1, 2.5, -2.5, 3, 1 << 40}[r.IntN(7)]
	return &v
}

func (r schemaMaker) schema(depth int) spec.Schema {
	var s spec.Schema
	types := []string{"string", "integer", "number", "boolean", "object", "array"}
	if depth == 0 {
		types = types[:4]
	}
	if r.IntN(8) > 0 {
		s.Type = spec.StringOrArray{types[r.IntN(len(types))]}
	}
	s.Nullable = r.maybe()
	s.Format = [...]string{"", "", "", "", "date-time", "int32", "int64", "double", "float", "password", "uuid", "nonsense"}[r.IntN(12)]
	s.MinLength, s.MaxLength, s.MinItems, s.MaxItems = r.limit(3), r.limit(5), r.limit(2), r.limit(4)
	s.MinProperties, s.MaxProperties = r.limit(2), r.limit(4)
	s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum = r.bound(), r.bound(), r.maybe(), r.maybe()
	if r.IntN(6) == 0 {
		s.Pattern = [...]string{"^a", "b$", "é"}[r.IntN(3)]
	}
	if r.IntN(6) == 0 {
		s.Enum = []any{"a", "ab", int64(1), true, 1.5, nil}[r.IntN(3):][:2]
	}
	s.UniqueItems = r.IntN(8) == 0
	if r.IntN(10) == 0 {
		two := 2.0
		s.MultipleOf = &two
	}
	if depth > 0 {
		r.nest(&s, depth-1)
	}
	return s
}

func (r schemaMaker) nest(s *spec.Schema, depth int) {
	some := func() (out []spec.Schema) {
		for range r.IntN(3) {
			out = append(out, r.schema(depth))
		}
		return out
	}
	for _, name := range []string{"a", "b"} {
		if r.maybe() {
			s.SetProperty(name, r.schema(depth))
		}
		if r.IntN(5) == 0 {
			s.Required = append(s.Required, name)
		}
	}
	if r.maybe() {
		items := r.schema(depth)
		s.Items = &spec.SchemaOrArray{Schema: &items}
	}
	if r.maybe() {
		rest := r.schema(depth)
		s.AdditionalProperties = &spec.SchemaOrBool{Allows: true, Schema: &rest}
	} else if r.maybe() {
		s.AdditionalProperties = &spec.SchemaOrBool{Allows: r.maybe()}
	}
	switch r.IntN(8) {
	case 0:
		s.AllOf = some()
	case 1:
		s.AnyOf = some()
	case 2:
		s.OneOf = some()
	case 3:
		not := r.schema(depth)
		s.Not = &not
	}
}

func (r schemaMaker) value(depth int) any {
	n := 12
	if depth > 0 {
		n = 20
	}
	switch i := r.IntN(n); {
	case i < 4:
		return [...]string{"", "a", "ab", "é", "2026-01-01T00:00:00Z", "abcdef"}[r.IntN(6)]
	case i < 7:
		return [...]int64{0, 1, -1, 2, 3, 65, 1 << 33, 1 << 40, 1<<62 + 1}[r.IntN(9)]
	case i < 9:
		return [...]float64{0, 1, 1.5, -2.5, 2.5, 1e300, 1 << 40}[r.IntN(7)]
	case i < 10:
		return r.maybe()
	case i < 12:
		return nil
	case i < 16:
		m := map[string]any{}
		for _, key := range []string{"a", "b", "c"} {
			if r.IntN(2) == 0 {
				m[key] = r.value(depth - 1)
			}
		}
		return m
	}
	list := []any{}
	for range r.IntN(4) {
		list = append(list, r.value(depth-1))
	}
	return list
}

// compareErrors compares what is wrong with a value by a schema, and by a part of it.
func compareErrors(t *testing.T, s, part *spec.Schema, v any) {
	t.Helper()
	errs := func(s *spec.Schema) (out []string) {
		for _, err := range validation.NewSchemaValidatorFromOpenAPI(s).Validate(v).Errors {
			out = append(out, err.Error())
		}
		slices.Sort(out)
		return out
	}
	if d := cmp.Diff(errs(s), errs(part)); d != "" {
		text, _ := s.MarshalJSON()
		t.Fatalf("%v with %s: by the doubtful part: -want +got:\n%s", v, text, d)
	}
}

// TestGlanceAgrees: of whatever a glance is sure, the API server's validator says the same; and
// what is wrong with a value is the same by what it doubts.
func TestGlanceAgrees(t *testing.T) {
	r := schemaMaker{rand.New(rand.NewPCG(1, 2))}
	var tally [3]int
	for range 5000 {
		s := r.schema(2)
		full, quick := validation.NewSchemaValidatorFromOpenAPI(&s), newGlance(&s)
		for range 5 {
			v := r.value(2)
			opinion := quick.at(v)
			tally[opinion]++
			compareErrors(t, &s, quick.doubtful(v), v)
			if opinion == unsure {
				continue
			}
			if result := full.Validate(v); result.IsValid() != (opinion == valid) {
				text, _ := s.MarshalJSON()
				t.Fatalf("%v (%T) with %s: %v, but the validator says %v", v, v, text, opinion, result.Errors)
			}
		}
	}
	if total := tally[0] + tally[1] + tally[2]; tally[valid] < total/20 || tally[invalid] < total/5 {
		t.Errorf("too few cases to tell: unsure, valid, invalid: %v", tally)
	}
}

// TestDistinctAgrees: lists that are taken for distinct are so for the API server.
func TestDistinctAgrees(t *testing.T) {
	r := schemaMaker{rand.New(rand.NewPCG(3, 4))}
	var tally [2]int
	for range 20000 {
		keys := [][]string{nil, {"a"}, {"a", "b"}}[r.IntN(3)]
		listType := "set"
		if keys != nil {
			listType = "map"
		}
		list := []any{}
		for range r.IntN(12) {
			item := r.value(1)
			if keys != nil && r.IntN(20) > 0 {
				item = map[string]any{"a": r.value(0), "b": r.value(0)}
			} else if r.IntN(2) == 0 {
				item = int64(r.IntN(1000))
			}
			list = append(list, item)
		}
		s := schema.Structural{Properties: map[string]schema.Structural{"list": {
			Extensions: schema.Extensions{XListType: &listType, XListMapKeys: keys},
		}}}
		errs := listtype.ValidateListSetsAndMaps(nil, &s, map[string]any{"list": list})
		if distinct(list, keys) {
			tally[1]++
			if len(errs) > 0 {
				t.Fatalf("%v by %v: %v", list, keys, errs)
			}
		} else {
			tally[0]++
		}
	}
	if tally[0] < 2000 || tally[1] < 2000 {
		t.Errorf("too few cases: %v", tally)
	}
}
