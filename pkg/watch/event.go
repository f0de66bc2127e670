package watch

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// SchemaVersion is the version of the JSON form of an Event.
const SchemaVersion = "v1"

// EventType says what happened to an object.
type EventType string

// The types of an Event. Gap speaks of a whole resource and names no object. Finding
// says that something is found wrong with an object, or is no more; the object itself
// need not have changed.
const (
	Added    EventType = "ADDED"
	Modified EventType = "MODIFIED"
	Deleted  EventType = "DELETED"
	Gap      EventType = "GAP"
	Finding  EventType = "FINDING"
)

// EventTypes lists every EventType.
func EventTypes() []EventType {
	return []EventType{Added, Modified, Deleted, Gap, Finding}
}

// Origin says how an Event came to be known.
type Origin string

const (
	// Initial objects were there when the watch first began.
	Initial Origin = "initial"
	// Live events came over an uninterrupted watch, or are the first objects of a CRD
	// that is new.
	Live Origin = "live"
	// Resumed events are revisions that were missed while the watch was disconnected,
	// or nobody was running, replayed by the API server when it was re-established.
	Resumed Origin = "resumed"
	// Reconciled events are net changes, found by comparing the objects on both
	// sides of a gap. What happened in between is not known.
	Reconciled Origin = "reconciled"
)

// ResourceRef names the type of an object.
type ResourceRef struct {
	Group    string `json:"group"`
	Version  string `json:"version"`
	Resource string `json:"resource"`
	Kind     string `json:"kind"`
}

// Name is the resource as kubectl and the CRD spell it: plural.group.
func (r ResourceRef) Name() string {
	return r.Resource + "." + r.Group
}

// Event is one change of one custom resource, or a Gap in what is known of a whole
// resource. It is immutable once handed to a Sink: everyone shares it. Its JSON
// form is a public contract.
type Event struct {
	SchemaVersion string `json:"schemaVersion"`
	// ID is the same wherever and however often the change is delivered:
	// uid/resourceVersion, and uid/DELETED for deletions; see FindingID for findings.
	ID string `json:"id"`
	// Seq is given by the ledger: 1, 2, 3, … without holes.
	Seq uint64 `json:"seq"`
	// Time is when crdwatch learned of the change, in UTC.
	Time   time.Time `json:"time"`
	Type   EventType `json:"type"`
	Origin Origin    `json:"origin"`

	Resource  ResourceRef `json:"resource"`
	Namespace string      `json:"namespace,omitempty"`
	Name      string      `json:"name,omitempty"`
	UID       types.UID   `json:"uid,omitempty"`

	ResourceVersion string `json:"resourceVersion,omitempty"`
	Generation      int64  `json:"generation,omitempty"`
	OldGeneration   int64  `json:"oldGeneration,omitempty"`

	// MetadataOnly: of the revision, or of the one before, only the metadata was known,
	// without managedFields. Changes can be those of metadata alone, no manager is
	// named, and where the generation is another one the spec has changed as well.
	MetadataOnly bool `json:"metadataOnly,omitempty"`

	// Managers are the field managers that the change is attributed to, sorted;
	// for an ADDED event, all managers that the new object names.
	Managers []string      `json:"managers,omitempty"`
	Changes  []diff.Change `json:"changes,omitempty"`
	Gap      *GapInfo      `json:"gap,omitempty"`
	Finding  *FindingInfo  `json:"finding,omitempty"`
}

// GapInfo describes a window in which crdwatch was blind for one resource: the API
// server no longer had the revisions between From and To.
type GapInfo struct {
	From  string    `json:"from"`
	To    string    `json:"to"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	// MissedGenerations counts the spec revisions in the window that no event
	// shows, over all objects that survived it.
	MissedGenerations int64 `json:"missedGenerations"`
}

// eventID returns the stable ID of a change.
func eventID(uid types.UID, typ EventType, resourceVersion string) string {
	if typ == Deleted {
		return string(uid) + "/" + string(Deleted)
	}
	return fmt.Sprintf("%s/%s", uid, resourceVersion)
}

// timestamp is the time of an event that is made now: UTC, with the precision that is shown.
func timestamp() time.Time {
	return time.Now().UTC().Truncate(time.Microsecond)
}
