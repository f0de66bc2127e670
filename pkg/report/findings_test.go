package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// auditor knows some findings.
type auditor struct{}

func finding(rule string, s audit.Severity, resource, namespace, name string) *audit.Finding {
	plural, group, _ := strings.Cut(resource, ".")
	return &audit.Finding{Rule: rule, Severity: s, Fingerprint: rule + name, Count: 1, Samples: []string{},
		Subject: audit.Subject{Group: group, Resource: plural, Namespace: namespace, Name: name}}
}

func (auditor) Findings() audit.Snapshot {
	return audit.Snapshot{
		Open: []*audit.Finding{
			finding("CR003", audit.High, "certificates.cert-manager.io", "web", "b"),
			finding("CR003", audit.High, "certificates.cert-manager.io", "web", "a"),
			finding("CR004", audit.Critical, "certificates.cert-manager.io", "db", "a"),
			finding("CR004", audit.High, "nodes.example.com", "", "n"),
			finding("CRD004", audit.High, "customresourcedefinitions.apiextensions.k8s.io", "", "certificates.cert-manager.io"),
		},
		Suppressed: []*audit.Finding{finding("CR003", audit.High, "certificates.cert-manager.io", "web", "c")},
		NotEvaluated: []audit.Unevaluated{
			{Resource: "nodes.example.com", Reason: "Forbidden"},
			{Resource: "certificates.cert-manager.io", Rule: "CR005", Reason: "Incomplete"},
		},
	}
}

func (auditor) Counts() map[audit.Class]int {
	return map[audit.Class]int{{Rule: "CR003", Severity: audit.High}: 2, {Rule: "CR005", Severity: audit.High}: 0}
}

func (auditor) Conditions() []audit.Conditions {
	said := map[audit.Condition]int{
		{Type: "Ready", Status: "True"}: 5, {Type: "Ready", Status: "False"}: 2, {Type: "example.com/Synced", Status: "Unknown"}: 1,
		{Type: "Ready", Status: "yes"}: 1, {Type: "an error: no such host", Status: "True"}: 3, {Type: "bad{}", Status: "True"}: 4,
	}
	for i := range maxConditionTypes {
		said[audit.Condition{Type: fmt.Sprintf("T%d", i), Status: "True"}] = 1
	}
	return []audit.Conditions{{Resource: schema.GroupResource{Group: "cert-manager.io", Resource: "certificates"}, Objects: said}}
}

// TestConditions: what objects say of themselves is counted without configuration, and
// nobody can make up series without end, or put texts into labels.
func TestConditions(t *testing.T) {
	h := findingsHandler(t)
	var series, sum int
	types := map[string]bool{}
	for range 2 {
		for line := range strings.Lines(request(h, "GET", "/metrics").Body.String()) {
			if !strings.HasPrefix(line, "crdwatch_objects_condition{") {
				continue
			}
			var n int
			labels, value, _ := strings.Cut(line, "} ")
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatal(err)
			}
			series, sum = series+1, sum+n
			_, typ, _ := strings.Cut(labels, `type="`)
			types[typ] = true
			if strings.Contains(labels, "no such host") || strings.Contains(labels, "bad") || strings.Contains(labels, `status="yes"`) {
				t.Error(line)
			}
		}
	}
	if want := 2 * (5 + 2 + 1 + 1 + 3 + 4 + maxConditionTypes); sum != want {
		t.Errorf("%d objects, want %d", sum, want)
	}
	if len(types) != maxConditionTypes+1 {
		t.Errorf("%d types, want %d and other", len(types), maxConditionTypes)
	}
}

func findingsHandler(t *testing.T) *Handler {
	t.Helper()
	m := NewMetrics(Build{})
	if err := m.Audit(auditor{}); err != nil {
		t.Fatal(err)
	}
	return NewHandler(HandlerOptions{Ledger: NewLedger(LedgerOptions{}), Inventory: &fixture{}, Metrics: m, Findings: auditor{}})
}

func TestFindingsRoute(t *testing.T) {
	const certificates = "certificates.cert-manager.io"
	h := findingsHandler(t)
	for name, tc := range map[string]struct {
		query, want  string
		suppressed   int
		notEvaluated int
	}{
		"all":                        {"", "CR004/db/a CR003/web/a CR003/web/b CR004/n CRD004/certificates.cert-manager.io", 1, 2},
		"by severity":                {"?severity=critical", "CR004/db/a", 0, 2},
		"by rule":                    {"?rule=CR003", "CR003/web/a CR003/web/b", 1, 1},
		"by resource, with the CRD":  {"?resource=" + certificates, "CR004/db/a CR003/web/a CR003/web/b CRD004/" + certificates, 1, 1},
		"all CRDs":                   {"?resource=customresourcedefinitions.apiextensions.k8s.io", "CRD004/" + certificates, 0, 2},
		"by namespace":               {"?namespace=db", "CR004/db/a", 0, 2},
		"cluster-scoped":             {"?namespace=-", "CR004/n CRD004/" + certificates, 0, 2},
		"together":                   {"?namespace=web&rule=CR003&severity=high&resource=" + certificates, "CR003/web/a CR003/web/b", 1, 0},
		"nothing, and that is known": {"?rule=CR009&resource=" + certificates, "", 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := decode[FindingList](t, request(h, "GET", "/api/v1/findings"+tc.query))
			var got []string
			for _, f := range l.Items {
				got = append(got, f.Rule+"/"+f.Subject.Object())
			}
			if d := cmp.Diff(tc.want, strings.Join(got, " ")); d != "" {
				t.Error(d)
			}
			if l.Suppressed != tc.suppressed || len(l.NotEvaluated) != tc.notEvaluated || l.Complete != (tc.notEvaluated == 0) {
				t.Errorf("suppressed %d, complete %t, not evaluated %v", l.Suppressed, l.Complete, l.NotEvaluated)
			}
		})
	}
}

func TestBadParametersOfFindings(t *testing.T) {
	h := findingsHandler(t)
	for query, names := range map[string]string{
		"severity=bad": "severity", "rule=cr004": "rule", "resource=widgets": "resource", "name=x": "name", "rule=CR001&rule=CR002": "rule",
	} {
		w := request(h, "GET", "/api/v1/findings?"+query)
		if got := decode[metav1.Status](t, w); w.Code != 400 || !strings.Contains(got.Message, names) {
			t.Errorf("%s: %d %s", query, w.Code, got.Message)
		}
	}
	without, _ := newTestHandler(NewLedger(LedgerOptions{}))
	if w := request(without, "GET", "/api/v1/findings"); w.Code != 404 {
		t.Errorf("without an auditor: %d", w.Code)
	}
}

func TestFindingsAreMetrics(t *testing.T) {
	text := request(findingsHandler(t), "GET", "/metrics").Body.String()
	for _, want := range []string{
		`crdwatch_findings{rule="CR003",severity="high"} 2`, `crdwatch_findings{rule="CR005",severity="high"} 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}

// found is the event that a finding became open.
func found(state watch.FindingState, oldSeverity string) watch.Event {
	return watch.Event{
		SchemaVersion: watch.SchemaVersion, ID: "f/OPEN/1", Time: noon, Type: watch.Finding, Origin: watch.Live,
		Resource: certificates, Namespace: "web", Name: "tls-main", UID: "uid", Seq: 7, Generation: 5,
		Finding: &watch.FindingInfo{
			State: state, Rule: "CR004", Name: "stuck-deleting", Severity: "high", OldSeverity: oldSeverity,
			Path: ".metadata.finalizers", Message: `deleting for over 15 minutes; waiting for finalizer "db.example.com", which the manager "operator" set and has not written since`,
			Remediation: "Restore the controller that owns the finalizer.", Since: noon, Count: 1, Samples: []string{}, Fingerprint: "f",
		},
	}
}

func TestPrintFindings(t *testing.T) {
	for _, format := range EventFormats() {
		p, err := NewPrinter(format, TextOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		for _, ev := range []watch.Event{found(watch.FindingOpen, ""), found(watch.FindingOpen, "medium"), found(watch.FindingResolved, "")} {
			if err := p.Print(&b, &ev); err != nil {
				t.Fatal(err)
			}
		}
		golden(t, "findings."+format, b.Bytes())
	}
}

func TestWhatIsKeptIsHandedOn(t *testing.T) {
	var kept []string
	take := func(entries []watch.Entry) {
		for _, e := range entries {
			kept = append(kept, e.Checkpoint.Position)
		}
	}
	NewRecorder(RecorderOptions{Ledger: NewLedger(LedgerOptions{}), Kept: take}).Record(one("in memory", 1))
	d := &disk{hold: make(chan error)}
	r := startRecording(t.Context(), d, RecorderOptions{Kept: take})
	r.Record(one("a", 0))
	if len(kept) != 1 {
		t.Errorf("%v before the commit", kept)
	}
	d.hold <- nil
	r.stop(t)
	if diff := cmp.Diff([]string{"in memory", "a"}, kept); diff != "" {
		t.Error(diff)
	}
}
