package deploy

import (
	"encoding/json"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/crdwatch/crdwatch/test/deploy/chart"
)

const alertsFile = chartDir + "/files/alerts.yaml"

// readRules checks the rules as "promtool check rules" does, templates included.
func readRules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(alertsFile, false, model.UTF8Validation)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	var all []rulefmt.Rule
	seen := map[string]bool{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			if r.Alert == "" || seen[r.Alert] {
				t.Errorf("%q is no alert, or is there twice", r.Alert)
			}
			seen[r.Alert] = true
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		t.Fatal("there are no rules")
	}
	return all
}

func TestAlertsNameWhatIsExported(t *testing.T) {
	known := exported(t)
	for _, r := range readRules(t) {
		t.Run(r.Alert, func(t *testing.T) {
			requireExported(t, known, r.Expr)
		})
	}
}

// TestAlertsAreExplained: whoever is woken finds what to do.
func TestAlertsAreExplained(t *testing.T) {
	data, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	const page = "https://github.com/crdwatch/crdwatch/blob/main/docs/OPERATIONS.md#"
	var documented []string
	for _, heading := range regexp.MustCompile(`(?m)^### (Crdwatch\w+)$`).FindAllStringSubmatch(string(data), -1) {
		documented = append(documented, heading[1])
	}
	var alerts []string
	for _, r := range readRules(t) {
		alerts = append(alerts, r.Alert)
		if want := page + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if !slices.Contains([]string{"warning", "critical"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		for _, key := range []string{"summary", "description"} {
			if r.Annotations[key] == "" {
				t.Errorf("%s has no %s", r.Alert, key)
			}
		}
		requireLabels(t, r)
	}
	if diff := cmp.Diff(alerts, documented); diff != "" {
		t.Errorf("alerts and their sections in docs/OPERATIONS.md: -alerts +sections:\n%s", diff)
	}
}

// requireLabels wants the labels that texts quote to be left by the expression.
func requireLabels(t *testing.T, r rulefmt.Rule) {
	t.Helper()
	quoted := regexp.MustCompile(`\$labels\.(\w+)`)
	for _, text := range r.Annotations {
		for _, label := range quoted.FindAllStringSubmatch(text, -1) {
			aggregated := strings.Contains(r.Expr, " by (")
			if aggregated && !regexp.MustCompile(`by \([^)]*\b`+label[1]+`\b`).MatchString(r.Expr) {
				t.Errorf("%s quotes the label %s, which its expression drops", r.Alert, label[1])
			}
		}
	}
}

// TestPrometheusRuleIsTheFile: the operator gets what a plain Prometheus gets.
func TestPrometheusRuleIsTheFile(t *testing.T) {
	data, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := yaml.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	got := find(t, render(t, variants(t)["everything"]), "PrometheusRule")
	if diff := cmp.Diff(want, got.Object["spec"]); diff != "" {
		t.Errorf("-file +PrometheusRule:\n%s", diff)
	}
}

// find returns the only object of a kind.
func find(t *testing.T, manifests []chart.Manifest, kind string) unstructured.Unstructured {
	t.Helper()
	for _, m := range manifests {
		var obj unstructured.Unstructured
		if err := yaml.Unmarshal(m.YAML, &obj.Object); err != nil {
			t.Fatal(err)
		}
		if obj.GetKind() == kind {
			return obj
		}
	}
	t.Fatalf("there is no %s", kind)
	return unstructured.Unstructured{}
}

// requireExported parses an expression, and wants its series and their labels to exist.
func requireExported(t *testing.T, known series, text string) {
	t.Helper()
	expr, err := parser.ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	found := 0
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		found++
		if known[s.Name] == nil {
			t.Errorf("%s: crdwatch exports no %s", text, s.Name)
			return nil
		}
		for _, m := range s.LabelMatchers {
			requireLabel(t, known[s.Name], s.Name, m)
		}
		return nil
	})
	if found == 0 {
		t.Errorf("%s: names no series", text)
	}
}

// requireLabel wants a matcher to be about a label that there is, and to match a value of
// it. Prometheus itself adds job and instance.
func requireLabel(t *testing.T, known map[string]map[string]bool, series string, m *labels.Matcher) {
	t.Helper()
	if slices.Contains([]string{model.MetricNameLabel, "job", "instance"}, m.Name) {
		return
	}
	values, ok := known[m.Name]
	if !ok {
		t.Errorf("%s has no label %s", series, m.Name)
		return
	}
	for value := range values {
		if m.Matches(value) {
			return
		}
	}
	t.Errorf("%s: %s matches none of the values that there are: %v", series, m, values)
}

func TestDashboardNamesWhatIsExported(t *testing.T) {
	data, err := os.ReadFile(chartDir + "/files/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		UID    string
		Panels []struct {
			ID      int
			Title   string
			Type    string
			Targets []struct{ Expr string }
			GridPos struct{ X, Y, W, H int }
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	known := exported(t)
	variables := strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*")
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] {
			t.Errorf("there are two panels %d", p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%s shows nothing", p.Title)
		}
		for _, target := range p.Targets {
			requireExported(t, known, variables.Replace(target.Expr))
		}
	}
	requireShown(t, known, string(data))
}

// requireShown wants every metric of our own to be on the dashboard.
func requireShown(t *testing.T, known series, dashboard string) {
	t.Helper()
	for name := range known {
		name = regexp.MustCompile(`_(sum|count)$`).ReplaceAllString(name, "_bucket")
		if strings.HasPrefix(name, "crdwatch_") && !strings.Contains(dashboard, name) {
			t.Errorf("no panel shows %s", name)
		}
	}
}
