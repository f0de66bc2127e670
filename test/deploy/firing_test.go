package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"sigs.k8s.io/yaml"
)

// unitTests are a file for "promtool test rules", as far as ours uses the format.
type unitTests struct {
	RuleFiles          []string       `json:"rule_files"`
	EvaluationInterval model.Duration `json:"evaluation_interval"`
	Tests              []unitTest     `json:"tests"`
}

type unitTest struct {
	Name        string         `json:"name"`
	Interval    model.Duration `json:"interval"`
	InputSeries []struct {
		Series string `json:"series"`
		Values string `json:"values"`
	} `json:"input_series"`
	AlertRuleTests []expectation `json:"alert_rule_test"`
}

// expectation is what an alert says at a time; that it does not fire where nothing is
// expected.
type expectation struct {
	EvalTime  model.Duration `json:"eval_time"`
	Alertname string         `json:"alertname"`
	ExpAlerts []said         `json:"exp_alerts"`
}

type said struct {
	Labels      map[string]string `json:"exp_labels"`
	Annotations map[string]string `json:"exp_annotations"`
}

func readUnitTests(t *testing.T) unitTests {
	t.Helper()
	data, err := os.ReadFile("testdata/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file unitTests
	if err := yaml.UnmarshalStrict(data, &file); err != nil {
		t.Fatal(err)
	}
	for i, path := range file.RuleFiles {
		file.RuleFiles[i] = filepath.Join("testdata", path)
	}
	return file
}

// TestAlertsFire runs Prometheus' own rules over made-up series, as promtool does.
func TestAlertsFire(t *testing.T) {
	file := readUnitTests(t)
	for _, test := range file.Tests {
		t.Run(test.Name, func(t *testing.T) { test.run(t, file) })
	}
}

// TestEveryAlertIsTested: what it takes to fire, and that it does not always.
func TestEveryAlertIsTested(t *testing.T) {
	fires, rests := map[string]bool{}, map[string]bool{}
	for _, test := range readUnitTests(t).Tests {
		for _, e := range test.AlertRuleTests {
			if len(e.ExpAlerts) > 0 {
				fires[e.Alertname] = true
			} else {
				rests[e.Alertname] = true
			}
		}
	}
	for _, r := range readRules(t) {
		if !fires[r.Alert] || !rests[r.Alert] {
			t.Errorf("%s: seen to fire %t, and not to %t", r.Alert, fires[r.Alert], rests[r.Alert])
		}
	}
}

func (u *unitTest) run(t *testing.T, file unitTests) {
	var load strings.Builder
	fmt.Fprintf(&load, "load %s\n", u.Interval)
	for _, s := range u.InputSeries {
		fmt.Fprintf(&load, "  %s %s\n", s.Series, s.Values)
	}
	samples, err := promqltest.NewLazyLoader(load.String(), promqltest.LazyLoaderOpts{EnableAtModifier: true, EnableNegativeOffset: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := samples.Close(); err != nil {
			t.Error(err)
		}
	}()
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:  rules.EngineQueryFunc(samples.QueryEngine(), samples.Storage()),
		Appendable: samples.Storage(), Context: t.Context(), Logger: promslog.NewNopLogger(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
	})
	groups, errs := manager.LoadGroups(time.Duration(file.EvaluationInterval), labels.EmptyLabels(), "", nil, false, file.RuleFiles...)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	last := slices.MaxFunc(u.AlertRuleTests, func(a, b expectation) int { return int(a.EvalTime - b.EvalTime) })
	for at := model.Duration(0); at <= last.EvalTime; at += file.EvaluationInterval {
		now := time.Unix(0, 0).UTC().Add(time.Duration(at))
		samples.WithSamplesTill(now, func(err error) {
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range groups {
				g.Eval(samples.Context(), now)
			}
		})
		u.require(t, at, groups)
	}
}

// require holds what fires against what is expected at a time.
func (u *unitTest) require(t *testing.T, at model.Duration, groups map[string]*rules.Group) {
	t.Helper()
	firing := map[string][]said{}
	for _, g := range groups {
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				t.Fatalf("%s at %s: %v", r.Name(), at, err)
			}
			for _, a := range r.(*rules.AlertingRule).ActiveAlerts() {
				if a.State == rules.StateFiring {
					firing[r.Name()] = append(firing[r.Name()], said{Labels: withoutName(a.Labels), Annotations: a.Annotations.Map()})
				}
			}
		}
	}
	for _, e := range u.AlertRuleTests {
		if e.EvalTime != at {
			continue
		}
		for _, list := range [][]said{e.ExpAlerts, firing[e.Alertname]} {
			slices.SortFunc(list, func(a, b said) int { return strings.Compare(fmt.Sprint(a.Labels), fmt.Sprint(b.Labels)) })
		}
		if diff := cmp.Diff(e.ExpAlerts, firing[e.Alertname]); diff != "" {
			t.Errorf("%s at %s: -want +got:\n%s", e.Alertname, at, diff)
		}
	}
}

// withoutName are the labels of an alert but its name, which the format leaves out.
func withoutName(l labels.Labels) map[string]string {
	m := l.Map()
	delete(m, labels.AlertName)
	return m
}
