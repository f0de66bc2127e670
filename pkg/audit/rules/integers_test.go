package rules

import (
	"encoding/json"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// integers decodes objects again as a Kubernetes client does: whole numbers are int64.
func integers(t *testing.T, objects []map[string]any) []map[string]any {
	t.Helper()
	var out []map[string]any
	text, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	if err := utiljson.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
