package watch

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/crdwatch/crdwatch/pkg/discovery"
)

// Manager watches every selected resource of a cluster. It owns all monitors.
type Manager struct {
	opts    Options
	gate    *gate
	schemas *schemas
	queue   queue
	catalog *discovery.Catalog
	crds    *monitor
	running sync.WaitGroup
	// crdsListed is closed when the first list of CRDs is complete, resolved when it
	// is known what is selected, ready when everything that was listed is settled.
	crdsListed, resolved, ready chan struct{}

	mu       sync.Mutex
	selector Selector
	monitors map[types.UID]*monitor
	// unsettled counts the monitors whose resource is not classified.
	unsettled  int
	reconciled bool
}

// New returns a Manager that does nothing until Run.
func New(opts Options) *Manager {
	opts.Timing = opts.Timing.withDefaults()
	opts.Logger = cmp.Or(opts.Logger, slog.New(slog.DiscardHandler))
	m := &Manager{
		opts:       opts,
		gate:       newGate(opts.Timing.StartWidth),
		schemas:    newSchemas(),
		catalog:    discovery.NewCatalog(),
		monitors:   map[types.UID]*monitor{},
		crdsListed: make(chan struct{}),
		resolved:   make(chan struct{}),
		ready:      make(chan struct{}),
	}
	m.crds = m.newMonitor(discovery.CRDs(), Scope{})
	m.crds.feed.crd = "" // no CRD defines the CRDs
	m.crds.settle = func(bool) {}
	m.crds.first = func() {
		close(m.crdsListed)
		// Events about CRDs must not come before the selection is known.
		<-m.resolved
	}
	reader := &crdReader{catalog: m.catalog, log: opts.Logger, read: map[*Record]discovery.Resource{}}
	m.crds.prepare, m.crds.observe = reader.prepare, reader.observe
	return m
}

// Run watches until ctx ends, and returns when everything that it started has
// ended. Its only errors are those of Options.Resolve.
func (m *Manager) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer m.running.Wait()
	resolved := sync.OnceFunc(func() { close(m.resolved) })
	defer resolved()
	defer cancel()
	m.running.Go(func() { m.crds.run(ctx) })
	select {
	case <-ctx.Done():
		return nil
	case <-m.crdsListed:
	}
	if err := m.resolve(); err != nil {
		return err
	}
	resolved()
	for {
		m.reconcile(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-m.catalog.Changed():
		}
	}
}

func (m *Manager) resolve() error {
	selector := Everything
	if m.opts.Resolve != nil {
		var err error
		if selector, err = m.opts.Resolve(m.catalog.Set()); err != nil {
			return err
		}
	}
	m.mu.Lock()
	m.selector = selector
	m.mu.Unlock()
	return nil
}

// reconcile makes the monitors match the catalog. It looks at the whole of both, so
// that it does not matter which changes led here, or how many.
func (m *Manager) reconcile(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	present := make(map[types.UID]bool)
	for _, r := range m.catalog.Set().Sorted() {
		present[r.UID] = true
		scope, selected := m.selector(r)
		if !selected {
			continue
		}
		if known, ok := m.monitors[r.UID]; ok {
			known.update(r, scope)
			continue
		}
		m.start(ctx, r, scope)
	}
	for uid, gone := range m.monitors {
		if !present[uid] {
			delete(m.monitors, uid)
			gone.feed.retire()
		}
	}
	m.reconciled = true
	m.checkReady()
}

// start is called with mu held.
func (m *Manager) start(ctx context.Context, r discovery.Resource, scope Scope) {
	mon := m.newMonitor(r, scope)
	switch {
	case m.reconciled:
		// The CRD is new, so everything in it is. And it may be gone already.
		mon.initial = Live
		mon.feed.checkFirst = true
	case m.opts.Initial:
		mon.initial = Initial
	}
	m.monitors[r.UID] = mon
	m.unsettled++
	m.running.Go(func() { mon.run(ctx) })
}

func (m *Manager) newMonitor(r discovery.Resource, scope Scope) *monitor {
	mon := &monitor{
		opts: &m.opts, schemas: m.schemas, queue: &m.queue, log: m.opts.Logger,
		settle: m.settled, first: func() {},
		resource: r, current: Pending, since: time.Now(),
	}
	mon.feed = &feed{
		clients: m.opts.Clients, gate: m.gate, timing: m.opts.Timing, host: mon,
		crd: r.CRD, crdUID: r.UID,
		target: target{gvr: r.GVR, scope: scope}, changed: make(chan struct{}),
	}
	return mon
}

// settled is told by a monitor that its resource became classified, or ceased to be.
func (m *Manager) settled(classified bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if classified {
		m.unsettled--
	} else {
		m.unsettled++
	}
	m.checkReady()
}

// checkReady is called with mu held.
func (m *Manager) checkReady() {
	if !m.reconciled || m.unsettled > 0 {
		return
	}
	if !isClosed(m.ready) {
		close(m.ready)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

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
	if !isClosed(m.crdsListed) {
		s := m.crds.snapshot()
		return fmt.Errorf("listing %s: %s %s", s.Resource.CRD, s.State, cmp.Or(s.Reason, "not complete yet"))
	}
	settled, resources, _ := m.Progress()
	return fmt.Errorf("%d of %d resources are not synced", resources-settled, resources)
}

// Statuses returns the state of every watched resource, sorted by CRD name.
func (m *Manager) Statuses() []Status {
	m.mu.Lock()
	monitors := make([]*monitor, 0, len(m.monitors))
	for _, mon := range m.monitors {
		monitors = append(monitors, mon)
	}
	m.mu.Unlock()
	statuses := make([]Status, 0, len(monitors))
	for _, mon := range monitors {
		statuses = append(statuses, mon.snapshot())
	}
	slices.SortFunc(statuses, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Resource.CRD, b.Resource.CRD), cmp.Compare(a.Resource.UID, b.Resource.UID))
	})
	return statuses
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
