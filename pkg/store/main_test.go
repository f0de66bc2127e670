package store_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
)

// childVariable tells this test binary to be one of the children instead: what has
// to die, or to live under other limits, cannot be in the process of the tests.
const childVariable = "CRDWATCH_STORE_TEST_CHILD"

var (
	failpointRounds = flag.Int("rounds", 5, "how often each failpoint fails, and kills")
	damageRounds    = flag.Int("damages", 1, "how often each damage to the disk or the file is done")
)

// rounds runs a test of a failpoint in each of its rounds, at the same time.
func rounds(t *testing.T, point string, test func(t *testing.T, round int)) {
	repeat(t, point, *failpointRounds, test)
}

// damages is rounds for a disk or a file that is damaged.
func damages(t *testing.T, name string, test func(t *testing.T, round int)) {
	repeat(t, name, *damageRounds, test)
}

func repeat(t *testing.T, name string, times int, test func(t *testing.T, round int)) {
	for round := range times {
		t.Run(fmt.Sprintf("%s/%d", name, round), func(t *testing.T) {
			t.Parallel()
			test(t, round)
		})
	}
}

// copied copies a data directory that nobody uses: to make many is slow.
func copied(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(out, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return out
}

// childTask is what a child is to do.
type childTask struct {
	Task string
	Dir  string
	// Batches is how many to commit.
	Batches int
	// Point is the failpoint to die at, and Count how often it is passed before.
	Point string
	Count int
	// Limit is RLIMIT_FSIZE, and User whom to become.
	Limit uint64
	User  int
}

func TestMain(m *testing.M) {
	if task := os.Getenv(childVariable); task != "" {
		os.Exit(child(task))
	}
	goleak.VerifyTestMain(m)
}

func child(text string) int {
	var task childTask
	err := json.Unmarshal([]byte(text), &task)
	if err == nil {
		switch task.Task {
		case "work":
			err = work(task)
		case "full":
			err = fillUp(task)
		case "unwritable":
			err = unwritable(task)
		case "unsynced":
			err = unsynced(task)
		case "hold":
			err = hold(task)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// command starts this binary as a child.
func command(t *testing.T, task childTask) *exec.Cmd {
	t.Helper()
	b, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"="+string(b))
	return cmd
}

// options are those of the children.
func (task childTask) options() store.Options {
	o := store.Options{Cluster: "c", MaxBytes: 120 << 10}
	passed := 0
	return store.WithFailpoint(o, func(point string) error {
		if point != task.Point {
			return nil
		}
		if passed++; passed > task.Count {
			p, err := os.FindProcess(os.Getpid())
			if err != nil {
				return err
			}
			if err := p.Kill(); err != nil {
				return err
			}
			select {} // until it is dead
		}
		return nil
	})
}

// work commits batches, says so after each, and prunes now and then. A history
// that is there is gone on with.
func work(task childTask) error {
	ctx := context.Background()
	s, err := store.Open(ctx, task.Dir, task.options())
	if err != nil {
		return err
	}
	fmt.Println("open")
	for range task.Batches {
		last, err := s.LastSeq(ctx)
		if err != nil {
			return err
		}
		b := storetest.Batch(last+1, last+batchSize)
		for i := range b.Events {
			b.Events[i].ResourceVersion += long
		}
		if err := s.Commit(ctx, b); err != nil {
			return err
		}
		fmt.Println("acknowledged", last+batchSize)
		if last%(4*batchSize) == 0 {
			if err := s.Prune(ctx); err != nil {
				return err
			}
		}
	}
	return s.Close()
}

// fillUp commits until the file may not grow, and says how far it came.
func fillUp(task childTask) error {
	// The signal would end the process; ignored, the write fails.
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: task.Limit, Max: unlimited}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.Open(ctx, task.Dir, store.Options{})
	if err != nil {
		return err
	}
	for next := uint64(1); ; next += batchSize {
		if err := s.Commit(ctx, storetest.Batch(next, next+batchSize-1)); err != nil {
			fmt.Println("failed", err)
			break
		}
		fmt.Println("acknowledged", next+batchSize-1)
	}
	// With more room it goes on.
	limit.Cur = unlimited
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	last, err := s.LastSeq(ctx)
	if err != nil {
		return err
	}
	if err := s.Commit(ctx, storetest.Batch(last+1, last+batchSize)); err != nil {
		return err
	}
	fmt.Println("acknowledged", last+batchSize)
	return s.Close()
}

// unwritable opens as somebody who may only read.
func unwritable(task childTask) error {
	if err := syscall.Setuid(task.User); err != nil {
		return err
	}
	ctx := context.Background()
	if s, err := store.Open(ctx, task.Dir, store.Options{}); err == nil {
		return fmt.Errorf("opening to write did not fail: %w", s.Close())
	} else if _, statErr := os.Stat(filepath.Join(task.Dir, "history")); statErr != nil {
		return fmt.Errorf("%w, and the history is gone: %w", err, statErr)
	} else {
		fmt.Println(err)
	}
	r, err := store.OpenReadOnly(ctx, task.Dir)
	if err != nil {
		return err
	}
	n := 0
	for _, err := range r.Events(ctx, store.Query{}) {
		if err != nil {
			return err
		}
		n++
	}
	fmt.Println("events", n)
	return r.Close()
}

// hold opens and waits for the end of its input.
func hold(task childTask) error {
	s, err := store.Open(context.Background(), task.Dir, store.Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	var b [1]byte
	_, _ = os.Stdin.Read(b[:])
	return s.Close()
}

// unlimited is RLIM_INFINITY, which package syscall has with a sign.
const unlimited = ^uint64(0)
