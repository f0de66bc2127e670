package storetest

import (
	"context"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// hourly are counts of the n-th resource, one an hour.
func hourly(n int, objects ...int) watch.Counts {
	c := watch.Counts{Resource: UID(n, 0)}
	for i, o := range objects {
		c.List = append(c.List, watch.Count{Time: Noon().Add(time.Duration(i) * time.Hour), Objects: o})
	}
	return c
}

// testCounts: the last counts of a resource are those that are kept, over a restart, and
// as long as the resource is known.
func testCounts(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	counts := func() []watch.Counts {
		t.Helper()
		all, err := s.Counts(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	same(t, "at first", 0, len(counts()))
	first, second := hourly(0, 3, 0, 70_000, 69_999), hourly(1, 1)
	b := Batch(1, 2)
	b.Counts = []watch.Counts{hourly(0, 9), second, first, hourly(8, 5)}
	commit(t, s, b)
	same(t, "kept", []watch.Counts{first, second}, counts())
	second = hourly(1)
	commit(t, s, store.Batch{Counts: []watch.Counts{second}})
	same(t, "replaced by none", []watch.Counts{first, second}, counts())
	failing := store.Batch{Counts: []watch.Counts{hourly(0, 1)}, Events: Events(9, 9)}
	if err := s.Commit(context.Background(), failing); err == nil {
		t.Error("a batch that does not continue was taken")
	}
	closing(t, s)
	s = p.start(t, store.Options{})
	defer func() { closing(t, s) }()
	same(t, "after another start", []watch.Counts{first, second}, counts())
	commit(t, s, store.Batch{Counts: []watch.Counts{hourly(0, 4)}, Forgotten: []types.UID{UID(0, 0)}})
	same(t, "after one was forgotten", []watch.Counts{second}, counts())
	commit(t, s, store.Batch{Counts: []watch.Counts{first}}, Batch(3, 4))
	same(t, "when it is known again", []watch.Counts{second}, counts())
	sound(t, s)
}
