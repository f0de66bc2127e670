package watch

import (
	"context"
	"iter"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Entry is one step in what is known of a resource. All of it belongs together: a
// Sink that keeps it keeps it whole or not at all, or a restart would miss what the
// Checkpoint says was seen, or report again what the Object says was not.
type Entry struct {
	// Checkpoint is how far the resource is known with this Entry.
	Checkpoint Checkpoint
	// Events are what is to be told, in order. Most entries have one; the state of a
	// first list, a revision that changes nothing worth telling, and a bookmark have
	// none.
	Events []Event
	// Object is the latest revision of the object that the Entry is about, or the
	// last one if it is Deleted. Nil when it is about none.
	Object  *Record
	Deleted bool
	// Old is the revision that Object replaces. Nil for an object that is new, and for
	// one that is Deleted: then Object has what the last revision had.
	Old *Record
	// Forgotten: the CRD is gone, and nothing about its objects need be kept.
	Forgotten bool
	// Counts, if set, are to be kept instead of those that were. An Entry that has them
	// has nothing else.
	Counts *Counts
}

// Counts are how many objects a resource had at some times, the oldest first. The audit
// makes them, to be given them back after a restart; the watch only says how they travel.
type Counts struct {
	// Resource is the UID of the CRD.
	Resource types.UID
	List     []Count
}

// Count is how many objects there were at a time.
type Count struct {
	Time    time.Time
	Objects int
}

// Checkpoint is how far the history of one resource reaches.
type Checkpoint struct {
	// Resource is the UID of the CRD, CRD its name.
	Resource types.UID
	CRD      string
	Ref      ResourceRef
	// Position is the resourceVersion from which the watch can go on: everything up
	// to it is known. Empty: the first list never completed.
	Position string
	// Time is when the API server had this position.
	Time time.Time
	// Scope says what of the resource is watched, in a form that is only compared.
	Scope string
	// Origin is that of a list which is not complete: the objects known are partly
	// those of it, so the watch cannot go on from Position. Empty after a complete one.
	Origin Origin
}

// Sink receives the entries of all monitors. Record is called concurrently, in order
// per resource. The monitor waits for it, and in the end so does the API server.
type Sink interface {
	Record(Entry)
}

// Snapshots are what an earlier process kept of its entries. A Manager that has them
// goes on where that process ended.
type Snapshots interface {
	// Checkpoints returns those of all resources that are known.
	Checkpoints(ctx context.Context) ([]Checkpoint, error)
	// Objects returns the latest revisions of a resource's objects. An error with an
	// object that has a name stands for that one, which cannot be read; any other
	// error ends the iteration.
	Objects(ctx context.Context, resource types.UID) iter.Seq2[SavedObject, error]
}

// SavedObject is a Record in a form that can be kept.
type SavedObject struct {
	Namespace, Name string
	UID             types.UID
	ResourceVersion string
	Generation      int64
	// Body is what a Record has compressed with DEFLATE (RFC 1951) and Dictionary,
	// which many objects share. Both are read-only. A Dictionary that begins with
	// MetadataOnlyMark says that Body is no more than the object's metadata.
	Dictionary []byte
	Body       []byte
}
