package audit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFailureIsToldOnce: what a finding tells is not repeated for the objects that could
// not be evaluated for that reason, unless the finding is not shown.
func TestFailureIsToldOnce(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	crd := Subject{Group: "apiextensions.k8s.io", Resource: crdResource, Name: "widgets.example.com"}
	finding := Finding{Rule: "CRD002", Severity: Critical, Subject: crd, Message: "long words", Explains: true, Count: 1, Fingerprint: "a"}
	later, other := finding, finding
	later.Due = now.Add(time.Minute)
	other.Explains = false
	for name, c := range map[string]struct {
		verdict Verdict
		known   bool
		want    string
	}{
		"shown":           {Verdict{Findings: []Finding{finding}}, false, "its objects cannot be read, for the reason that its finding CRD002 tells"},
		"due later":       {Verdict{Findings: []Finding{later}}, false, "long words"},
		"suppressed":      {Verdict{Suppressed: []Finding{finding}}, false, "long words"},
		"in the baseline": {Verdict{Findings: []Finding{finding}}, true, "long words"},
		"of another sort": {Verdict{Findings: []Finding{other}}, false, "long words"},
		"nothing found":   {Verdict{}, false, "long words"},
	} {
		t.Run(name, func(t *testing.T) {
			collector := Collector{Now: now, Known: func(*Finding) bool { return c.known }}
			collector.NotEvaluated(Unevaluated{Resource: "widgets.example.com", Reason: "UndecodableObject", Message: "long words"})
			collector.NotEvaluated(Unevaluated{Resource: "widgets.example.com", Rule: "CRD008", Reason: RuleIncomplete, Message: "no"})
			collector.NotEvaluated(Unevaluated{Resource: "gadgets.example.com", Reason: "Forbidden", Message: "may not"})
			collector.Add(c.verdict)
			want := []Unevaluated{
				{Resource: "gadgets.example.com", Reason: "Forbidden", Message: "may not"},
				{Resource: "widgets.example.com", Reason: "UndecodableObject", Message: c.want},
				{Resource: "widgets.example.com", Rule: "CRD008", Reason: RuleIncomplete, Message: "no"},
			}
			if d := cmp.Diff(want, collector.Report().NotEvaluated); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestGroupHasNoCommandForOneObject: what is told of many objects is good for all of them.
func TestGroupHasNoCommandForOneObject(t *testing.T) {
	collector := Collector{}
	for _, name := range []string{"a", "b", "c"} {
		subject := Subject{Group: "example.com", Resource: "widgets", Namespace: "web", Name: name}
		collector.Add(Verdict{Findings: []Finding{
			{Rule: "CR002", Severity: High, Subject: subject, Summary: "s", Remediation: "patch " + name, General: "patch all", Count: 1, Fingerprint: name},
		}})
		want := "patch all"
		if name == "a" {
			want = "patch a"
		}
		if got := collector.Report().Findings; len(got) != 1 || got[0].Remediation != want {
			t.Errorf("with %s: %+v", name, got)
		}
	}
}
