package watch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// Done is closed when every resource that was there at first is synced, or the
// reason why it is not is known.
func (m *Manager) Done() <-chan struct{} {
	return m.ready
}

// Ready returns nil once Done is closed, and until then what is still missing: in
// numbers, since whoever asks need not be allowed to know the names.
func (m *Manager) Ready() error {
	if isClosed(m.ready) {
		return nil
	}
	if s := m.crds.snapshot(); !isClosed(m.crdsListed) || !s.State.Classified() {
		return fmt.Errorf("listing %s: %s %s", s.Resource.CRD, s.State, cmp.Or(s.Reason, "not complete yet"))
	}
	settled, resources, _ := m.Progress()
	return fmt.Errorf("%d of %d resources are not synced", resources-settled, resources)
}

// Statuses returns the state of every watched resource, sorted by CRD name.
func (m *Manager) Statuses() []Status {
	monitors := m.watching()
	statuses := make([]Status, 0, len(monitors))
	for _, mon := range monitors {
		statuses = append(statuses, mon.snapshot())
	}
	return statuses
}

// watching returns all monitors but that of the CRDs, sorted by CRD name.
func (m *Manager) watching() []*monitor {
	m.mu.Lock()
	defer m.mu.Unlock()
	monitors := slices.Collect(maps.Values(m.monitors))
	slices.SortFunc(monitors, func(a, b *monitor) int {
		return cmp.Or(cmp.Compare(a.feed.crd, b.feed.crd), cmp.Compare(a.feed.crdUID, b.feed.crdUID))
	})
	return monitors
}

// CRDs returns the state of the watch on the CRDs themselves.
func (m *Manager) CRDs() Status {
	return m.crds.snapshot()
}

// Progress returns how many of the resources are settled, of how many, and how many
// objects have been read.
func (m *Manager) Progress() (settled, resources, objects int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mon := range m.monitors {
		objects += int(mon.feed.listed.Load())
	}
	return len(m.monitors) - m.unsettled, len(m.monitors), objects
}

// QueueStats returns the revisions that have come in and are not handled yet: their
// number, and the bytes of their Records.
func (m *Manager) QueueStats() (depth int, bytes int64) {
	return int(m.queue.depth.Load()), m.queue.bytes.Load()
}
