package report

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// object is a revision of an object.
func object(name string, uid, rv int) *watch.Record {
	return watch.Restore(watch.SavedObject{
		Namespace: "web", Name: name, UID: types.UID(fmt.Sprintf("%08x-0000-4000-8000-000000000000", uid)),
		ResourceVersion: fmt.Sprint(rv), Body: []byte("body"),
	})
}

// states is an entry for each: an object, or with a minus its deletion.
func states(t *testing.T, steps ...int) []queued {
	t.Helper()
	var entries []queued
	for i, uid := range steps {
		e := watch.Entry{Checkpoint: watch.Checkpoint{Resource: "crd", CRD: "c", Position: fmt.Sprint(i)}}
		e.Deleted = uid < 0
		e.Object = object("a", max(uid, -uid), i+1)
		entries = append(entries, queued{Entry: e})
	}
	return entries
}

// Whatever is left out of a batch, what it leaves behind is what all entries one by one
// would.
func TestBatchesLeaveWhatTheirEntriesWould(t *testing.T) {
	for name, tc := range map[string]struct {
		before, steps []int
		written       int
	}{
		"updates":                        {nil, []int{1, 1, 1}, 1},
		"deleted":                        {[]int{1}, []int{1, 1, -1}, 2},
		"replaced":                       {[]int{1}, []int{-1, 2}, 1},
		"replaced unseen":                {[]int{1}, []int{2}, 1},
		"the deletion comes late":        {[]int{1}, []int{2, -1}, 2},
		"replaced, and deleted as well":  {[]int{1}, []int{-1, 2, -2}, 2},
		"replaced unseen, and deleted":   {[]int{1}, []int{2, -2}, 2},
		"came and went":                  {nil, []int{1, -1}, 2},
		"came, went and came":            {nil, []int{1, -1, 2, 2}, 1},
		"deletions of two that followed": {[]int{1}, []int{-1, -2}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			whole, single := openStore(t, filepath.Join(t.TempDir(), "a")), openStore(t, filepath.Join(t.TempDir(), "b"))
			for _, s := range []*store.SQLite{whole, single} {
				for _, e := range states(t, tc.before...) {
					commit(t, s, newBatch([]queued{e}, 0))
				}
			}
			b := newBatch(states(t, tc.steps...), 0)
			if len(b.States) != tc.written || len(b.Checkpoints) != 1 {
				t.Errorf("%d states, %d checkpoints", len(b.States), len(b.Checkpoints))
			}
			commit(t, whole, b)
			for _, e := range states(t, tc.steps...) {
				commit(t, single, newBatch([]queued{e}, 0))
			}
			if d := cmp.Diff(objects(t, single), objects(t, whole)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestForgottenResourcesGo(t *testing.T) {
	s := openStore(t, t.TempDir())
	entries := states(t, 1, 1)
	last := one("a", 1)
	last.Forgotten = true
	commit(t, s, newBatch(append(entries, queued{Entry: last}), 0))
	if c, err := s.Checkpoints(t.Context()); err != nil || len(c) > 0 {
		t.Errorf("%v, %v", c, err)
	}
	if got := objects(t, s); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

func openStore(t *testing.T, dir string) *store.SQLite {
	t.Helper()
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func commit(t *testing.T, s *store.SQLite, b store.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func objects(t *testing.T, s *store.SQLite) []string {
	t.Helper()
	var out []string
	for o, err := range s.Objects(t.Context(), "crd") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(o.Namespace, o.Name, o.UID, o.ResourceVersion, o.Body))
	}
	return out
}
