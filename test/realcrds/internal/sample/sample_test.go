package sample

import (
	"context"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func parse(t *testing.T, text string) *Schema {
	t.Helper()
	s, err := ParseSchema([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// spec reads spec.NAME of a generated object.
func spec(v any) map[string]any {
	m, _ := v.(map[string]any)["spec"].(map[string]any)
	return m
}

// TestFill lets a judge stand for the API server. It objects as that does.
func TestFill(t *testing.T) {
	at := field.NewPath("spec")
	for name, test := range map[string]struct {
		schema string
		hints  Hints
		judge  func(spec map[string]any) *field.Error
		want   map[string]any
	}{
		"all fields, two items of an associative list": {
			schema: `{"a":{"type":"integer","minimum":7},"l":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
				"items":{"type":"object","properties":{"k":{"type":"string"},"v":{"type":"boolean"}}}}}`,
			want: map[string]any{"a": int64(10), "l": []any{
				map[string]any{"k": "sample", "v": true}, map[string]any{"k": "other", "v": true},
			}},
		},
		"another scalar": {
			schema: `{"a":{"type":"string"}}`,
			judge: func(spec map[string]any) *field.Error {
				if spec["a"] != "example.com" {
					return field.Invalid(at.Child("a"), spec["a"], "must be a domain")
				}
				return nil
			},
			want: map[string]any{"a": "example.com"},
		},
		"one of the fields that a rule names": {
			schema: `{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"string"}}`,
			judge: func(spec map[string]any) *field.Error {
				if _, a := spec["a"]; a {
					return field.Invalid(at, "object", "only b of a and b may be set")
				}
				return nil
			},
			want: map[string]any{"b": "sample", "c": "sample"},
		},
		"nothing that is refused": {
			schema: `{"a":{"type":"string","enum":["x"]},"b":{"type":"string"}}`,
			judge: func(spec map[string]any) *field.Error {
				if _, a := spec["a"]; a {
					return field.Forbidden(at.Child("a"), "never")
				}
				return nil
			},
			want: map[string]any{"b": "sample"},
		},
		"hints": {
			schema: `{"a":{"type":"string"},"b":{"type":"string"}}`,
			hints:  Hints{"spec.a": nil, "spec.b": "given"},
			want:   map[string]any{"b": "given"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := parse(t, `{"type":"object","properties":{"spec":{"type":"object","properties":`+test.schema+`}}}`)
			got, _, err := Fill(t.Context(), s, "", test.hints, func(_ context.Context, v any) error {
				if test.judge == nil {
					return nil
				}
				if e := test.judge(spec(v)); e != nil {
					return apierrors.NewInvalid(schema.GroupKind{Kind: "Sample"}, "sample", field.ErrorList{e})
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, spec(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestMatching(t *testing.T) {
	for _, pattern := range []string{
		`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, `^arn:(aws|aws-cn):iam::\d{12}:role/.+$`, `^v[0-9]+(alpha[0-9]+)?$`,
		`^([0-9a-f]{2}:){5}[0-9a-f]{2}$`, `^[^:]+:[^:]+$`,
	} {
		for variant := range 3 {
			if got := matching(pattern, variant, nil); !regexp.MustCompile(pattern).MatchString(got) {
				t.Errorf("%q does not match %s", got, pattern)
			}
		}
	}
}

func TestLeaf(t *testing.T) {
	s := parse(t, `{"type":"object","properties":{"spec":{"type":"object","properties":{
		"n":{"type":"integer"},
		"l":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["k"],
			"items":{"type":"object","properties":{"k":{"type":"string"},"v":{"type":"boolean"},"w":{"type":"string"}}}}}}}}`)
	obj := map[string]any{"spec": map[string]any{"n": int64(1), "l": []any{
		map[string]any{"k": "a", "v": true, "w": "x"}, map[string]any{"k": "b", "v": true},
	}}}
	leaf := Leaves(s, obj, func(string) bool { return true })[0] // in the list comes first
	if leaf.Path != "spec.l[].v" {
		t.Fatalf("the first leaf is %s", leaf.Path)
	}
	want := map[string]any{"spec": map[string]any{"l": []any{map[string]any{"k": "a", "v": false}}}}
	if d := cmp.Diff(want, leaf.Part(s, leaf.Set(obj, false))); d != "" {
		t.Errorf("part to apply (-want +got):\n%s", d)
	}
	if leaf.Value(obj) != true {
		t.Error("Set altered the object")
	}
}
