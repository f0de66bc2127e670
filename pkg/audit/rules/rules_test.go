package rules

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// TestRulesAreWhole: each rule says all that is shown of it.
func TestRulesAreWhole(t *testing.T) {
	id := regexp.MustCompile(`^(CRD|CR|META)\d{3}$`)
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	var ids []string
	for _, r := range All() {
		ids = append(ids, r.ID)
		if !id.MatchString(r.ID) || !name.MatchString(r.Name) {
			t.Errorf("%s %s: bad ID or name", r.ID, r.Name)
		}
		if r.Severity < audit.Info || r.Severity > audit.Critical || r.Remediation == "" || r.About == 0 {
			t.Errorf("%s: severity, remediation or subject is missing", r.ID)
		}
		if (r.Check == nil) != (r.About == audit.AboutExemption) {
			t.Errorf("%s: Check and About do not agree", r.ID)
		}
		if !strings.HasPrefix(r.Doc, "# "+r.ID+" "+r.Name+"\n") {
			t.Errorf("%s: the page has another heading", r.ID)
		}
		for _, section := range []string{"Why it hurts", "How it is detected", "How to fix", "How to ignore"} {
			if !strings.Contains(r.Doc, "\n## "+section+"\n") {
				t.Errorf("%s: the page has no section %q", r.ID, section)
			}
		}
	}
	if !slices.IsSorted(ids) || len(slices.Compact(slices.Clone(ids))) != len(ids) {
		t.Errorf("the rules are not sorted by ID, or one is there twice: %v", ids)
	}
}
