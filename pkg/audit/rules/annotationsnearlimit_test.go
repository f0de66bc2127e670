package rules

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

// applied is an object with a large copy of itself in an annotation, redacted.
func applied(t *testing.T, size int) *audit.Object {
	t.Helper()
	content := map[string]any{"metadata": map[string]any{"name": "a", "annotations": map[string]any{
		"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", size), "note": "short",
	}}}
	text, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	measured := audit.AnnotationBytes(content)
	diff.Deduced().Redact(content)
	o := audit.NewObject(content, len(text))
	o.AnnotationBytes = measured
	return o
}

// TestRedactedAnnotationsCount: the copy that kubectl apply keeps is hidden, and
// measured all the same.
func TestRedactedAnnotationsCount(t *testing.T) {
	o := applied(t, int(annotationsNear.Default))
	findings, err := checkAnnotationsNearLimit(&audit.Input{Object: o})
	if err != nil || len(findings) != 1 {
		t.Fatalf("got %v, %v, want one finding", findings, err)
	}
	if m := findings[0].Message; !strings.Contains(m, "last-applied-configuration is probably the largest") {
		t.Errorf("the message does not name the annotation: %s", m)
	}
}

// TestUnmeasuredAnnotations: what is hidden and was not measured is not small.
func TestUnmeasuredAnnotations(t *testing.T) {
	o := applied(t, int(annotationsNear.Default))
	o.AnnotationBytes = 0
	if findings, err := checkAnnotationsNearLimit(&audit.Input{Object: o}); err == nil {
		t.Errorf("got %v and no error", findings)
	}
}
