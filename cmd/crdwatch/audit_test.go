package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/apitest"
)

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
`

// stuck is a Widget that CR004 finds something in.
func stuck(name string) string {
	return fmt.Sprintf(`---
apiVersion: example.com/v1
kind: Widget
metadata: {name: %s, namespace: web, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: [example.com/x]}
`, name)
}

const gizmo = "---\n{apiVersion: other.example.com/v1, kind: Gizmo, metadata: {name: x}}\n"

// audited runs crdwatch audit with a text at its standard input.
func audited(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append([]string{"audit"}, args...), strings.NewReader(stdin), &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

func reportOf(t *testing.T, out string) audit.Report {
	t.Helper()
	var r audit.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	return r
}

func TestAuditExitCodes(t *testing.T) {
	clean, findings := widgetCRD, widgetCRD+stuck("a")
	for name, test := range map[string]struct {
		stdin, args string
		code        int
	}{
		"clean":                       {clean, "", exitDone},
		"findings":                    {findings, "", exitFindings},
		"at the threshold":            {findings, "--fail-on high", exitFindings},
		"below the threshold":         {findings, "--fail-on critical", exitDone},
		"never":                       {findings, "--fail-on none", exitDone},
		"incomplete":                  {clean + gizmo, "", exitIncomplete},
		"incomplete, with findings":   {findings + gizmo, "", exitIncomplete},
		"incomplete, never":           {findings + gizmo, "--fail-on none", exitIncomplete},
		"partial":                     {clean + gizmo, "--allow-partial", exitDone},
		"partial, with findings":      {findings + gizmo, "--allow-partial", exitFindings},
		"another group":               {findings, "--group *.other.example.com", exitDone},
		"another namespace":           {findings, "-n db", exitDone},
		"its namespace":               {findings, "-n web", exitFindings},
		"its type":                    {findings, "widget", exitFindings},
		"the rule skipped":            {findings, "--skip-rules cr004", exitDone},
		"the rule by its name":        {findings, "--skip-rules stuck-deleting", exitDone},
		"no manifest":                 {"hello", "", exitUsage},
		"a type that is not in files": {findings, "gadgets", exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-f", "-", "-o", "json", "--rules", "CR004"}, strings.Fields(test.args)...)
			if got := audited(t, test.stdin, args...); got.code != test.code {
				t.Errorf("exit code %d, want %d; %s%s", got.code, test.code, got.out, got.errors)
			}
		})
	}
}

func TestAuditRefuses(t *testing.T) {
	dir := t.TempDir()
	nothing := filepath.Join(dir, "nothing.yaml")
	if err := os.WriteFile(nothing, []byte("# nothing\n---\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ args, want string }{
		"unknown rule":         {"--rules CR04", `--rules: there is no rule "CR04"; the nearest are: CR00`},
		"unknown rule skipped": {"--skip-rules stuck-deletion", `--skip-rules: there is no rule "stuck-deletion"; the nearest are: CR004 (stuck-deleting)`},
		"rule to explain":      {"--explain X", "--explain: there is no rule"},
		"format":               {"-o xml", `--output: unknown format "xml", want one of: table`},
		"format of rules":      {"--list-rules -o sarif", `--output: unknown format "sarif", want one of: table, json`},
		"severity":             {"--fail-on bad", `--fail-on: unknown severity "bad", want one of: info, low, medium, high, critical, none`},
		"reports API":          {"--reports-api x", `--reports-api: unknown API "x"`},
		"one object":           {"widgets/a", "audit takes TYPE, not TYPE/NAME"},
		"against a cluster":    {"--against x.yaml", "--against compares manifests: name the new ones with -f"},
		"one standard input":   {"-f - --against -", "there is one standard input"},
		"no config":            {"-f - --config " + dir + "/none", "--config: open"},
		"no baseline":          {"-f - --baseline " + dir + "/none", "--baseline: open"},
		"no file":              {"-f " + dir + "/none", "reading manifests: "},
		"the CRDs themselves":  {"-f - crd", "a CRD is audited together with its objects"},
		"a type of no CRD":     {"-f - gadgets", `the files have no CRD of a type "gadgets"; the nearest are: widgets.example.com` + "\n"},
		"an empty file":        {"-f " + nothing, "reading manifests: there is none in " + nothing},
		"nothing to compare":   {"-f - --against " + nothing, "--against: there is no CRD in " + nothing},
	} {
		t.Run(name, func(t *testing.T) {
			got := audited(t, widgetCRD, strings.Fields(test.args)...)
			if got.code != exitUsage || !strings.Contains(got.errors, test.want) || got.out != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q, want %q", got.code, got.out, got.errors, test.want)
			}
		})
	}
}

// TestAuditBaseline: what was accepted is no failure, what is new is.
func TestAuditBaseline(t *testing.T) {
	file := filepath.Join(t.TempDir(), "baseline.json")
	args := []string{"-f", "-", "-o", "json", "--rules", "CR004"}
	got := audited(t, widgetCRD+stuck("a"), append(args, "--write-baseline", file)...)
	if got.code != exitFindings || got.errors != "audited 1 resource, 1 object\nwrote 1 finding to "+file+"\n" {
		t.Fatalf("exit code %d, stderr %q", got.code, got.errors)
	}
	args = append(args, "--baseline", file)
	got = audited(t, widgetCRD+stuck("a"), args...)
	if r := reportOf(t, got.out); got.code != exitDone || len(r.Findings) != 0 || r.Suppressed != 1 {
		t.Errorf("exit code %d, %+v", got.code, r)
	}
	got = audited(t, widgetCRD+stuck("a")+stuck("b"), args...)
	if r := reportOf(t, got.out); got.code != exitFindings || len(r.Findings) != 1 || r.Findings[0].Subject.Name != "b" {
		t.Errorf("exit code %d, %+v", got.code, r)
	}
}

func TestAuditExemptions(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	text := "ignore:\n- {rule: CR004, name: b, reason: known}\n- {rule: CR004, name: c, reason: known, expires: 2026-01-01}\nseverity: {CR004: low, META001: info}\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	annotated := strings.Replace(stuck("a"), "{name: a,", `{name: a, annotations: {ignore.crdwatch.io/CR004: "known"},`, 1)
	objects := widgetCRD + annotated + stuck("b") + stuck("c")
	for name, test := range map[string]struct {
		args string
		// want are the rules found, with their severities.
		want       string
		suppressed int
	}{
		"annotation":           {"", "CR004 high ×2", 1},
		"refused":              {"--no-annotations", "CR004 high ×3", 0},
		"config":               {"--config " + config, "CR004 low ×1, META001 info ×1", 2},
		"one rule of a config": {"--rules CR004 --config " + config, "CR004 low ×1", 2},
	} {
		t.Run(name, func(t *testing.T) {
			args := "-f - -o json --fail-on none --rules CR004,META001 "
			if strings.Contains(test.args, "--rules") {
				args = "-f - -o json --fail-on none "
			}
			got := audited(t, objects, strings.Fields(args+test.args)...)
			r := reportOf(t, got.out)
			var found []string
			for _, f := range r.Findings {
				found = append(found, fmt.Sprintf("%s %s ×%d", f.Rule, f.Severity, f.Count))
			}
			if strings.Join(found, ", ") != test.want || r.Suppressed != test.suppressed || got.code != exitDone {
				t.Errorf("exit code %d, %q and %d suppressed; %s", got.code, found, r.Suppressed, got.errors)
			}
		})
	}
}

func TestAuditPrintsRules(t *testing.T) {
	got := audited(t, "", "--list-rules")
	if got.code != exitDone || !strings.Contains(got.out, "CR004") || !strings.Contains(got.out, "META001") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.errors)
	}
	got = audited(t, "", "--explain", "cr004")
	if got.code != exitDone || !strings.Contains(got.out, "stuck-deleting") || !strings.Contains(got.out, "Why it hurts") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.errors)
	}
}

// crdOf is a CRD in a cluster.
func crdOf(plural, kind string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"name": plural + ".example.com", "uid": "uid-" + plural},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced", "names": map[string]any{"plural": plural, "kind": kind},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true}},
		},
		"status": map[string]any{"conditions": []any{map[string]any{"type": "Established", "status": "True"}}},
	}
}

func auditedCluster() *apitest.Server {
	return &apitest.Server{Types: []apitest.Type{
		{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions", Kind: "CustomResourceDefinition",
			Objects: []map[string]any{crdOf("gadgets", "Gadget"), crdOf("widgets", "Widget")}},
		{Group: "example.com", Version: "v1", Resource: "gadgets", Kind: "Gadget", Namespaced: true},
		{Group: "example.com", Version: "v1", Resource: "widgets", Kind: "Widget", Namespaced: true, Objects: []map[string]any{{
			"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{
				"name": "a", "namespace": "web", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": []any{"example.com/x"},
			},
		}}},
	}}
}

func TestAuditCluster(t *testing.T) {
	forbidden := func(r *http.Request) *metav1.Status {
		if strings.HasSuffix(r.URL.Path, "/gadgets") {
			return apitest.Status(http.StatusForbidden, metav1.StatusReasonForbidden, `User "eve" cannot list resource "gadgets"`)
		}
		return nil
	}
	for name, test := range map[string]struct {
		args      string
		intercept func(*http.Request) *metav1.Status
		code      int
		want      string
	}{
		"everything":    {"", nil, exitFindings, "CR004 widgets.example.com/web/a"},
		"one type":      {"gadgets", nil, exitDone, ""},
		"no such group": {"--group *.none", nil, exitDone, ""},
		"one forbidden": {"", forbidden, exitIncomplete, `CR004 widgets.example.com/web/a, gadgets.example.com Forbidden: User "eve" cannot list resource "gadgets"`},
		"not asked for": {"widgets", forbidden, exitFindings, "CR004 widgets.example.com/web/a"},
	} {
		t.Run(name, func(t *testing.T) {
			s := auditedCluster()
			s.Intercept = test.intercept
			args := append([]string{"-o", "json", "--rules", "CR004", "--server", s.Config(t).Host}, strings.Fields(test.args)...)
			got := audited(t, "", args...)
			r := reportOf(t, got.out)
			var found []string
			for _, f := range r.Findings {
				found = append(found, f.Rule+" "+f.Subject.ResourceName()+"/"+f.Subject.Object())
			}
			for _, u := range r.NotEvaluated {
				found = append(found, u.Resource+" "+u.Reason+": "+u.Message)
			}
			if strings.Join(found, ", ") != test.want || got.code != test.code {
				t.Errorf("exit code %d, want %d: %q; %s", got.code, test.code, found, got.errors)
			}
		})
	}
	empty := auditedCluster()
	empty.Types[0].Objects = nil
	if got := audited(t, "", "gizmos", "--server", empty.Config(t).Host); got.code != exitUsage || !strings.Contains(got.errors, `has no custom resource type "gizmos", nor any other`) {
		t.Errorf("exit code %d, %s", got.code, got.errors)
	}
	if got := audited(t, "", "gizmos", "--server", auditedCluster().Config(t).Host); got.code != exitUsage || !strings.Contains(got.errors, `no custom resource type "gizmos"; the nearest are: `) {
		t.Errorf("exit code %d, %s", got.code, got.errors)
	}
}

// TestAuditInterrupted: what was cut off does not look clean.
func TestAuditInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := auditedCluster()
	s.Intercept = func(r *http.Request) *metav1.Status {
		if strings.HasSuffix(r.URL.Path, "/widgets") {
			cancel()
		}
		return nil
	}
	var stdout, stderr bytes.Buffer
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	code := run(ctx, []string{"audit", "--server", s.Config(t).Host}, strings.NewReader(""), &stdout, &stderr)
	if code != exitIncomplete || stdout.Len() > 0 || !strings.Contains(stderr.String(), "interrupted before everything was audited") {
		t.Errorf("exit code %d, %q, %q", code, stdout.String(), stderr.String())
	}
}

// TestAuditThresholds: the example in docs/AUDIT.md is read, and counts.
func TestAuditThresholds(t *testing.T) {
	text, err := os.ReadFile("../../docs/AUDIT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Thresholds\n")
	_, section, _ = strings.Cut(section, "```yaml\n")
	example, _, ok := strings.Cut(section, "```\n")
	if !ok {
		t.Fatal("there is no example")
	}
	deleted := time.Now().Add(-30 * time.Minute).UTC().Format(time.RFC3339)
	object := strings.Replace(stuck("a"), "2026-01-01T00:00:00Z", deleted, 1)
	for name, test := range map[string]struct {
		config string
		code   int
	}{
		"of the example": {example, exitDone},
		"default":        {"severity: {CR004: high}", exitFindings},
		"a mistake":      {strings.Replace(example, "after: 1h ", "after: 1x ", 1), exitUsage},
	} {
		t.Run(name, func(t *testing.T) {
			config := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(config, []byte(test.config), 0o644); err != nil {
				t.Fatal(err)
			}
			got := audited(t, widgetCRD+object, "-f", "-", "--rules", "CR004", "--config", config)
			if got.code != test.code {
				t.Errorf("exit code %d, want %d; %s%s", got.code, test.code, got.out, got.errors)
			}
			if want := `config.yaml:3: rules.CR004.after: "1x" is no duration`; test.code == exitUsage && !strings.Contains(got.errors, want) {
				t.Errorf("stderr %q, want %q", got.errors, want)
			}
		})
	}
}
