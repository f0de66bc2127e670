package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// TestThingEvent: an event made after another one is about another object, at another
// time, and leaves that one as it was.
func TestThingEvent(t *testing.T) {
	like := watch.Event{Name: "other", UID: "1", Changes: []diff.Change{
		{Path: ".status.phase", Old: "a", New: "b"}, {Path: ".status.message", Old: "finished at 1", New: "finished at 2"},
	}}
	at := time.Date(2026, 11, 26, 1, 2, 3, 4567, time.UTC)
	of := thing{namespace: "ns", name: "n", uid: "2"}
	got := of.event(&like, at)
	want := watch.Event{Namespace: "ns", Name: "n", UID: "2", Time: at.Truncate(time.Microsecond), Changes: []diff.Change{
		like.Changes[0], {Path: ".status.message", Old: "finished at 1795651323000004", New: "finished at 1795654923000004"},
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if like.Changes[1].New != "finished at 2" {
		t.Errorf("the event that it was made after says %v", like.Changes[1].New)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if moment, ok := momentOf(text); !ok || !moment.Equal(want.Time) {
		t.Errorf("its moment is %s, %t", moment, ok)
	}
}

func TestPart(t *testing.T) {
	sorted := []time.Duration{1, 2, 3, 4}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 3, 0.99: 4, 1: 4} {
		if got := part(sorted, q); got != want {
			t.Errorf("%.2f: %d, want %d", q, got, want)
		}
	}
	if part(nil, 0.5) != 0 {
		t.Error("there is a part of nothing")
	}
}
