package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

func database(dir string) string { return filepath.Join(dir, "history", "history.db") }

func cut(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
	closing(t, f)
}

func aside(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "damaged-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestSetAside damages the file so that Open must see it, twice: the first one is set
// aside as it is, the second one stays and stops the program, every time.
func TestSetAside(t *testing.T) {
	for name, damage := range map[string]func(*testing.T, string, int){
		"missing":     func(_ *testing.T, path string, _ int) { _ = os.Remove(path) },
		"empty":       func(t *testing.T, path string, _ int) { cut(t, path, 0) },
		"header only": func(t *testing.T, path string, round int) { cut(t, path, 60-int64(round)%60) },
		"cut off":     func(t *testing.T, path string, round int) { cut(t, path, (20-int64(round)%18)*4096) },
		"half a page": func(t *testing.T, path string, round int) { cut(t, path, 20*4096+100+37*int64(round)) },
		"not one":     func(t *testing.T, path string, _ int) { overwrite(t, path, 0, []byte("hello")) },
		"first page":  func(t *testing.T, path string, _ int) { overwrite(t, path, 100, make([]byte, 3000)) },
	} {
		damages(t, name, func(t *testing.T, round int) {
			dir := t.TempDir()
			for range 2 {
				s := open(t, dir, store.Options{Base: 1000})
				commit(t, s, 1001, 1300)
				closing(t, s)
				damage(t, database(dir), round)
				if len(aside(t, dir)) > 0 {
					break
				}
				before, _ := os.ReadFile(database(dir))
				s = open(t, dir, store.Options{Base: 1000})
				found := aside(t, dir)
				if len(found) != 1 || s.SetAside() != found[0] {
					t.Fatalf("set aside: %q, and %q says the history", found, s.SetAside())
				}
				if last, err := s.LastSeq(t.Context()); err != nil || last != 1000 {
					t.Errorf("the new history's last event is %d, %v", last, err)
				}
				closing(t, s)
				if after, _ := os.ReadFile(filepath.Join(found[0], "history.db")); !slices.Equal(before, after) {
					t.Error("what was set aside has been changed")
				}
			}
			for range 3 {
				_, err := store.Open(t.Context(), dir, store.Options{})
				if !errors.Is(err, store.ErrDamaged) {
					t.Fatalf("got %v, want ErrDamaged", err)
				}
				for _, want := range []string{filepath.Join(dir, "history"), aside(t, dir)[0]} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q does not name %s", err, want)
					}
				}
			}
			if found := aside(t, dir); len(found) != 1 {
				t.Errorf("%q are set aside", found)
			}
		})
	}
}

// TestDamagedRows changes single values, as a flipped bit would.
func TestDamagedRows(t *testing.T) {
	for column, change := range map[string]string{
		"body": "body = x'01' || substr(body, 2, 20) || x'ff' || substr(body, 23)", "time": "time = time + 1",
		"type": "type = 3", "kind": "kind = 3 - kind", "uid": "uid = x'00000000000040008000000000000001'",
		"object": "object = object + 1", "sum": "sum = sum + 1", "empty": "body = ''", "kind unknown": "kind = 99",
		"namespace": "namespace = namespace + 1", "resource": "resource = resource + 1", "text": "time = 'noon'",
	} {
		t.Run("event/"+column, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir(), store.Options{})
			defer closing(t, s)
			commit(t, s, 1, 20)
			if err := s.Exec(t.Context(), "UPDATE events SET "+change+" WHERE seq = 7"); err != nil {
				t.Fatal(err)
			}
			told, places := damagedSeqs(t, s, store.Query{})
			if d := cmp.Diff(slices.Delete(storetest.Events(1, 20), 6, 7), told); d != "" || !slices.Equal(places, []uint64{7}) {
				t.Errorf("damage is reported in the place of %d; events (-want +got):\n%s", places, d)
			}
			faulty(t, s)
			commit(t, s, 21, 22)
		})
	}
	for column, change := range map[string]string{
		"body": "body = body || x'00'", "uid": "uid = 'x'", "version": "version = 17", "generation": "generation = 99",
		"dictionary": "dictionary = 1 - dictionary", "no dictionary": "dictionary = 77", "sum": "sum = 0",
	} {
		t.Run("object/"+column, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir(), store.Options{})
			defer closing(t, s)
			commit(t, s, 1, 20)
			if err := s.Exec(t.Context(), "UPDATE objects SET "+change+" WHERE name = 'w-3'"); err != nil {
				t.Fatal(err)
			}
			stateDamage(t, s, 4, 1)
		})
	}
	t.Run("dictionary", func(t *testing.T) {
		t.Parallel()
		s := open(t, t.TempDir(), store.Options{})
		defer closing(t, s)
		commit(t, s, 1, 20)
		if err := s.Exec(t.Context(), "UPDATE dictionaries SET data = data || 'x'"); err != nil {
			t.Fatal(err)
		}
		stateDamage(t, s, 0, 5)
	})
}

// stateDamage counts the states of a resource that are told, and that are not.
func stateDamage(t *testing.T, s *store.SQLite, told, not int) {
	t.Helper()
	for o, err := range s.Objects(t.Context(), storetest.UID(1, 0)) {
		switch {
		case err == nil:
			told--
		case errors.Is(err, store.ErrDamaged) && o.Name != "" && o.Body == nil:
			not--
		default:
			t.Error(err)
		}
	}
	if told != 0 || not != 0 {
		t.Errorf("%d more are told, and %d more are not", -told, -not)
	}
	faulty(t, s)
}

func faulty(t *testing.T, s *store.SQLite) {
	t.Helper()
	if rep, err := s.Check(t.Context()); err != nil || len(rep.Faults) == 0 {
		t.Errorf("the check finds nothing: %+v, %v", rep, err)
	}
}

// TestCheckFinds breaks what is promised about rows that are all readable.
func TestCheckFinds(t *testing.T) {
	for name, test := range map[string]struct{ query, fault string }{
		"hole":       {"DELETE FROM events WHERE seq = 5", "event 5 is damaged: it is missing"},
		"hole at 1":  {"DELETE FROM events WHERE seq = 1", "event 1 is damaged: it is missing"},
		"manager":    {"DELETE FROM managers WHERE seq = 5", "1 managers of events are not found"},
		"minute":     {"DELETE FROM minutes", "are not found by their time"},
		"orphan":     {"DELETE FROM resources WHERE id = 1", "objects are of no resource"},
		"no object":  {"UPDATE resources SET sum = sum + 1", "checksum"},
		"counts":     {"INSERT INTO counts (resource, sum, body) VALUES (1, 0, x'00')", "the row of counts of widgets1.example.com is damaged: its checksum"},
		"whose":      {"INSERT INTO counts (resource, sum, body) VALUES (77, 0, x'00')", "1 counts are of no resource that is known"},
		"dictionary": {"DELETE FROM dictionaries", "dictionary is damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, t.TempDir(), store.Options{})
			defer closing(t, s)
			commit(t, s, 1, 20)
			if err := s.Exec(t.Context(), test.query); err != nil {
				t.Fatal(err)
			}
			rep, err := s.Check(t.Context())
			if err != nil || !strings.Contains(fmt.Sprint(rep.Faults), test.fault) {
				t.Errorf("faults %q, %v; want %q", rep.Faults, err, test.fault)
			}
		})
	}
	t.Run("the same ID twice", func(t *testing.T) {
		t.Parallel()
		s := open(t, t.TempDir(), store.Options{})
		defer closing(t, s)
		b := storetest.Batch(1, 20)
		b.Events[12].ID = b.Events[3].ID
		if err := s.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if rep, err := s.Check(t.Context()); err != nil || len(rep.Faults) != 1 ||
			!strings.HasPrefix(rep.Faults[0], "event 13 has the ID of event 4: ") {
			t.Errorf("faults %q, %v", rep.Faults, err)
		}
	})
}

// TestDamageInUse has SQLite stumble over a page while the history is in use.
func TestDamageInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	commit(t, s, 1, 1000)
	closing(t, s)
	s = open(t, dir, store.Options{})
	roots, err := s.Ints(t.Context(), "SELECT rootpage FROM sqlite_schema WHERE name = 'events_uid'")
	if err != nil {
		t.Fatal(err)
	}
	// Before anything of it is read.
	overwrite(t, database(dir), (roots[0]-1)*4096, make([]byte, 4096))
	for _, err = range s.Events(t.Context(), store.Query{UID: storetest.UID(1, 2)}) {
		if err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("reading: got %v, want ErrDamaged", err)
	}
	// Nothing of this comes near the page.
	elsewhere := store.Batch{Checkpoints: []watch.Checkpoint{storetest.Checkpoint(0, "7")}}
	if err := s.Commit(t.Context(), elsewhere); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("committing: got %v, want ErrDamaged", err)
	}
	closing(t, s)
	s = open(t, dir, store.Options{})
	defer closing(t, s)
	if s.SetAside() == "" {
		t.Error("it was not set aside")
	}
}

// TestFalseAlarm has damage noted that is not there.
func TestFalseAlarm(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	commit(t, s, 1, 10)
	closing(t, s)
	suspect := filepath.Join(dir, "history", "suspect")
	if err := os.WriteFile(suspect, []byte("a cosmic ray"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, store.Options{})
	defer closing(t, s)
	if n := len(events(t, s)); n != 10 || s.SetAside() != "" {
		t.Errorf("%d events, %q set aside", n, s.SetAside())
	}
	if _, err := os.Stat(suspect); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the note is still there: %v", err)
	}
}

// flips is how many bits are flipped in a round.
const flips = 12

// truths is how many events there are to be damaged.
const truths = 200

// TestFlippedBits flips one bit anywhere, many times: what is told is true, what is
// not told is said, by Open, by the reader or by the check.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir, store.Options{})
	commit(t, s, 1, truths)
	closing(t, s)
	truth, err := os.ReadFile(database(dir))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	outcomes := map[string]int{}
	for range flips * *damageRounds {
		bit := random.IntN(len(truth) * 8)
		outcomes[flip(t, truth, bit)]++
	}
	t.Logf("%v", outcomes)
}

func flip(t *testing.T, truth []byte, bit int) string {
	t.Helper()
	dir := t.TempDir()
	closing(t, open(t, dir, store.Options{}))
	b := slices.Clone(truth)
	b[bit/8] ^= 1 << (bit % 8)
	if err := os.WriteFile(database(dir), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		return "refused"
	}
	defer closing(t, s)
	if s.SetAside() != "" {
		return "set aside"
	}
	return examine(t, s, bit)
}

// examine reads everything and compares it with the truth.
func examine(t *testing.T, s *store.SQLite, bit int) string {
	t.Helper()
	want, said, next := storetest.Events(1, truths), false, uint64(1)
	for ev, err := range s.Events(t.Context(), store.Query{}) {
		if err != nil {
			said = true
			continue
		}
		if d := cmp.Diff(want[ev.Seq-1], ev); d != "" {
			t.Fatalf("bit %d: a wrong event is told (-want +got):\n%s", bit, d)
		}
		if ev.Seq != next && !said {
			t.Fatalf("bit %d: event %d is passed over in silence", bit, next)
		}
		next = ev.Seq + 1
	}
	for n := range 2 {
		for o, err := range s.Objects(t.Context(), storetest.UID(n, 0)) {
			if err != nil {
				said = true
			} else if d := cmp.Diff(lastState(o), o); d != "" {
				t.Fatalf("bit %d: a wrong state is told (-want +got):\n%s", bit, d)
			}
		}
	}
	rep, err := s.Check(t.Context())
	switch {
	case said && err == nil && len(rep.Faults) == 0:
		t.Errorf("bit %d: the check does not find what the readers do", bit)
	case said:
		return "reported"
	case err != nil || len(rep.Faults) > 0:
		return "found by the check"
	case next != truths+1:
		t.Errorf("bit %d: event %d is the last, and nobody says why", bit, next-1)
	}
	return "without effect"
}

// lastState is the true state of an object after all events.
func lastState(o watch.SavedObject) watch.SavedObject {
	var n uint64
	_, _ = fmt.Sscanf(o.Name, "w-%d", &n)
	seq := truths - 10 + n
	if n == 0 {
		seq = truths
	}
	return storetest.State(storetest.Event(seq, int(seq%2)), storetest.UID(int(seq%2), 0)).Object
}
