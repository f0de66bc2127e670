package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// lockDir makes this process the only writer of dir, until the file is closed. The
// file stays: if it were removed, two processes could lock two files of its name.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	ok, err := flock(f)
	if err == nil && ok {
		err = writeHolder(f)
	}
	switch {
	case err != nil:
		err = fmt.Errorf("locking %s: %w", path, err)
	case !ok:
		err = &LockedError{Dir: dir, Holder: readHolder(f)}
	default:
		return f, nil
	}
	_ = f.Close()
	return nil, err
}

// writeHolder names the host too: on a shared volume, and in containers, where
// everyone is process 1, the number alone says nothing.
func writeHolder(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteAt(fmt.Appendf(nil, "process %d on %s\n", os.Getpid(), host), 0)
	return err
}

func readHolder(f *os.File) string {
	b, _ := io.ReadAll(io.LimitReader(f, 1024))
	return strings.TrimSpace(string(b))
}

func unlockDir(f *os.File) error {
	return errors.Join(funlock(f), f.Close())
}
