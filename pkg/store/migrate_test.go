package store_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
)

// older makes a history of the first version, which had no table of managers.
func older(t *testing.T, dir string) {
	t.Helper()
	s := open(t, dir, store.Options{})
	commit(t, s, 1, 600)
	if err := s.Exec(t.Context(), "DROP TABLE managers; DROP TABLE findings; DROP TABLE counts; DROP INDEX events_place; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	closing(t, s)
}

// migrated checks that nothing of it is lost, and that it can do what is new.
func migrated(t *testing.T, dir string) {
	t.Helper()
	s := open(t, dir, store.Options{})
	defer closing(t, s)
	if d := cmp.Diff(storetest.Events(1, 600), events(t, s)); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	n := 0
	for _, err := range s.Events(t.Context(), store.Query{Manager: "manager-2"}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 200 {
		t.Errorf("%d events by a manager, want 200", n)
	}
	commit(t, s, 601, 610)
	sound(t, s)
}

func TestMigration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	older(t, dir)
	if _, err := store.OpenReadOnly(t.Context(), dir); !isSchemaError(err) {
		t.Errorf("reading only: got %v, want a SchemaError", err)
	}
	migrated(t, dir)
}

func isSchemaError(err error) bool {
	var e *store.SchemaError
	return errors.As(err, &e)
}

func TestNewerSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nothing := func(context.Context, *sql.Conn) error { return nil }
	s := open(t, dir, store.WithSteps(store.Options{}, store.SchemaVersion(), nothing))
	commit(t, s, 1, 3)
	closing(t, s)
	_, err := store.Open(t.Context(), dir, store.Options{})
	if !isSchemaError(err) || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("got %v, want a SchemaError", err)
	}
	if _, err := store.OpenReadOnly(t.Context(), dir); !isSchemaError(err) {
		t.Errorf("reading only: got %v, want a SchemaError", err)
	}
	if found := aside(t, dir); len(found) > 0 {
		t.Errorf("%q is set aside", found)
	}
}

// TestFailingMigration has a step fail in its middle, and then work.
func TestFailingMigration(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	closing(t, open(t, dir, store.Options{}))
	broken := errors.New("broken")
	fails := true
	step := func(ctx context.Context, conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, "CREATE TABLE more (id INTEGER)"); err != nil || !fails {
			return err
		}
		return broken
	}
	opts := store.WithSteps(store.Options{}, store.SchemaVersion(), step)
	if _, err := store.Open(t.Context(), dir, opts); !errors.Is(err, broken) {
		t.Errorf("got %v, want the step's error", err)
	}
	s := open(t, dir, store.Options{})
	commit(t, s, 1, 3)
	closing(t, s)
	fails = false
	closing(t, open(t, dir, opts))
}
