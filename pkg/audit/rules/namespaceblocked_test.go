package rules

import (
	"fmt"
	"strings"
	"testing"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// TestNamespacesAreCapped: of many namespaces some are looked at, and the rest is not
// taken to be well.
func TestNamespacesAreCapped(t *testing.T) {
	in := &audit.Input{CRD: patched(t, nil), Census: audit.NewCensus(), Answers: map[audit.Question]audit.Answer{}}
	for i := range maxNamespaces.Default + 7 {
		in.Census.Add(audit.NewObject(map[string]any{"metadata": map[string]any{
			"name": "a", "namespace": fmt.Sprintf("ns-%03d", i),
			"deletionTimestamp": "2026-11-25T11:00:00Z", "finalizers": []any{"example.com/keep"},
		}}, 100))
	}
	asked := askNamespaceBlocked(in)
	if len(asked) != maxNamespaces.Default {
		t.Fatalf("%d questions, want %d", len(asked), maxNamespaces.Default)
	}
	for _, q := range asked {
		in.Answers[q] = audit.Answer{Outcome: audit.Absent}
	}
	findings, err := checkNamespaceBlocked(in)
	if len(findings) != 0 || err == nil || !strings.Contains(err.Error(), "7 more namespaces") {
		t.Errorf("got %v and %v, want no findings and an error that tells of 7 more namespaces", findings, err)
	}
}
