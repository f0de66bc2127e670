package watch

import (
	"time"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// State is the condition of the watch of one resource.
type State string

// The states of a resource. See DESIGN.md for the transitions.
const (
	// Pending: not tried yet.
	Pending State = "Pending"
	// Syncing: the initial objects are being read.
	Syncing State = "Syncing"
	// Synced: the initial objects are in and the watch is live, or has ended in
	// the ordinary way and is being renewed.
	Synced State = "Synced"
	// Forbidden: RBAC, or another authorizer, denies list or watch.
	Forbidden State = "Forbidden"
	// NotServed: the CRD is not established, or serves no version.
	NotServed State = "NotServed"
	// Broken: the API server cannot produce the objects, for example because the
	// conversion webhook is down or a stored object cannot be decoded.
	Broken State = "Broken"
	// Stale: once synced, but the watch has been silent or cut past its deadline.
	Stale State = "Stale"
	// Gone: the CRD was deleted.
	Gone State = "Gone"
)

// MetadataOnly is the Reason of a Synced or Syncing resource of which only the metadata
// is kept, because memory is short.
const MetadataOnly = "MetadataOnly"

// States lists every State, in the order of a resource's life.
func States() []State {
	return []State{Pending, Syncing, Synced, Forbidden, NotServed, Broken, Stale, Gone}
}

// Classified reports whether the state is a settled answer about the resource, as
// opposed to one that is still being worked out. Readiness waits for it.
func (s State) Classified() bool {
	return s != Pending && s != Syncing
}

// failed: something keeps the objects from being watched.
func (s State) failed() bool {
	return s == Forbidden || s == NotServed || s == Broken || s == Stale
}

// Status is what is known of one resource and its watch at one moment.
type Status struct {
	Resource discovery.Resource
	State    State
	// Reason is one CamelCase word, Message a sentence; both empty when all is well.
	// What is less than well with a Synced resource is that it is MetadataOnly.
	Reason, Message string
	// Since is when the resource entered State.
	Since time.Time
	// Failures is how many attempts in a row have ended in State for the same Reason; 0 if
	// it is none of a failure. What lies with the API server as a whole, which says nothing
	// about the resource, neither counts nor ends the row.
	Failures int
	// Objects is the number of objects known.
	Objects int
	// MetadataOnly: Records may have no more than the metadata of their objects.
	MetadataOnly bool
	// Whole: all objects of the resource are watched, not a selection of them.
	Whole bool
	// RecordBytes is the memory that the compact records of these objects take.
	RecordBytes int64
}
