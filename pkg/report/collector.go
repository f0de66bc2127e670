package report

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Watched is what the metrics read of the monitors at each scrape. All of it returns
// at once.
type Watched interface {
	Statuses() []watch.Status
	// CRDs is the status of the watch on the CRDs themselves, which is not among
	// Statuses. New resources are learned by it.
	CRDs() watch.Status
	// QueueStats returns the number of changes that wait for their worker, and the
	// bytes that they take.
	QueueStats() (depth int, bytes int64)
	// Memory returns how many bytes are in use, and of what budget; 0 for none.
	Memory() (used, budget int64)
}

// Queue is another place where changes wait: a Recorder.
type Queue interface {
	QueueStats() (depth int, bytes int64)
}

// Watch makes the state of w part of the metrics, and what waits in the queues behind
// it. It is to be called once: it is apart from NewMetrics because the monitors are
// given the Metrics to feed.
func (m *Metrics) Watch(w Watched, behind ...Queue) error {
	c := newCollector(w, m.resources)
	c.queues = append(c.queues, behind...)
	return m.registry.Register(c)
}

// collector derives metrics from the monitors' own state, so that there is no second
// copy that could disagree with it.
type collector struct {
	watched Watched
	queues  []Queue
	labels  *labelCap

	resources, objects, recordBytes, queueDepth, queueBytes *prometheus.Desc
	metadataOnly, memoryUsed, memoryBudget                  *prometheus.Desc
}

func newCollector(w Watched, labels *labelCap) *collector {
	return &collector{
		watched:     w,
		queues:      []Queue{w},
		labels:      labels,
		resources:   desc("resources", "Resources by the state of their watch: the custom resources, and the CRDs themselves.", "state"),
		objects:     desc("objects", "Objects known.", "group", "resource"),
		recordBytes: desc("record_bytes", "Memory taken by the compact records of the objects."),
		queueDepth:  desc("queue_depth", "Changes that wait to be compared or committed."),
		queueBytes:  desc("queue_bytes", "Memory taken by the changes that wait to be compared or committed."),

		metadataOnly: desc("metadata_only_resources", "Custom resources of whose objects only the metadata is kept, because memory is short."),
		memoryUsed:   desc("memory_used_bytes", "Memory in use that counts against the budget, without garbage."),
		memoryBudget: desc("memory_budget_bytes", "Memory to get along with."),
	}
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.resources, c.objects, c.recordBytes, c.queueDepth, c.queueBytes, c.metadataOnly, c.memoryUsed, c.memoryBudget} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	// The CRDs come first, lest there be no labels left for them.
	sums := c.sum(append([]watch.Status{c.watched.CRDs()}, c.watched.Statuses()...))
	for _, state := range watch.States() {
		ch <- gauge(c.resources, float64(sums.states[state]), string(state))
	}
	for labels, n := range sums.objects {
		ch <- gauge(c.objects, float64(n), labels[0], labels[1])
	}
	var depth int
	var bytes int64
	for _, q := range c.queues {
		d, b := q.QueueStats()
		depth, bytes = depth+d, bytes+b
	}
	ch <- gauge(c.recordBytes, float64(sums.recordBytes))
	ch <- gauge(c.queueDepth, float64(depth))
	ch <- gauge(c.queueBytes, float64(bytes))
	ch <- gauge(c.metadataOnly, float64(sums.metadataOnly))
	if used, budget := c.watched.Memory(); budget > 0 {
		ch <- gauge(c.memoryUsed, float64(used))
		ch <- gauge(c.memoryBudget, float64(budget))
	}
}

func gauge(d *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

// sums are the statuses added up: several may share their labels, because they are
// beyond the cap or because a CRD was deleted and created again.
type sums struct {
	states      map[watch.State]int
	objects     map[[2]string]int
	recordBytes int64
	// metadataOnly counts the resources that are.
	metadataOnly int
}

func (c *collector) sum(statuses []watch.Status) sums {
	s := sums{states: map[watch.State]int{}, objects: map[[2]string]int{}}
	for i := range statuses {
		st := &statuses[i]
		group, resource := c.labels.labels(st.Resource.GVR.Group, st.Resource.GVR.Resource)
		s.states[st.State]++
		s.objects[[2]string{group, resource}] += st.Objects
		s.recordBytes += st.RecordBytes
		if st.MetadataOnly {
			s.metadataOnly++
		}
	}
	return s
}
