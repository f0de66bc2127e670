package store

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Batch is one transaction: all of it is in the history, or nothing.
//
// It is applied in the order of the fields, so that a resource and its first
// objects may come together.
type Batch struct {
	// Events carry their Seq: ascending, without holes, continuing LastSeq. Their
	// Time is kept in UTC and in microseconds. Those of findings say which findings are
	// open, which is kept longer than the events.
	Events []watch.Event
	// Checkpoints make their resources known. The last one of a resource counts. Their
	// Time is kept as that of the events; Scope and Origin are not looked at.
	Checkpoints []watch.Checkpoint
	// States are of resources that a Checkpoint made known, now or earlier: a
	// *UnknownResourceError otherwise. The last one of an object counts.
	States []State
	// Counts are each kept instead of those that were kept of the resource. Their times
	// are kept in UTC and in microseconds. Those of a resource that is not known are
	// dropped: its CRD may have gone meanwhile.
	Counts []watch.Counts
	// Forgotten are resources whose CRD is gone: their states, counts and checkpoint go.
	// Their events stay. One that is not known is no error.
	Forgotten []types.UID
}

// State is the latest revision of one object, or that it is gone.
type State struct {
	// Resource is the UID of the object's CRD. Any string will do.
	Resource types.UID
	// Object's Dictionary is written once for all objects that share it.
	Object watch.SavedObject
	// Deleted removes the object; then only its namespace, name and UID matter. An
	// object of another UID under this name is its successor and stays. Without a UID,
	// whatever has the name is removed: it may be one that cannot be read.
	Deleted bool
}

// Query says which events to return. The zero Query returns all, oldest first;
// every field that is set narrows it. A GAP names no object and passes Namespace,
// Name, UID and Manager: it says that events may be missing there, whoever's.
type Query struct {
	// Resource is plural.group.
	Resource string
	// Namespace points to "" for cluster-scoped objects.
	Namespace *string
	Name      string
	UID       types.UID
	Type      watch.EventType
	// Manager is one of the managers that the change is attributed to.
	Manager string
	// Since is inclusive and Until exclusive, so that windows can be chained.
	Since, Until time.Time
	// After and Before are sequence numbers, both exclusive; 0 stands for none.
	After, Before uint64
	// Limit is the most events to return; 0 stands for all.
	Limit int
	// Newest returns the newest event first.
	Newest bool
}

// matches is what counts: indexes only narrow down what it is asked of.
func (q *Query) matches(ev *watch.Event) bool {
	switch {
	case q.Type != "" && q.Type != ev.Type:
		return false
	case q.Resource != "" && q.Resource != ev.Resource.Name():
		return false
	case !q.Since.IsZero() && ev.Time.Before(q.Since):
		return false
	case !q.Until.IsZero() && !ev.Time.Before(q.Until):
		return false
	}
	return ev.Type == watch.Gap || q.matchesObject(ev)
}

func (q *Query) matchesObject(ev *watch.Event) bool {
	switch {
	case q.Namespace != nil && *q.Namespace != ev.Namespace:
		return false
	case q.Name != "" && q.Name != ev.Name:
		return false
	case q.UID != "" && q.UID != ev.UID:
		return false
	}
	if q.Manager == "" {
		return true
	}
	for _, m := range ev.Managers {
		if m == q.Manager {
			return true
		}
	}
	return false
}

// everything reports whether q excludes no event between its bounds.
func (q *Query) everything() bool {
	return q.Resource == "" && q.Namespace == nil && q.Name == "" && q.UID == "" &&
		q.Type == "" && q.Manager == "" && q.Since.IsZero() && q.Until.IsZero()
}
