package rules

import (
	"fmt"
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

// versionOf is the version that the object was read in; nil if the CRD does not have it
// any more.
func versionOf(in *audit.Input) *audit.Version {
	return in.CRD.Version(in.Object.GroupVersionKind().Version)
}

// ownStatus reports whether the status of the object has an endpoint of its own.
func ownStatus(in *audit.Input) bool {
	v := versionOf(in)
	return v != nil && v.OwnStatus()
}

// conditionPath is the path of a condition in its object.
func conditionPath(t string) string {
	return fmt.Sprintf(".status.conditions[type=%q]", t)
}

// lastWrite is when an object was last written, as far as it tells.
func lastWrite(content map[string]any) time.Time {
	return audit.NewObject(content, 0).Changed()
}
