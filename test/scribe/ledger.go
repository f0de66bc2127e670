package scribe

import (
	"maps"
	"strconv"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Entry is what a Writer knows must be reported of one of its writes.
type Entry struct {
	ID   string
	Type watch.EventType
	// Resource is the CRD's name, Name the object's.
	Resource, Name string
	// Revision is the resourceVersion that the write got. That of a deletion is not
	// known, only one before it.
	Revision   uint64
	Generation int64
	Manager    string
	Changes    []diff.Change
}

// Ledger has the entries of each object, in order.
type Ledger map[types.UID][]Entry

// Len is the number of entries.
func (l Ledger) Len() int {
	n := 0
	for _, entries := range l {
		n += len(entries)
	}
	return n
}

// Add takes in the entries of another ledger. No object is in both.
func (l Ledger) Add(other Ledger) { maps.Copy(l, other) }

// revision reads a resourceVersion; 0 stands for one that is no number.
func revision(resourceVersion string) uint64 {
	n, err := strconv.ParseUint(resourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
