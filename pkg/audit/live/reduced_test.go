package live

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// reduced makes a Record of an object's metadata.
func reduced(t testing.TB, o map[string]any) *watch.Record {
	t.Helper()
	saved := record(t, map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": o["metadata"]}).Saved()
	saved.Dictionary = []byte(watch.MetadataOnlyMark)
	return watch.Restore(saved)
}

// keep has a resource's objects kept as their metadata, or whole; contents are the latter.
func (c *cluster) keep(uid types.UID, metadata bool, contents ...map[string]any) {
	c.mu.Lock()
	s := c.statuses[uid]
	s.MetadataOnly, s.Reason, s.Message = metadata, "", ""
	if metadata {
		s.Reason, s.Message = watch.MetadataOnly, "memory was short"
	}
	c.statuses[uid] = s
	var entries []watch.Entry
	for _, o := range contents {
		u := unstructured.Unstructured{Object: o}
		old := c.records[uid][u.GetNamespace()+"/"+u.GetName()]
		u.SetResourceVersion(old.ResourceVersion())
		now := record(c.t, o)
		if metadata {
			now = reduced(c.t, o)
		}
		entries = append(entries, watch.Entry{Checkpoint: c.checkpoint(uid), Object: now, Old: old})
		c.records[uid][now.Key()] = now
	}
	c.mu.Unlock()
	c.changed(uid)
	c.take(entries)
}

// putReduced creates or updates an object of which the metadata is kept.
func (c *cluster) putReduced(crd types.UID, o map[string]any) {
	entries := c.hold(crd, o)
	c.mu.Lock()
	entries[0].Object = reduced(c.t, o)
	c.records[crd][entries[0].Object.Key()] = entries[0].Object
	c.mu.Unlock()
	c.take(entries)
}

// TestMetadataIsNotEvaluated: of objects that are no more than their metadata nothing is
// said, neither that they are well nor that they are well again; only their end is seen.
func TestMetadataIsNotEvaluated(t *testing.T) {
	judged := 0
	counts := bad()
	counts.Check = func(in *audit.Input) ([]audit.Finding, error) {
		judged++
		return bad().Check(in)
	}
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		a, stop := run(t, c, h, newWorld(), counts, many())
		defer stop()
		crd := c.synced("widgets")
		a1, b1, c1 := object("a", high), object("b", high), object("c", nil)
		for _, o := range []map[string]any{a1, b1, c1} {
			c.put(crd, o)
		}
		pass(time.Second)
		const found = "open CR100 high web/a; open CR100 high web/b; open CRD100 medium widgets.example.com"
		expect(t, "at first", found, h)

		before := judged
		c.keep(crd, true, a1, b1, c1)
		pass(time.Minute)
		expect(t, "reduced", "", h)
		want := []audit.Unevaluated{{Resource: "widgets.example.com", Reason: "MetadataOnly", Message: "its objects are not evaluated: memory was short"}}
		if d := cmp.Diff(want, a.Findings().NotEvaluated); d != "" {
			t.Error(d)
		}
		c.putReduced(crd, object("a", nil)) // mended, but who could know
		c.putReduced(crd, object("d", high))
		c.remove(crd, "web/b")
		c.put(crd, object("other", nil)) // of the watch before, and late
		pass(time.Minute)
		expect(t, "changed", "resolved CR100 high web/b", h)
		if n := a.allPeers()[slices.IndexFunc(a.allPeers(), func(p audit.Peer) bool { return p.CRD == "widgets.example.com" })]; n.Objects != -1 || n.Counting {
			t.Errorf("counted: %+v", n)
		}
		if judged != before {
			t.Errorf("%d objects were judged by their metadata", judged-before)
		}

		c.remove(crd, "web/other")
		pass(time.Second)
		c.keep(crd, false, object("a", nil), object("c", nil), object("d", high))
		pass(time.Minute)
		expect(t, "whole again", "open CR100 high web/d; resolved CR100 high web/a", h)
		if n := a.Findings().NotEvaluated; len(n) != 0 {
			t.Errorf("not evaluated: %v", n)
		}
		if n := a.resources[crd].counting.census.Objects; n != 3 {
			t.Errorf("%d objects are counted", n)
		}
		if judged != before+3 {
			t.Errorf("%d objects were judged, not each once", judged-before)
		}
	})
}

// TestReducedFromTheBeginning: findings of an earlier process stay as they are.
func TestReducedFromTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		_, stop := run(t, c, h, newWorld(), bad(), many())
		crd := c.synced("widgets")
		c.put(crd, object("a", high))
		c.put(crd, object("b", high))
		pass(time.Second)
		expect(t, "at first", "open CR100 high web/a; open CR100 high web/b; open CRD100 medium widgets.example.com", h)
		stop()
		c.keep(crd, true, object("a", high), object("b", high))
		a, stop := run(t, c, h, newWorld(), bad(), many())
		defer stop()
		pass(time.Minute)
		expect(t, "restarted", "", h)
		if n := len(a.Findings().Open); n != 3 {
			t.Errorf("%d open", n)
		}
		c.remove(crd, "web/b")
		pass(time.Minute)
		expect(t, "deleted", "resolved CR100 high web/b", h)
		if keys := slices.Sorted(maps.Keys(a.resources[crd].subjects)); !slices.Equal(keys, []string{"web/a"}) {
			t.Errorf("subjects are %v", keys)
		}
	})
}

// TestReducedWhileBeingCounted: a list that was made of whole objects is of no use then,
// and none is made of their metadata.
func TestReducedWhileBeingCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, h := newCluster(t), newHistory(t)
		crd := c.install("widgets", 1)
		objects := []map[string]any{object("a", high), object("b", high)}
		for _, o := range objects {
			c.put(crd, o)
		}
		a, stop := run(t, c, h, newWorld(), bad(), many())
		defer stop()
		c.listing = func() { c.keep(crd, true, objects...) }
		c.state(crd, watch.Synced)
		pass(time.Minute)
		expect(t, "reduced", "", h)
		c.listing = func() { t.Error("metadata is listed, to be sorted and thrown away") }
		a.inbox.put(func(n *news) { n.recount[crd] = true })
		pass(time.Minute)
		c.listing = nil
		r := a.resources[crd]
		if r.counting != nil || r.next != nil || r.preparing || len(a.sweeps) > 0 {
			t.Errorf("counted: %v %v %v %d", r.counting, r.next, r.preparing, len(a.sweeps))
		}
		c.keep(crd, false, objects...)
		pass(time.Minute)
		expect(t, "whole", "open CR100 high web/a; open CR100 high web/b; open CRD100 medium widgets.example.com", h)
	})
}

// TestReducedAndStillJudged: what is asked of the cluster may be answered otherwise, and
// says nothing of objects that are not known. What can be said of the CRD is said.
func TestReducedAndStillJudged(t *testing.T) {
	q := audit.Question{Resource: "namespaces", Name: "web", Follow: true}
	asks := audit.Rule{
		ID: "CR101", Name: "missing", Severity: audit.Low, About: audit.AboutObject,
		Ask: func(*audit.Input) []audit.Question { return []audit.Question{q} },
		Check: func(in *audit.Input) ([]audit.Finding, error) {
			if in.Answer(q).Outcome == audit.Found {
				return nil, nil
			}
			return []audit.Finding{{Message: "its namespace is missing"}}, nil
		},
	}
	edited := audit.Rule{ID: "CRD101", Name: "edited", Severity: audit.Low, About: audit.AboutCRD, Check: func(in *audit.Input) ([]audit.Finding, error) {
		if in.CRD.Generation < 2 {
			return nil, nil
		}
		return []audit.Finding{{Message: "it was edited"}}, nil
	}}
	synctest.Test(t, func(t *testing.T) {
		c, h, w := newCluster(t), newHistory(t), newWorld()
		w.set(q, audit.Answer{Outcome: audit.Absent})
		_, stop := run(t, c, h, w, asks, edited)
		defer stop()
		crd := c.synced("widgets")
		c.put(crd, object("a", nil))
		pass(time.Second)
		expect(t, "at first", "open CR101 low web/a", h)
		c.keep(crd, true, object("a", nil))
		pass(time.Minute)
		w.set(q, audit.Answer{Outcome: audit.Found})
		pass(time.Minute)
		expect(t, "answered otherwise", "", h)
		c.install("widgets", 2)
		pass(time.Minute)
		expect(t, "edited", "open CRD101 low widgets.example.com", h)
		c.keep(crd, false, object("a", nil))
		pass(time.Minute)
		expect(t, "whole again", "resolved CR101 low web/a", h)
	})
}

// TestWholeOfReduced: whoever asks for a whole object is not answered with its metadata.
func TestWholeOfReduced(t *testing.T) {
	q := audit.Question{Group: "example.com", Resource: "gadgets", Namespace: "web", Name: "g", Whole: true}
	looks := audit.Rule{
		ID: "CR102", Name: "empty", Severity: audit.Low, About: audit.AboutObject,
		Ask: func(in *audit.Input) []audit.Question {
			if in.CRD.Spec.Names.Plural != "widgets" {
				return nil
			}
			return []audit.Question{q}
		},
		Check: func(in *audit.Input) ([]audit.Finding, error) {
			a := in.Answer(q)
			if len(a.Objects) == 0 || a.Objects[0]["spec"] != nil {
				return nil, nil
			}
			return []audit.Finding{{Message: "the gadget is empty"}}, nil
		},
	}
	synctest.Test(t, func(t *testing.T) {
		c, h, w := newCluster(t), newHistory(t), newWorld()
		w.set(q, audit.Answer{Outcome: audit.Found, Objects: []map[string]any{object("g", high)}})
		_, stop := run(t, c, h, w, looks)
		defer stop()
		gadgets := c.synced("gadgets")
		c.put(gadgets, object("g", high))
		c.keep(gadgets, true, object("g", high))
		pass(time.Second)
		c.put(c.synced("widgets"), object("a", nil))
		pass(time.Minute)
		expect(t, "asked", "", h)
		if len(w.asked) == 0 {
			t.Error("the cluster was not asked")
		}
	})
}
