package report

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func TestEntriesStayWholeAndInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const writers, each = 8, 400
		d := &disk{}
		r := startRecording(t.Context(), d, RecorderOptions{MaxBytes: 100_000})
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					e := one(fmt.Sprint(w), 3)
					e.Checkpoint.Resource = types.UID(fmt.Sprint(w))
					e.Checkpoint.Position = fmt.Sprint(i)
					e.Events[0].ResourceVersion = fmt.Sprint(i)
					r.Record(e)
				}
			})
		}
		wg.Wait()
		r.stop(t)
		checkWhole(t, d.batches, each)
	})
}

// checkWhole: the three events of an entry follow each other, those of a writer are in
// order, and each batch has the checkpoint of the last of them.
func checkWhole(t *testing.T, batches []store.Batch, each int) {
	seq, last := uint64(100), map[string]int{}
	for _, b := range batches {
		seen := map[string]string{}
		for i := 0; i < len(b.Events); i += 3 {
			first := b.Events[i]
			for k, ev := range b.Events[i : i+3] {
				if seq++; ev.Seq != seq || ev.Name != first.Name || k > 0 && ev.ResourceVersion != fmt.Sprint(k) {
					t.Fatalf("event %d is %s/%s, number %d", seq, ev.Name, ev.ResourceVersion, ev.Seq)
				}
			}
			if first.ResourceVersion != fmt.Sprint(last[first.Name]) {
				t.Fatalf("of %s, %s came for %d", first.Name, first.ResourceVersion, last[first.Name])
			}
			last[first.Name]++
			seen[first.Name] = first.ResourceVersion
		}
		positions := map[string]string{}
		for _, c := range b.Checkpoints {
			positions[string(c.Resource)] = c.Position
		}
		if d := cmp.Diff(seen, positions); d != "" {
			t.Fatalf("checkpoints: %s", d)
		}
	}
	for name, n := range last {
		if n != each {
			t.Errorf("%d of %d entries of %s", n, each, name)
		}
	}
}

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
				t.Errorf("the objects differ (-single +whole):\n%s", d)
			}
			if d := cmp.Diff(checkpoints(t, single), checkpoints(t, whole)); d != "" {
				t.Errorf("the checkpoints differ (-single +whole):\n%s", d)
			}
		})
	}
}

func checkpoints(t *testing.T, s *store.SQLite) []watch.Checkpoint {
	t.Helper()
	all, err := s.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestForgottenResourcesGo(t *testing.T) {
	s := openStore(t, t.TempDir())
	entries := states(t, 1, 1)
	last := one("a", 1)
	last.Forgotten = true
	commit(t, s, newBatch(append(entries, queued{Entry: last}), 0))
	if c := checkpoints(t, s); len(c) > 0 {
		t.Errorf("%v", c)
	}
	if got := objects(t, s); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// TestCountsAreKept: the last ones of a resource, though its checkpoint comes with them,
// and none of one that is forgotten in the same batch.
func TestCountsAreKept(t *testing.T) {
	s := openStore(t, t.TempDir())
	counts := func(of types.UID, objects int) queued {
		at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		return queued{Entry: watch.Entry{Counts: &watch.Counts{Resource: of, List: []watch.Count{{Time: at, Objects: objects}}}}}
	}
	last := one("gone", 1)
	last.Forgotten = true
	known, gone := one("crd", 1), one("gone", 1)
	known.Checkpoint.Resource, gone.Checkpoint.Resource, last.Checkpoint.Resource = "crd", "gone", "gone"
	kept := counts("crd", 3)
	commit(t, s, newBatch([]queued{{Entry: known}, {Entry: gone}, counts("crd", 2), counts("gone", 5), {Entry: last}, kept}, 0))
	got, err := s.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]watch.Counts{*kept.Counts}, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
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
		out = append(out, fmt.Sprint(o.Namespace, o.Name, o.UID, o.ResourceVersion, string(o.Body)))
	}
	return out
}
