package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestCensusCountsConditions: those that have the form, and out again as they came in.
func TestCensusCountsConditions(t *testing.T) {
	object := func(conditions ...any) *Object {
		return &Object{Unstructured: unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "a"}, "status": map[string]any{"conditions": conditions},
		}}}
	}
	condition := func(typ, status any) any { return map[string]any{"type": typ, "status": status} }
	a := object(condition("Ready", "True"), condition("Synced", "False"), condition("Ready", true), condition("", "True"), "text")
	b := object(condition("Ready", "True"))
	c := NewCensus()
	c.Add(a)
	c.Add(b)
	want := map[Condition]int{{"Ready", "True"}: 2, {"Synced", "False"}: 1}
	if d := cmp.Diff(want, c.Conditions); d != "" {
		t.Error(d)
	}
	c.Remove(a)
	c.Remove(b)
	if len(c.Conditions) != 0 {
		t.Errorf("%v are left", c.Conditions)
	}
}
