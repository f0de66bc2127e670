package audit_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// TestDecodeCRD: to decode a CRD at once and by way of maps comes to the same, down to
// the bytes of defaults and enums.
func TestDecodeCRD(t *testing.T) {
	t.Parallel()
	const text = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
"metadata":{"creationTimestamp":"2026-01-02T03:04:05Z","generation":2,"name":"things.example.com","unknown":1},
"spec":{"group":"example.com","scope":"Namespaced","names":{"kind":"Thing","plural":"things"},"versions":[{"name":"v1","served":true,"storage":true,
"schema":{"openAPIV3Schema":{"type":"object","properties":{"n":{"default":7,"enum":[7,8.5,null],"maximum":1e3,"maxLength":9,"type":"integer"},
"o":{"additionalProperties":true,"default":{"a":["<&>",{}],"b":null},"items":{"type":"string"},"x-kubernetes-validations":[{"rule":"true"}]}}}}}]},
"status":{"storedVersions":["v1"]}}`
	var content map[string]any
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	// As what is kept of a CRD is written.
	packed, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	want, err := audit.ParseCRD(content)
	if err != nil {
		t.Fatal(err)
	}
	got, err := audit.DecodeCRD(packed)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.CustomResourceDefinition, got.CustomResourceDefinition); d != "" {
		t.Errorf("-by way of maps +at once:\n%s", d)
	}
	if got.Version("v1") == nil || got.Storage() == nil {
		t.Error("the versions are missing")
	}
	if _, err := audit.DecodeCRD([]byte(`{"spec":{"versions":"v1"}}`)); err == nil {
		t.Error("no error for what is no CRD")
	}
}
