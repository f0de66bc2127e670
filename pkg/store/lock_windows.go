package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// flock takes f for this process until it is closed, and reports false if another
// one has it. Windows keeps others from reading what is locked: that is a byte far
// behind the text.
func flock(f *os.File) (bool, error) {
	behind := windows.Overlapped{OffsetHigh: 1}
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &behind)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// funlock lets go at once.
func funlock(f *os.File) error {
	behind := windows.Overlapped{OffsetHigh: 1}
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &behind)
}
