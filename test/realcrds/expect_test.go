package realcrds

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// expectation compares the events of one object with the writes to it.
type expectation struct {
	t      *testing.T
	life   *life
	hidden *hidden
	// untracked collects the CRDs of which managedFields lack a write.
	untracked map[string]error
}

func (x expectation) uid() types.UID { return x.life.writes[0].after.GetUID() }

func (x expectation) failf(format string, args ...any) {
	x.t.Helper()
	x.t.Errorf(x.life.crd.name+": "+format, args...)
}

func (x expectation) check(events []watch.Event) {
	x.t.Helper()
	if len(events) != len(x.life.writes) {
		x.failf("%d events for %d writes: %+v", len(events), len(x.life.writes), events)
		return
	}
	for i, e := range events {
		x.checkIdentity(e, x.life.writes[i])
		switch w := x.life.writes[i]; w.typ {
		case watch.Modified:
			x.checkModified(e, w)
		case watch.Added:
			x.equal("managers", x.managers(w, x.tracked(w)), e.Managers)
			fallthrough
		default:
			if len(e.Changes) > 0 {
				x.failf("%s has changes: %+v", e.Type, e.Changes)
			}
		}
	}
}

func (x expectation) equal(what string, want, got any) {
	x.t.Helper()
	if d := gocmp.Diff(want, got); d != "" {
		x.failf("%s (-want +got):\n%s", what, d)
	}
}

// checkIdentity checks all but the changes.
func (x expectation) checkIdentity(e watch.Event, w write) {
	x.t.Helper()
	obj := w.after
	if w.typ == watch.Deleted {
		obj = w.before
	}
	gvr := x.life.crd.gvr
	want := watch.Event{
		SchemaVersion: watch.SchemaVersion, ID: string(x.uid()) + "/" + obj.GetResourceVersion(), Type: w.typ, Origin: watch.Live,
		Resource:  watch.ResourceRef{Group: gvr.Group, Version: gvr.Version, Resource: gvr.Resource, Kind: obj.GetKind()},
		Namespace: obj.GetNamespace(), Name: obj.GetName(), UID: x.uid(),
		ResourceVersion: obj.GetResourceVersion(), Generation: obj.GetGeneration(),
	}
	if w.typ == watch.Modified {
		want.OldGeneration = w.before.GetGeneration()
	}
	if w.typ == watch.Deleted {
		// The revision of a deletion is nowhere else to be seen.
		want.ID, want.ResourceVersion = string(x.uid())+"/DELETED", e.ResourceVersion
		want.Generation = e.Generation
	}
	e.Seq, e.Time, e.Managers, e.Changes = want.Seq, want.Time, nil, nil
	x.equal(string(w.typ), want, e)
}

// checkModified checks the changes against the two revisions that the API server
// answered with, and their paths against its managedFields.
func (x expectation) checkModified(e watch.Event, w write) {
	x.t.Helper()
	want := differences(x.life.schema, w.before.Object, w.after.Object)
	got := slices.Clone(e.Changes)
	slices.SortFunc(got, func(a, b diff.Change) int { return cmp.Compare(a.Path, b.Path) })
	if len(want) == 0 {
		x.failf("the write by %s changed nothing", w.by.manager)
	}
	if w.path != "" && len(want) != 1 {
		x.failf("the change of %s changed more: %+v", w.path, want)
	}
	tracked := x.tracked(w)
	x.equal("managers of "+w.path, x.managers(w, tracked), e.Managers)
	paths := func(changes []diff.Change) []string {
		out := make([]string, len(changes))
		for i, c := range changes {
			out[i] = c.Path
		}
		return out
	}
	if d := gocmp.Diff(paths(want), paths(got)); d != "" {
		x.failf("paths changed by %s (-want +got):\n%s", w.by.manager, d)
		return
	}
	owned := ownedBy(x.t, w.after, w.by)
	for i := range want {
		if tracked {
			want[i].Manager, want[i].Operation, want[i].Subresource = w.by.manager, w.by.operation, w.by.subresource
		}
		x.checkChange(want[i], got[i])
		if tracked && got[i].Op != diff.Remove && !isOwned(owned, got[i].Path) {
			x.failf("%s is not among what the API server says %s owns", got[i].Path, w.by.manager)
		}
	}
}

// tracked tells whether the API server wrote to managedFields what a write changed. It
// must, unless the CRD is listed.
func (x expectation) tracked(w write) bool {
	return slices.ContainsFunc(w.after.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool {
		return writer{e.Manager, string(e.Operation), e.Subresource} == w.by
	})
}

func (x expectation) managers(w write, tracked bool) []string {
	if !tracked {
		x.untracked[x.life.crd.name] = fmt.Errorf("%s is not in managedFields", w.by.manager)
		return nil
	}
	return []string{w.by.manager}
}

func (x expectation) checkChange(want, got diff.Change) {
	x.t.Helper()
	name := lastName(want.Path)
	if x.hidden.same(name, want.Old, got.Old) && x.hidden.same(name, want.New, got.New) {
		got.Old, got.New = want.Old, want.New
	}
	x.equal("change", want, got)
}
