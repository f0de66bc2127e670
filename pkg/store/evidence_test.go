package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
)

// TestEvidence finds what was set aside, in a directory whose name is a pattern.
func TestEvidence(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data[1]*")
	s := open(t, dir, store.Options{})
	commit(t, s, 1, 10)
	closing(t, s)
	if e, err := store.FindEvidence(dir); err != nil || len(e.Aside) > 0 || e.Noted != "" {
		t.Fatalf("without damage: %+v, %v", e, err)
	}
	broken := []byte("no database, and longer than the header of one: " + string(make([]byte, 100)))
	if err := os.WriteFile(database(dir), broken, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, store.Options{Now: func() time.Time { return storetest.Noon() }})
	defer closing(t, s)
	if err := os.WriteFile(filepath.Join(filepath.Dir(database(dir)), "suspect"), []byte("a cosmic ray\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := store.FindEvidence(dir)
	if err != nil || e.Noted != "a cosmic ray" || len(e.Aside) != 1 {
		t.Fatalf("got %+v, %v", e, err)
	}
	want := store.Part{Name: filepath.Join(dir, "damaged-20261122T120000Z"), Bytes: int64(len(broken))}
	if e.Aside[0] != want {
		t.Errorf("got %+v, want %+v", e.Aside[0], want)
	}
}

// TestReadingAnEmptyFile: SQLite takes it for a new database, of schema version 0.
func TestReadingAnEmptyFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closing(t, open(t, dir, store.Options{}))
	if err := os.Truncate(database(dir), 0); err != nil {
		t.Fatal(err)
	}
	if r, err := store.OpenReadOnly(t.Context(), dir); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("got %v, %v, want ErrDamaged", r, err)
	}
}
