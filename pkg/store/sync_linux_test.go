package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/crdwatch/crdwatch/pkg/store"
	"github.com/crdwatch/crdwatch/pkg/store/storetest"
)

// failSyncs has every fsync and fdatasync of this process fail from now on, as those
// of a broken disk do. There is no way back, so it is for a child.
func failSyncs() error {
	number := unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}
	is := func(call uint32, then uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jt: then}
	}
	answer := func(k uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: k} }
	filter := []unix.SockFilter{
		number, is(unix.SYS_FSYNC, 2), is(unix.SYS_FDATASYNC, 1), answer(unix.SECCOMP_RET_ALLOW),
		answer(unix.SECCOMP_RET_ERRNO | uint32(unix.EIO)),
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("installing the filter of system calls: %w", errno)
	}
	return nil
}

// unsynced works like work, and then the disk breaks: before the history is opened,
// or a batch committed, or the past pruned, or all of it closed.
func unsynced(task childTask) error {
	ctx := context.Background()
	if task.Point == "opening" {
		if err := failSyncs(); err != nil {
			return err
		}
		_, err := store.Open(ctx, task.Dir, task.options())
		fmt.Println("failed", err)
		return nil
	}
	s, err := store.Open(ctx, task.Dir, task.options())
	if err != nil {
		return err
	}
	next := uint64(1)
	more := func() error {
		b := storetest.Batch(next, next+batchSize-1)
		for i := range b.Events {
			b.Events[i].ResourceVersion += long
		}
		next += batchSize
		return s.Commit(ctx, b)
	}
	for range task.Batches {
		if err := more(); err != nil {
			return err
		}
		fmt.Println("acknowledged", next-1)
	}
	if err := failSyncs(); err != nil {
		return err
	}
	switch task.Point {
	case "committing":
		fmt.Println("failed", more())
		// The kernel says it once. A second attempt would seem to go well.
		fmt.Println("failed", more())
	case "pruning":
		fmt.Println("failed", s.Prune(ctx))
	}
	fmt.Println("closed", s.Close())
	return nil
}

// TestFailingSync: what a disk has not confirmed is not acknowledged, and after that
// nothing is written to it any more. What was acknowledged before stays.
func TestFailingSync(t *testing.T) {
	for _, point := range []string{"opening", "committing", "pruning", "closing"} {
		rounds(t, point, func(t *testing.T, round int) {
			dir := t.TempDir()
			task := childTask{Task: "unsynced", Dir: dir, Point: point, Batches: 1 + round%8}
			out, err := command(t, task).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := map[string]int{"opening": 1, "committing": 2}[point]
			if n := strings.Count(string(out), "failed "); n < want || strings.Contains(string(out), "failed <nil>") && point != "pruning" {
				t.Errorf("the disk is broken, and nobody says so:\n%s", out)
			}
			if point == "committing" && !strings.Contains(string(out), "refused") {
				t.Errorf("a second commit is tried:\n%s", out)
			}
			whole(t, dir, out)
		})
	}
}
