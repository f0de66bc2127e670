package store_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

var errInjected = errors.New("injected")

// failing has a failpoint fail when it is set.
type failing struct{ point string }

func (f *failing) options(o store.Options) store.Options {
	return store.WithFailpoint(o, func(point string) error {
		if point == f.point {
			return errInjected
		}
		return nil
	})
}

// TestFailingCommit has a commit fail at each point: nothing of it is there, except
// when it fails after it was done, and the same batch goes in afterwards.
func TestFailingCommit(t *testing.T) {
	for _, point := range []string{"begin", "events", "checkpoints", "states", "counts", "forgotten", "commit", "committed"} {
		rounds(t, point, func(t *testing.T, _ int) {
			var f failing
			s := open(t, t.TempDir(), f.options(store.Options{}))
			defer closing(t, s)
			commit(t, s, 1, 10)
			f.point = point
			b := storetest.Batch(11, 20)
			b.Checkpoints = append(b.Checkpoints, storetest.Checkpoint(7, "7"), storetest.Checkpoint(8, "8"))
			b.States = append(b.States, storetest.State(storetest.Event(11, 7), storetest.UID(7, 0)))
			b.Forgotten = []types.UID{storetest.UID(8, 0)}
			if err := s.Commit(t.Context(), b); !errors.Is(err, errInjected) {
				t.Fatalf("got %v, want the injected error", err)
			}
			f.point = ""
			last, err := s.LastSeq(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if point == "committed" {
				if last != 20 {
					t.Errorf("event %d is the last", last)
				}
			} else if last != 10 {
				t.Errorf("event %d is the last", last)
			} else if err := s.Commit(t.Context(), b); err != nil {
				t.Errorf("once more: %v", err)
			}
			commit(t, s, 21, 30)
			if n := len(events(t, s)); n != 30 {
				t.Errorf("%d events", n)
			}
			sound(t, s)
		})
	}
}

func TestFailingPrune(t *testing.T) {
	old := t.TempDir()
	s := open(t, old, store.Options{})
	commit(t, s, 1, 600)
	closing(t, s)
	for _, point := range []string{"begin", "prune", "pruned", "commit", "committed", "vacuum", "vacuumed", "cut"} {
		rounds(t, point, func(t *testing.T, _ int) {
			var f failing
			s := open(t, copied(t, old), f.options(store.Options{
				Retention: time.Minute, Now: func() time.Time { return storetest.Noon().Add(time.Hour) },
			}))
			defer closing(t, s)
			f.point = point
			if err := s.Prune(t.Context()); !errors.Is(err, errInjected) {
				t.Fatalf("got %v, want the injected error", err)
			}
			f.point = ""
			sound(t, s)
			commit(t, s, 601, 650)
			if err := s.Prune(t.Context()); err != nil {
				t.Error(err)
			}
			if n := len(events(t, s)); n != 0 {
				t.Errorf("%d events", n)
			}
			sound(t, s)
		})
	}
}

func TestFailingOpen(t *testing.T) {
	for _, point := range []string{"migrate-1", "migrating-1", "migrated-1", "migrate-2", "migrating-2", "migrated-2", "create", "created"} {
		rounds(t, point, func(t *testing.T, _ int) {
			dir := t.TempDir()
			f := failing{point: point}
			if _, err := store.Open(t.Context(), dir, f.options(store.Options{})); !errors.Is(err, errInjected) {
				t.Fatalf("got %v, want the injected error", err)
			}
			s := open(t, dir, store.Options{})
			defer closing(t, s)
			commit(t, s, 1, 10)
			sound(t, s)
		})
	}
}

// TestFullByPages limits the database; TestFullByLimit the files of a process.
func TestFullByPages(t *testing.T) {
	damages(t, "full", fullByPages)
}

func fullByPages(t *testing.T, round int) {
	s := open(t, t.TempDir(), store.Options{})
	defer closing(t, s)
	commit(t, s, 1, 10)
	if err := s.Limit(t.Context(), 60+round); err != nil {
		t.Fatal(err)
	}
	next := uint64(11)
	for ; next < 1e5; next += 100 {
		if err := s.Commit(t.Context(), storetest.Batch(next, next+99)); err != nil {
			if !errors.Is(err, store.ErrFull) {
				t.Fatalf("got %v, want ErrFull", err)
			}
			break
		}
	}
	if n := len(events(t, s)); uint64(n) != next-1 {
		t.Errorf("%d events, want %d", n, next-1)
	}
	sound(t, s)
	if err := s.Limit(t.Context(), 1e6); err != nil {
		t.Fatal(err)
	}
	commit(t, s, next, next+99)
	sound(t, s)
}

func TestFullByLimit(t *testing.T) {
	for _, limit := range []uint64{200 << 10, 600 << 10} {
		damages(t, itoa(int(limit)), func(t *testing.T, round int) {
			dir := t.TempDir()
			out, err := command(t, childTask{Task: "full", Dir: dir, Limit: limit + uint64(round)*1000}).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "failed committing to ") {
				t.Fatalf("%v\n%s", err, out)
			}
			s := open(t, dir, store.Options{})
			defer closing(t, s)
			if s.SetAside() != "" {
				t.Error("a full disk was taken for damage")
			}
			if last, err := s.LastSeq(t.Context()); err != nil || last != acknowledged(out) {
				t.Errorf("event %d is the last, %d was acknowledged, %v", last, acknowledged(out), err)
			}
			sound(t, s)
		})
	}
}

// TestUnwritable has a directory that may be read and not written to. Root may do
// anything, so a child becomes somebody else.
func TestUnwritable(t *testing.T) {
	damages(t, "read only", unwritableDirectory)
}

func unwritableDirectory(t *testing.T, _ int) {
	dir, err := os.MkdirTemp("", "store") // t.TempDir is nobody else's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := open(t, dir, store.Options{})
	commit(t, s, 1, 10)
	closing(t, s)
	user := os.Getuid()
	if user == 0 {
		user = 65534
	}
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.IsDir() {
			return os.Chmod(path, 0o555)
		} else if err == nil {
			return os.Chmod(path, 0o444)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out, err := command(t, childTask{Task: "unwritable", Dir: dir, User: user}).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) || err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), dir) || !strings.Contains(string(out), "permission denied") ||
		!strings.Contains(string(out), "events 10") {
		t.Errorf("%s", out)
	}
}

// damagedSeqs reads all events, and returns those that were told and the places of
// those that were not.
func damagedSeqs(t *testing.T, s *store.SQLite, q store.Query) (told []watch.Event, places []uint64) {
	t.Helper()
	for ev, err := range s.Events(t.Context(), q) {
		if err == nil {
			told = append(told, ev)
			continue
		}
		if !errors.Is(err, store.ErrDamaged) {
			t.Fatal(err)
		}
		places = append(places, ev.Seq)
	}
	return told, places
}
