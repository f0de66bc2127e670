package auditing

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/lookup"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/audit/scan"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/defects"
)

// scanned audits a cluster as if it were a later time there.
func scanned(ctx context.Context, t *testing.T, c *controlplane.ControlPlane, later time.Duration) *audit.Report {
	t.Helper()
	clients, err := watch.NewClients(c.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	report, err := scan.Run(ctx, scan.Options{
		Evaluator: audit.Evaluator{Rules: rules.All()}, Now: time.Now().Add(later),
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
