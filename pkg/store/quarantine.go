package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	sqlite3 "modernc.org/sqlite/lib"
)

const (
	// asidePrefix begins the name of a damaged history's directory.
	asidePrefix = "damaged-"
	// suspectFile lies beside a database in which damage was seen while it was in
	// use. The next Open reads all of it.
	suspectFile = "suspect"
)

// setAside moves a damaged history out of the way, as it is. It is one rename of its
// directory: the database never parts from its write-ahead log. One history is set
// aside and no more, or a disk that damages whatever is written to it would be filled
// with what it has damaged.
func setAside(dir string, cause error, opts Options) (string, error) {
	earlier, err := filepath.Glob(filepath.Join(escapeGlob(dir), asidePrefix+"*"))
	if err != nil {
		return "", fmt.Errorf("setting aside %s: %w", dir, err)
	}
	home := filepath.Join(dir, historyDir)
	if len(earlier) > 0 {
		return "", &DamagedError{What: home, Aside: earlier[0], Err: cause}
	}
	if err := opts.failpoint("set-aside"); err != nil {
		return "", err
	}
	aside := filepath.Join(dir, asidePrefix+opts.Now().UTC().Format("20060102T150405Z"))
	if err := errors.Join(os.Rename(home, aside), syncDir(dir)); err != nil {
		return "", fmt.Errorf("setting aside %s: %w", home, err)
	}
	opts.Log.Error("The history is damaged and begins anew; what there was is kept aside",
		"history", home, "aside", aside, "err", cause)
	return aside, opts.failpoint("aside")
}

// escapeGlob keeps a directory's own special characters from being a pattern.
func escapeGlob(dir string) string {
	var b bytes.Buffer
	for _, r := range dir {
		if r == '*' || r == '?' || r == '[' || r == '\\' && os.PathSeparator != '\\' {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// checkFile sees what SQLite would take for a new database, or would notice late:
// a file that is missing, empty, of something else, or shorter than it says. What a
// log beside it has yet to put in may be longer than the file.
func checkFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return damagedf(path, "the file is missing")
	}
	if err != nil {
		return fmt.Errorf("opening the history: %w", err)
	}
	header := make([]byte, 100)
	_, err = io.ReadFull(f, header)
	info, statErr := f.Stat()
	_ = f.Close()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return damagedf(path, "the file is cut off")
	case err != nil || statErr != nil:
		return fmt.Errorf("reading %s: %w", path, errors.Join(err, statErr))
	case string(header[:16]) != "SQLite format 3\x00":
		return damagedf(path, "the file is not a database")
	}
	pages := int64(binary.BigEndian.Uint32(header[28:]))
	wal, err := os.Stat(path + "-wal")
	if (err != nil || wal.Size() == 0) && info.Size() < pages*pageBytes {
		return damagedf(path, "the file is cut off: it has %d bytes and should have %d", info.Size(), pages*pageBytes)
	}
	return nil
}

// judge finds out what err means for this history and returns it with the identity
// that callers ask for. After damage, and after a failed sync, of which nobody knows
// what reached the disk, nothing more is written.
func (s *SQLite) judge(err error) error {
	switch c := code(err); {
	case isDamage(err):
		damage := &DamagedError{What: s.path, Err: err}
		if s.damage.CompareAndSwap(nil, damage) {
			s.raiseSuspicion(err)
		}
		return damage
	case c == sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// fatal reports whether nothing may be written after err.
func fatal(err error) bool {
	c := code(err)
	return isDamage(err) || c == sqlite3.SQLITE_IOERR_FSYNC || c == sqlite3.SQLITE_IOERR_DIR_FSYNC
}

func (s *SQLite) raiseSuspicion(cause error) {
	path := filepath.Join(filepath.Dir(s.path), suspectFile)
	err := os.WriteFile(path, []byte(cause.Error()+"\n"), 0o600)
	s.opts.Log.Error("The history is damaged", "history", s.path, "err", cause, "noting", err)
}

// clearSuspicion reads everything if damage was seen earlier.
func (s *SQLite) clearSuspicion(ctx context.Context) error {
	path := filepath.Join(filepath.Dir(s.path), suspectFile)
	cause, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the history: %w", err)
	}
	faults, err := checkIntegrity(ctx, s.conn)
	switch {
	case err != nil:
		return fmt.Errorf("checking %s: %w", s.path, s.judge(err))
	case len(faults) > 0:
		return damagedf(s.path, "%s, after %s", faults[0], bytes.TrimSpace(cause))
	}
	return os.Remove(path)
}
