package rules

import (
	"testing"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// TestPauseMarks: each mark counts with its value on objects of its group, and on no
// others.
func TestPauseMarks(t *testing.T) {
	for _, m := range pauseMarks() {
		marked := func(value, group string) bool {
			o := audit.NewObject(map[string]any{"metadata": map[string]any{"annotations": map[string]any{m.annotation: value}}}, 100)
			return len(pauses(o, group)) == 1
		}
		group := m.group
		if group == "" {
			group = "example.com"
		}
		if !marked(m.value, group) || !marked(m.value, "sub."+group) {
			t.Errorf("%s: %q is no pause on objects of %s", m.annotation, m.value, group)
		}
		if m.value != "" && marked("other", group) {
			t.Errorf("%s: another value than %q is a pause", m.annotation, m.value)
		}
		if m.group != "" && marked(m.value, "example.com") {
			t.Errorf("%s: a pause on objects of another group", m.annotation)
		}
	}
}
