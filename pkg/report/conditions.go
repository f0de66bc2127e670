package report

import (
	"regexp"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// maxConditionTypes is how many types of conditions a resource has series of its own for,
// maxConditionLabels how many all have together. Whoever may write a status could make up
// any number.
const (
	maxConditionTypes  = 20
	maxConditionLabels = 2000
)

// conditionType is the form of the types that Kubernetes knows, without a domain or with
// one: Ready, example.com/Synced.
var conditionType = regexp.MustCompile(`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z][-A-Za-z0-9_.]{0,62}$`)

// conditionCollector counts objects by what they say of themselves.
type conditionCollector struct {
	findings  Findings
	resources *labelCap
	desc      *prometheus.Desc
	// seen has the types of each resource that have series of their own.
	seen *conditionCap
}

func newConditionCollector(f Findings, resources *labelCap) *conditionCollector {
	return &conditionCollector{
		findings: f, resources: resources, seen: &conditionCap{byResource: map[[2]string]map[string]bool{}},
		desc: desc("objects_condition", "Objects that have a condition in their status, by its type and status.", "group", "resource", "type", "status"),
	}
}

// Describe implements prometheus.Collector.
func (c *conditionCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect implements prometheus.Collector.
func (c *conditionCollector) Collect(ch chan<- prometheus.Metric) {
	sums := map[[4]string]int{}
	for _, of := range c.findings.Conditions() {
		group, resource := c.resources.labels(of.Resource.Group, of.Resource.Resource)
		for k, n := range of.Objects {
			sums[[4]string{group, resource, c.seen.label([2]string{group, resource}, k.Type), conditionStatus(k)}] += n
		}
	}
	for labels, n := range sums {
		ch <- gauge(c.desc, float64(n), labels[:]...)
	}
}

// conditionStatus is one of the three that a condition may have.
func conditionStatus(c audit.Condition) string {
	switch c.Status {
	case "True", "False", "Unknown":
		return c.Status
	}
	return other
}
