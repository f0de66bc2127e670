package auditing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/lookup"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/audit/scan"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/defects"
)

// scanned audits a cluster as if it were a later time there. With plurals, only those
// are audited.
func scanned(ctx context.Context, t *testing.T, c *controlplane.ControlPlane, later time.Duration, plurals ...string) *audit.Report {
	t.Helper()
	clients, err := watch.NewClients(c.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	exempter, err := audit.NewExemptions(nil, audit.ExemptionOptions{Rules: rules.All()})
	if err != nil {
		t.Fatal(err)
	}
	chosen := func(r discovery.Resource) (watch.Scope, bool) {
		return watch.Scope{}, len(plurals) == 0 || slices.Contains(plurals, r.GVR.Resource)
	}
	report, err := scan.Run(ctx, scan.Options{
		Evaluator: audit.Evaluator{Rules: rules.All(), Exempter: exempter}, Now: time.Now().Add(later),
		Resolve: func(discovery.Set) (watch.Selector, error) { return chosen, nil },
		Clients: clients, Answers: lookup.New(clients, lookup.Options{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// finds reports whether a report has the finding of a defect.
func finds(r *audit.Report, d defects.Defect) bool {
	return slices.ContainsFunc(r.Findings, func(f audit.Finding) bool {
		return f.Rule == d.Rule && f.Subject.ResourceName() == d.Resource &&
			(f.Subject.Object() == d.Object || slices.Contains(f.Samples, d.Object))
	})
}

// TestEveryRuleHasADefect: no rule is believed without having been held against an API
// server.
func TestEveryRuleHasADefect(t *testing.T) {
	planted := map[string]bool{}
	for _, d := range slices.Concat(defects.All(), defects.Large(), defects.Live()) {
		planted[d.Rule] = true
	}
	for _, r := range rules.All() {
		if !planted[r.ID] {
			t.Errorf("%s (%s) has no defect in package defects", r.ID, r.Name)
		}
		delete(planted, r.ID)
	}
	for id := range planted {
		t.Errorf("there is no rule %s", id)
	}
}

// TestDefectsAreFound: what is wrong is found, and not before it is time.
func TestDefectsAreFound(t *testing.T) {
	all := defects.All()
	if err := defects.Plant(t.Context(), shared, all...); err != nil {
		t.Fatal(err)
	}
	var clocks []time.Duration
	for _, d := range all {
		clocks = append(clocks, d.After)
	}
	slices.Sort(clocks)
	for _, clock := range slices.Compact(clocks) {
		const slack = time.Minute // to plant them took a while
		report := scanned(t.Context(), t, shared, clock+slack)
		for _, d := range all {
			found, due := finds(report, d), d.After <= clock
			switch {
			case due && !found:
				t.Errorf("after %s: %s is not found in %s %s (%s)", clock, d.Rule, d.Resource, d.Object, d.Story)
			case d.After > clock+2*slack && found:
				t.Errorf("after %s: %s is found in %s %s already", clock, d.Rule, d.Resource, d.Object)
			}
		}
		if t.Failed() {
			t.Logf("after %s:\n%s", clock, text(report))
		}
		want := []string{"jobqueues." + defects.Group, "lamps." + defects.Group, "ledgers." + defects.Group}
		if d := gocmp.Diff(want, unread(report)); d != "" {
			t.Errorf("not evaluated (-want +got):\n%s\n%v", d, report.NotEvaluated)
		}
	}
}

// TestTooManyObjects comes with thousands of objects, and takes them away again: other
// tests read everything.
func TestTooManyObjects(t *testing.T) {
	for _, d := range defects.Large() {
		plural, _, _ := strings.Cut(d.Object, ".")
		if err := defects.Plant(t.Context(), shared, d); err != nil {
			t.Fatal(err)
		}
		report := scanned(t.Context(), t, shared, 0, plural)
		if !finds(report, d) {
			t.Errorf("%s is not found in %s (%s):\n%s", d.Rule, d.Object, d.Story, text(report))
		}
		if err := definitions(t).Delete(t.Context(), d.Object, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// definitions are the CRDs of the cluster.
func definitions(t *testing.T) dynamic.ResourceInterface {
	t.Helper()
	client, err := dynamic.NewForConfig(shared.Config())
	if err != nil {
		t.Fatal(err)
	}
	return client.Resource(discovery.CRDs().GVR)
}

// unread are the resources of which nothing could be judged.
func unread(r *audit.Report) []string {
	var names []string
	for _, u := range r.NotEvaluated {
		names = append(names, u.Resource)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func text(r *audit.Report) string {
	var out string
	for _, f := range r.Findings {
		out += fmt.Sprintf("%s %s %s %s %s: %s\n", f.Severity, f.Rule, f.Subject.ResourceName(), f.Subject.Object(), f.Path, f.Message)
	}
	return out
}
