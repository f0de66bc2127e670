package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// reports are what each machine format is checked with.
func reports() map[string]*audit.Report {
	return map[string]*audit.Report{"full": auditReport(), "empty": noReport(), "many": manyReport()}
}

// TestSARIFIsValid validates against the schema of OASIS that go-sarif has.
func TestSARIFIsValid(t *testing.T) {
	for name, r := range reports() {
		back, err := sarif.FromBytes(printed(t, SARIF, r, AuditOptions{}))
		if err != nil {
			t.Fatal(err)
		}
		if err := back.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		run := back.Runs[0]
		if len(run.Results) != len(r.Findings) || *run.Invocations[0].ExecutionSuccessful != r.Complete {
			t.Errorf("%s: %d results of %d findings, successful %v", name, len(run.Results), len(r.Findings), *run.Invocations[0].ExecutionSuccessful)
		}
		seen := map[string]bool{}
		for _, result := range run.Results {
			if id := *run.Tool.Driver.Rules[result.RuleIndex].ID; id != *result.RuleID {
				t.Errorf("%s: ruleIndex of %s is that of %s", name, *result.RuleID, id)
			}
			if fp := result.PartialFingerprints[fingerprintKey]; fp == "" || seen[fp] {
				t.Errorf("%s: fingerprint %q is empty or not the only one", name, fp)
			} else {
				seen[fp] = true
			}
			if uri := *result.Locations[0].PhysicalLocation.ArtifactLocation.URI; uri == "" || strings.ContainsAny(uri, " \n") {
				t.Errorf("%s: bad URI %q", name, uri)
			}
		}
	}
}

// TestSARIFValidationCanFail: the validator is no rubber stamp.
func TestSARIFValidationCanFail(t *testing.T) {
	bad := sarifReport(auditReport(), &AuditOptions{Rules: auditRules(), Now: noon})
	bad.Runs[0].Results[0].WithLevel("catastrophic")
	if bad.Validate() == nil {
		t.Error("a level that does not exist is valid")
	}
}

func TestSARIFNamesTheFiles(t *testing.T) {
	source := func(s audit.Subject) (string, int) {
		if s.Name == "a" {
			return "deploy/some widgets.yaml", 12
		}
		return "", 0
	}
	back, err := sarif.FromBytes(printed(t, SARIF, auditReport(), AuditOptions{Source: source}))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, result := range back.Runs[0].Results[:3] {
		p := result.Locations[0].PhysicalLocation
		got = append(got, *p.ArtifactLocation.URI)
	}
	want := []string{
		"cluster/customresourcedefinitions.apiextensions.k8s.io/widgets.example.com",
		"deploy/some%20widgets.yaml", // the object
		"deploy/some%20widgets.yaml", // the first that the group names
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if line := *back.Runs[0].Results[1].Locations[0].PhysicalLocation.Region.StartLine; line != 12 {
		t.Errorf("line %d, want 12", line)
	}
}

func TestJUnitCanBeReadBack(t *testing.T) {
	for name, r := range reports() {
		var all junitSuites
		if err := xml.Unmarshal(printed(t, JUnit, r, AuditOptions{FailOn: audit.Info}), &all); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var tests, failures, skipped int
		names := map[string]bool{}
		for _, s := range all.Suites {
			for _, c := range s.Cases {
				tests++
				if c.Failure != nil {
					failures++
				}
				if c.Skipped != nil {
					skipped++
				}
				if names[c.Class+"\n"+c.Name] {
					t.Errorf("%s: two cases are called %s %s", name, c.Class, c.Name)
				}
				names[c.Class+"\n"+c.Name] = true
			}
		}
		if tests != all.Tests || failures != all.Failures || skipped != all.Skipped || tests < len(auditRules()) {
			t.Errorf("%s: counted %d %d %d, said %d %d %d", name, tests, failures, skipped, all.Tests, all.Failures, all.Skipped)
		}
	}
}

func TestJUnitFailsByWhatIsGraveEnough(t *testing.T) {
	outcomes := func(failOn audit.Severity) map[string]string {
		var all junitSuites
		if err := xml.Unmarshal(printed(t, JUnit, auditReport(), AuditOptions{FailOn: failOn}), &all); err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, s := range all.Suites {
			for _, c := range s.Cases {
				switch name, _, _ := strings.Cut(c.Class, " "); {
				case c.Failure != nil:
					out[name+" "+c.Name] = "failed"
				case c.Skipped != nil:
					out[name+" "+c.Name] = "skipped"
				default:
					out[name+" "+c.Name] = "passed"
				}
			}
		}
		return out
	}
	want := map[string]string{
		"CR004 widgets.example.com":                  "failed",
		"CR004 widgets.example.com: not evaluated":   "skipped",
		"CR007 what was evaluated":                   "passed",
		"CR015 nodes.example.com":                    "failed",
		"CR015 widgets.example.com":                  "failed",
		"CRD001 widgets.example.com":                 "failed",
		"META001 the configuration":                  "failed",
		"reading gadgets.example.com: not evaluated": "skipped",
	}
	if d := cmp.Diff(want, outcomes(audit.Info)); d != "" {
		t.Errorf("all (-want +got):\n%s", d)
	}
	for _, low := range []string{"CR015 nodes.example.com", "CR015 widgets.example.com", "META001 the configuration"} {
		want[low] = "passed"
	}
	if d := cmp.Diff(want, outcomes(audit.High)); d != "" {
		t.Errorf("high (-want +got):\n%s", d)
	}
	for name, outcome := range outcomes(0) {
		if outcome == "failed" {
			t.Errorf("%s failed, and nothing was to", name)
		}
	}
}

type openReport struct {
	APIVersion, Kind string
	Metadata         struct{ Name, Namespace string }
	Source           string
	Summary          map[string]int
	Results          []struct {
		Source, Policy, Rule, Severity, Result, Message string
		Properties                                      map[string]string
		Resources                                       []map[string]string
		Timestamp                                       struct{ Seconds int64 }
	}
}

func openReports(t *testing.T, r *audit.Report, api string) []openReport {
	t.Helper()
	var all []openReport
	for _, doc := range bytes.Split(printed(t, OpenReports, r, AuditOptions{ReportsAPI: api}), []byte("---\n"))[1:] {
		var one openReport
		if err := yaml.Unmarshal(doc, &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func TestOpenReportsAreWhereTheirObjectsAre(t *testing.T) {
	for api, kinds := range map[string][2]string{
		OpenReportsAPI:  {"ClusterReport", "Report"},
		PolicyReportAPI: {"ClusterPolicyReport", "PolicyReport"},
	} {
		var got []string
		for _, r := range openReports(t, auditReport(), api) {
			got = append(got, r.APIVersion+" "+r.Kind+" "+r.Metadata.Namespace+"/"+r.Metadata.Name)
			sum := 0
			for _, n := range r.Summary {
				sum += n
			}
			if sum != len(r.Results) || len(r.Summary) != 5 {
				t.Errorf("%s: summary %v of %d results", r.Kind, r.Summary, len(r.Results))
			}
		}
		want := []string{api + " " + kinds[0] + " /crdwatch", api + " " + kinds[1] + " web/crdwatch"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", api, d)
		}
	}
}

func TestOpenReportsAreSplit(t *testing.T) {
	all := openReports(t, manyReport(), "")
	var got []string
	total := 0
	for _, r := range all {
		got = append(got, r.Metadata.Namespace+"/"+r.Metadata.Name)
		if len(r.Results) > maxResults {
			t.Errorf("%s has %d results", r.Metadata.Name, len(r.Results))
		}
		total += len(r.Results)
	}
	if d := cmp.Diff([]string{"/crdwatch", "web/crdwatch-1", "web/crdwatch-2"}, got); d != "" || total != 1001 {
		t.Errorf("%d results, -want +got:\n%s", total, d)
	}
}

// TestOpenReportsFitIntoEtcd: long messages split a report before their number does.
func TestOpenReportsFitIntoEtcd(t *testing.T) {
	r := manyReport()
	for i := range r.Findings {
		r.Findings[i].Message += strings.Repeat("x", 4096)
	}
	all := openReports(t, r, "")
	total := 0
	for _, one := range all {
		text, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 1_200_000 {
			t.Errorf("%s has %d bytes", one.Metadata.Name, len(text))
		}
		total += len(one.Results)
	}
	if total != 1001 || len(all) < 5 {
		t.Errorf("%d results in %d reports", total, len(all))
	}
}

// TestAuditIsWrittenAtOnce: a reader never sees half of a report by our doing.
func TestAuditIsWrittenAtOnce(t *testing.T) {
	for _, format := range AuditFormats() {
		w := &countedWrites{}
		if err := PrintAudit(w, format, manyReport(), AuditOptions{Now: noon}); err != nil || w.n != 1 {
			t.Errorf("%s: %d writes, %v", format, w.n, err)
		}
		if err := PrintAudit(brokenWriter{}, format, noReport(), AuditOptions{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: got %v, want the error of the writer", format, err)
		}
	}
}

type countedWrites struct{ n int }

func (c *countedWrites) Write(p []byte) (int, error) {
	c.n++
	return len(p), nil
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
