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
	if !r.remembered() {
		m.step(nil, r, m.added(r)...)
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
		m.reshaped(before, now)
		m.noticed(now, false)
		return
	case before.lost():
		m.step(before, now, m.found(now)...)
	case before.uid != now.uid:
		m.step(before, now, append(m.deleted(before, m.origin(now)), m.added(now)...)...)
		m.noticed(before, true)
	default:
		m.step(before, now, m.modified(before, now)...)
	}
	m.noticed(now, false)
}

// OnDelete implements cache.ResourceEventHandler. A tombstone means that the deletion
// itself was missed.
func (m *monitor) OnDelete(obj any) {
	tombstone, missed := obj.(cache.DeletedFinalStateUnknown)
	if missed {
		obj = tombstone.Obj
	}
	r, ok := obj.(*Record)
	if !ok {
		return // the other half of a mark
	}
	m.forget(r)
	if missed {
		m.bury(r)
	} else {
		m.queue.done(r)
		m.advance(r)
		m.report(r, Entry{Events: m.deleted(r, m.origin(r)), Object: r, Deleted: true})
	}
	m.noticed(r, true)
}

// bury takes in that an object is gone whose deletion nobody saw.
func (m *monitor) bury(r *Record) {
	m.listing()
	m.record(Entry{Events: m.deleted(r, m.missed()), Object: r, Deleted: true})
}

// step takes in a new revision, which replaces before, and what is to be told of it.
func (m *monitor) step(before, r *Record, events ...Event) {
	m.advance(r)
	m.report(r, Entry{Events: events, Object: r, Old: before})
}

func (m *monitor) modified(before, now *Record) []Event {
	changes, err := m.compare(before, now)
	if err != nil {
		// The event must not be lost with its details.
		m.log.Error("comparing two revisions", "resource", m.snapshot().Resource.CRD, "object", now.key(), "error", err)
	}
	thin := before.MetadataOnly() || now.MetadataOnly()
	// Of a change of the spec that was not seen, the generation is all there is to see.
	shown := err != nil || len(changes) > 0 || thin && before.generation != now.generation
	m.missedGenerations(before, now, shown)
	origin := m.origin(now)
	if !m.relist.listed {
		origin = m.missed() // what changes during a first list was known before
	}
	if !shown || origin == "" {
		return nil
	}
	e := m.event(now, Modified, origin)
	e.OldGeneration, e.MetadataOnly = before.generation, thin
	e.Changes = changes
	e.Managers = diff.ChangeManagers(changes)
	return []Event{e}
}

// found reports an object of which only the name was remembered. What of it has
// changed cannot be told, only that something has.
func (m *monitor) found(now *Record) []Event {
	origin := m.missed()
	if origin == "" || !m.isNews(now) {
		return nil
	}
	return []Event{m.whole(now, Modified, origin)}
}

// compare returns the fields in which two revisions differ.
func (m *monitor) compare(before, now *Record) ([]diff.Change, error) {
	if before.MetadataOnly() || now.MetadataOnly() {
		return m.compareMetadata(before, now)
	}
	r := m.snapshot().Resource
	schema := m.schema(r)
	opts := diff.Options{ManagedFields: m.opts.ManagedFields}
	if r.Passwords {
		return compareRedacted(schema, before, now, opts)
	}
	var changes []diff.Change
	err := before.read(func(old []byte) error {
		return now.read(func(new []byte) (err error) {
			changes, err = schema.DiffText(old, new, opts)
			return err
		})
	})
	return changes, err
}

// compareMetadata is for two revisions of which one, or both, have the metadata alone.
func (m *monitor) compareMetadata(before, now *Record) ([]diff.Change, error) {
	o, n, err := decodeBoth(before, now)
	if err != nil {
		return nil, err
	}
	return m.schemas.none.Diff(metadataOf(o), metadataOf(n), diff.Options{})
}

// compareRedacted redacts both by today's rules, which may be stricter than when the older
// was read.
func compareRedacted(schema *diff.Schema, before, now *Record, opts diff.Options) ([]diff.Change, error) {
	o, n, err := decodeBoth(before, now)
	if err != nil {
		return nil, err
	}
	schema.Redact(o)
	schema.Redact(n)
	return schema.Diff(o, n, opts)
}

func decodeBoth(before, now *Record) (o, n map[string]any, err error) {
	if o, err = before.Object(); err != nil {
		return nil, nil, err
	}
	n, err = now.Object()
	return o, n, err
}

// schema never fails: at worst it is deduced.
func (m *monitor) schema(r discovery.Resource) *diff.Schema {
	s, err := m.schemas.of(r)
	if err != nil {
		m.log.Warn("using no schema", "resource", r.CRD, "error", err)
	}
	return s
}

func (m *monitor) added(r *Record) []Event {
	origin := m.origin(r)
	if origin == "" || m.relist.damaged && !m.isNews(r) {
		return nil
	}
	return []Event{m.whole(r, Added, origin)}
}

// whole is an event about all of an object, by all managers that it names.
func (m *monitor) whole(r *Record, typ EventType, origin Origin) Event {
	e := m.event(r, typ, origin)
	if obj, err := r.Object(); err == nil {
		e.Managers = diff.Managers(obj)
	}
	return e
}

// deleted reports the end of an object, unless nobody was told that there is one.
func (m *monitor) deleted(r *Record, origin Origin) []Event {
	if origin == "" || r.lost() {
		return nil
	}
	return []Event{m.event(r, Deleted, origin)}
}

func (m *monitor) event(r *Record, typ EventType, origin Origin) Event {
	uid, rv := r.UID(), r.ResourceVersion()
	return Event{
		SchemaVersion: SchemaVersion, ID: eventID(uid, typ, rv), Time: timestamp(),
		Type: typ, Origin: origin, Resource: ref(m.snapshot().Resource),
		Namespace: r.Namespace(), Name: r.Name(), UID: uid,
		ResourceVersion: rv, Generation: r.generation, MetadataOnly: r.MetadataOnly(),
	}
}

// reshaped takes in that another part of the same revision is kept: the metadata alone,
// or again the whole object. Nothing has happened to the object.
func (m *monitor) reshaped(before, now *Record) {
	if before.MetadataOnly() != now.MetadataOnly() {
		m.record(Entry{Object: now, Old: before})
	}
}

// record hands an entry to the Sink, with the Checkpoint that it leads to.
func (m *monitor) record(e Entry) {
	e.Checkpoint = m.checkpoint()
	for i := range e.Events {
		if e.Events[i].Origin == Reconciled {
			m.relist.differences++
		}
	}
	m.opts.Sink.Record(e)
}

// report records the entry of a revision, and how long it took.
func (m *monitor) report(r *Record, e Entry) {
	m.record(e)
	for i := range e.Events {
		origin := e.Events[i].Origin
		if m.opts.Observer != nil && (origin == Live || origin == Resumed) {
			m.opts.Observer.EventDelay(time.Since(time.UnixMicro(r.received)))
		}
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
		m.record(Entry{Events: m.deleted(r, m.missed()), Object: r, Deleted: true})
		m.noticed(r, true)
	}
}
