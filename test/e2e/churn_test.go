package e2e

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// TestCRDChurn: CRDs come, go, come back and change while objects are written. What
// is reported of each object is a consistent life, and at the end nothing is left
// over: no resource, no goroutine.
func TestCRDChurn(t *testing.T) {
	const group = "churn.example.com"
	stable := scribe.Install(t, shared, group, 2)
	e := start(t, shared.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	before := settledGoroutines()

	var ledger scribe.Ledger
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() { ledger = write(t, shared, stable, 1500) })
	// The versions of a CRD under load change, too.
	writing.Go(func() { edit(t, stable[0]) })
	for round := range 5 {
		churn(t, e, group, round)
	}
	writing.Wait()
	compareWritten(t, e, ledger)
	// An edited CRD has a new watch cache, which does not know the watch's position
	// if the resource was quiet before.
	noGaps(t, e, stable[0].Name())
	consistent(t, e, group)
	if n := len(e.Statuses()); n != len(stable) {
		t.Errorf("%d resources are watched, want %d", n, len(stable))
	}
	patience.Until(t, "the goroutines are back", func() (bool, string) {
		now := settledGoroutines()
		return now <= before+5, fmt.Sprintf("%d goroutines, %d before", now, before)
	})
}

// settledGoroutines counts without those that are just ending.
func settledGoroutines() int {
	n := runtime.NumGoroutine()
	for range 10 {
		runtime.Gosched()
		n = min(n, runtime.NumGoroutine())
	}
	return n
}

// churn lets a CRD with objects be deleted, and created again at once.
func churn(t *testing.T, e *engine, group string, round int) {
	t.Helper()
	c := scribe.CRD{Group: group, Plural: "fleetings"}
	if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
		t.Fatal(err)
	}
	o := newObjects(t, shared, c)
	first, second := fmt.Sprintf("first-%d", round), fmt.Sprintf("second-%d", round)
	o.create(first, 1)
	o.resize(first, 2)
	e.await("the first object", seen(watch.Added, first))
	deleteCRD(t, c.Name())
	// Deleted with the CRD, the object is reported as deleted; the new CRD starts
	// from nothing.
	patience.Until(t, "the API server has let the CRD go", func() (bool, string) {
		_, err := crdClient(t).Get(t.Context(), c.Name(), metav1.GetOptions{})
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
	if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
		t.Fatal(err)
	}
	o.create(second, 1)
	e.await("the end of the first object", seen(watch.Deleted, first))
	e.await("the second object", seen(watch.Added, second))
	deleteCRD(t, c.Name())
	e.await("the end of the second object", seen(watch.Deleted, second))
	patience.Until(t, "the CRD is gone", func() (bool, string) {
		_, ok := e.status(c.Name())
		return !ok, "still watched"
	})
}

// seen is a condition for await: there is an event of this type about this object.
func seen(typ watch.EventType, name string) func([]watch.Event) bool {
	return func(events []watch.Event) bool {
		for _, ev := range events {
			if ev.Type == typ && ev.Name == name {
				return true
			}
		}
		return false
	}
}

// edit changes the schema, then the storage version, then takes the old version out
// of service: each ends all watches of the CRD, the last for good.
func edit(t *testing.T, c scribe.CRD) {
	extra := map[string]any{"added": scribe.Object{"type": "string"}}
	v1, v2 := scribe.Version{Name: "v1"}, scribe.Version{Name: "v2", Extra: extra}
	steps := [][]scribe.Version{
		{{Name: "v1", Storage: true, Extra: extra}},
		{{Name: "v1", Storage: true}, v2},
		{v1, {Name: "v2", Storage: true, Extra: extra}},
		{{Name: "v1", Storage: true}, v2},
	}
	for _, versions := range steps {
		next := c
		next.Versions = versions
		if err := shared.Apply(t.Context(), next.Manifest()); err != nil {
			t.Error(err)
			return
		}
		<-time.After(500 * time.Millisecond)
	}
}

// consistent checks the life of every object: it begins once, ends once, no revision
// comes twice, and no ID does.
func consistent(t *testing.T, e *engine, group string) {
	t.Helper()
	events, _ := e.snapshot()
	ids := map[string]bool{}
	alive := map[types.UID]bool{}
	for _, ev := range of(events, group) {
		if ids[ev.ID] {
			t.Errorf("the ID %s comes twice", ev.ID)
		}
		ids[ev.ID] = true
		switch ev.Type {
		case watch.Added:
			alive[ev.UID] = true
		case watch.Modified:
			if !alive[ev.UID] {
				t.Errorf("%s changes without having been added", ev.ID)
			}
		case watch.Deleted:
			if !alive[ev.UID] {
				t.Errorf("%s is deleted without having been added", ev.ID)
			}
			delete(alive, ev.UID)
		}
	}
}

// TestVersionTakenOutOfService: the watch moves to the other version, and goes on
// where it was.
func TestVersionTakenOutOfService(t *testing.T) {
	const group = "moved.example.com"
	c := scribe.CRD{Group: group, Plural: "movers", Versions: []scribe.Version{{Name: "v1", Storage: true}, {Name: "v2"}}}
	if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
		t.Fatal(err)
	}
	o := newObjects(t, shared, c)
	o.create("kept", 1)
	e := start(t, shared.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	moved := c
	moved.Versions = []scribe.Version{{Name: "v1", Unserved: true}, {Name: "v2", Storage: true}}
	if err := shared.Apply(t.Context(), moved.Manifest()); err != nil {
		t.Fatal(err)
	}
	patience.Until(t, "the other version is known", func() (bool, string) {
		s, _ := e.status(c.Name())
		return s.Resource.GVR.Version == "v2", s.Resource.GVR.String()
	})
	newObjects(t, shared, moved).resize("kept", 2)
	events := e.await("the change in the new version", func(events []watch.Event) bool { return len(of(events, group)) > 0 })
	ev := of(events, group)[0]
	if ev.Type != watch.Modified || len(ev.Changes) != 1 || ev.Changes[0].Path != ".spec.size" || ev.Resource.Version != "v2" {
		t.Errorf("reported:\n%s", describe(events))
	}

	none := moved
	none.Versions = []scribe.Version{{Name: "v1", Unserved: true}, {Name: "v2", Storage: true, Unserved: true}}
	if err := replaceVersions(t, none); err != nil {
		t.Fatal(err)
	}
	if s := e.awaitState(c.Name(), watch.NotServed); s.Reason != "NoServedVersion" {
		t.Errorf("reason %q, message %q", s.Reason, s.Message)
	}
	if err := replaceVersions(t, moved); err != nil {
		t.Fatal(err)
	}
	e.awaitState(c.Name(), watch.Synced)
}

// TestFirstObjectsOfANewCRD: what is in a CRD when its watch begins is state for a
// CRD that was there, but news for one that was not.
func TestFirstObjectsOfANewCRD(t *testing.T) {
	const group = "news.example.com"
	p := newProxy(t, shared)
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	c := scribe.CRD{Group: group, Plural: "novelties"}
	closed := p.Always(controlplane.RespondStatus(http.StatusInternalServerError, metav1.StatusReasonInternalError, "no", 0), controlplane.Watches(c.Name()))
	if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
		t.Fatal(err)
	}
	newObjects(t, shared, c).create("first", 1)
	patience.Until(t, "the watch is refused", func() (bool, string) { return closed.Hits() > 0, "" })
	closed.Clear()
	e.await("the first object", seen(watch.Added, "first"))
}

// TestSuccessorBeforeTheEndIsKnown: a CRD is deleted and created again, and the watch of
// its objects learns of that before the watch of the CRDs does. The successor's objects
// are not those of the CRD that went.
func TestSuccessorBeforeTheEndIsKnown(t *testing.T) {
	const group = "successor.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	newObjects(t, shared, c).create("old", 1)
	p := newProxy(t, shared)
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	before, _ := e.status(c.Name())
	stalled := p.Now(controlplane.Stall(), controlplane.Watches("customresourcedefinitions.apiextensions.k8s.io"))
	deleteCRD(t, c.Name())
	patience.Until(t, "the CRD is gone", func() (bool, string) {
		_, err := crdClient(t).Get(t.Context(), c.Name(), metav1.GetOptions{})
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
	if err := shared.Apply(t.Context(), c.Manifest()); err != nil {
		t.Fatal(err)
	}
	newObjects(t, shared, c).create("new", 1)
	watches := p.Stats().Requests
	patience.Until(t, "the old watch has been asked for again", func() (bool, string) {
		n := 0
		for key, count := range p.Stats().Requests {
			if key.Verb == "watch" && strings.Contains(key.Path, group) {
				n += count - watches[key]
			}
		}
		events, _ := e.snapshot()
		return n >= 2 || seen(watch.Added, "new")(events), fmt.Sprint(n)
	})
	stalled.Clear()
	e.await("the new object", seen(watch.Added, "new"))
	e.await("the end of the old one", seen(watch.Deleted, "old"))
	patience.Until(t, "the successor alone is watched", func() (bool, string) {
		now := e.Statuses()
		return len(now) == 1 && now[0].Resource.UID != before.Resource.UID && now[0].State == watch.Synced, fmt.Sprint(len(now))
	})
	consistentlyOnce(t, e, group)
}

// consistentlyOnce fails for an ID that comes twice.
func consistentlyOnce(t *testing.T, e *engine, group string) {
	t.Helper()
	events, _ := e.snapshot()
	ids := map[string]int{}
	for _, ev := range of(events, group) {
		if ids[ev.ID]++; ids[ev.ID] > 1 {
			t.Errorf("the ID %s comes twice", ev.ID)
		}
	}
	if len(ids) != 2 {
		t.Errorf("reported:\n%s", describe(of(events, group)))
	}
}
