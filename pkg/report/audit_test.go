package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
)

// auditRules are a rule that finds something, others that do not, and one that needs
// watching.
func auditRules() []audit.Rule {
	page := func(id, name string) string {
		return "# " + id + " " + name + "\n\nSomething is wrong with " + name + ",\nand this says what.\n\n## How to fix\n\nBy `hand`.\n"
	}
	return []audit.Rule{
		{ID: "META001", Name: "expired-ignore", Severity: audit.Medium, About: audit.AboutExemption, Doc: page("META001", "expired-ignore"), Remediation: "Renew it."},
		{ID: "CRD001", Name: "conversion-webhook-down", Severity: audit.Critical, About: audit.AboutCRD, Doc: page("CRD001", "conversion-webhook-down"), Remediation: "Restore the service."},
		{ID: "CR004", Name: "stuck-deleting", Severity: audit.High, About: audit.AboutObject, Doc: page("CR004", "stuck-deleting"), Remediation: "Restore the controller."},
		{ID: "CR007", Name: "hot-loop-or-fight", Severity: audit.High, About: audit.AboutObject, Live: true, Doc: page("CR007", "hot-loop-or-fight"), Remediation: "One owner per path."},
		{ID: "CR015", Name: "condition-conventions", Severity: audit.Low, About: audit.AboutObject, Doc: page("CR015", "condition-conventions"), Remediation: "Follow the conventions."},
	}
}

func auditFinding(rule string, s audit.Severity, subject audit.Subject, path, message string) audit.Finding {
	f := audit.Finding{
		Rule: rule, Severity: s, Subject: subject, Path: path, Message: message,
		Count: 1, Samples: []string{}, Fingerprint: audit.Fingerprint(rule, subject, path),
	}
	for _, r := range auditRules() {
		if r.ID == rule {
			f.Name, f.Remediation = r.Name, r.Remediation
		}
	}
	return f
}

func theWidget(namespace, name string) audit.Subject {
	s := audit.Subject{Group: "example.com", Resource: "widgets", Namespace: namespace, Name: name}
	if name != "" {
		s.UID = "00000000-0000-4000-8000-00000000000a"
	}
	return s
}

// auditReport has what the formats must cope with: a CRD, an object, a cluster-scoped
// one, a group, the configuration, and text that would move the cursor or end a CDATA
// section.
func auditReport() *audit.Report {
	crd := auditFinding("CRD001", audit.Critical, audit.Subject{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Name: "widgets.example.com", UID: "crd"},
		".spec.conversion.webhook.clientConfig.service",
		`the service "webhook" in namespace "system" has no ready endpoint, so that objects in version v1beta1 can neither be read nor written`)
	crd.Since, crd.APIVersion, crd.Kind = noon.Add(-3*time.Hour), "apiextensions.k8s.io/v1", "CustomResourceDefinition"
	one := auditFinding("CR004", audit.High, theWidget("web", "a"), ".metadata.finalizers",
		`deleted at 2026-11-22T10:55:00Z and still there; it waits for finalizer "db.example.com/cleanup" of manager "db-operator", which wrote the object last at 2026-11-02T00:00:00Z`)
	one.Since, one.APIVersion, one.Kind = noon.Add(-65*time.Minute), "example.com/v1", "Widget"
	group := auditFinding("CR004", audit.High, theWidget("", ""), ".metadata.finalizers", "deleted and still there; waiting for foregroundDeletion")
	group.Count, group.Samples, group.APIVersion, group.Kind = 13, []string{"ci/a", "ci/b", "ci/c", "web/d", "web/e"}, "example.com/v1", "Widget"
	group.Since = noon.Add(-26 * time.Hour)
	ugly := auditFinding("CR015", audit.Medium, audit.Subject{Group: "example.com", Resource: "nodes", Name: "system:node"}, `.status.conditions[type="Ready"].reason`,
		"the reason is \"]]>\x1b[31m<b>&\u202e\r\n\x00\xff\", which is no CamelCase word")
	long := auditFinding("CR015", audit.Info, theWidget("web", strings.Repeat("long-name.", 25)), "."+strings.Repeat("deep.", 30)+"path",
		strings.Repeat("A long message. ", 100)+strings.Repeat("x", 200))
	config := auditFinding("META001", audit.Medium, audit.Subject{}, ".ignore[rule=CR001]",
		`the entry of the configuration that ignores rule=CR001 exempts nothing any more: its last day was 2026-11-01; its reason was "known"`)
	return &audit.Report{
		SchemaVersion: audit.ReportSchemaVersion, Suppressed: 2,
		NotEvaluated: []audit.Unevaluated{
			{Resource: "gadgets.example.com", Reason: "Forbidden", Message: `gadgets.example.com is forbidden: User "ci" cannot list resource "gadgets" in API group "example.com" at the cluster scope`},
			{Resource: "widgets.example.com", Rule: "CR004", Reason: "Incomplete", Message: "asking for the owner: timeout\x1b[2J"},
			{Resource: "widgets.example.com", Rule: "CR004", Reason: "Incomplete", Message: "asking for the service: timeout"},
		},
		Findings: []audit.Finding{crd, one, group, config, ugly, long},
	}
}

func noReport() *audit.Report {
	return &audit.Report{SchemaVersion: audit.ReportSchemaVersion, Complete: true, NotEvaluated: []audit.Unevaluated{}, Findings: []audit.Finding{}}
}

// manyReport has more single findings in one namespace than fit into one Report.
func manyReport() *audit.Report {
	r := noReport()
	for i := range 1001 {
		r.Findings = append(r.Findings, auditFinding("CR004", audit.High, theWidget("web", fmt.Sprintf("w-%04d", i)), ".metadata.finalizers", fmt.Sprintf("stuck in way %d", i)))
	}
	return r
}

func printed(t *testing.T, format string, r *audit.Report, opts AuditOptions) []byte {
	t.Helper()
	opts.Now, opts.Rules, opts.Version = noon, auditRules(), "v1.2.3"
	var b bytes.Buffer
	if err := PrintAudit(&b, format, r, opts); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAuditGolden(t *testing.T) {
	tests := map[string]struct {
		format string
		report *audit.Report
		opts   AuditOptions
	}{
		"audit-80.table":          {Table, auditReport(), AuditOptions{Width: 80}},
		"audit-200.table":         {Table, auditReport(), AuditOptions{Width: 200}},
		"audit-color.table":       {Table, auditReport(), AuditOptions{Palette: ColorPalette()}},
		"audit.wide":              {Wide, auditReport(), AuditOptions{}},
		"audit.json":              {JSON, auditReport(), AuditOptions{}},
		"audit.sarif":             {SARIF, auditReport(), AuditOptions{}},
		"audit.junit":             {JUnit, auditReport(), AuditOptions{FailOn: audit.Info}},
		"audit-fail-on.junit":     {JUnit, auditReport(), AuditOptions{FailOn: audit.High}},
		"audit.openreports":       {OpenReports, auditReport(), AuditOptions{}},
		"audit-wg.openreports":    {OpenReports, auditReport(), AuditOptions{ReportsAPI: PolicyReportAPI}},
		"audit-empty.table":       {Table, noReport(), AuditOptions{}},
		"audit-empty.json":        {JSON, noReport(), AuditOptions{}},
		"audit-empty.sarif":       {SARIF, noReport(), AuditOptions{}},
		"audit-empty.junit":       {JUnit, noReport(), AuditOptions{}},
		"audit-empty.openreports": {OpenReports, noReport(), AuditOptions{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			golden(t, name, printed(t, tc.format, tc.report, tc.opts))
		})
	}
}

// TestAuditFormatsAreSafe: nothing from the cluster moves a cursor or forges a line.
func TestAuditFormatsAreSafe(t *testing.T) {
	for _, format := range AuditFormats() {
		out := printed(t, format, auditReport(), AuditOptions{})
		if !utf8.Valid(out) {
			t.Errorf("%s: not UTF-8", format)
		}
		for _, bad := range []string{"\x1b", "\r", "\x00", "\u202e"} {
			// The JSON form has the exact text, in which this is allowed.
			if bad == "\u202e" && format == JSON {
				continue
			}
			if bytes.Contains(out, []byte(bad)) {
				t.Errorf("%s: has %q", format, bad)
			}
		}
	}
}

// TestAuditJSONIsTheContract: what is read back is what was found.
func TestAuditJSONIsTheContract(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(printed(t, JSON, auditReport(), AuditOptions{}), &got); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"schemaVersion", "complete", "notEvaluated", "suppressed", "findings"} {
		if _, ok := got[field]; !ok {
			t.Errorf("no field %s", field)
		}
	}
	first := got["findings"].([]any)[0].(map[string]any)
	for _, field := range []string{"rule", "name", "severity", "subject", "path", "message", "since", "remediation", "count", "samples", "fingerprint"} {
		if _, ok := first[field]; !ok {
			t.Errorf("a finding has no field %s", field)
		}
	}
	if len(first) != 11 {
		t.Errorf("a finding has fields beyond the contract: %v", first)
	}
}

func TestUnknownAuditFormat(t *testing.T) {
	var b bytes.Buffer
	for _, err := range []error{
		PrintAudit(&b, "xml", noReport(), AuditOptions{}),
		PrintAudit(&b, OpenReports, noReport(), AuditOptions{ReportsAPI: "v2"}),
		PrintRules(&b, "yaml", AuditOptions{}),
	} {
		if err == nil || !strings.Contains(err.Error(), "want one of: ") {
			t.Errorf("got %v, want an error with the choices", err)
		}
	}
	if b.Len() > 0 {
		t.Errorf("something was written: %s", b.Bytes())
	}
}

func TestRulesGolden(t *testing.T) {
	for name, tc := range map[string]struct {
		format  string
		palette Palette
	}{
		"rules.table":       {Table, Palette{}},
		"rules-color.table": {Table, ColorPalette()},
		"rules.json":        {JSON, Palette{}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := PrintRules(&b, tc.format, AuditOptions{Rules: auditRules(), Palette: tc.palette}); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

// TestExplainGolden uses a page that we ship.
func TestExplainGolden(t *testing.T) {
	for name, opts := range map[string]AuditOptions{
		"explain-60.text":    {Width: 60},
		"explain-color.text": {Palette: ColorPalette()},
	} {
		t.Run(name, func(t *testing.T) {
			for _, r := range rules.All() {
				if r.ID == "META001" {
					var b bytes.Buffer
					if err := PrintRule(&b, &r, opts); err != nil {
						t.Fatal(err)
					}
					golden(t, name, b.Bytes())
				}
			}
		})
	}
}

// TestEveryRuleCanBeExplained: pages keep to the Markdown that PrintRule knows.
func TestEveryRuleCanBeExplained(t *testing.T) {
	unknown := regexp.MustCompile("(?m)^(```|#|\\d+\\. |> )")
	for _, r := range rules.All() {
		var b bytes.Buffer
		if err := PrintRule(&b, &r, AuditOptions{}); err != nil {
			t.Fatal(err)
		}
		if m := unknown.FindString(b.String()); m != "" {
			t.Errorf("%s: %q is not rendered:\n%s", r.ID, m, b.String())
		}
		if strings.Count(r.Doc, "\n```")%2 != 0 {
			t.Errorf("%s: a code block has no end", r.ID)
		}
	}
}
