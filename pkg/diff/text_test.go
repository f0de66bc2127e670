package diff

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sameByText checks that the texts of two objects are compared as the objects are.
func sameByText(t testing.TB, s *Schema, old, new []byte, opts Options) {
	t.Helper()
	o, ok1 := fuzzed(old)
	n, ok2 := fuzzed(new)
	got, err := s.DiffText(old, new, opts)
	if !ok1 || !ok2 {
		if err == nil && (o == nil || n == nil) {
			t.Fatalf("no error for %s and %s", old, new)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s and %s: %v", old, new, err)
	}
	want, err := s.Diff(o, n, opts)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("the texts %s and %s differ otherwise than the objects (-objects +texts):\n%s", old, new, d)
	}
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDiffTextIsDiff(t *testing.T) {
	s := newSchema(t, kindsSchema)
	eachPair(t, func(t *testing.T, old, new map[string]any) {
		sameByText(t, s, encode(t, old), encode(t, new), Options{})
	})
}

// TestDiffTextOfOddTexts: not all texts are as the API server writes them.
func TestDiffTextOfOddTexts(t *testing.T) {
	const plain = `{"apiVersion":"example.com/v1","metadata":{"managedFields":[{"manager":"m","operation":"Update","time":"2026-01-02T03:04:05Z",` +
		`"fieldsV1":{"f:spec":{"f:name":{}}}}],"name":"x"},"spec":{"name":"one"}}`
	for name, text := range map[string]string{
		"the same":                  plain,
		"another order":             `{"spec":{"name":"two"},"metadata":{"name":"x"}}`,
		"white space":               ` { "apiVersion" : "example.com/v1" , "metadata" : { "name" : "x" } , "spec" : { "name" : "two" } } `,
		"an escaped name":           `{"metadata":{"name":"x"},"spec":{"n\u0061me":"two"}}`,
		"a name twice":              `{"metadata":{"name":"x"},"spec":{"name":"one","name":"two"}}`,
		"no metadata":               `{"spec":{"name":"two"}}`,
		"metadata that is none":     `{"metadata":[],"spec":{"name":"two"}}`,
		"managers that are none":    `{"metadata":{"managedFields":[1]},"spec":{"name":"two"}}`,
		"managers of an odd shape":  `{"metadata":{"managedFields":[{"manager":1}]},"spec":{"name":"two"}}`,
		"managers without fields":   `{"metadata":{"managedFields":[{"manager":"m","operation":"Update"}]},"spec":{"name":"two"}}`,
		"managers that are null":    `{"metadata":{"managedFields":null},"spec":{"name":"two"}}`,
		"numbers that look unalike": `{"metadata":{"name":"x"},"spec":{"replicas":1.0,"ratio":1e0}}`,
		"a map that is null":        `{"metadata":{"name":"x"},"spec":{"nested":null}}`,
		"an empty object":           `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []*Schema{newSchema(t, kindsSchema), Deduced(), ForCRD()} {
				for _, opts := range []Options{{}, {ManagedFields: true}} {
					sameByText(t, s, []byte(plain), []byte(text), opts)
					sameByText(t, s, []byte(text), []byte(plain), opts)
					sameByText(t, s, []byte(text), []byte(text), opts)
				}
			}
		})
	}
	for _, text := range []string{``, `[]`, `null`, `{`, `{"a"}`, `{"a":1]`, `{"a":tru}`} {
		if _, err := Deduced().DiffText([]byte(plain), []byte(text), Options{}); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}
