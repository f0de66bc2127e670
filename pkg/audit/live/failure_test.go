package live

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/audit/rules"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// fail is another attempt that ended as that before.
func (c *cluster) fail(uid types.UID, reason, message string) {
	c.mu.Lock()
	s := c.statuses[uid]
	if s.State != watch.Broken {
		s.Since, s.Failures = time.Now(), 0
	}
	s.State, s.Reason, s.Message = watch.Broken, reason, message
	s.Failures++
	c.statuses[uid] = s
	c.mu.Unlock()
	c.changed(uid)
}

// TestThreeFailuresAreBelieved: a list that fails is found as soon as when a cluster is
// read once, with as many attempts.
func TestThreeFailuresAreBelieved(t *testing.T) {
	var unlistable audit.Rule
	for _, r := range rules.All() {
		if r.ID == "CRD002" {
			unlistable = r
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), unlistable)
		defer stop()
		crd := c.synced("widgets")
		pass(time.Second)
		said := func() string {
			t.Helper()
			list := a.Findings().NotEvaluated
			if len(list) != 1 {
				t.Fatalf("not evaluated: %v", list)
			}
			return list[0].Message
		}
		for range 2 {
			c.fail(crd, "UndecodableObject", "object not decodable")
			pass(10 * time.Second)
		}
		expect(t, "after two", "", h)
		if d := cmp.Diff("object not decodable", said()); d != "" {
			t.Error(d)
		}
		c.fail(crd, "UndecodableObject", "object not decodable")
		pass(time.Second)
		expect(t, "after three", "open CRD002 critical widgets.example.com", h)
		if d := cmp.Diff("its objects cannot be read, for the reason that its finding CRD002 tells", said()); d != "" {
			t.Error(d)
		}
		c.state(crd, watch.Synced)
		pass(time.Second)
		expect(t, "mended", "resolved CRD002 critical widgets.example.com", h)
		c.fail(crd, "UndecodableObject", "object not decodable")
		pass(2*time.Minute - time.Second)
		expect(t, "a single one", "", h)
		pass(2 * time.Second)
		expect(t, "a single one that lasts", "open CRD002 critical widgets.example.com", h)
	})
}
