package watch

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
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
	// crdsListed is closed when the CRDs are known, started when what is selected of
	// them is watched, ready when everything that was known at first is settled.
	crdsListed, started, ready chan struct{}
	// saved is how far an earlier process came, by the UIDs of the CRDs. It is not
	// changed once Run has read it.
	saved map[types.UID]Checkpoint
	// revision is a resourceVersion of the time when Run began, if there is something
	// saved: what is older was missed.
	revision string
	// memoryUsed is what was in use when the memory was looked at last.
	memoryUsed atomic.Int64

	mu       sync.Mutex
	selector Selector
	// passed are the CRDs that are not selected.
	passed   map[types.UID]bool
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
		passed:     map[types.UID]bool{},
		crdsListed: make(chan struct{}),
		started:    make(chan struct{}),
		ready:      make(chan struct{}),
	}
	m.crds = m.newMonitor(discovery.CRDs(), Scope{})
	m.crds.feed.crd = "" // no CRD defines the CRDs
	m.crds.settle = func(bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.checkReady()
	}
	m.crds.first = sync.OnceFunc(func() {
		close(m.crdsListed)
		// Events about CRDs must not come before the selection is known. And the first
		// position of the CRDs is recorded after the resources that were there at
		// first: one without a checkpoint came later, and all of it is news.
		<-m.started
	})
	reader := &crdReader{catalog: m.catalog, log: opts.Logger, read: map[types.UID]readCRD{}}
	m.crds.prepare, m.crds.observe = reader.prepare, reader.observe
	return m
}

// Run watches until ctx ends, and returns when everything that it started has
// ended: then the Sink gets no more entries. Its only errors are those of
// Options.Resolve and of reading the checkpoints of Options.Snapshots.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.load(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer m.running.Wait()
	started := sync.OnceFunc(func() { close(m.started) })
	defer started()
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
	present := m.reconcile(ctx)
	started()
	m.running.Go(func() { m.reportOrphans(ctx, present) })
	m.running.Go(func() { m.lookForDrift(ctx) })
	m.running.Go(func() { m.keepBudget(ctx) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.catalog.Changed():
			m.reconcile(ctx)
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

func (m *Manager) newMonitor(r discovery.Resource, scope Scope) *monitor {
	mon := &monitor{
		opts: &m.opts, schemas: m.schemas, queue: &m.queue, log: m.opts.Logger,
		settle: m.settled, first: func() {},
		resource: r, current: Pending, since: time.Now(), narrowed: scope != (Scope{}),
	}
	mon.thinCodecs.first = thinDictionary
	mon.known.Scope = scopeText(scope)
	mon.feed = &feed{
		clients: m.opts.Clients, gate: m.gate, timing: m.opts.Timing, host: mon,
		scope: mon.known.Scope, budgeted: m.opts.MemoryBudget > 0, started: m.revision, censuses: make(chan chan<- tally), comparisons: make(chan struct{}),
		crd: r.CRD, crdUID: r.UID,
		target: targetOf(r, scope), changed: make(chan struct{}), before: make(chan struct{}),
	}
	close(mon.feed.before)
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
	// The CRDs may be remembered only, and others be there by now.
	if !m.reconciled || m.unsettled > 0 || !m.crds.state().Classified() {
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
