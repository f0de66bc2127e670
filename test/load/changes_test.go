package load_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/load"
	"github.com/crdwatch/crdwatch/test/patience"
)

// collector is a watch.Sink.
type collector struct {
	mu   sync.Mutex
	seen map[watch.EventType][]watch.Event
}

// Record implements watch.Sink.
func (c *collector) Record(e watch.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, event := range e.Events {
		c.seen[event.Type] = append(c.seen[event.Type], event)
	}
}

func (c *collector) of(types ...watch.EventType) (events []watch.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range types {
		events = append(events, c.seen[t]...)
	}
	return events
}

// start watches a stand-in until the test ends.
func start(t *testing.T, o load.Options) (*load.Server, *watch.Manager, *collector) {
	t.Helper()
	s, err := load.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	clients, err := watch.NewClients(s.Config(), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{seen: map[watch.EventType][]watch.Event{}}
	m := watch.New(watch.Options{Clients: clients, Sink: c})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-m.Done():
	case <-t.Context().Done():
		t.Fatal("the watches are not ready")
	}
	return s, m, c
}

func objectsOf(m *watch.Manager) (n int) {
	for _, s := range m.Statuses() {
		n += s.Objects
	}
	return n
}

// TestChanges: each change is one event of a watch, and each object is there.
func TestChanges(t *testing.T) {
	s, m, c := start(t, load.Options{Seed: 1, CRDs: 30, Kinds: 10, Objects: 400, Size: 1500, SchemaSize: 3 << 10})
	if n := objectsOf(m); n != 400 {
		t.Errorf("%d objects of 400", n)
	}
	s.Change(2000)
	changes := []watch.EventType{watch.Added, watch.Modified, watch.Deleted}
	patience.Until(t, "1,500 changes were made", func() (bool, string) { return s.Changed() >= 1500, fmt.Sprint(s.Changed()) })
	s.Change(0)
	patience.Until(t, "all changes are seen", func() (bool, string) {
		n := len(c.of(changes...))
		return n == s.Changed(), fmt.Sprintf("%d of %d", n, s.Changed())
	})
	if gaps := c.of(watch.Gap); len(gaps) > 0 {
		t.Errorf("%d gaps", len(gaps))
	}
	added, deleted := len(c.of(watch.Added)), len(c.of(watch.Deleted))
	if n := objectsOf(m); n != 400+added-deleted || deleted == 0 {
		t.Errorf("%d objects after %d were added and %d deleted", n, added, deleted)
	}
}

// TestSameSeedSameChanges: what happens is the same in the same order, whenever it does.
func TestSameSeedSameChanges(t *testing.T) {
	history := func() (told []string) {
		s, _, c := start(t, load.Options{Seed: 3, CRDs: 1, Objects: 20, Size: 1500, SchemaSize: 3 << 10})
		// Not so many that any is forgotten before it is seen.
		s.Change(500)
		patience.Until(t, "500 changes were made", func() (bool, string) { return s.Changed() >= 500, fmt.Sprint(s.Changed()) })
		s.Change(0)
		var all []watch.Event
		patience.Until(t, "all are seen", func() (bool, string) {
			all = c.of(watch.Added, watch.Modified, watch.Deleted)
			return len(all) == s.Changed(), fmt.Sprintf("%d of %d", len(all), s.Changed())
		})
		slices.SortFunc(all, func(a, b watch.Event) int { return revision(t, a) - revision(t, b) })
		for _, e := range all[:500] {
			told = append(told, fmt.Sprint(e.ResourceVersion, e.Type, e.Name, e.UID, e.Generation))
		}
		return told
	}
	if diff := gocmp.Diff(history(), history()); diff != "" {
		t.Errorf("the second time it was otherwise:\n%s", diff)
	}
}

func revision(t *testing.T, e watch.Event) int {
	t.Helper()
	n, err := strconv.Atoi(e.ResourceVersion)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestForget: who was cut off after that has a gap, and knows all objects again.
func TestForget(t *testing.T) {
	s, m, c := start(t, load.Options{Seed: 5, CRDs: 2, Objects: 60, Size: 1500, SchemaSize: 3 << 10})
	name := m.Statuses()[0].Resource.CRD
	if err := s.Forget(name); err != nil {
		t.Fatal(err)
	}
	patience.Until(t, "there is a gap", func() (bool, string) {
		gaps := c.of(watch.Gap)
		return len(gaps) == 1, fmt.Sprint(gaps)
	})
	if n := objectsOf(m); n != 60 {
		t.Errorf("%d objects of 60", n)
	}
}

// TestDefine: a new CRD is seen at once.
func TestDefine(t *testing.T) {
	s, m, _ := start(t, load.Options{Seed: 5, CRDs: 3, Size: 1500, SchemaSize: 3 << 10})
	name := s.Define()
	patience.Until(t, "the CRD is watched", func() (bool, string) {
		statuses := m.Statuses()
		at := slices.IndexFunc(statuses, func(s watch.Status) bool { return s.Resource.CRD == name })
		return at >= 0 && statuses[at].State == watch.Synced, fmt.Sprint(len(statuses), at)
	})
}
