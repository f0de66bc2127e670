package watch

import (
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// relist is what the handler knows of the lists that the informer made.
type relist struct {
	// listed: the first list is complete, so what comes is a change.
	listed bool
	// missed are the spec generations that no event shows, since the last gap.
	missed int64
}

// origin tells how a change came to be known, or is empty if it is no event: what is
// there when the watch begins is state.
func (m *monitor) origin(r *Record) Origin {
	if !m.relist.listed {
		return m.initial
	}
	return r.origin.origin()
}

// listed implements host. It is called on the handler's goroutine, after the last
// object of a complete list.
func (m *monitor) listed(before, now string, since, until time.Time) {
	first, missed := !m.relist.listed, m.relist.missed
	m.relist = relist{listed: true}
	m.setState(Synced, "", "")
	if first {
		m.first()
		return
	}
	if !later(now, before) {
		return
	}
	m.emit(m.gapEvent(GapInfo{From: before, To: now, Since: since.UTC(), Until: until.UTC(), MissedGenerations: missed}))
}

// missedGenerations counts the spec revisions between two Records that no event
// shows: all, or all but the last if that one is an event.
func (m *monitor) missedGenerations(before, now *Record, shown bool) {
	n := now.generation - before.generation
	if shown {
		n--
	}
	if now.origin.origin() == Reconciled && n > 0 {
		m.relist.missed += n
	}
}

func (m *monitor) gapEvent(g GapInfo) Event {
	r := m.snapshot().Resource
	return Event{
		SchemaVersion: SchemaVersion, ID: string(r.UID) + "/GAP/" + g.From + "-" + g.To, Time: timestamp(),
		Type: Gap, Origin: Reconciled, Resource: ref(r), Gap: &g,
	}
}

// later compares two resourceVersions of one resource, and takes those that cannot
// be compared for different ones.
func later(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	if err != nil {
		return a != b
	}
	return order > 0
}
