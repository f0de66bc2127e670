package live

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// maxItems is how many changed objects are put aside. What is more makes the resource
// be looked at as a whole.
const maxItems = 8192

// item is what happened to one object since it was last looked at.
type item struct {
	job
	// old is the first revision that was replaced, nil for a new object.
	old *watch.Record
	// now is the latest revision, or the last one if it is deleted.
	now     *watch.Record
	deleted bool
	// added: the latest life of the object began here.
	added   bool
	updates []audit.Update
}

// inbox is where others put what the Auditor is to know. It is safe for concurrent use,
// and nobody waits in it.
type inbox struct {
	// wake is told that there is something.
	wake chan struct{}

	mu    sync.Mutex
	items map[job]*item
	// waiting are the changed objects of each resource. The resources have their turns in
	// order, and turn is what the present one had waiting when its turn came: all its
	// objects need the same CRD decoded, and where thousands of types change all the time,
	// that would be most of the work.
	waiting map[types.UID][]job
	order   queue[types.UID]
	turn    []job
	// queued counts the items of each resource.
	queued map[types.UID]int
	// positions are how far the entries of a resource came: those whose list is complete.
	positions map[types.UID]string
	// open are the resources whose changes are wanted: of the others, all objects will
	// be looked at anyway.
	open map[types.UID]bool
	in   news
}

// news are what comes besides changed objects.
type news struct {
	crds      []watch.Entry
	states    map[types.UID]bool
	recount   map[types.UID]bool
	forgotten map[types.UID]bool
	prepared  []prepared
	answers   []answer
	// slow are lookups that take long.
	slow []*lookup
}

func newNews() news {
	return news{states: map[types.UID]bool{}, recount: map[types.UID]bool{}, forgotten: map[types.UID]bool{}}
}

func newInbox() *inbox {
	return &inbox{
		wake: make(chan struct{}, 1), items: map[job]*item{}, waiting: map[types.UID][]job{}, queued: map[types.UID]int{},
		positions: map[types.UID]string{}, open: map[types.UID]bool{}, in: newNews(),
	}
}

func (b *inbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// put changes the inbox and tells the Auditor.
func (b *inbox) put(change func(*news)) {
	b.mu.Lock()
	change(&b.in)
	b.mu.Unlock()
	b.ring()
}

func (b *inbox) changed(crd types.UID) { b.put(func(n *news) { n.states[crd] = true }) }

// news returns what came in.
func (b *inbox) news() news {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.in
	b.in = newNews()
	return n
}

func (b *inbox) take(entries []watch.Entry) {
	b.mu.Lock()
	for i := range entries {
		b.takeEntry(&entries[i])
	}
	b.mu.Unlock()
	b.ring()
}

// takeEntry is called with mu held.
func (b *inbox) takeEntry(e *watch.Entry) {
	uid := e.Checkpoint.Resource
	switch {
	case uid == "":
	case uid == discovery.CRDs().UID:
		if e.Object != nil {
			b.in.crds = append(b.in.crds, *e)
		}
	case e.Forgotten:
		b.in.forgotten[uid] = true
	default:
		b.advance(&e.Checkpoint)
		if e.Object != nil && b.open[uid] && !reshaped(e) {
			b.add(e)
		}
	}
}

// reshaped: only more or less of the same revision is kept than before.
func reshaped(e *watch.Entry) bool {
	return e.Old != nil && e.Old.MetadataOnly() != e.Object.MetadataOnly() && !e.Object.After(e.Old)
}

// advance notes the position. One that goes back, after etcd was restored, says that
// revisions cannot be compared with those before.
func (b *inbox) advance(c *watch.Checkpoint) {
	if c.Origin != "" || c.Position == "" {
		return
	}
	if isAfter(b.positions[c.Resource], c.Position) {
		b.in.recount[c.Resource] = true
	}
	b.positions[c.Resource] = c.Position
}

// isAfter compares two positions of one resource; what cannot be compared is not after.
func isAfter(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

// add is called with mu held.
func (b *inbox) add(e *watch.Entry) {
	j := job{e.Checkpoint.Resource, e.Object.Key()}
	it := b.items[j]
	if it == nil {
		if len(b.items) >= maxItems {
			b.in.recount[j.crd] = true
			return
		}
		it = &item{job: j, old: e.Old}
		if e.Deleted {
			it.old = e.Object
		}
		b.items[j] = it
		if len(b.waiting[j.crd]) == 0 {
			b.order.push(j.crd)
		}
		b.waiting[j.crd] = append(b.waiting[j.crd], j)
		b.queued[j.crd]++
	}
	it.now, it.deleted = e.Object, e.Deleted
	it.added = !e.Deleted && (it.added || e.Old == nil)
	it.updates = appendUpdates(it.updates, e)
}

// next returns the object that is to be looked at next, or nil.
func (b *inbox) next() *item {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.turn) == 0 {
		crd, ok := b.order.pop()
		if !ok {
			return nil
		}
		b.turn = b.waiting[crd]
		delete(b.waiting, crd)
	}
	j := b.turn[0]
	b.turn = b.turn[1:]
	it := b.items[j]
	delete(b.items, j)
	if b.queued[j.crd]--; b.queued[j.crd] == 0 {
		delete(b.queued, j.crd)
	}
	return it
}

// waits reports whether there is an object to be looked at.
func (b *inbox) waits() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.items) > 0
}

// want says whether the changes of a resource are wanted from now on.
func (b *inbox) want(crd types.UID, wanted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if wanted {
		b.open[crd] = true
		return
	}
	delete(b.open, crd)
	delete(b.positions, crd)
}

// passed reports whether all entries up to a position of a resource were taken out.
func (b *inbox) passed(crd types.UID, position string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := b.positions[crd]
	return b.queued[crd] == 0 && (at == position || isAfter(at, position))
}

// queue is first in, first out.
type queue[T any] struct {
	head, tail []T
}

func (q *queue[T]) push(v T) { q.tail = append(q.tail, v) }

func (q *queue[T]) pop() (v T, ok bool) {
	if len(q.head) == 0 {
		q.head, q.tail = q.tail, nil
	}
	if len(q.head) == 0 {
		return v, false
	}
	v, q.head = q.head[0], q.head[1:]
	return v, true
}
