package watch

import (
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"
)

// pressure keeps the process within its memory budget, in that resources are watched
// with their metadata alone as long as there is too little.
type pressure struct {
	manager *Manager
	// heap is nil where Options.MemoryUsed measures.
	heap *heap
	// calm is since when little was in use; zero if it is not.
	calm time.Time
	// settling: what was chosen had not taken effect when this was looked at last.
	settling bool
	// exhausted: it was said that nothing more can be done.
	exhausted bool
}

// keepBudget looks at the memory until ctx ends.
func (m *Manager) keepBudget(ctx context.Context) {
	if m.opts.MemoryBudget <= 0 {
		return
	}
	p := &pressure{manager: m}
	if m.opts.MemoryUsed == nil {
		p.heap = newHeap(readRuntime)
	}
	for {
		p.look(time.Now())
		if !sleep(ctx, m.opts.Timing.MemoryEvery, nil) {
			return
		}
	}
}

// Memory returns how many bytes are in use of how many, as of the last look. Both are 0
// without a budget.
func (m *Manager) Memory() (used, budget int64) {
	return m.memoryUsed.Load(), m.opts.MemoryBudget
}

func (p *pressure) look(now time.Time) {
	monitors := p.manager.watching()
	loads, used := p.measure(monitors, false)
	c := p.choose(loads, used, now)
	if p.heap != nil && (len(c.degrade) > 0 || p.settled(loads)) {
		// An estimate is no reason to show less, and the effect is worth to be known.
		loads, used = p.measure(monitors, true)
		c = p.choose(loads, used, now)
	}
	budget := p.manager.opts.MemoryBudget
	p.manager.memoryUsed.Store(used)
	for _, i := range c.degrade {
		monitors[i].degrade(used, budget, &loads[i])
	}
	for _, i := range c.restore {
		monitors[i].restore()
		p.calm = now // one step after the other
	}
	if c.exhausted && !p.exhausted {
		p.manager.opts.Logger.Error("memory is short, and keeping only metadata would not save enough any more",
			"used", used, "budget", budget)
	}
	p.exhausted = c.exhausted
}

// measure returns what the resources take, and what is in use in all; exactly, if the
// garbage is collected for that.
func (p *pressure) measure(monitors []*monitor, exactly bool) (loads []load, used int64) {
	if exactly {
		runtime.GC()
	}
	loads = make([]load, len(monitors))
	records := p.manager.crds.load().bytes
	for i, mon := range monitors {
		loads[i] = mon.load()
		records += loads[i].bytes
	}
	switch {
	case p.heap == nil:
		return loads, p.manager.opts.MemoryUsed(records)
	case exactly:
		return loads, p.heap.exactly(records)
	}
	return loads, p.heap.estimate(records)
}

func (p *pressure) choose(loads []load, used int64, now time.Time) choice {
	opts := &p.manager.opts
	switch {
	case percent(used, opts.MemoryBudget) >= restoreTo:
		p.calm = time.Time{}
	case p.calm.IsZero():
		p.calm = now
	}
	return choose(used, opts.MemoryBudget, loads, !p.calm.IsZero() && now.Sub(p.calm) >= opts.Timing.ReturnAfter)
}

// settled reports, once, that what was chosen has taken effect.
func (p *pressure) settled(loads []load) bool {
	before := p.settling
	p.settling = slices.ContainsFunc(loads, func(l load) bool { return l.settling })
	return before && !p.settling
}

// load is what the resource takes now. What cannot be reached, or is not served, will
// not become less by itself.
func (m *monitor) load() load {
	wanted, has := m.feed.slimming()
	depth, bytes := m.incoming.depth.Load(), m.incoming.bytes.Load()
	l := load{objects: m.objects.Load() + depth, thin: wanted}
	l.bytes = m.recordBytes.Load() + bytes + indexEntry*l.objects
	l.settling = wanted && has != thin && !m.state().failed()
	m.mu.Lock()
	l.size = m.wholeSize
	m.mu.Unlock()
	return l
}

// degrade has only the metadata of the objects kept.
func (m *monitor) degrade(used, budget int64, l *load) {
	_, has := m.feed.slimming()
	m.mu.Lock()
	if has == whole {
		m.wholeSize = l.bytes / max(1, l.objects)
	}
	m.shortage = fmt.Sprintf("memory was short (%s of %s in use)", mebibytes(used), mebibytes(budget))
	r := m.resource
	m.mu.Unlock()
	if !m.feed.slim(true) {
		return
	}
	m.log.Warn("memory is short; keeping only the metadata of a resource's objects",
		"resource", r.CRD, "objects", l.objects, "saves", l.saving(), "used", used, "budget", budget)
	if m.opts.StateChanged != nil {
		m.opts.StateChanged(r.UID)
	}
}

// restore has whole objects kept again.
func (m *monitor) restore() {
	if m.feed.slim(false) {
		m.log.Info("there is room again; listing whole objects", "resource", m.snapshot().Resource.CRD)
	}
}

// reduced completes the status of a resource of which only metadata is kept. What keeps
// it from being watched is the graver thing to say.
func (m *monitor) reduced(s *Status, why string) {
	wanted, has := m.feed.slimming()
	if s.MetadataOnly = wanted || has != whole; !s.MetadataOnly || s.State.failed() || s.Reason != "" {
		return
	}
	if why == "" {
		why = "memory was short when an earlier process ended"
	}
	s.Reason = MetadataOnly
	s.Message = fmt.Sprintf("only the metadata of its objects is kept, because %s: what changes in spec and status is not shown; "+
		"raise --max-memory, or watch less with --exclude", why)
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<19)>>20) }

// heap measures what the Go runtime has in use.
//
// What is live is known as of the last collection only. What came since is garbage for
// the most part, which is no pressure: it is collected before the limit that the runtime
// has been given is reached. But a first list can bring more than that limit between two
// collections. So what the Records have grown by since then is added, and what they have
// shrunk by is taken off.
type heap struct {
	read func() runtimeMemory
	// collections is how many there were, then what the Records took at the last, and
	// records what they took when they were looked at last.
	collections   uint64
	then, records int64
}

// runtimeMemory is what the runtime says of itself.
type runtimeMemory struct {
	collections uint64
	// live is the heap as of the last collection, other all that is no heap: stacks, and
	// what the runtime keeps for itself.
	live, other int64
}

func newHeap(read func() runtimeMemory) *heap { return &heap{read: read} }

// estimate returns the bytes in use at worst, given what the Records take: it is not
// known how much they had grown when the last collection was made.
func (h *heap) estimate(records int64) int64 {
	now := h.read()
	if now.collections != h.collections {
		h.collections, h.then = now.collections, min(h.records, records)
	}
	h.records = records
	return now.live + now.other + records - h.then
}

// exactly is estimate just after a collection.
func (h *heap) exactly(records int64) int64 {
	h.records = records
	return h.estimate(records)
}

// readRuntime reads runtime/metrics.
func readRuntime() runtimeMemory {
	samples := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
	}
	metrics.Read(samples)
	value := func(i int) int64 { return int64(samples[i].Value.Uint64()) }
	other := value(2)
	for i := 3; i < len(samples); i++ {
		other -= value(i)
	}
	return runtimeMemory{collections: samples[0].Value.Uint64(), live: value(1), other: other}
}
