package deploy

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/report"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// series are the names that can be queried of what crdwatch serve exports, each with its
// labels and the values seen.
type series map[string]map[string]map[string]bool

// exported makes everything happen once that is counted, and scrapes.
func exported(t *testing.T) series {
	t.Helper()
	widgets := discovery.Resource{GVR: schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}}
	m := report.NewMetrics(report.Build{Version: "v1", Revision: "abc"})
	if err := m.Watch(watched{widgets}); err != nil {
		t.Fatal(err)
	}
	if err := m.Audit(audited{}); err != nil {
		t.Fatal(err)
	}
	ref := watch.ResourceRef{Group: "example.com", Version: "v1", Resource: "widgets", Kind: "Widget"}
	for _, typ := range watch.EventTypes() {
		m.Recorded(&watch.Event{Type: typ, Resource: ref})
	}
	m.WatchRestarted(widgets, "Ended")
	m.Request("LIST", http.StatusOK)
	m.Drift(widgets, 1)
	for _, decision := range []string{"allowed", "denied", "error"} {
		m.Decided(decision)
	}
	commit(t, m)

	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return parse(t, answer)
}

// commit has a Recorder keep something.
func commit(t *testing.T, m *report.Metrics) {
	t.Helper()
	r := report.NewRecorder(report.RecorderOptions{Ledger: report.NewLedger(report.LedgerOptions{}), Store: nowhere{}, Metrics: m})
	r.Record(watch.Entry{})
	r.Close()
	if err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, answer *httptest.ResponseRecorder) series {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	all := series{}
	for name, family := range families {
		labels := map[string]map[string]bool{}
		for _, metric := range family.GetMetric() {
			for _, pair := range metric.GetLabel() {
				if labels[pair.GetName()] == nil {
					labels[pair.GetName()] = map[string]bool{}
				}
				labels[pair.GetName()][pair.GetValue()] = true
			}
			if metric.GetHistogram() != nil {
				labels["le"] = map[string]bool{}
			}
		}
		if labels["le"] == nil {
			all[name] = labels
			continue
		}
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			all[name+suffix] = labels
		}
	}
	return all
}

// watched is a cluster with one resource.
type watched struct{ resource discovery.Resource }

func (w watched) Statuses() []watch.Status {
	return []watch.Status{{Resource: w.resource, State: watch.Synced, Objects: 1}}
}
func (watched) CRDs() watch.Status {
	return watch.Status{Resource: discovery.CRDs(), State: watch.Synced, Objects: 1}
}
func (watched) QueueStats() (int, int64) { return 0, 0 }
func (watched) Memory() (int64, int64)   { return 1, 2 }

// audited has a finding of each severity, and objects with conditions.
type audited struct{}

func (audited) Findings() audit.Snapshot { return audit.Snapshot{} }
func (audited) Counts() map[audit.Class]int {
	counts := map[audit.Class]int{}
	for s := audit.Info; s <= audit.Critical; s++ {
		counts[audit.Class{Rule: "CR001", Severity: s}] = 1
	}
	return counts
}
func (audited) Conditions() []audit.Conditions {
	return []audit.Conditions{{Resource: schema.GroupResource{Group: "example.com", Resource: "widgets"}, Objects: map[audit.Condition]int{
		{Type: "Ready", Status: "True"}: 1, {Type: "Ready", Status: "False"}: 1, {Type: "Ready", Status: "Unknown"}: 1,
	}}}
}

// nowhere keeps nothing.
type nowhere struct{}

func (nowhere) Commit(context.Context, store.Batch) error { return nil }
