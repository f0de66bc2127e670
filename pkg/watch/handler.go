package watch

import (
	"time"

	"k8s.io/client-go/tools/cache"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// OnAdd implements cache.ResourceEventHandler.
func (m *monitor) OnAdd(obj any, _ bool) {
	if mark, ok := obj.(*mark); ok {
		mark.seen()
		return
	}
	r := obj.(*Record)
	m.queue.done(r)
	m.keep(r, +1)
	if origin := m.origin(r); origin != "" {
		m.report(m.added(r, origin), r)
	}
	m.noticed(r, false)
}

// OnUpdate implements cache.ResourceEventHandler. An equal revision comes with every
// new list, and says nothing.
func (m *monitor) OnUpdate(oldObj, newObj any) {
	before, ok := oldObj.(*Record)
	now, ok2 := newObj.(*Record)
	if !ok || !ok2 {
		return
	}
	m.queue.done(now)
	m.keep(before, -1)
	m.keep(now, +1)
	switch {
	case before.same(now):
		return
	case before.uid != now.uid:
		origin := m.origin(now)
		m.emit(m.deleted(before, origin))
		m.noticed(before, true)
		m.report(m.added(now, origin), now)
	default:
		m.modified(before, now)
	}
	m.noticed(now, false)
}

// OnDelete implements cache.ResourceEventHandler. A tombstone means that the deletion
// itself was missed.
func (m *monitor) OnDelete(obj any) {
	origin := Origin("")
	if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
		obj, origin = tombstone.Obj, Reconciled
	}
	r, ok := obj.(*Record)
	if !ok {
		return // the other half of a mark
	}
	if origin == "" {
		m.queue.done(r)
		origin = m.origin(r)
	}
	m.forget(r)
	m.report(m.deleted(r, origin), r)
	m.noticed(r, true)
}

func (m *monitor) modified(before, now *Record) {
	changes, err := m.compare(before, now)
	if err != nil {
		// The event must not be lost with its details.
		m.log.Error("comparing two revisions", "resource", m.snapshot().Resource.CRD, "object", now.key(), "error", err)
	}
	shown := err != nil || len(changes) > 0
	m.missedGenerations(before, now, shown)
	if !shown {
		return
	}
	e := m.event(now, Modified, m.origin(now))
	e.OldGeneration = before.generation
	e.Changes = changes
	e.Managers = diff.ChangeManagers(changes)
	m.report(e, now)
}

// compare decodes two revisions and returns the fields that differ. Both are
// redacted by today's rules, which may be stricter than when the older was read.
func (m *monitor) compare(before, now *Record) ([]diff.Change, error) {
	o, err := before.Object()
	if err != nil {
		return nil, err
	}
	n, err := now.Object()
	if err != nil {
		return nil, err
	}
	r := m.snapshot().Resource
	schema := m.schema(r)
	if r.Passwords {
		schema.Redact(o)
		schema.Redact(n)
	}
	return schema.Diff(o, n, diff.Options{ManagedFields: m.opts.ManagedFields})
}

// schema never fails: at worst it is deduced.
func (m *monitor) schema(r discovery.Resource) *diff.Schema {
	s, err := m.schemas.of(r)
	if err != nil {
		m.log.Warn("using no schema", "resource", r.CRD, "error", err)
	}
	return s
}

func (m *monitor) added(r *Record, origin Origin) Event {
	e := m.event(r, Added, origin)
	if obj, err := r.Object(); err == nil {
		e.Managers = diff.Managers(obj)
	}
	return e
}

func (m *monitor) deleted(r *Record, origin Origin) Event {
	return m.event(r, Deleted, origin)
}

func (m *monitor) event(r *Record, typ EventType, origin Origin) Event {
	uid, rv := r.UID(), r.ResourceVersion()
	return Event{
		SchemaVersion: SchemaVersion, ID: eventID(uid, typ, rv), Time: timestamp(),
		Type: typ, Origin: origin, Resource: ref(m.snapshot().Resource),
		Namespace: r.Namespace(), Name: r.Name(), UID: uid,
		ResourceVersion: rv, Generation: r.generation,
	}
}

func (m *monitor) emit(e Event) {
	m.opts.Sink.Record(Entry{Events: []Event{e}})
}

// report emits the event of a revision, and how long it took.
func (m *monitor) report(e Event, r *Record) {
	m.emit(e)
	if m.opts.Observer != nil && (e.Origin == Live || e.Origin == Resumed) {
		m.opts.Observer.EventDelay(time.Since(time.UnixMicro(r.received)))
	}
}

// keep accounts for a Record that enters the store (+1) or is replaced in it (-1).
func (m *monitor) keep(r *Record, sign int64) {
	m.objects.Add(sign)
	m.recordBytes.Add(sign * int64(r.Size()))
}

// forget accounts for a deletion. The Record is the last revision, which may be of
// another size than the stored one, so the sum is only as exact as that.
func (m *monitor) forget(r *Record) {
	m.objects.Add(-1)
	m.recordBytes.Store(max(0, m.recordBytes.Load()-int64(r.Size())))
}

// noticed tells the observer of the Records, if there is one.
func (m *monitor) noticed(r *Record, deleted bool) {
	if m.observe != nil {
		m.observe(r, deleted)
	}
}

// reportRemains reports the objects of a deleted CRD whose deletion nobody saw.
func (m *monitor) reportRemains(store cache.Store) {
	for _, obj := range store.List() {
		r, ok := obj.(*Record)
		if !ok {
			continue
		}
		m.forget(r)
		m.emit(m.deleted(r, Reconciled))
		m.noticed(r, true)
	}
}
