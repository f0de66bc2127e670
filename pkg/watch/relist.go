package watch

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/resourceversion"
)

// relist is what the handler knows of the lists that the informer made.
type relist struct {
	// listed: the first list is complete, so what comes is a change.
	listed bool
	// rescoped: the first list is of something else than what was kept, which says
	// how far the history reached and nothing about the objects.
	rescoped bool
	// damaged: not all of what was kept can be read, so an object that is not
	// remembered need not be new.
	damaged bool
	// drift: the list was asked for to find what the watch did not tell.
	drift bool
	// refill: the list was asked for to keep whole objects again.
	refill bool
	// differences are the reconciled events since the last list.
	differences int
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

// missed is the origin of a change that a list shows, or empty while what is listed is
// state and not changes.
func (m *monitor) missed() Origin {
	if !m.relist.listed && m.initial == "" {
		return ""
	}
	return Reconciled
}

// isNews reports whether a revision is newer than what is known.
func (m *monitor) isNews(r *Record) bool {
	return later(r.ResourceVersion(), m.known.Position)
}

// advance moves the Checkpoint to a revision. Those of a list come in no order: until
// it is complete, the watch could not go on from any of them.
func (m *monitor) advance(r *Record) {
	if r.origin.origin() == Reconciled {
		m.listing()
		return
	}
	m.known.Position, m.known.Time = r.ResourceVersion(), time.UnixMicro(r.received)
}

// listing notes that a list is under way, and with what origin it goes on after a
// restart.
func (m *monitor) listing() {
	if m.relist.listed {
		m.known.Origin = Reconciled
	} else {
		m.known.Origin = m.initial
	}
}

// checkpoint is how far the resource is known now.
func (m *monitor) checkpoint() Checkpoint {
	r := m.snapshot().Resource
	m.known.Resource, m.known.CRD, m.known.Ref = r.UID, r.CRD, ref(r)
	return m.known
}

// reached implements host. It is called on the handler's goroutine, for a position
// that no revision of the resource has.
func (m *monitor) reached(position string, at time.Time) {
	m.known.Position, m.known.Time = position, at
	m.record(Entry{})
}

// restored implements host. It is called on the pump's goroutine.
func (m *monitor) restored(r *Record) (readable bool) {
	if m.prepare == nil || r.lost() {
		return true
	}
	obj, err := r.Object()
	if err != nil {
		m.log.Error("reading a saved object", "resource", m.snapshot().Resource.CRD, "object", r.key(), "error", err)
		return false
	}
	m.prepare(&unstructured.Unstructured{Object: obj}, r)
	return true
}

// recalled implements host. It is called on the handler's goroutine, after the last
// object that was remembered.
func (m *monitor) recalled(r recollection, from *memory) {
	c := r.checkpoint
	m.known = c
	m.relist = relist{listed: c.Position != "", damaged: r.damaged}
	if c.Position != "" && c.Scope != m.feed.scope {
		m.relist.listed, m.relist.rescoped = false, true
		// Until the list is complete, what is kept is of neither scope.
		m.known.Scope = ""
	}
	if from.newest != nil {
		m.codecs.resume(from.newest, from.objects-from.thin)
	}
	if from.newestThin != nil {
		m.thinCodecs.resume(from.newestThin, from.thin)
	}
	if r.resumes {
		m.first()
	}
}

// comparing implements host. It is called on the handler's goroutine.
func (m *monitor) comparing() {
	m.relist.drift, m.relist.differences = true, 0
}

// listed implements host. It is called on the handler's goroutine, after the last
// object of a complete list.
func (m *monitor) listed(before, now string, since, until time.Time) {
	was := m.relist
	m.relist = relist{listed: true}
	m.setState(Synced, "", "")
	m.first()
	m.known.Position, m.known.Time, m.known.Scope, m.known.Origin = now, until, m.feed.scope, ""
	if was.drift && was.differences > 0 {
		m.drifted(was.differences)
	}
	var e Entry
	if was.gap(before, now) {
		e.Events = []Event{m.gapEvent(GapInfo{
			From: before, To: now, Since: since.UTC(), Until: until.UTC(), MissedGenerations: was.missed,
		})}
	}
	m.record(e)
	if was.refill {
		m.refilled()
	}
}

// gap reports whether a complete list has left something unknown. A first one has
// nothing before it, and one at the very position of the watch leaves nothing out. One
// that we asked for and could not be had at that position is no gap if it finds nothing.
// Where etcd was restored from a backup, the position goes back.
func (r relist) gap(before, now string) bool {
	known := r.listed || r.rescoped
	return known && now != before && (!r.drift && !r.refill || r.differences > 0)
}

// drifted tells of objects that were not as the watch had told.
func (m *monitor) drifted(objects int) {
	r := m.snapshot().Resource
	m.log.Error("the watch had not told of all changes; they are reported as reconciled", "resource", r.CRD, "objects", objects)
	if m.opts.Observer != nil {
		m.opts.Observer.Drift(r, objects)
	}
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
