package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func open(t *testing.T, s Store) []watch.Event {
	t.Helper()
	events, err := s.OpenFindings(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// testFindings: a finding is open from the batch that says so to the one that says
// otherwise, and over a restart.
func testFindings(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	first, second := Finding(1, 0, 1, watch.FindingOpen), Finding(2, 1, 2, watch.FindingOpen)
	commit(t, s, store.Batch{Events: []watch.Event{first, second, Event(3, 0)}})
	same(t, "open", []watch.Event{first, second}, open(t, s))
	same(t, "events of findings", []uint64{1, 2}, seqs(t, s, store.Query{Type: watch.Finding}))
	same(t, "events of the object", []uint64{2}, seqs(t, s, store.Query{Type: watch.Finding, Name: "w-2"}))
	worse := Finding(4, 0, 1, watch.FindingOpen)
	worse.Finding.Severity, worse.Finding.OldSeverity = "critical", "high"
	commit(t, s, store.Batch{Events: []watch.Event{worse, Finding(5, 1, 2, watch.FindingResolved)}})
	same(t, "open, one of them with another severity", []watch.Event{worse}, open(t, s))
	closing(t, s)
	s = p.start(t, store.Options{})
	defer closing(t, s)
	same(t, "open after another start", []watch.Event{worse}, open(t, s))
	failing := store.Batch{Events: []watch.Event{Finding(6, 0, 1, watch.FindingResolved)},
		States: []store.State{State(Event(1, 8), "unknown")}}
	if err := s.Commit(context.Background(), failing); err == nil {
		t.Error("the state of an unknown resource was taken")
	}
	same(t, "open after a batch that failed", []watch.Event{worse}, open(t, s))
	sound(t, s)
	// Both in one batch: the last counts.
	commit(t, s, store.Batch{Events: []watch.Event{Finding(6, 0, 1, watch.FindingResolved), Finding(7, 0, 1, watch.FindingOpen)}})
	same(t, "open again", 7, int(open(t, s)[0].Seq))
	sound(t, s)
}

func testFindingsKept(t *testing.T, p *place) {
	now := Noon().Add(time.Hour)
	s := p.start(t, store.Options{Retention: time.Minute, Now: func() time.Time { return now }})
	first := Finding(1, 0, 1, watch.FindingOpen)
	commit(t, s, store.Batch{Events: []watch.Event{first, Finding(2, 0, 2, watch.FindingOpen), Finding(3, 0, 2, watch.FindingResolved)}})
	if err := s.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	same(t, "events", []uint64{}, seqs(t, s, store.Query{}))
	same(t, "open", []watch.Event{first}, open(t, s))
	sound(t, s)
	closing(t, s)
	s = p.start(t, store.Options{})
	defer closing(t, s)
	same(t, "open after another start", []watch.Event{first}, open(t, s))
	commit(t, s, store.Batch{Events: []watch.Event{Finding(4, 0, 1, watch.FindingResolved)}})
	same(t, "none is open", 0, len(open(t, s)))
	sound(t, s)
}
