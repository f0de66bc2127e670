package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Evidence is what earlier damage left in a data directory. It may be moved away once
// it was looked at.
type Evidence struct {
	// Aside are the histories that were set aside, the oldest first.
	Aside []Part
	// Noted is the damage that was seen in use and that the next Open looks into;
	// empty when there is none.
	Noted string
}

// FindEvidence looks into a data directory, beside a server or without, and changes
// nothing. It opens no history: it works on those that cannot be opened, too.
func FindEvidence(dir string) (Evidence, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Evidence{}, fmt.Errorf("looking for damaged histories: %w", err)
	}
	// The time in their names sorts them.
	found, err := filepath.Glob(filepath.Join(escapeGlob(dir), asidePrefix+"*"))
	if err != nil {
		return Evidence{}, fmt.Errorf("looking for damaged histories in %s: %w", dir, err)
	}
	var e Evidence
	for _, path := range found {
		size, err := sizeOf(path)
		if err != nil {
			return Evidence{}, fmt.Errorf("measuring %s: %w", path, err)
		}
		e.Aside = append(e.Aside, Part{Name: path, Bytes: size})
	}
	note, err := os.ReadFile(filepath.Join(dir, historyDir, suspectFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Evidence{}, fmt.Errorf("looking for noted damage: %w", err)
	}
	e.Noted = string(bytes.TrimSpace(note))
	return e, nil
}

// sizeOf adds up the files below path. One that is moved away meanwhile has none.
func sizeOf(path string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return ignoreMissing(err)
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return ignoreMissing(err)
	})
	return sum, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
