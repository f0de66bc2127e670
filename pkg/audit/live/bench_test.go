package live

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// BenchmarkKept measures what an open finding takes: the heap with all of them, less that
// of the objects, which the watch has anyway. Each object has two findings of CR015. Those
// of "alike" say the same of all objects, those of "different" have facts of their own, and
// under "updated" all objects have had another revision since the findings were made.
func BenchmarkKept(b *testing.B) {
	const objects = 5000
	alike := map[string]any{"status": "Maybe", "lastTransitionTime": "2020-11-01T00:00:00Z"}
	for name, test := range map[string]struct {
		condition map[string]any
		updated   bool
	}{
		"alike":     {alike, false},
		"different": {map[string]any{"status": "False", "lastTransitionTime": "2126-11-01T00:00:00Z"}, false},
		"updated":   {alike, true},
	} {
		b.Run(name, func(b *testing.B) {
			var bytes float64
			for b.Loop() {
				bytes += keptBytes(b, objects, test.condition, test.updated)
			}
			b.ReportMetric(bytes/float64(b.N)/(2*objects), "B/finding")
		})
	}
}

// keptBytes audits objects with two conditions that each are wrong, and returns how much
// the heap has grown.
func keptBytes(b *testing.B, objects int, condition map[string]any, updated bool) float64 {
	c := newCluster(b)
	crd := c.synced("widgets")
	for i := range objects {
		c.put(crd, conditional(i, condition))
	}
	var rule audit.Rule
	for _, r := range rules.All() {
		if r.ID == "CR015" {
			rule = r
		}
	}
	before := heapBytes()
	a := New(Options{Evaluator: audit.Evaluator{Rules: []audit.Rule{rule}}, Source: c, Answers: newWorld(),
		Record: func(watch.Entry) {}, Share: 1})
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = a.Run(ctx) }()
	for a.Counts()[audit.Class{Rule: rule.ID, Severity: rule.Severity}] < 2*objects || len(a.Findings().NotEvaluated) > 0 {
		<-time.After(10 * time.Millisecond)
	}
	if updated {
		c.take = a.Take
		for i := range objects {
			c.put(crd, conditional(i, condition))
		}
		for !a.inbox.passed(crd, fmt.Sprint(c.rv)) {
			<-time.After(10 * time.Millisecond)
		}
	}
	<-time.After(time.Second) // what is under way ends
	grown := heapBytes() - before
	cancel()
	<-ended
	runtime.KeepAlive(c)
	runtime.KeepAlive(a)
	return grown
}

// conditional is an object with two conditions.
func conditional(i int, condition map[string]any) map[string]any {
	var conditions []any
	for _, t := range []string{"Ready", "Synced"} {
		one := map[string]any{"type": t, "message": "waiting"}
		for k, v := range condition {
			one[k] = v
		}
		conditions = append(conditions, one)
	}
	o := object(fmt.Sprintf("widget-%05d", i), nil)
	meta := o["metadata"].(map[string]any)
	meta["uid"] = fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
	meta["creationTimestamp"] = time.Unix(1_700_000_000+int64(i), 0).UTC().Format(time.RFC3339)
	o["status"] = map[string]any{"conditions": conditions}
	return o
}

func heapBytes() float64 {
	var m runtime.MemStats
	for range 2 { // what a first collection finds to be finalized
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
