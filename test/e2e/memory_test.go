package e2e

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/controlplane"
	"github.com/crdwatch/crdwatch/test/patience"
	"github.com/crdwatch/crdwatch/test/scribe"
)

// forgetful cannot read some of the saved objects.
type forgetful struct {
	watch.Snapshots
	names []string
}

func (f forgetful) Objects(ctx context.Context, resource types.UID) iter.Seq2[watch.SavedObject, error] {
	return func(yield func(watch.SavedObject, error) bool) {
		for o, err := range f.Snapshots.Objects(ctx, resource) {
			if err == nil && slices.Contains(f.names, o.Name) {
				o, err = watch.SavedObject{Namespace: o.Namespace, Name: o.Name}, errors.New("a bit was flipped")
			}
			if !yield(o, err) {
				return
			}
		}
	}
}

// savedObjects returns names and resourceVersions of what a directory has of a CRD.
func savedObjects(t *testing.T, dir, crd string) map[string]string {
	t.Helper()
	saved := map[string]string{}
	eachSaved(t, dir, crd, func(o watch.SavedObject) { saved[o.Name] = o.ResourceVersion })
	return saved
}

// eachSaved goes through what a directory has of a CRD.
func eachSaved(t *testing.T, dir, crd string, take func(watch.SavedObject)) {
	t.Helper()
	c, ok := checkpointOf(t, dir, crd)
	if !ok {
		t.Fatalf("%s is not known", crd)
	}
	r, err := store.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for o, err := range r.Objects(t.Context(), c.Resource) {
		if err != nil {
			t.Fatal(err)
		}
		take(o)
	}
}

// there returns the same of the API server.
func (o *objects) there() map[string]string {
	o.t.Helper()
	list, err := o.client.List(o.t.Context(), metav1.ListOptions{})
	if err != nil {
		o.t.Fatal(err)
	}
	found := map[string]string{}
	for _, item := range list.Items {
		found[item.GetName()] = item.GetResourceVersion()
	}
	return found
}

// TestDamagedMemory: an object of which only the name can be read is neither new nor
// unchanged, and a gap says that something is not known. Afterwards all is well.
func TestDamagedMemory(t *testing.T) {
	const group = "damaged.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	for _, name := range []string{"unreadable", "changed", "gone", "fine"} {
		o.create(name, 1)
	}
	dir := t.TempDir()
	opts := watch.Options{Resolve: only(group), Timing: quiet}
	remembering(t, shared.Config(), dir, opts).stop()
	o.resize("changed", 2)
	o.resize("fine", 2)
	o.remove("gone")
	o.create("new", 1)
	e := live(t, shared.Config(), dir, opts, life{remembers: func(s watch.Snapshots) watch.Snapshots {
		return forgetful{s, []string{"unreadable", "changed", "gone"}}
	}})
	events := e.await("a gap", func(events []watch.Event) bool { return len(gapsOf(events)) > 0 })
	got := troubles(events)
	want := map[trouble]int{
		{watch.Modified, watch.Reconciled, "changed", nil, 0}:   1,
		{watch.Modified, watch.Reconciled, "fine", int64(2), 0}: 1,
		{watch.Added, watch.Reconciled, "new", nil, 0}:          1,
		{watch.Gap, watch.Reconciled, "", nil, 0}:               1,
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("reported (-want +got):\n%s", d)
	}
	e.stop()
	if d := gocmp.Diff(o.there(), savedObjects(t, dir, c.Name())); d != "" {
		t.Errorf("saved (-there +saved):\n%s", d)
	}
	e = remembering(t, shared.Config(), dir, opts)
	if events, _ := e.snapshot(); len(events) > 0 {
		t.Errorf("reported afterwards:\n%s", describe(events))
	}
}

// TestChangedScope: what was kept of other objects says only how far it reached.
func TestChangedScope(t *testing.T) {
	const group = "rescoped.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	o.create("a", 1)
	o.create("b", 1)
	dir := t.TempDir()
	called := func(name string) watch.Options {
		return watch.Options{Timing: quiet, Resolve: func(discovery.Set) (watch.Selector, error) {
			return func(r discovery.Resource) (watch.Scope, bool) {
				return watch.Scope{FieldSelector: "metadata.name=" + name}, r.GVR.Group == group
			}, nil
		}}
	}
	remembering(t, shared.Config(), dir, called("a")).stop()
	// Killed when the other object is about to be kept, then started as it was at first.
	live(t, shared.Config(), dir, called("b"), life{dies: func(e watch.Entry) bool {
		return e.Object != nil && e.Object.Name() == "b"
	}}).stop()
	o.resize("a", 2)
	e := remembering(t, shared.Config(), dir, called("a"))
	events := e.await("a gap", func(events []watch.Event) bool { return len(gapsOf(events)) > 0 })
	if len(events) != 1 {
		t.Errorf("reported:\n%s", describe(events))
	}
	o.resize("a", 3)
	e.await("a change", func(events []watch.Event) bool {
		return len(events) == 2 && events[1].Name == "a" && events[1].Type == watch.Modified
	})
	e.stop()
	if saved := savedObjects(t, dir, c.Name()); len(saved) != 1 || saved["a"] == "" {
		t.Errorf("saved are %v", saved)
	}
}

// TestInterruptedList: of a first list that was not completed nothing was told, so what
// differs from it is no change.
func TestInterruptedList(t *testing.T) {
	const group = "interrupted.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	for i := range 20 {
		o.create(fmt.Sprint("object-", i), 1)
	}
	dir := t.TempDir()
	opts := watch.Options{Resolve: only(group), Timing: quiet}
	kept := 0
	live(t, shared.Config(), dir, opts, life{dies: func(e watch.Entry) bool {
		if e.Object != nil && e.Checkpoint.CRD == c.Name() {
			kept++
		}
		return kept > 10
	}}).stop()
	for name := range savedObjects(t, dir, c.Name()) {
		if kept--; kept%2 == 0 {
			o.remove(name)
		} else {
			o.resize(name, 2)
		}
	}
	e := remembering(t, shared.Config(), dir, opts)
	o.create("new", 1)
	events := e.await("a new object", func(events []watch.Event) bool { return len(events) > 0 })
	if len(events) != 1 || events[0].Name != "new" {
		t.Errorf("reported:\n%s", describe(events))
	}
	e.stop()
	if d := gocmp.Diff(o.there(), savedObjects(t, dir, c.Name())); d != "" {
		t.Errorf("saved (-there +saved):\n%s", d)
	}
}

// TestOrphans: a process that saw the end of a CRD, and no more, leaves the rest to the
// next one.
func TestOrphans(t *testing.T) {
	const group = "orphans.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	newObjects(t, shared, c).create("left", 1)
	dir := t.TempDir()
	opts := watch.Options{Resolve: only(group), Timing: quiet}
	p := newProxy(t, shared)
	e := live(t, p.Config(), dir, opts, life{dies: func(e watch.Entry) bool {
		return e.Deleted && e.Checkpoint.CRD == c.Name()
	}})
	// The end of the objects comes before that of the CRD, unless it is held up.
	stalled := p.Now(controlplane.Stall(), controlplane.Watches(c.Name()))
	defer stalled.Clear()
	deleteCRD(t, c.Name())
	e.await("the end of the CRD", seen(watch.Deleted, c.Name()))
	e.awaitState(c.Name(), watch.Gone)
	e.stop()
	if _, known := savedObjects(t, dir, discovery.CRDs().CRD)[c.Name()]; known {
		t.Error("the end of the CRD was not kept")
	}
	e = remembering(t, shared.Config(), dir, opts)
	events := e.await("the end of the object", seen(watch.Deleted, "left"))
	if n := len(of(events, group)); n != 1 {
		t.Errorf("reported:\n%s", describe(events))
	}
	patience.Until(t, "the CRD is forgotten", func() (bool, string) {
		_, ok := checkpointOf(t, dir, c.Name())
		return !ok, "known"
	})
}

// TestWidenedSelection: what an earlier process was told to pass by is not new.
func TestWidenedSelection(t *testing.T) {
	const group = "widened.example.com"
	crds := scribe.Install(t, shared, group, 2)
	for _, c := range crds {
		newObjects(t, shared, c).create("old", 1)
	}
	dir := t.TempDir()
	narrow := watch.Options{Timing: quiet, Resolve: func(discovery.Set) (watch.Selector, error) {
		return func(r discovery.Resource) (watch.Scope, bool) { return watch.Scope{}, r.CRD == crds[0].Name() }, nil
	}}
	remembering(t, shared.Config(), dir, narrow).stop()
	e := remembering(t, shared.Config(), dir, watch.Options{Resolve: only(group), Timing: quiet})
	newObjects(t, shared, crds[1]).create("new", 1)
	events := e.await("a new object", func(events []watch.Event) bool { return len(events) > 0 })
	if len(events) != 1 || events[0].Name != "new" {
		t.Errorf("reported:\n%s", describe(events))
	}
}

// TestBusyRelist: a resource whose oldest revision has always moved on by the time that
// its watch is asked for comes back all the same.
func TestBusyRelist(t *testing.T) {
	const group = "busy.example.com"
	c := scribe.Install(t, shared, group, 1)[0]
	o := newObjects(t, shared, c)
	o.create("a", 1)
	list, err := o.client.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, shared)
	e := start(t, p.Config(), watch.Options{Resolve: only(group), Timing: quiet})
	resuming := func(r *http.Request) bool { return r.URL.Query().Get("sendInitialEvents") == "" }
	message := fmt.Sprintf("too old resource version: 1 (%s)", list.GetResourceVersion())
	gone := controlplane.ErrorEvent(http.StatusGone, metav1.StatusReasonExpired, message)
	refused := p.Always(gone, controlplane.AllOf(controlplane.Watches(c.Name()), resuming))
	p.Now(controlplane.End(), controlplane.Watches(c.Name()))
	patience.Until(t, "the watch is refused again and again", func() (bool, string) { return refused.Hits() >= 3, fmt.Sprint(refused.Hits()) })
	o.resize("a", 2)
	e.await("a change", func(events []watch.Event) bool { return len(of(events, group)) > 0 })
	if n := refused.Hits(); n > 5 {
		t.Errorf("the watch was asked for %d times", n)
	}
}
