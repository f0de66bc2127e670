package watch

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// catchUpPause and catchUpMax end the time in which the events of a re-established
// watch are those that were missed: when none has come for a while, or at the
// latest. The API server sends them in one burst and does not say where it ends.
const (
	catchUpPause = 250 * time.Millisecond
	catchUpMax   = 10 * time.Second
)

// catchUp tells the events that were missed while the watch was away from live ones.
type catchUp struct {
	active        bool
	since, latest time.Time
}

// begin is called for each opened watch, resuming or not.
func (c *catchUp) begin(resuming bool) {
	now := time.Now()
	*c = catchUp{active: resuming, since: now, latest: now}
}

// origin returns the origin of the event that has just come.
func (c *catchUp) origin(typ apiwatch.EventType) Origin {
	if !c.active {
		return Live
	}
	now := time.Now()
	if typ == apiwatch.Bookmark || now.Sub(c.latest) > catchUpPause || now.Sub(c.since) > catchUpMax {
		c.active = false
		return Live
	}
	c.latest = now
	return Resumed
}

// The origins of Records, not of Events: what an earlier process kept is known
// already, and of what it kept and cannot be read only the name is.
const (
	originSaved Origin = "saved"
	originLost  Origin = "lost"
)

// lull waits for the end of what a resumed watch brings at first. The API server does
// not say where that is.
type lull struct {
	timer *time.Timer
	until time.Time
}

// newLull returns one that is never over, if there is nothing to wait for.
func newLull(active bool) *lull {
	if !active {
		return &lull{}
	}
	return &lull{timer: time.NewTimer(catchUpPause), until: time.Now().Add(catchUpMax)}
}

func (l *lull) over() <-chan time.Time {
	if l.timer == nil {
		return nil
	}
	return l.timer.C
}

// extend is called for each event.
func (l *lull) extend() {
	if l.timer != nil {
		l.timer.Reset(max(0, min(catchUpPause, time.Until(l.until))))
	}
}

func (l *lull) stop() {
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

// originCode is an Origin in a single byte: the index into origins.
type originCode uint8

var origins = [...]Origin{"", Initial, Live, Resumed, Reconciled, originSaved, originLost}

func codeOf(o Origin) originCode {
	return originCode(max(0, slices.Index(origins[:], o)))
}

func (c originCode) origin() Origin {
	return origins[c]
}

// originField carries the origin of an object from the pump to the transform, in
// the only thing that the reflector passes on: the object.
const originField = "crdwatch/origin"

func tag(event apiwatch.Event, origin Origin) {
	if u, ok := event.Object.(*unstructured.Unstructured); ok && u.Object != nil {
		u.Object[originField] = origin
	}
}

// untag removes and returns the origin of an object.
func untag(u *unstructured.Unstructured) Origin {
	origin, _ := u.Object[originField].(Origin)
	delete(u.Object, originField)
	return origin
}
