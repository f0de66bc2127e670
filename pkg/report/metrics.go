package report

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

const namespace = "crdwatch"

// Build is what build_info says of the binary.
type Build struct {
	Version, Revision string
}

// Metrics counts what happens, and reads what is (see Watch) when it is scraped. It
// has a registry of its own. Its methods are safe for concurrent use and cheap.
type Metrics struct {
	registry   *prometheus.Registry
	resources  *labelCap
	events     *prometheus.CounterVec
	gaps       *prometheus.CounterVec
	restarts   *prometheus.CounterVec
	requests   *prometheus.CounterVec
	delay      prometheus.Histogram
	sseClients prometheus.Gauge
	drift      prometheus.Counter
	decisions  *prometheus.CounterVec
	// These two are vectors without labels: they show nothing before the first
	// commit, and a process without a history never says that its last one was in 1970.
	lastCommit *prometheus.GaugeVec
	commits    *prometheus.HistogramVec
}

// NewMetrics returns metrics that are all zero.
func NewMetrics(build Build) *Metrics {
	m := &Metrics{
		registry:  prometheus.NewRegistry(),
		resources: newLabelCap(maxResourceLabels),
		events: counter("events_total",
			"Changes of custom resources that were recorded.", "group", "resource", "type"),
		gaps: counter("gaps_total",
			"Windows in which changes of a resource were missed for good.", "group", "resource"),
		restarts: counter("watch_restarts_total",
			"Watches that ended and were started again.", "group", "resource", "reason"),
		requests: counter("api_requests_total",
			"Requests to the Kubernetes API server.", "verb", "code"),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "event_delay_seconds",
			Help:    "Time from the arrival of a change to its being recorded.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}),
		sseClients: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "sse_clients", Help: "Clients of the live stream.",
		}),
		drift: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "reconcile_drift_total",
			Help: "Objects that a comparison with the API server found changed without the watch having told. Should stay 0.",
		}),
		decisions: counter("authorization_decisions_total",
			"Questions to the API server about what a caller may read, by its answer.", "decision"),
		lastCommit: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: namespace, Name: "last_commit_timestamp_seconds",
			Help: "When something was last committed to the history on disk.",
		}, nil),
		commits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "commit_duration_seconds",
			Help:    "Time that a commit to the history on disk took.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, nil),
	}
	m.registry.MustRegister(m.events, m.gaps, m.restarts, m.requests, m.delay, m.sseClients, m.drift, m.decisions,
		m.lastCommit, m.commits,
		buildInfo(build), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: name, Help: help,
	}, labels)
}

func buildInfo(build Build) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help: "Always 1; the labels say which binary this is.",
		ConstLabels: prometheus.Labels{
			"version": build.Version, "revision": build.Revision, "go_version": runtime.Version(),
		},
	}, func() float64 { return 1 })
}

// Recorded counts an event. It is made to be a LedgerOptions.Observe.
func (m *Metrics) Recorded(ev *watch.Event) {
	group, resource := m.resources.labels(ev.Resource.Group, ev.Resource.Resource)
	m.events.WithLabelValues(group, resource, token(string(ev.Type))).Inc()
	if ev.Type == watch.Gap {
		m.gaps.WithLabelValues(group, resource).Inc()
	}
}

// WatchRestarted counts a watch that was started again. The reason is one word.
func (m *Metrics) WatchRestarted(resource discovery.Resource, reason string) {
	group, name := m.resources.labels(resource.GVR.Group, resource.GVR.Resource)
	m.restarts.WithLabelValues(group, name, token(reason)).Inc()
}

// Request counts a request to the API server. The code is 0 when no answer came.
func (m *Metrics) Request(verb string, code int) {
	label := "error"
	if code >= 100 && code < 600 {
		label = strconv.Itoa(code)
	}
	m.requests.WithLabelValues(token(verb), label).Inc()
}

// Drift counts objects that were not as the watch had told.
func (m *Metrics) Drift(_ discovery.Resource, objects int) {
	m.drift.Add(float64(objects))
}

// Decided counts an answer of the API server about what a caller may read.
func (m *Metrics) Decided(decision string) {
	m.decisions.WithLabelValues(token(decision)).Inc()
}

// EventDelay observes the time from the arrival of a change to its being recorded.
func (m *Metrics) EventDelay(d time.Duration) {
	m.delay.Observe(max(0, d).Seconds())
}

// committed tells of a commit that has just come back.
func (m *Metrics) committed(at time.Time, took time.Duration) {
	m.lastCommit.WithLabelValues().Set(float64(at.UnixMicro()) / 1e6)
	m.commits.WithLabelValues().Observe(took.Seconds())
}

// Handler serves the metrics in the Prometheus and the OpenMetrics format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}
