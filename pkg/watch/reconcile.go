package watch

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// reconcile makes the monitors match the catalog, and returns the UIDs of the CRDs in
// it. It looks at the whole of both, so that it does not matter which changes led here,
// or how many.
func (m *Manager) reconcile(ctx context.Context) (present map[types.UID]bool) {
	set := m.catalog.Set().Sorted()
	added, passed := m.adapt(set)
	for _, mon := range passed {
		mon.record(Entry{})
	}
	for _, mon := range added {
		if mon.feed.memory == nil {
			mon.record(Entry{})
		}
		m.running.Go(func() { mon.run(ctx) })
	}
	present = make(map[types.UID]bool, len(set))
	for i := range set {
		present[set[i].UID] = true
	}
	m.retire(present)
	return present
}

// adapt updates the monitors, and returns new ones that are to be started. passed are
// those of resources that are not selected: that they were there is noted, so that a
// later process, which selects them, does not take them for new.
func (m *Manager) adapt(set []discovery.Resource) (added, passed []*monitor) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range set {
		scope, selected := m.selector(r)
		if !selected {
			if m.passesBy(r) {
				passed = append(passed, m.newMonitor(r, scope))
			}
			continue
		}
		if known, ok := m.monitors[r.UID]; ok {
			known.update(r, scope)
			continue
		}
		mon := m.begin(r, scope)
		m.monitors[r.UID] = mon
		m.unsettled++
		added = append(added, mon)
	}
	return added, passed
}

// passesBy reports, once, that a resource is there and not selected. It is called with
// mu held.
func (m *Manager) passesBy(r discovery.Resource) bool {
	_, saved := m.saved[r.UID]
	if m.opts.Snapshots == nil || saved || m.passed[r.UID] {
		return false
	}
	m.passed[r.UID] = true
	return true
}

// retire ends the monitors of CRDs that are gone.
func (m *Manager) retire(present map[types.UID]bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, gone := range m.monitors {
		if !present[uid] {
			delete(m.monitors, uid)
			gone.feed.retire()
		}
	}
	m.reconciled = true
	m.checkReady()
}

// begin makes the monitor of a resource that was not watched. It is called with mu held.
func (m *Manager) begin(r discovery.Resource, scope Scope) *monitor {
	mon := m.newMonitor(r, scope)
	saved, known := m.saved[r.UID]
	switch {
	case m.reconciled:
		// The CRD is new, so everything in it is. And it may be gone already.
		mon.initial = Live
		mon.feed.checkFirst = true
	case known && saved.Position == "":
		mon.initial = saved.Origin
	case known:
	case m.saved[discovery.CRDs().UID].Position != "":
		// It was new to an earlier process, which did not come to watch it.
		mon.initial = Live
	case m.opts.Initial:
		mon.initial = Initial
	}
	mon.known.Origin = mon.initial
	if known {
		mon.feed.memory = m.memory(saved)
	}
	return mon
}
