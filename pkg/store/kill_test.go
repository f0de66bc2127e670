package store_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// batchSize is how many events the children commit at once, and long makes them fill
// pages.
const batchSize = 40

var long = noise(600)

// noise does not compress to much less than half.
func noise(n int) string {
	random := rand.New(rand.NewPCG(1, 1))
	b := make([]byte, n/2)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return hex.EncodeToString(b)
}

func itoa(n int) string { return strconv.Itoa(n) }

// acknowledged returns the last number that a child said was committed.
func acknowledged(out []byte) uint64 {
	var last uint64
	for line := range strings.Lines(string(out)) {
		var n uint64
		if _, err := fmt.Sscanf(line, "acknowledged %d", &n); err == nil {
			last = n
		}
	}
	return last
}

// die runs a child that is to be killed at a point.
func die(t *testing.T, task childTask) []byte {
	t.Helper()
	cmd := command(t, task)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the child was not killed at %s: %v\n%s%s", task.Point, err, out, stderr.Bytes())
	}
	return out
}

// whole checks what a child left: everything acknowledged, at most the batch that was
// on its way beside it, and both whole.
func whole(t *testing.T, dir string, out []byte) {
	t.Helper()
	s := open(t, dir, store.Options{Cluster: "c"})
	defer closing(t, s)
	if s.SetAside() != "" {
		t.Errorf("what a killed process left was taken for damaged")
	}
	last, err := s.LastSeq(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := acknowledged(out); last != want && last != want+batchSize {
		t.Errorf("event %d is the last, %d was acknowledged", last, want)
	}
	first, err := s.FirstSeq(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []watch.Event(nil)
	if last > 0 {
		want = storetest.Events(first, last)
		for i := range want {
			want[i].ResourceVersion += long
		}
	}
	got := events(t, s)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	latest(t, s, last)
	sound(t, s)
}

// latest checks that states and checkpoints are of the last batch.
func latest(t *testing.T, s *store.SQLite, last uint64) {
	t.Helper()
	if last == 0 {
		return
	}
	checkpoints, err := s.Checkpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []watch.Checkpoint{storetest.Checkpoint(0, fmt.Sprint(1000+last)), storetest.Checkpoint(1, fmt.Sprint(1000+last-1))}
	if d := cmp.Diff(want, checkpoints); d != "" {
		t.Errorf("checkpoints (-want +got):\n%s", d)
	}
	newest := ""
	for o, err := range s.Objects(t.Context(), storetest.UID(0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		newest = max(newest, o.ResourceVersion)
	}
	if newest != fmt.Sprint(1000+last) {
		t.Errorf("the newest state is %s, the last event %d", newest, last)
	}
}

// batches is how many a child commits that lives.
const batches = 8

// passed is how often a point is passed before it kills, in a round: where every batch
// comes by, each time another one.
func passed(point string, count, round int) int {
	switch point {
	case "begin", "events", "checkpoints", "states", "counts", "forgotten", "commit", "committed":
		return (count + round) % batches
	}
	return count
}

func TestKilledAt(t *testing.T) {
	for _, test := range []struct {
		point string
		count int
	}{
		{"migrate-1", 0}, {"migrating-1", 0}, {"migrated-1", 0}, {"migrate-2", 0}, {"migrating-2", 0}, {"migrated-2", 0},
		{"create", 0}, {"created", 0},
		{"begin", 0}, {"begin", 5}, {"events", 0}, {"events", 6}, {"checkpoints", 6}, {"states", 6}, {"counts", 6}, {"forgotten", 6},
		{"commit", 0}, {"commit", 7}, {"committed", 0}, {"committed", 7},
		{"prune", 0}, {"prune", 3}, {"pruned", 3}, {"vacuum", 0}, {"vacuumed", 0}, {"cut", 0},
	} {
		rounds(t, test.point+"/"+itoa(test.count), func(t *testing.T, round int) {
			dir := t.TempDir()
			task := childTask{Task: "work", Dir: dir, Batches: batches, Point: test.point, Count: passed(test.point, test.count, round)}
			out := die(t, task)
			whole(t, dir, out)
			if round > 0 {
				return
			}
			// And once more, on what was left.
			if out, err := command(t, childTask{Task: "work", Dir: dir, Batches: 3}).CombinedOutput(); err != nil {
				t.Errorf("going on: %v\n%s", err, out)
			}
		})
	}
}

// TestKilledWhileMigrating has a history of the first version, and kills the program
// that migrates it.
func TestKilledWhileMigrating(t *testing.T) {
	first := t.TempDir()
	older(t, first)
	for _, point := range []string{"migrate-2", "migrating-2", "migrated-2", "migrating-4"} {
		rounds(t, point, func(t *testing.T, _ int) {
			dir := copied(t, first)
			die(t, childTask{Task: "work", Dir: dir, Batches: batches, Point: point})
			migrated(t, dir)
		})
	}
}

// TestKilledWhileSettingAside has a damaged history.
func TestKilledWhileSettingAside(t *testing.T) {
	for _, point := range []string{"set-aside", "aside", "create"} {
		rounds(t, point, func(t *testing.T, _ int) {
			dir := t.TempDir()
			s := open(t, dir, store.Options{})
			commit(t, s, 1, 10)
			closing(t, s)
			cut(t, filepath.Join(dir, "history", "history.db"), 5000)
			die(t, childTask{Task: "work", Dir: dir, Batches: batches, Point: point})
			s = open(t, dir, store.Options{})
			commit(t, s, 1, 10)
			closing(t, s)
			if found := aside(t, dir); len(found) != 1 {
				t.Errorf("%q are set aside, one was damaged", found)
			}
		})
	}
}
