package diff

import (
	"fmt"
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Options alter what Diff reports.
type Options struct {
	// ManagedFields reports changes of metadata.managedFields too, which are
	// otherwise only the source of attribution.
	ManagedFields bool
}

// Diff returns the fields in which two revisions of an object differ, each with the
// manager that wrote it, sorted by path in the order of fieldpath.Path.Compare
// (fields by name, then list items by key, by value or by number). It returns nil
// if there are none. Either object may be nil: everything is then added or removed.
// The objects are only read, and the changes share their values.
//
// What identifies an object or changes with every write (apiVersion, kind,
// metadata.resourceVersion and the like) is left out. So are the order of an
// associative list, and what remains of a map or associative list that lost its
// last entry: whether nothing, null or an empty container stays behind, the removed
// entries are what is reported. Where no entries are involved, null, empty and
// missing are three different values.
//
// Objects that do not conform to the schema are compared all the same: where a
// value is not of the declared type, its type is deduced. The error is reserved for
// values that JSON cannot hold.
func (s *Schema) Diff(old, new map[string]any, opts Options) (changes []Change, err error) {
	// One object must not end the watch of all others, whatever is in it.
	defer func() {
		if r := recover(); r != nil {
			changes, err = nil, fmt.Errorf("comparing objects: %v", r)
		}
	}()
	edits := s.edits(old, new, opts)
	if len(edits) == 0 {
		return nil, nil
	}
	return attribute(edits, entriesOf(old), entriesOf(new)), nil
}

// edits compares two objects, and sorts what differs by path.
func (s *Schema) edits(old, new map[string]any, opts Options) []edit {
	c := comparison{options: opts}
	c.compare(s.shape, old, new)
	slices.SortFunc(c.edits, func(a, b edit) int { return a.path.Compare(b.path) })
	return c.edits
}

// attribute names the writer of each edit, by the managedFields of both objects.
func attribute(edits []edit, old, new []managedEntry) []Change {
	authors := newAuthors(old, new)
	changes := make([]Change, len(edits))
	for i, e := range edits {
		changes[i] = e.change
		if w := authors.of(e); w != nil {
			changes[i].Manager = w.manager
			changes[i].Operation = w.operation
			changes[i].Subresource = w.subresource
		}
	}
	return changes
}

// edit is a Change before it is attributed.
type edit struct {
	change Change
	path   fieldpath.Path
	// owned is the part of the path that managedFields can name: all of it, or
	// the way to the atomic value that the change lies in.
	owned fieldpath.Path
}

// refined tells whether the change lies within an atomic value.
func (e edit) refined() bool {
	return len(e.owned) < len(e.path)
}

// removal tells whether a field that managers can own is gone. What disappears
// within an atomic value modifies that value.
func (e edit) removal() bool {
	return e.change.Op == Remove && !e.refined()
}
