package store

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
)

// The identities of the errors that callers act on.
var (
	// ErrExpired is the identity of every ExpiredError.
	ErrExpired = errors.New("the cursor is unknown or past retention")
	// ErrDamaged is the identity of every DamagedError.
	ErrDamaged = errors.New("the history is damaged")
	// ErrFull says that there was no room for a batch. Nothing of it is kept, and it
	// may be committed again when there is.
	ErrFull = errors.New("no space left for the history")
)

// ExpiredError says that what follows a sequence number is not known any more, or
// that the number was never given.
type ExpiredError struct {
	// Oldest is the sequence number of the oldest event that can still be read.
	Oldest uint64
}

// Error names the oldest event, because that is what the reader needs next.
func (e *ExpiredError) Error() string {
	return fmt.Sprintf("%v; the oldest event available is %d", ErrExpired, e.Oldest)
}

// Is makes errors.Is(err, ErrExpired) true.
func (e *ExpiredError) Is(target error) bool { return target == ErrExpired }

// SequenceError says that a batch does not continue the history. Nothing of it is kept.
type SequenceError struct {
	Want, Got uint64
}

func (e *SequenceError) Error() string {
	return fmt.Sprintf("the history goes on with event %d, not %d", e.Want, e.Got)
}

// UnknownResourceError says that a batch has the state of an object whose resource
// has no checkpoint. Nothing of it is kept.
type UnknownResourceError struct {
	Resource types.UID
	Name     string
}

func (e *UnknownResourceError) Error() string {
	return fmt.Sprintf("the state of %s is of the resource %q, which is not known", e.Name, e.Resource)
}

// OtherClusterError says that the history is of another cluster.
type OtherClusterError struct {
	Dir          string
	Saved, Given string
}

func (e *OtherClusterError) Error() string {
	return fmt.Sprintf("%s has the history of cluster %s, and this is cluster %s: "+
		"give each cluster a data directory of its own, or move this one aside", e.Dir, e.Saved, e.Given)
}

// LockedError says that another process writes this directory.
type LockedError struct {
	Dir string
	// Holder is that process as it wrote itself down; empty when it did not.
	Holder string
}

func (e *LockedError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("%s is in use by another process", e.Dir)
	}
	return fmt.Sprintf("%s is in use by %s", e.Dir, e.Holder)
}

// SchemaError says that the history was written by another version of the program.
type SchemaError struct {
	Path         string
	Found, Known int
}

func (e *SchemaError) Error() string {
	if e.Found > e.Known {
		return fmt.Sprintf("%s has schema version %d, this program knows %d at most: use the newer program",
			e.Path, e.Found, e.Known)
	}
	return fmt.Sprintf("%s has schema version %d, reading needs %d: start a server on it once, which migrates it",
		e.Path, e.Found, e.Known)
}

// DamagedError says that what was written is not what can be read.
type DamagedError struct {
	// What is damaged: a file, or what of its contents.
	What string
	// Aside is what was set aside before; then nothing more is set aside.
	Aside string
	Err   error
}

func (e *DamagedError) Error() string {
	if e.Aside == "" {
		return fmt.Sprintf("%s is damaged: %v", e.What, e.Err)
	}
	return fmt.Sprintf("%s is damaged: %v; %s was set aside already, and nothing more will be on its own: "+
		"restore one of the two, or move both away", e.What, e.Err, e.Aside)
}

// Is makes errors.Is(err, ErrDamaged) true.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

func (e *DamagedError) Unwrap() error { return e.Err }

// damagedf returns the error for damage that this package found by itself.
func damagedf(what, format string, args ...any) error {
	return &DamagedError{What: what, Err: fmt.Errorf(format, args...)}
}
