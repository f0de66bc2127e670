package watch

import (
	"context"
	"errors"

	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// A resource whose objects take too much memory is watched on with their metadata alone,
// and no moment of it is missed: the watch is renewed where it was, in the other form,
// and the Records that are there are exchanged behind it, some at a time, by an update
// to the same revision that goes through the informer like any other. Before each
// exchange the pump waits until the handler has all that was sent: then what the
// informer has is what it will have, since nobody but the pump changes it.
//
// The way back is a list at the watch's own position: the API server must be asked for
// what was dropped.

// slimAtOnce is how many Records are exchanged before events are looked at again: it
// takes some two milliseconds.
const slimAtOnce = 32

// errRefill makes the informer list whole objects.
var errRefill = errors.New("whole objects are to be kept again")

// shape is what the Records that the informer has are of.
type shape int

const (
	whole shape = iota
	mixed
	thin
)

// slim asks for metadata alone, or for whole objects again. It reports whether that is
// anything new.
func (f *feed) slim(wanted bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.target.thin == wanted {
		return false
	}
	f.target.thin = wanted
	f.signal()
	return true
}

// slimming returns whether metadata alone is wanted, and what the informer has.
func (f *feed) slimming() (wanted bool, has shape) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.target.thin, f.shape
}

func (f *feed) reshape(s shape) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shape = s
}

// listedThin notes of what the objects of a complete list are.
func (f *feed) listedThin(all bool) {
	if all {
		f.reshape(thin)
	} else {
		f.reshape(whole)
	}
}

// rememberThin takes in that of a number of remembered objects some were their metadata
// alone. That goes on, unless whole objects are listed now and nobody counts memory.
func (f *feed) rememberThin(some, of int, resumes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch some {
	case 0:
		return
	case of:
		f.shape = thin
	default:
		f.shape = mixed
	}
	f.target.thin = resumes || f.budgeted
}

// slimming is a way from whole objects to their metadata.
type slimming struct {
	// next is always ready.
	next  chan struct{}
	begun bool
	keys  []string
}

func newSlimming() *slimming {
	s := &slimming{next: make(chan struct{})}
	close(s.next)
	return s
}

// beginSlimming is called for each opened watch.
func (p *pump) beginSlimming(t target) {
	p.thin = t.thin
	_, has := p.feed.slimming()
	if !p.synced || !t.thin || has == thin {
		p.slimming = nil
		return
	}
	p.feed.reshape(mixed)
	if p.slimming == nil {
		p.slimming = newSlimming()
	}
}

// toSlim is ready as long as Records are to be exchanged.
func (p *pump) toSlim() <-chan struct{} {
	if p.slimming == nil {
		return nil
	}
	return p.slimming.next
}

// slimSome exchanges some Records, and reports false when ctx has ended.
func (p *pump) slimSome(ctx context.Context) bool {
	if !p.settle(ctx) {
		return false
	}
	s := p.slimming
	if !s.begun {
		// Not before: what the watch before this one sent was on its way.
		s.begun, s.keys = true, p.feed.host.keys()
	}
	position, _ := p.feed.where()
	n := min(len(s.keys), slimAtOnce)
	for _, key := range s.keys[:n] {
		r := p.feed.host.thinned(key)
		if r == nil {
			continue
		}
		object := carrier(r)
		object.SetResourceVersion(position) // the reflector takes it for that of the watch
		if !p.send(ctx, apiwatch.Event{Type: apiwatch.Modified, Object: object}) {
			return false
		}
	}
	if s.keys = s.keys[n:]; len(s.keys) > 0 {
		return true
	}
	if !p.settle(ctx) {
		return false
	}
	p.slimming = nil
	p.feed.reshape(thin)
	p.feed.host.slimmed()
	return true
}

// settle waits until the handler has all that was sent.
func (p *pump) settle(ctx context.Context) bool {
	handled := make(chan struct{})
	p.mark(ctx, func() { close(handled) })
	return wait(ctx, handled)
}

// mustRefill reports whether a list has to bring what was dropped.
func (p *pump) mustRefill(t target) bool {
	_, has := p.feed.slimming()
	return p.synced && !t.thin && has != whole
}

// refill makes the informer list whole objects as they are at the watch's position.
func (p *pump) refill(ctx context.Context) {
	position, _ := p.feed.where()
	p.mark(ctx, p.feed.host.refilling)
	p.relist(ctx, position, errRefill)
}

// keys implements host.
func (m *monitor) keys() []string { return (*m.informer.Load()).GetStore().ListKeys() }

// thinned implements host. What cannot be read stays as it is.
func (m *monitor) thinned(key string) *Record {
	obj, _, _ := (*m.informer.Load()).GetStore().GetByKey(key)
	r, ok := obj.(*Record)
	if !ok || r.MetadataOnly() || r.lost() {
		return nil
	}
	t, err := r.thinned(&m.thinCodecs)
	if err != nil {
		m.log.Error("keeping only the metadata of an object", "resource", m.snapshot().Resource.CRD, "error", err)
		return nil
	}
	return t
}

// slimmed implements host. The sum of the sizes is exact for once, since nothing is on
// its way: see forget.
func (m *monitor) slimmed() {
	sum := int64(0)
	for _, obj := range (*m.informer.Load()).GetStore().List() {
		if r, ok := obj.(*Record); ok {
			sum += int64(r.Size())
		}
	}
	m.recordBytes.Store(sum)
}

// refilling implements host. It is called on the handler's goroutine.
func (m *monitor) refilling() {
	m.relist.refill, m.relist.differences = true, 0
}

// refilled is called on the handler's goroutine, after a list of whole objects.
func (m *monitor) refilled() {
	r := m.snapshot().Resource
	m.log.Info("whole objects are kept again", "resource", r.CRD)
	if m.opts.StateChanged != nil {
		m.opts.StateChanged(r.UID)
	}
}
