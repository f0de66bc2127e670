package rules

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// text returns a string within an object, or nothing.
func text(content map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(content, path...)
	return s
}

// items returns the objects of a list within an object.
func items(content map[string]any, path ...string) []map[string]any {
	v, _, _ := unstructured.NestedFieldNoCopy(content, path...)
	list, _ := v.([]any)
	var out []map[string]any
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// lastWrite is when an object was last written, as far as it tells.
func lastWrite(content map[string]any) time.Time {
	return audit.NewObject(content, 0).Changed()
}
