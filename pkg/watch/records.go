package watch

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// Records are the objects of one resource as the informer has them at one moment. That
// may be ahead of the entries: what the Sink was not given yet can be in it already.
type Records struct {
	// List has one Record for each object, in no order. It is the caller's.
	List []*Record
	// Position is a resourceVersion that nothing in List is later than. Once an entry
	// of the resource has a Checkpoint that is not before it, and whose list is
	// complete, all that List has was given to the Sink.
	Position string
}

// Records returns the objects of a watched resource, or of the CRDs themselves. It
// reports false for a resource that is not watched. It copies as many pointers as there
// are objects, and reads nothing else.
func (m *Manager) Records(crd types.UID) (Records, bool) {
	mon := m.monitor(crd)
	if mon == nil {
		return Records{}, false
	}
	informer := mon.informer.Load()
	if informer == nil {
		return Records{}, false
	}
	all := (*informer).GetStore().List()
	// Read after the objects: the reflector is ahead of them, but for the moment in
	// which it hands on a list.
	r := Records{List: make([]*Record, 0, len(all)), Position: (*informer).LastSyncResourceVersion()}
	newest := &Record{}
	for _, obj := range all {
		record, ok := obj.(*Record)
		if !ok {
			continue
		}
		r.List = append(r.List, record)
		if record.resourceVersion > newest.resourceVersion {
			newest = record
		}
	}
	if newest.resourceVersion > 0 && later(newest.ResourceVersion(), r.Position) {
		r.Position = newest.ResourceVersion()
	}
	return r, true
}

// Namespaces returns how many objects of a watched resource each namespace has, and
// under "" those without one. It looks at every object.
func (m *Manager) Namespaces(crd types.UID) map[string]int {
	counts := map[string]int{}
	records, _ := m.Records(crd)
	for _, r := range records.List {
		counts[r.Namespace()]++
	}
	return counts
}

// Record returns the object of a watched resource that has a key (see Record.Key), or
// nil.
func (m *Manager) Record(crd types.UID, key string) *Record {
	mon := m.monitor(crd)
	if mon == nil {
		return nil
	}
	informer := mon.informer.Load()
	if informer == nil {
		return nil
	}
	obj, _, _ := (*informer).GetStore().GetByKey(key)
	r, _ := obj.(*Record)
	return r
}

// Status returns the state of one resource, and false if it is not watched.
func (m *Manager) Status(crd types.UID) (Status, bool) {
	mon := m.monitor(crd)
	if mon == nil {
		return Status{}, false
	}
	return mon.snapshot(), true
}

// Resources returns all CRDs of the cluster, watched or not.
func (m *Manager) Resources() discovery.Set { return m.catalog.Set() }

// monitor returns nil for a resource that is not watched.
func (m *Manager) monitor(crd types.UID) *monitor {
	if crd == m.crds.feed.crdUID {
		return m.crds
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.monitors[crd]
}
