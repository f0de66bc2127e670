package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

func TestAuditTablesFitTheirWidth(t *testing.T) {
	r := auditReport()
	var path, name string
	for i := range r.Findings {
		if p := r.Findings[i].Path; len(p) > len(path) {
			path, name = p, r.Findings[i].Subject.Name
		}
	}
	for _, width := range []int{60, 80, 120, 200} {
		for _, format := range []string{Table, Wide} {
			out := string(printed(t, format, r, AuditOptions{Width: width}))
			for l := range strings.Lines(out) {
				if n := columns(strings.TrimSuffix(l, "\n")); n > width {
					t.Errorf("%s at %d: a line of %d columns: %s", format, width, n, l)
				}
			}
			if joined := regexp.MustCompile(`\n +`).ReplaceAllString(out, ""); !strings.Contains(joined, path) || !strings.Contains(joined, name) {
				t.Errorf("%s at %d: something is lost:\n%s", format, width, out)
			}
		}
	}
	if out := string(printed(t, Table, r, AuditOptions{})); !strings.Contains(out, path) || !strings.Contains(out, name) {
		t.Errorf("a path or name is parted that is for no terminal:\n%s", out)
	}
}

func TestAuditTableSaysWhatItLeavesOut(t *testing.T) {
	r := noReport()
	r.Complete = false
	for i := range 12 {
		r.NotEvaluated = append(r.NotEvaluated, audit.Unevaluated{Resource: fmt.Sprintf("r%02d.example.com", i), Reason: "Forbidden", Message: "no"})
	}
	short, long := string(printed(t, Table, r, AuditOptions{})), string(printed(t, Wide, r, AuditOptions{}))
	if strings.Contains(short, "r10") || !strings.Contains(short, "and 2 more: -o wide shows all") || !strings.Contains(short, "incomplete: 12 not evaluated") {
		t.Errorf("the table:\n%s", short)
	}
	if !strings.Contains(long, "r11.example.com") {
		t.Errorf("the wide form leaves something out:\n%s", long)
	}
}

// TestAuditTableShowsCRDsTogether: what is wrong with many CRDs in the same way does not
// fill the screen; nothing is left out without a word.
func TestAuditTableShowsCRDsTogether(t *testing.T) {
	r := noReport()
	for i := range 7 {
		crd := audit.Subject{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Name: fmt.Sprintf("r%d.example.com", i)}
		f := auditFinding("CR015", audit.Info, crd, ".spec.versions", "no field has a description")
		f.Since = noon.Add(-time.Duration(i) * time.Hour)
		r.Findings = append(r.Findings, f)
	}
	r.Findings[3].Message = "only alpha versions are served"
	golden(t, "audit-crds.table", printed(t, Table, r, AuditOptions{Width: 80}))
	wide := string(printed(t, Wide, r, AuditOptions{}))
	for i := range r.Findings {
		if f := &r.Findings[i]; !strings.Contains(wide, "CRD "+f.Subject.Name) || !strings.Contains(wide, f.Fingerprint) {
			t.Errorf("the wide form lacks %s:\n%s", f.Subject.Name, wide)
		}
	}
}
