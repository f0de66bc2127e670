package watch

import (
	"log/slog"
	"math/rand/v2"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// Scope narrows what is watched of one resource. The zero Scope is everything.
type Scope struct {
	Namespace, LabelSelector, FieldSelector string
}

// Selector decides whether a resource is watched, and how much of it.
type Selector func(discovery.Resource) (Scope, bool)

// Everything selects all resources, whole.
func Everything(discovery.Resource) (Scope, bool) {
	return Scope{}, true
}

// Observer is told what the watches do, for metrics. Its methods are called
// concurrently and must not block.
type Observer interface {
	// WatchRestarted: the watch of a resource ended for a reason and is renewed.
	WatchRestarted(resource discovery.Resource, reason string)
	// Drift: a comparison with the API server found this many objects that were not
	// as the watch had told. They are repaired; none should ever be found.
	Drift(resource discovery.Resource, objects int)
	// EventDelay is the time between the arrival of a revision and its Event.
	EventDelay(d time.Duration)
}

// Options configure a Manager. Clients and Sink are required.
type Options struct {
	Clients *Clients
	Sink    Sink
	// Resolve is called once, before the first resource is watched, with all CRDs of the
	// cluster, or with those that Snapshots remember: what has changed of them comes
	// later. Only entries of the CRDs themselves may be recorded before, and none while
	// it runs. Its error ends Run. Nil selects Everything, and the CRDs themselves.
	Resolve func(discovery.Set) (Selector, error)
	// Snapshots are what an earlier process kept of the entries that it was given; the
	// Sink must be the one that keeps them now. Nil for a process that remembers nothing.
	Snapshots Snapshots
	// StateChanged, if set, is called when what the Status of a resource says of its watch
	// has changed: state, reason, message, MetadataOnly, or the number of failures in a row up to the
	// third, which is where Persist gives up, too. It may be called concurrently, and
	// late: the truth is what Manager.Status returns. It must not block.
	StateChanged func(crd types.UID)
	// Initial reports the objects that exist at the start as ADDED events.
	Initial bool
	// ManagedFields makes an update of nothing but managedFields an event.
	ManagedFields bool
	// MemoryBudget is how many bytes the process should take; 0 for any number. When it
	// is nearly used up, the resources that take most are watched with the metadata of
	// their objects alone (Status.MetadataOnly, Event.MetadataOnly) until there is room.
	MemoryBudget int64
	// MemoryUsed measures how many bytes are in use, given what the Records of all
	// objects take. Nil: as the Go runtime has it.
	MemoryUsed func(records int64) int64
	// Observer may be nil.
	Observer Observer
	// Logger may be nil.
	Logger *slog.Logger
	// Timing has a default for each of its zero fields.
	Timing Timing
}

// Timing are the deadlines and intervals of the watches.
type Timing struct {
	// WatchTimeout is the least time after which the API server is asked to end a
	// watch; the most is twice as much. Default 30 min.
	WatchTimeout time.Duration
	// SyncDeadline is how long the initial objects may make no progress before a
	// consistent LIST asks why. Default 60 s.
	SyncDeadline time.Duration
	// StaleAfter is how long a watch may be silent. The API server sends a bookmark
	// about once a minute. Default 3 min.
	StaleAfter time.Duration
	// CutAfter is how long a synced resource may fail to get its watch back before
	// it is Stale. Default 30 s.
	CutAfter time.Duration
	// AnswerWithin is how long the API server may take to accept a watch. Default
	// 30 s.
	AnswerWithin time.Duration
	// RetryMin and RetryMax bound the exponential backoff. Default 250 ms and 30 s.
	RetryMin, RetryMax time.Duration
	// ForbiddenRetry is the pause after a denial. Default 1 min.
	ForbiddenRetry time.Duration
	// RetireAfter is how long the watch of a deleted CRD is waited for to deliver
	// the last deletions. Default 5 s.
	RetireAfter time.Duration
	// DriftEvery is the least time between two comparisons of a resource's objects with
	// the API server; the most is twice as much. Default 1 h; negative for never.
	DriftEvery time.Duration
	// MemoryEvery is how often the memory is looked at, and ReturnAfter how long little
	// must have been in use for whole objects to be kept again. Default 250 ms and 5 min:
	// a first list can bring tens of megabytes a second.
	MemoryEvery, ReturnAfter time.Duration
	// StartWidth is how many watches are started at once. Default 4.
	StartWidth int
}

func (t Timing) withDefaults() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.WatchTimeout, 30 * time.Minute},
		{&t.SyncDeadline, time.Minute},
		{&t.StaleAfter, 3 * time.Minute},
		{&t.CutAfter, 30 * time.Second},
		{&t.AnswerWithin, 30 * time.Second},
		{&t.RetryMin, 250 * time.Millisecond},
		{&t.RetryMax, 30 * time.Second},
		{&t.ForbiddenRetry, time.Minute},
		{&t.RetireAfter, 5 * time.Second},
		{&t.DriftEvery, time.Hour},
		{&t.MemoryEvery, 250 * time.Millisecond},
		{&t.ReturnAfter, 5 * time.Minute},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if t.StartWidth == 0 {
		t.StartWidth = 4
	}
	return t
}

// jitter returns a duration between d and twice d, so that thousands of watches do
// not end in the same moment.
func jitter(d time.Duration) time.Duration {
	return d + rand.N(d)
}

// target is what a feed watches at the moment.
type target struct {
	gvr   schema.GroupVersionResource
	scope Scope
	// thin: of the objects only the metadata is wanted.
	thin bool
}

// targetOf is what to watch of a resource. Where its names are taken, that is nothing
// until the CRD changes: to ask would only tell later, and less, why it is not served.
func targetOf(r discovery.Resource, scope Scope) target {
	t := target{gvr: r.GVR, scope: scope}
	if r.Unserved == discovery.NamesNotAccepted {
		t.gvr.Version = ""
	}
	return t
}
