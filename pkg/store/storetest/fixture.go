package storetest

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Noon is when the first event of every test takes place. The n-th is n seconds later.
func Noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC) }

// Ref is the n-th resource.
func Ref(n int) watch.ResourceRef {
	return watch.ResourceRef{
		Group: "example.com", Version: "v1", Resource: fmt.Sprintf("widgets%d", n), Kind: fmt.Sprintf("Widget%d", n),
	}
}

// UID is a UUID, made of two numbers.
func UID(a, b int) types.UID {
	return types.UID(fmt.Sprintf("%08x-0000-4000-8000-%012x", a, b))
}

// Checkpoint is that of the n-th resource.
func Checkpoint(n int, position string) watch.Checkpoint {
	return watch.Checkpoint{
		Resource: UID(n, 0), CRD: Ref(n).Name(), Ref: Ref(n), Position: position,
		Time: Noon(), Scope: "all", Origin: watch.Live,
	}
}

// Event is an update, by one of three managers, of one of ten objects of the resource
// in one of two namespaces.
func Event(seq uint64, resource int) watch.Event {
	object := int(seq % 10)
	uid := UID(resource, object+1)
	manager := fmt.Sprintf("manager-%d", seq%3)
	return watch.Event{
		SchemaVersion: watch.SchemaVersion, ID: fmt.Sprintf("%s/%d", uid, 1000+seq), Seq: seq,
		Time: Noon().Add(time.Duration(seq) * time.Second), Type: watch.Modified, Origin: watch.Live,
		Resource: Ref(resource), Namespace: fmt.Sprintf("ns-%d", object%2), Name: fmt.Sprintf("w-%d", object), UID: uid,
		ResourceVersion: fmt.Sprint(1000 + seq), Generation: int64(seq), OldGeneration: int64(seq) - 1,
		Managers: []string{manager},
		Changes: []diff.Change{{
			Path: ".spec.size", Op: diff.Replace, Old: int64(seq), New: int64(seq) + 1,
			Manager: manager, Operation: "Update", Section: "spec",
		}},
	}
}

// Events are the events from one sequence number to another, both included.
func Events(from, to uint64) []watch.Event {
	var events []watch.Event
	for seq := from; seq <= to; seq++ {
		events = append(events, Event(seq, int(seq%2)))
	}
	return events
}

// Gap is a GAP of a resource.
func Gap(seq uint64, resource int) watch.Event {
	at := Noon().Add(time.Duration(seq) * time.Second)
	return watch.Event{
		SchemaVersion: watch.SchemaVersion, ID: fmt.Sprintf("gap/%d", seq), Seq: seq, Time: at,
		Type: watch.Gap, Origin: watch.Reconciled, Resource: Ref(resource),
		Gap: &watch.GapInfo{From: "1", To: "9", Since: at.Add(-time.Hour), Until: at, MissedGenerations: 3},
	}
}

// Finding is that something is found wrong with one of ten objects of the resource, or
// is no more.
func Finding(seq uint64, resource, object int, state watch.FindingState) watch.Event {
	ev := Event(seq, resource)
	ev.Namespace, ev.Name, ev.UID = fmt.Sprintf("ns-%d", object%2), fmt.Sprintf("w-%d", object), UID(resource, object+1)
	ev.Type, ev.Managers, ev.Changes = watch.Finding, nil, nil
	fingerprint := fmt.Sprintf("fingerprint-%d-%d", resource, object)
	ev.ID = watch.FindingID(fingerprint, state, ev.Time)
	ev.Finding = &watch.FindingInfo{
		State: state, Rule: "CR004", Name: "stuck-deleting", Severity: "high", Fingerprint: fingerprint,
		Subject: watch.FindingSubject{Group: ev.Resource.Group, Resource: ev.Resource.Resource,
			Namespace: ev.Namespace, Name: ev.Name, UID: ev.UID},
		Path: ".metadata.finalizers", Message: "deleting for over 15 minutes", Since: Noon(), Count: 1, Samples: []string{},
	}
	return ev
}

// State is the latest state of an event's object, with a body and a dictionary.
func State(ev watch.Event, resource types.UID) store.State {
	dictionary := fmt.Appendf(nil, `{"apiVersion":"example.com/v1","kind":%q,"metadata":{"name":"`, ev.Resource.Kind)
	var body bytes.Buffer
	// Writing to a bytes.Buffer does not fail.
	_ = flate.StatelessDeflate(&body, fmt.Appendf(dictionary[:len(dictionary):len(dictionary)],
		"%s\",\"resourceVersion\":%q}}", ev.Name, ev.ResourceVersion), true, dictionary)
	return store.State{Resource: resource, Object: watch.SavedObject{
		Namespace: ev.Namespace, Name: ev.Name, UID: ev.UID, ResourceVersion: ev.ResourceVersion,
		Generation: ev.Generation, Dictionary: dictionary, Body: body.Bytes(),
	}}
}

// Batch is the events from one sequence number to another with all that belongs to
// them: the states of their objects and the checkpoints of their resources.
func Batch(from, to uint64) store.Batch {
	b := store.Batch{Events: Events(from, to)}
	for _, ev := range b.Events {
		n := int(ev.Seq % 2)
		b.States = append(b.States, State(ev, UID(n, 0)))
		b.Checkpoints = append(b.Checkpoints, Checkpoint(n, ev.ResourceVersion))
	}
	return b
}

// place is where a history is and how it is opened.
type place struct {
	dir  string
	open Open
}

func (p *place) start(t *testing.T, opts store.Options) Store {
	t.Helper()
	s, err := p.open(context.Background(), p.dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closing(t *testing.T, s Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func commit(t *testing.T, s Store, batches ...store.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.Commit(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func events(t *testing.T, s Store, q store.Query) []watch.Event {
	t.Helper()
	var out []watch.Event
	for ev, err := range s.Events(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ev)
	}
	return out
}

func seqs(t *testing.T, s Store, q store.Query) []uint64 {
	t.Helper()
	out := []uint64{}
	for _, ev := range events(t, s, q) {
		out = append(out, ev.Seq)
	}
	return out
}

func states(t *testing.T, s Store, resource types.UID) []store.State {
	t.Helper()
	var out []store.State
	for o, err := range s.Objects(context.Background(), resource) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, store.State{Resource: resource, Object: o})
	}
	return out
}

func bounds(t *testing.T, s Store) [2]uint64 {
	t.Helper()
	first, err := s.FirstSeq(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.LastSeq(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return [2]uint64{first, last}
}

// sound fails the test if the history's own check finds anything.
func sound(t *testing.T, s Store) {
	t.Helper()
	rep, err := s.Check(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Faults) > 0 {
		t.Errorf("the check finds %q", rep.Faults)
	}
}

func same(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
