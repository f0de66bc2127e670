package report

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// watched is a fixed state of the monitors.
type watched []watch.Status

func (w watched) Statuses() []watch.Status { return w }
func (w watched) QueueStats() (int, int64) { return 7, 4096 }
func (w watched) Memory() (int64, int64)   { return 300 << 20, 512 << 20 }

// CRDs may not be read any more.
func (w watched) CRDs() watch.Status {
	return watch.Status{Resource: discovery.CRDs(), State: watch.Forbidden, Objects: 3, RecordBytes: 250}
}

// busyMetrics has a value in every metric.
func busyMetrics(t *testing.T, statuses []watch.Status) *Metrics {
	t.Helper()
	m := NewMetrics(Build{Version: "v1.2.3", Revision: "abc"})
	if err := m.Watch(watched(statuses)); err != nil {
		t.Fatal(err)
	}
	ev, g := modified("tls-main", 1), gap()
	m.Recorded(&ev)
	m.Recorded(&g)
	m.WatchRestarted(statuses[0].Resource, "Expired")
	m.Request("LIST", 200)
	m.Request("WATCH", 0)
	m.EventDelay(3 * time.Millisecond)
	m.committed(noon, 3*time.Millisecond)
	return m
}

func families(t *testing.T, m *Metrics) map[string]*dto.MetricFamily {
	t.Helper()
	gathered, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range gathered {
		out[f.GetName()] = f
	}
	return out
}

func TestMetricsAreWhatTheyPromise(t *testing.T) {
	statuses := cluster()
	statuses[0].MetadataOnly = true
	m := busyMetrics(t, statuses)
	names := []string{}
	for line := range strings.Lines(wantMetrics) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			names = append(names, strings.Fields(name)[0])
		}
	}
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(wantMetrics), names...); err != nil {
		t.Error(err)
	}
}

const wantMetrics = `
# HELP crdwatch_api_requests_total Requests to the Kubernetes API server.
# TYPE crdwatch_api_requests_total counter
crdwatch_api_requests_total{code="200",verb="LIST"} 1
crdwatch_api_requests_total{code="error",verb="WATCH"} 1
# HELP crdwatch_events_total Changes of custom resources that were recorded.
# TYPE crdwatch_events_total counter
crdwatch_events_total{group="cert-manager.io",resource="certificates",type="GAP"} 1
crdwatch_events_total{group="cert-manager.io",resource="certificates",type="MODIFIED"} 1
# HELP crdwatch_gaps_total Windows in which changes of a resource were missed for good.
# TYPE crdwatch_gaps_total counter
crdwatch_gaps_total{group="cert-manager.io",resource="certificates"} 1
# HELP crdwatch_memory_budget_bytes Memory to get along with.
# TYPE crdwatch_memory_budget_bytes gauge
crdwatch_memory_budget_bytes 5.36870912e+08
# HELP crdwatch_memory_used_bytes Memory in use that counts against the budget, without garbage.
# TYPE crdwatch_memory_used_bytes gauge
crdwatch_memory_used_bytes 3.145728e+08
# HELP crdwatch_metadata_only_resources Custom resources of whose objects only the metadata is kept, because memory is short.
# TYPE crdwatch_metadata_only_resources gauge
crdwatch_metadata_only_resources 1
# HELP crdwatch_objects Objects known.
# TYPE crdwatch_objects gauge
crdwatch_objects{group="apiextensions.k8s.io",resource="customresourcedefinitions"} 3
crdwatch_objects{group="cert-manager.io",resource="certificates"} 12
crdwatch_objects{group="example.com",resource="gadgets"} 0
crdwatch_objects{group="example.com",resource="widgets"} 3
# HELP crdwatch_queue_bytes Memory taken by the changes that wait to be compared or committed.
# TYPE crdwatch_queue_bytes gauge
crdwatch_queue_bytes 4096
# HELP crdwatch_queue_depth Changes that wait to be compared or committed.
# TYPE crdwatch_queue_depth gauge
crdwatch_queue_depth 7
# HELP crdwatch_record_bytes Memory taken by the compact records of the objects.
# TYPE crdwatch_record_bytes gauge
crdwatch_record_bytes 1750
# HELP crdwatch_resources Resources by the state of their watch: the custom resources, and the CRDs themselves.
# TYPE crdwatch_resources gauge
crdwatch_resources{state="Broken"} 1
crdwatch_resources{state="Forbidden"} 1
crdwatch_resources{state="Gone"} 0
crdwatch_resources{state="NotServed"} 1
crdwatch_resources{state="Pending"} 0
crdwatch_resources{state="Stale"} 0
crdwatch_resources{state="Synced"} 1
crdwatch_resources{state="Syncing"} 0
# HELP crdwatch_sse_clients Clients of the live stream.
# TYPE crdwatch_sse_clients gauge
crdwatch_sse_clients 0
# HELP crdwatch_watch_restarts_total Watches that ended and were started again.
# TYPE crdwatch_watch_restarts_total counter
crdwatch_watch_restarts_total{group="example.com",reason="Expired",resource="widgets"} 1
`

func TestPromlintFindsNothing(t *testing.T) {
	problems, err := testutil.GatherAndLint(busyMetrics(t, cluster()).registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestMetricsAreServedInBothFormats(t *testing.T) {
	h := busyMetrics(t, cluster()).Handler()
	for accept, want := range map[string]string{
		"":                             "text/plain",
		"application/openmetrics-text": "application/openmetrics-text",
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("Accept %q: %s", accept, got)
		}
		for _, name := range []string{"crdwatch_build_info{", "crdwatch_event_delay_seconds_bucket{", "go_goroutines", "process_start_time_seconds"} {
			if !strings.Contains(w.Body.String(), name) {
				t.Errorf("Accept %q: no %s", accept, name)
			}
		}
	}
}

func TestResourceLabelsAreCapped(t *testing.T) {
	var statuses []watch.Status
	for i := range maxResourceLabels + 20 {
		statuses = append(statuses, status(fmt.Sprintf("r%04d", i), "example.com", "R", watch.Synced, 1))
	}
	// A CRD's second life shares its labels with the first.
	statuses = append(statuses, statuses[0])
	m := NewMetrics(Build{})
	c := newCollector(watched(statuses), m.resources)
	objects := c.sum(statuses).objects
	if got := len(objects); got != maxResourceLabels+1 {
		t.Errorf("%d series", got)
	}
	want := []int{2, 1, 20}
	got := []int{objects[[2]string{"example.com", "r0000"}], objects[[2]string{"example.com", "r0499"}], objects[[2]string{other, other}]}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestCRDsHaveLabelsOfTheirOwn, however many resources there are.
func TestCRDsHaveLabelsOfTheirOwn(t *testing.T) {
	var statuses []watch.Status
	for i := range maxResourceLabels {
		statuses = append(statuses, status(fmt.Sprintf("r%04d", i), "example.com", "R", watch.Synced, 1))
	}
	m := NewMetrics(Build{})
	if err := m.Watch(watched(statuses)); err != nil {
		t.Fatal(err)
	}
	objects := map[string]float64{}
	for _, metric := range families(t, m)["crdwatch_objects"].GetMetric() {
		objects[metric.GetLabel()[1].GetValue()] = metric.GetGauge().GetValue()
	}
	if len(objects) != maxResourceLabels+1 || objects["customresourcedefinitions"] != 3 || objects[other] != 1 {
		t.Errorf("%d series, %v of the CRDs, %v of others", len(objects), objects["customresourcedefinitions"], objects[other])
	}
}

func TestTokenKeepsErrorTextsOutOfLabels(t *testing.T) {
	for in, want := range map[string]string{
		"Expired":                       "Expired",
		"LIST":                          "LIST",
		"":                              other,
		"dial tcp 10.0.0.1: refused":    other,
		strings.Repeat("x", maxToken+1): other,
		"web/tls-main":                  other,
	} {
		if got := token(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func BenchmarkMetricsRecorded(b *testing.B) {
	m := NewMetrics(Build{})
	ev := modified("tls-main", 1)
	b.ReportAllocs()
	for b.Loop() {
		m.Recorded(&ev)
	}
}

// The monitors feed the metrics through an interface of their own; this is its shape.
var _ interface {
	WatchRestarted(discovery.Resource, string)
	Request(string, int)
	EventDelay(time.Duration)
} = (*Metrics)(nil)
