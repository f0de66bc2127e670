package store_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(ctx context.Context, place string, opts store.Options) (storetest.Store, error) {
		s, err := store.Open(ctx, place, opts)
		if err != nil {
			return nil, err // not a Store that holds a nil
		}
		return s, nil
	})
}

func open(t *testing.T, dir string, opts store.Options) *store.SQLite {
	t.Helper()
	s, err := store.Open(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closing(t *testing.T, s interface{ Close() error }) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func commit(t *testing.T, s *store.SQLite, from, to uint64) {
	t.Helper()
	if err := s.Commit(t.Context(), storetest.Batch(from, to)); err != nil {
		t.Fatal(err)
	}
}

func events(t *testing.T, r interface {
	LastSeq(context.Context) (uint64, error)
}) []watch.Event {
	t.Helper()
	reader, ok := r.(*store.Reader)
	if !ok {
		reader = r.(*store.SQLite).Reader
	}
	var out []watch.Event
	for ev, err := range reader.Events(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ev)
	}
	return out
}

// sound fails the test if the check finds anything.
func sound(t *testing.T, r interface {
	Check(context.Context) (store.Report, error)
}) {
	t.Helper()
	rep, err := r.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Faults) > 0 {
		t.Errorf("the check finds %q", rep.Faults)
	}
}

func TestOneWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := command(t, childTask{Task: "hold", Dir: dir})
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "open\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, err = store.Open(t.Context(), dir, store.Options{})
	var locked *store.LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("got %v, want a LockedError", err)
	}
	for _, want := range []string{dir, "process " + itoa(cmd.Process.Pid)} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not name %q", err, want)
		}
	}
	r, err := store.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	closing(t, r)
	closing(t, in)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	closing(t, open(t, dir, store.Options{}))
}

func TestTwiceInOneProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	defer closing(t, s)
	var locked *store.LockedError
	if _, err := store.Open(t.Context(), dir, store.Options{}); !errors.As(err, &locked) {
		t.Errorf("got %v, want a LockedError", err)
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	// Whatever a path may have that a URI gives a meaning to.
	dir := filepath.Join(t.TempDir(), "a b?c#d%e&[f]*")
	if _, err := store.OpenReadOnly(t.Context(), dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want that it does not exist", err)
	}
	s := open(t, dir, store.Options{})
	commit(t, s, 1, 10)
	r, err := store.OpenReadOnly(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, 11, 20)
	want := storetest.Events(1, 20)
	if d := cmp.Diff(want, events(t, r)); d != "" {
		t.Errorf("beside a writer (-want +got):\n%s", d)
	}
	sound(t, r)
	closing(t, r)
	closing(t, s)
	if r, err = store.OpenReadOnly(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	defer closing(t, r)
	if d := cmp.Diff(want, events(t, r)); d != "" {
		t.Errorf("alone (-want +got):\n%s", d)
	}
}

func TestAfterClose(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), store.Options{})
	closing(t, s)
	if err := s.Commit(t.Context(), storetest.Batch(1, 1)); err == nil {
		t.Error("a commit after Close did not fail")
	}
	if err := s.Prune(t.Context()); err == nil {
		t.Error("pruning after Close did not fail")
	}
}

func TestCommitGivesUpWaiting(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), store.Options{})
	defer closing(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	held := make(chan struct{})
	done := s.Hold(held)
	if err := s.Commit(ctx, storetest.Batch(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	close(held)
	<-done
	commit(t, s, 1, 1)
}

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		passes := make(chan struct{}, 100)
		s := open(t, dir, store.WithFailpoint(store.Options{Retention: time.Hour, Interval: time.Minute}, func(point string) error {
			if point == "pruned" {
				passes <- struct{}{}
			}
			return nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		for range 6 {
			<-passes
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		closing(t, s)
	})
}

// TestPlans has the indexes used without any statistics. What the plan reads is in
// the order of sequence numbers already, so that a page is as long as it says.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), store.Options{})
	defer closing(t, s)
	commit(t, s, 1, 1100)
	ns, resource := "ns-1", storetest.Ref(1).Name()
	for name, test := range map[string]struct {
		q     store.Query
		index string
	}{
		"object":   {store.Query{Resource: resource, Namespace: &ns, Name: "w-3"}, "events_object (object=?"},
		"uid":      {store.Query{UID: storetest.UID(1, 4)}, "events_uid (uid=?"},
		"manager":  {store.Query{Manager: "nobody"}, "PRIMARY KEY (manager=?"},
		"resource": {store.Query{Resource: resource}, "events_resource (resource=?"},
		"place":    {store.Query{Resource: resource, Namespace: &ns}, "events_place (resource=? AND namespace=?"},
		"space":    {store.Query{Namespace: &ns}, "events_namespace (namespace=?"},
		"type":     {store.Query{Type: watch.Deleted}, "events_rare (type=?"},
		"gaps":     {store.Query{Type: watch.Gap}, "events_rare (type=?"},
		"time":     {store.Query{Since: storetest.Noon().Add(time.Minute)}, "events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		"cursor":   {store.Query{After: 5}, "events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		"all":      {store.Query{}, "events USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		"rarest":   {store.Query{Resource: resource, Manager: "nobody"}, "PRIMARY KEY (manager=?"},
	} {
		for _, newest := range []bool{false, true} {
			test.q.Newest = newest
			plan, err := s.Plan(t.Context(), test.q)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text := strings.Join(plan, "\n")
			if !strings.Contains(text, test.index) || strings.Contains(text, "SCAN e") {
				t.Errorf("%s:\n%s", name, text)
			}
		}
	}
}

// TestDictionariesPlan: pruning stops at the first object that has a dictionary.
func TestDictionariesPlan(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir(), store.Options{})
	defer closing(t, s)
	plan, err := s.DictionariesPlan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(plan, "\n")
	if !strings.Contains(text, "SEARCH objects USING COVERING INDEX objects_dictionary (dictionary=?)") || strings.Contains(text, "LIST") {
		t.Errorf("%s", text)
	}
}
