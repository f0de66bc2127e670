package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

// versionOf makes a CRD's version of the properties of its spec.
func versionOf(t testing.TB, spec string) *Version {
	t.Helper()
	text := `
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {plural: widgets, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          status: {type: object, required: [phase], properties: {phase: {type: string}}}
          spec:
` + indent(spec, 12)
	crd, err := ParseCRD(decode(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return crd.Version("v1")
}

func indent(text string, n int) string {
	pad := strings.Repeat(" ", n)
	return pad + strings.ReplaceAll(strings.Trim(text, "\n"), "\n", "\n"+pad)
}

// decode reads YAML as a Kubernetes client reads JSON: whole numbers are int64.
func decode(t testing.TB, text string) map[string]any {
	t.Helper()
	j, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var content map[string]any
	if err := utiljson.Unmarshal(j, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

// validate redacts an object as everything does that is audited, and validates it.
func validate(t *testing.T, v *Version, object string) ([]string, error) {
	t.Helper()
	content := decode(t, "{apiVersion: example.com/v1, kind: Widget, metadata: {name: a}}")
	for key, value := range decode(t, object) {
		content[key] = value
	}
	redaction, err := v.Redaction()
	if err != nil {
		t.Fatal(err)
	}
	redaction.Redact(content)
	before, _ := json.Marshal(content)
	violations, err := v.Validate(content)
	if after, _ := json.Marshal(content); string(after) != string(before) {
		t.Errorf("the object was altered: %s", cmp.Diff(string(before), string(after)))
	}
	var got []string
	for _, o := range violations {
		got = append(got, fmt.Sprintf("%s: %s (%d %s)", o.Path, o.Message, o.Reach, o.Part))
	}
	return got, err
}

func TestValidate(t *testing.T) {
	cases := map[string]struct {
		spec, object string
		want         []string
	}{
		"valid": {
			spec: "{type: object, properties: {size: {type: integer}}}", object: "spec: {size: 1}",
		},
		"required": {
			spec: "{type: object, required: [size], properties: {size: {type: integer}}}", object: "spec: {}",
			want: []string{".spec.size: required, but missing (1 .spec)"},
		},
		"required, with a default": {
			spec: "{type: object, required: [size], properties: {size: {type: integer, default: 1}}}", object: "spec: {}",
		},
		"null in place of a default, and where it is dropped": {
			spec: "{type: object, properties: {size: {type: integer, default: 1}, color: {type: string}}}", object: "spec: {size: null, color: null}",
		},
		"values never show": {
			spec: `
type: object
properties:
  number: {type: integer}
  date: {type: string, format: date-time}
  short: {type: string, maxLength: 3}
  choice: {type: string, enum: [a, b]}
  name: {type: string, pattern: "^[a-z]+$"}
  few: {type: integer, maximum: 10}
  small: {type: integer, format: int32}
  set: {type: array, x-kubernetes-list-type: set, items: {type: string}}
  rule: {type: string, x-kubernetes-validations: [{rule: "self == 'x'", messageExpression: "'not x but ' + self"}]}
`,
			object: "spec: {number: CANARY, date: CANARY, short: CANARY, choice: CANARY, name: CANARY, few: 11, small: 99999999999, set: [CANARY, CANARY], rule: CANARY}",
			want: []string{
				`.spec.choice: is none of the allowed values: "a", "b" (0 )`,
				`.spec.date: must be of type date-time (0 )`,
				`.spec.few: should be less than or equal to 10 (0 )`,
				`.spec.name: should match '^[a-z]+$' (0 )`,
				`.spec.number: must be of type integer (0 )`,
				`.spec.set[1]: is in the list twice (the same value, or the same key) (0 )`,
				`.spec.short: should be at most 3 chars long (0 )`,
				`.spec.small: must be of type integer with format int32 (0 )`,
			},
		},
		"a rule's own message does not show": {
			spec:   `{type: string, x-kubernetes-validations: [{rule: "self == 'x'", messageExpression: "'not x but ' + self"}]}`,
			object: "spec: CANARY",
			want:   []string{`.spec: breaks the rule "self == 'x'" (0 .spec)`},
		},
		"a rule with a message and a path": {
			spec:   `{type: object, properties: {a: {type: integer}}, x-kubernetes-validations: [{rule: "self.a > 1", message: "a must be more than 1", fieldPath: ".a"}]}`,
			object: "spec: {a: 1}",
			want:   []string{".spec.a: breaks a rule: a must be more than 1 (1 .spec)"},
		},
		"a rule that fails": {
			spec:   `{type: object, properties: {a: {type: integer}}, x-kubernetes-validations: [{rule: "self.a > 1"}]}`,
			object: "spec: {}",
			want:   []string{`.spec: the rule "self.a > 1" cannot be evaluated on it, which counts as broken (1 .spec)`},
		},
		"a rule of a part of allOf": {
			spec:   `{type: object, properties: {a: {type: integer, x-kubernetes-validations: [{rule: "true"}]}}, allOf: [{properties: {a: {x-kubernetes-validations: [{rule: "self > 1"}]}}}]}`,
			object: "spec: {a: 1}",
			want:   []string{`.spec.a: breaks the rule "self > 1" (0 .spec.a)`},
		},
		"transition rules need an old object": {
			spec: `{type: string, x-kubernetes-validations: [{rule: "self == oldSelf"}]}`, object: "spec: a",
		},
		"of a choice, what one alternative lacks is no error": {
			spec:   `{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {required: [b]}]}`,
			object: "spec: {}",
			want:   []string{".spec: matches none of the alternatives that the schema gives (oneOf) (1 .spec)"},
		},
		"a choice of one": {
			spec:   `{type: object, properties: {a: {type: string}, b: {type: string}}, oneOf: [{required: [a]}, {required: [b]}]}`,
			object: "spec: {a: x, b: z}",
			want:   []string{".spec: matches 2 of the alternatives that the schema gives, and must match exactly one (oneOf) (1 .spec)"},
		},
		"an embedded object": {
			spec:   `{type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}`,
			object: "spec: {kind: Pod, metadata: {name: CANARY/}}",
			want: []string{
				".spec.apiVersion: required in an embedded object, but missing (2 .)",
				".spec.metadata.name: not valid in an embedded object (2 .)",
			},
		},
		"a key twice": {
			spec:   `{type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {name: {type: string}}}}`,
			object: "spec: [{name: a}, {name: b}, {name: a}]",
			want:   []string{".spec[2]: is in the list twice (the same value, or the same key) (0 )"},
		},
		"something in the status": {
			spec: "{type: object}", object: "status: {}",
			want: []string{".status.phase: required, but missing (1 .status)"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := validate(t, versionOf(t, c.spec), c.object)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if strings.Contains(fmt.Sprint(got), "CANARY") {
				t.Errorf("a value shows: %v", got)
			}
		})
	}
}

// TestValidateHidden: what redaction has hidden is no violation.
func TestValidateHidden(t *testing.T) {
	cases := map[string]struct {
		spec, object string
		want         []string
	}{
		"a masked string": {
			spec: "{type: object, properties: {token: {type: string, maxLength: 8}}}", object: "spec: {token: abc}",
		},
		"a dropped number": {
			spec: "{type: object, required: [password], properties: {password: {type: integer}}}", object: "spec: {password: 1234}",
		},
		"a dropped map": {
			spec: "{type: object, required: [login], properties: {login: {type: object, format: password, properties: {a: {type: string}}}}}", object: "spec: {login: {a: b}}",
		},
		"dropped items": {
			spec:   "{type: object, properties: {pins: {type: array, minItems: 2, items: {type: integer, format: password}}}}",
			object: "spec: {pins: [1, 2]}",
		},
		"a dropped entry of a map": {
			spec:   "{type: object, properties: {values: {type: object, minProperties: 2, additionalProperties: {type: integer}}}}",
			object: "spec: {values: {a: 1, password: 2}}",
		},
		"an alternative that needs it": {
			spec:   "{type: object, properties: {password: {type: integer}, other: {type: string}}, oneOf: [{required: [password]}, {required: [other]}]}",
			object: "spec: {password: 1}",
		},
		"a rule about it": {
			spec:   `{type: object, properties: {token: {type: string}}, x-kubernetes-validations: [{rule: "self.token.size() < 8"}]}`,
			object: "spec: {token: abc}",
		},
		"a rule that sees all": {
			spec:   `{type: object, properties: {a: {type: object, properties: {token: {type: string}}}}, x-kubernetes-validations: [{rule: "[self.a].exists(x, x.token.size() < 8)"}]}`,
			object: "spec: {a: {token: x}}",
		},
		"a rule that does not look at it": {
			spec:   `{type: object, properties: {token: {type: string}, size: {type: integer}}, x-kubernetes-validations: [{rule: "self.size > 1"}]}`,
			object: "spec: {token: abc, size: 1}",
			want:   []string{`.spec: breaks the rule "self.size > 1" (1 .spec)`},
		},
		"what is missing beside it": {
			spec:   "{type: object, required: [size], properties: {token: {type: string}, size: {type: integer}}}",
			object: "spec: {token: abc}",
			want:   []string{".spec.size: required, but missing (1 .spec)"},
		},
		"a missing map that would not be dropped": {
			spec:   "{type: object, required: [passwordPolicy], properties: {passwordPolicy: {type: object}}}",
			object: "spec: {}",
			want:   []string{".spec.passwordPolicy: required, but missing (1 .spec)"},
		},
		"rules are evaluated if only something hidden is missing": {
			spec:   `{type: object, required: [password], properties: {password: {type: integer}, size: {type: integer}}, x-kubernetes-validations: [{rule: "self.size > 1"}]}`,
			object: "spec: {password: 1, size: 1}",
			want:   []string{`.spec: breaks the rule "self.size > 1" (1 .spec)`},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := validate(t, versionOf(t, c.spec), c.object)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestValidateCannotTell(t *testing.T) {
	cases := map[string]struct{ spec, object, want string }{
		"a function from the future": {
			spec: `{type: string, x-kubernetes-validations: [{rule: "selfDestruct(self)"}]}`, object: "spec: CANARY", want: "compile",
		},
		"too costly": {
			spec: `{type: array, items: {type: string}, x-kubernetes-validations: [` +
				strings.Repeat(`{rule: "self.all(a, self.all(b, a.size() + b.size() > 1))"},`, 40) + `]}`,
			object: "spec: [" + strings.Repeat("CANARY, ", 100) + "CANARY]", want: "cost",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := validate(t, versionOf(t, c.spec), c.object)
			if len(got) > 0 || err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%v, error %v, want one that tells of %q", got, err, c.want)
			}
		})
	}
}

func TestValidateConcurrently(t *testing.T) {
	v := versionOf(t, `{type: object, required: [a], properties: {a: {type: integer}}, x-kubernetes-validations: [{rule: "true"}]}`)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := v.Validate(map[string]any{"spec": map[string]any{}}); err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	wg.Wait()
}

// benchmarkSpec is like a managed resource of a cloud: 400 fields, 8 KB of which are set.
func benchmarkSpec() (spec, object string) {
	var fields, values strings.Builder
	for i := range 400 {
		fmt.Fprintf(&fields, "  f%d: {type: object, description: A field., properties: {name: {type: string, maxLength: 100}, count: {type: integer, minimum: 0}, mode: {type: string, enum: [a, b]}, tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}}}\n", i)
		if i%10 == 0 { // a rule on every tenth
			text := strings.TrimSuffix(fields.String(), "}\n")
			fields.Reset()
			fields.WriteString(text + `, x-kubernetes-validations: [{rule: "!has(self.count) || self.count < 1000 && self.tags.all(t, t.size() > 1)"}]}` + "\n")
		}
		if i < 100 {
			fmt.Fprintf(&values, "  f%d: {name: a-name-of-it, count: %d, mode: a, tags: [one, two, three]}\n", i, i)
		}
	}
	return "type: object\nproperties:\n" + fields.String(), "spec:\n" + values.String()
}

func BenchmarkValidate(b *testing.B) {
	spec, object := benchmarkSpec()
	v := versionOf(b, spec)
	valid := decode(b, object)
	invalid := decode(b, strings.Replace(object, "mode: a", "mode: c", 1))
	text, _ := json.Marshal(valid)
	for name, content := range map[string]map[string]any{"valid": valid, "invalid": invalid} {
		b.Run(name, func(b *testing.B) {
			if _, err := v.Validate(content); err != nil { // builds the validators
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if got, err := v.Validate(content); err != nil || (len(got) > 0) != (name == "invalid") {
					b.Fatal(got, err)
				}
			}
		})
	}
}
