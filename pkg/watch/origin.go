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
	active bool
	// missed is the resourceVersion up to which they were, if that is known: events up
	// to it were missed, however they come. Otherwise it goes by time.
	missed        string
	since, latest time.Time
}

// begin is called for each opened watch, resuming or not.
func (c *catchUp) begin(resuming bool, missed string) {
	now := time.Now()
	*c = catchUp{active: resuming, missed: missed, since: now, latest: now}
}

// origin returns the origin of the event that has just come.
func (c *catchUp) origin(typ apiwatch.EventType, resourceVersion string) Origin {
	if !c.active {
		return Live
	}
	if c.over(typ, resourceVersion, time.Now()) {
		c.active = false
		return Live
	}
	return Resumed
}

func (c *catchUp) over(typ apiwatch.EventType, resourceVersion string, now time.Time) bool {
	if c.missed != "" {
		return later(resourceVersion, c.missed)
	}
	return typ == apiwatch.Bookmark || now.Sub(c.latest) > catchUpPause || now.Sub(c.since) > catchUpMax
}

// took notes that an event has been passed on, which may have had to wait.
func (c *catchUp) took() {
	c.latest = time.Now()
}

// The origins of Records, not of Events: what an earlier process kept is known
// already, and of what it kept and cannot be read only the name is. A Record that was
// reduced to the metadata is the same revision as before.
const (
	originSaved   Origin = "saved"
	originLost    Origin = "lost"
	originThinned Origin = "thinned"
)

// lull waits for the end of what a watch brings at first that goes on after a restart.
// The API server does not say where that is: it is when nothing comes for a while, or
// something that was not missed.
type lull struct {
	timer *time.Timer
	// until bounds it where it is not known what was missed: a busy resource is never
	// quiet.
	until time.Time
}

// newLull returns one that is never over, if there is nothing to wait for.
func newLull(active, bounded bool) *lull {
	if !active {
		return &lull{}
	}
	l := &lull{timer: time.NewTimer(catchUpPause)}
	if !bounded {
		l.until = time.Now().Add(catchUpMax)
	}
	return l
}

func (l *lull) over() <-chan time.Time {
	if l.timer == nil {
		return nil
	}
	return l.timer.C
}

// extend is called for each event. more: it was missed, so others may follow.
func (l *lull) extend(more bool) {
	switch {
	case l.timer == nil:
	case !more, !l.until.IsZero() && time.Now().After(l.until):
		l.timer.Reset(0)
	default:
		l.timer.Reset(catchUpPause)
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

var origins = [...]Origin{"", Initial, Live, Resumed, Reconciled, originSaved, originLost, originThinned}

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
