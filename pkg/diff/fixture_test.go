package diff

import (
	"encoding/json"
	"fmt"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// parse decodes JSON as the API machinery does: integers are int64.
func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	var obj map[string]any
	if err := utiljson.Unmarshal([]byte(text), &obj); err != nil {
		t.Fatalf("parsing %s: %v", text, err)
	}
	return obj
}

func newSchema(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := NewSchema([]byte(text))
	if err != nil {
		t.Fatalf("making schema: %v", err)
	}
	return s
}

// composite returns an object like those of a composition engine: 8 KB of JSON, a
// third of it managedFields.
func composite(t testing.TB) map[string]any {
	t.Helper()
	spec, status, fields := map[string]any{}, map[string]any{}, map[string]any{}
	for i := range 40 {
		name := fmt.Sprintf("parameter%02d", i)
		spec[name] = map[string]any{
			"value": fmt.Sprintf("some-value-of-a-parameter-%d", i), "count": int64(i), "enabled": i%2 == 0,
			"tags": []any{"a", "b"},
		}
		fields["f:"+name] = map[string]any{
			".": map[string]any{}, "f:value": map[string]any{}, "f:count": map[string]any{},
			"f:enabled": map[string]any{}, "f:tags": map[string]any{},
		}
	}
	var conditions []any
	owned := map[string]any{}
	for _, typ := range []string{"Ready", "Synced", "Healthy", "Available"} {
		conditions = append(conditions, map[string]any{
			"type": typ, "status": "True", "reason": "ReconcileSuccess",
			"lastTransitionTime": "2026-01-02T03:04:05Z", "message": "everything is as it should be",
		})
		owned[`k:{"type":"`+typ+`"}`] = map[string]any{
			".": map[string]any{}, "f:type": map[string]any{}, "f:status": map[string]any{},
			"f:reason": map[string]any{}, "f:lastTransitionTime": map[string]any{}, "f:message": map[string]any{},
		}
	}
	status["conditions"] = conditions
	return map[string]any{
		"apiVersion": "example.com/v1", "kind": "Composite", "spec": spec, "status": status,
		"metadata": map[string]any{
			"name": "composite", "namespace": "default", "resourceVersion": "1",
			"labels": map[string]any{"app": "composite", "crossplane.io/claim-name": "claim"},
			"managedFields": []any{
				entry("applier", "Apply", "", "2026-01-02T03:04:05Z", map[string]any{"f:spec": fields}),
				entry("operator", "Update", "status", "2026-01-02T03:04:06Z",
					map[string]any{"f:status": map[string]any{"f:conditions": owned}}),
			},
		},
	}
}

func entry(manager, operation, subresource, at string, fields map[string]any) map[string]any {
	e := map[string]any{
		"manager": manager, "operation": operation, "apiVersion": "example.com/v1",
		"time": at, "fieldsType": "FieldsV1", "fieldsV1": fields,
	}
	if subresource != "" {
		e["subresource"] = subresource
	}
	return e
}

const compositeSchema = `{"type":"object","properties":{
	"spec":{"type":"object","additionalProperties":{"type":"object","properties":{
		"value":{"type":"string"},"count":{"type":"integer"},"enabled":{"type":"boolean"},
		"tags":{"type":"array","items":{"type":"string"}}}}},
	"status":{"type":"object","properties":{"conditions":{"type":"array",
		"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["type"],
		"items":{"type":"object","required":["type"],"properties":{"type":{"type":"string"},"status":{"type":"string"},
			"reason":{"type":"string"},"message":{"type":"string"},"lastTransitionTime":{"type":"string","format":"date-time"}}}}}}}}`

func BenchmarkDiff(b *testing.B) {
	s, old, new := newSchema(b, compositeSchema), composite(b), composite(b)
	new["spec"].(map[string]any)["parameter07"].(map[string]any)["value"] = "another"
	text, _ := json.Marshal(old)
	b.ReportMetric(float64(len(text)), "JSON-bytes")
	b.ReportAllocs()
	for b.Loop() {
		if changes, _ := s.Diff(old, new, Options{}); len(changes) != 1 {
			b.Fatal(changes)
		}
	}
}

func BenchmarkDiffText(b *testing.B) {
	s, object := newSchema(b, compositeSchema), composite(b)
	old, _ := json.Marshal(object)
	object["spec"].(map[string]any)["parameter07"].(map[string]any)["value"] = "another"
	new, _ := json.Marshal(object)
	b.ReportAllocs()
	for b.Loop() {
		if changes, _ := s.DiffText(old, new, Options{}); len(changes) != 1 {
			b.Fatal(changes)
		}
	}
}

func BenchmarkDiffUnchanged(b *testing.B) {
	s, old, new := newSchema(b, compositeSchema), composite(b), composite(b)
	b.ReportAllocs()
	for b.Loop() {
		if changes, _ := s.Diff(old, new, Options{}); changes != nil {
			b.Fatal(changes)
		}
	}
}

func BenchmarkRedact(b *testing.B) {
	s, obj := newSchema(b, compositeSchema), composite(b)
	b.ReportAllocs()
	for b.Loop() {
		s.Redact(obj)
	}
}
