package audit

import (
	"cmp"
	"fmt"
	"time"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// Input is all that a rule may know. Everything in it is read-only and shared.
type Input struct {
	Now time.Time
	// CRD is the current revision.
	CRD *CRD
	// Earlier is the revision of the CRD that the current one replaced; nil when it is
	// not known.
	Earlier *CRD
	// Object is the object that a rule AboutObject is called for.
	Object *Object
	// Census sums up all objects of the CRD, for a rule AboutCRD. Nil when they could
	// not all be read.
	Census *Census
	// Failure is what keeps the objects from being read; nil if they can be.
	Failure *Failure
	// Updates are the latest revisions of the object, the oldest first, as far as
	// somebody watched. Only a rule that is Live gets them.
	Updates []Update
	// Peers are all CRDs of the cluster, this one too.
	Peers []Peer
	// Answers has what Ask asked for.
	Answers map[Question]Answer
	// Offline: there is no cluster, only manifests.
	Offline bool
	// Server is the version of the API server, as it says itself: "v1.37.2". Empty when
	// it is not known, or Offline.
	Server string

	// thresholds are those that the configuration sets for the rule that is called.
	thresholds map[string]any
}

// Answer returns the answer to a question. One that was never asked is Unknown.
func (in *Input) Answer(q Question) Answer {
	if a, ok := in.Answers[q]; ok {
		return a
	}
	return Answer{Message: cmp.Or(q.Resource, q.Kind) + " was not looked up"}
}

// Failure is why the objects of a resource cannot be read.
type Failure struct {
	// Reason is one CamelCase word: Forbidden, NotFound, UndecodableObject,
	// ConversionWebhookFailed, Unreachable, TooManyRequests, …
	Reason string
	// Message is the API server's own.
	Message string
	// Since is when it began; zero where nobody watched.
	Since time.Time
	// Attempts is how often in a row it ended so.
	Attempts int
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s: %s", f.Reason, f.Message)
}

// Update is one revision of an object, as somebody who watched saw it.
type Update struct {
	Time          time.Time
	GenerationNew bool // the spec changed
	Managers      []string
	Changes       []diff.Change
}

// Peer is what matters of another CRD.
type Peer struct {
	CRD                           string
	Group, Plural, Singular, Kind string
	ShortNames                    []string
	// Objects is the number of its objects, -1 when it is not known.
	Objects int
	// Counting: they are being counted, so that it will be known.
	Counting bool
}
