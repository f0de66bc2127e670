package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func testEmpty(t *testing.T, p *place) {
	s := p.start(t, store.Options{Base: 41})
	same(t, "bounds", [2]uint64{42, 41}, bounds(t, s))
	same(t, "events", []uint64{}, seqs(t, s, store.Query{}))
	same(t, "states", 0, len(states(t, s, "unknown")))
	epoch := s.Epoch()
	if epoch == 0 {
		t.Error("the epoch is 0")
	}
	closing(t, s)
	s = p.start(t, store.Options{Base: 4711})
	defer closing(t, s)
	same(t, "bounds after another start", [2]uint64{42, 41}, bounds(t, s))
	same(t, "epoch after another start", epoch, s.Epoch())
	commit(t, s, Batch(42, 43))
	sound(t, s)
}

func testSurvives(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	b := Batch(1, 600)
	b.Events[7] = Gap(8, 0)
	commit(t, s, b, Batch(601, 602))
	want := slices.Concat(b.Events, Events(601, 602))
	for range 2 {
		same(t, "events", want, events(t, s, store.Query{}))
		same(t, "bounds", [2]uint64{1, 602}, bounds(t, s))
		got := states(t, s, UID(1, 0))
		same(t, "number of states", 5, len(got))
		same(t, "state", State(Event(601, 1), UID(1, 0)), got[0])
		cs, err := s.Checkpoints(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "checkpoints", []watch.Checkpoint{Checkpoint(0, "1602"), Checkpoint(1, "1601")}, cs)
		sound(t, s)
		closing(t, s)
		s = p.start(t, store.Options{})
	}
	closing(t, s)
}

func testSequence(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	commit(t, s, Batch(1, 3))
	hole := Batch(4, 6)
	hole.Events[1].Seq = 7
	for name, b := range map[string]store.Batch{
		"again": Batch(3, 3), "a hole before": Batch(5, 5), "a hole inside": hole, "zero": {Events: []watch.Event{{}}},
	} {
		var e *store.SequenceError
		if err := s.Commit(context.Background(), b); !errors.As(err, &e) {
			t.Errorf("%s: got %v, want a SequenceError", name, err)
		}
	}
	same(t, "bounds", [2]uint64{1, 3}, bounds(t, s))
	commit(t, s, Batch(4, 4))
	same(t, "events", Events(1, 4), events(t, s, store.Query{}))
	sound(t, s)
}

// testAtomic has a batch fail at its end, after all else of it was taken.
func testAtomic(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	commit(t, s, Batch(1, 3))
	before := states(t, s, UID(1, 0))
	b := Batch(4, 30)
	b.Checkpoints = append(b.Checkpoints, Checkpoint(9, "9"))
	b.States = append(b.States, State(Event(1, 9), UID(9, 0)), State(Event(1, 8), "unknown"))
	var e *store.UnknownResourceError
	if err := s.Commit(context.Background(), b); !errors.As(err, &e) {
		t.Fatalf("got %v, want an UnknownResourceError", err)
	}
	same(t, "bounds", [2]uint64{1, 3}, bounds(t, s))
	same(t, "states", before, states(t, s, UID(1, 0)))
	cs, err := s.Checkpoints(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "checkpoints", []watch.Checkpoint{Checkpoint(0, "1002"), Checkpoint(1, "1003")}, cs)
	// What the failed batch left in memory must not be taken for saved.
	b.States = b.States[:len(b.States)-1]
	commit(t, s, b)
	same(t, "states of the ninth", 1, len(states(t, s, UID(9, 0))))
	sound(t, s)
}

func testStates(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	commit(t, s, Batch(1, 1))
	first := State(Event(1, 1), UID(1, 0))
	second := first
	second.Object.ResourceVersion, second.Object.Generation = "5000", 9
	commit(t, s, store.Batch{States: []store.State{first, second}})
	same(t, "replaced", []store.State{second}, states(t, s, UID(1, 0)))
	gone := store.State{Resource: UID(1, 0), Deleted: true, Object: watch.SavedObject{
		Namespace: first.Object.Namespace, Name: first.Object.Name, UID: first.Object.UID}}
	commit(t, s, store.Batch{States: []store.State{gone}})
	same(t, "deleted", 0, len(states(t, s, UID(1, 0))))
	gone.Resource = "unknown"
	commit(t, s, store.Batch{States: []store.State{gone}})
	sound(t, s)
}

func testSuccessor(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	old := State(Event(1, 1), UID(1, 0))
	successor := old
	successor.Object.UID = UID(1, 4711)
	gone := old
	gone.Deleted = true
	commit(t, s,
		store.Batch{Checkpoints: []watch.Checkpoint{Checkpoint(1, "1")}, States: []store.State{old}},
		store.Batch{States: []store.State{successor}},
		store.Batch{States: []store.State{gone}})
	same(t, "the successor", []store.State{successor}, states(t, s, UID(1, 0)))
}

func testCheckpoints(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	pseudo := Checkpoint(0, "7")
	pseudo.Resource, pseudo.CRD = "customresourcedefinitions", "a"
	unlisted := Checkpoint(1, "")
	unlisted.Time, unlisted.CRD = time.Time{}, "b"
	nobody := Checkpoint(2, "9")
	nobody.Resource, nobody.CRD = "", "c"
	commit(t, s, store.Batch{Checkpoints: []watch.Checkpoint{unlisted, nobody, pseudo}})
	pseudo.Position, pseudo.Scope, pseudo.Origin = "8", "web", watch.Initial
	commit(t, s, store.Batch{Checkpoints: []watch.Checkpoint{pseudo}})
	closing(t, s)
	s = p.start(t, store.Options{})
	defer closing(t, s)
	got, err := s.Checkpoints(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "checkpoints", []watch.Checkpoint{pseudo, unlisted, nobody}, got)
}

func testForgotten(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	b := Batch(1, 20)
	// Enough for several slices.
	for i := range 700 {
		st := State(Event(1, 1), UID(1, 0))
		st.Object.Name = "many-" + time.Duration(i).String()
		b.States = append(b.States, st)
	}
	commit(t, s, b, store.Batch{Forgotten: []types.UID{UID(1, 0), "unknown"}})
	look := func() {
		t.Helper()
		same(t, "states", 0, len(states(t, s, UID(1, 0))))
		same(t, "states of the other", 5, len(states(t, s, UID(0, 0))))
		same(t, "events", Events(1, 20), events(t, s, store.Query{}))
		cs, err := s.Checkpoints(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		same(t, "checkpoints", []watch.Checkpoint{Checkpoint(0, "1020")}, cs)
		sound(t, s)
	}
	look()
	if err := s.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	look()
	var e *store.UnknownResourceError
	if err := s.Commit(context.Background(), store.Batch{States: b.States[:1]}); !errors.As(err, &e) {
		t.Errorf("the state of a forgotten resource: got %v, want an UnknownResourceError", err)
	}
	commit(t, s, store.Batch{Checkpoints: b.Checkpoints[:1]})
	same(t, "states when it is known again", 0, len(states(t, s, UID(1, 0))))
}

func testDictionaries(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	commit(t, s, Batch(1, 40))
	count := func() int64 {
		t.Helper()
		st, err := s.Stats(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return st.Dictionaries
	}
	same(t, "dictionaries", int64(2), count())
	got := states(t, s, UID(0, 0))
	if &got[0].Object.Dictionary[0] != &got[1].Object.Dictionary[0] {
		t.Error("two states of an iteration do not share their dictionary")
	}
	// One goes with its resource, and is there again when it is needed again.
	commit(t, s, store.Batch{Forgotten: []types.UID{UID(1, 0)}})
	if err := s.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	same(t, "dictionaries after one was forgotten", int64(1), count())
	commit(t, s, Batch(41, 80))
	same(t, "dictionaries when it is known again", int64(2), count())
	closing(t, s)
	s = p.start(t, store.Options{})
	defer closing(t, s)
	commit(t, s, Batch(81, 90))
	same(t, "dictionaries after another start", int64(2), count())
	sound(t, s)
}

func testUnusual(t *testing.T, p *place) {
	s := p.start(t, store.Options{})
	defer closing(t, s)
	ev := Event(1, 0)
	ev.UID, ev.ID, ev.ResourceVersion = "not-a-uuid", "of its own", "abc"
	ev.Namespace, ev.Name, ev.Managers = "", "ünï.çødé:<&>", []string{"b", "a", "b"}
	ev.Changes = []diff.Change{
		{Path: ".a", Op: diff.Replace, Old: int64(1) << 60, New: 1.5, Section: "a"},
		{Path: ".b", Op: diff.Add, New: map[string]any{"k": []any{int64(1), "x", nil, true}}, Section: "b"},
	}
	other := Event(2, 0)
	other.Type, other.Time, other.UID = "BOOKMARK", time.Date(1969, 1, 1, 0, 0, 0, 1000, time.UTC), "00000000-0000-4000-8000-00000000000A"
	other.Resource = watch.ResourceRef{}
	deleted := Event(3, 0)
	deleted.Type, deleted.ID = watch.Deleted, string(deleted.UID)+"/DELETED"
	commit(t, s, store.Batch{Events: []watch.Event{ev, other, deleted}})
	same(t, "events", []watch.Event{ev, other, deleted}, events(t, s, store.Query{}))
	for name, q := range map[string]store.Query{
		"uid": {UID: "not-a-uuid"}, "name": {Name: ev.Name}, "manager": {Manager: "a"}, "cluster-scoped": {Namespace: new(string)},
	} {
		same(t, name, []uint64{1}, seqs(t, s, q))
	}
	same(t, "type", []uint64{2}, seqs(t, s, store.Query{Type: "BOOKMARK"}))
	same(t, "until", []uint64{2}, seqs(t, s, store.Query{Until: Noon()}))

	st := State(ev, "x")
	st.Object.Dictionary, st.Object.Body, st.Object.ResourceVersion = nil, nil, "007"
	cluster := st
	cluster.Object.UID, cluster.Object.Namespace = "", "a"
	c := Checkpoint(0, "1")
	c.Resource = "x"
	commit(t, s, store.Batch{Checkpoints: []watch.Checkpoint{c}, States: []store.State{cluster, st}})
	same(t, "states", []store.State{st, cluster}, states(t, s, "x"))
	cluster.Deleted = true
	commit(t, s, store.Batch{States: []store.State{cluster}})
	same(t, "states", []store.State{st}, states(t, s, "x"))
}
