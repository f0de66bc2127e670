package load

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	apiwatch "k8s.io/apimachinery/pkg/watch"
)

// slot is what differs between two states of an object.
type slot struct {
	revision uint64 // its resourceVersion
	moment   int64  // of the last change, in microseconds since the epoch
	specs    uint32 // changes of the spec
	lives    uint32 // how often it was created
	gone     bool   // and not created again since
}

// change is one event of a watch: the object as it is from then on.
type change struct {
	event  apiwatch.EventType
	number int
	slot
}

// history is how many of its latest changes a table remembers at least. Who was away for
// longer is told that it is gone.
const history = 1000

// table is one resource. Nobody but its own lock orders its changes.
type table struct {
	names
	id uint64
	// whole and partial write an object, and its metadata.
	whole, partial func(b []byte, o *subject) []byte

	mu    sync.Mutex
	slots []slot
	// log has the latest changes, by revision. Its elements do not change.
	log []change
	// forgotten is the revision up to which the log is not complete.
	forgotten uint64
	// newest is the revision of the last change, latest its time.
	newest uint64
	latest int64
	// changed is closed and replaced with each change, cut to end all watches.
	changed, cut chan struct{}
}

func newTable(id uint64, n names) *table {
	return &table{id: id, names: n, changed: make(chan struct{}), cut: make(chan struct{})}
}

// subject is the object with the number, in a state.
func (t *table) subject(number int, s slot) subject {
	return subject{names: t.names, table: t.id, number: number, slot: s}
}

// apply makes a change at the next revision.
func (t *table) apply(revisions *atomic.Uint64, number int, how func(*slot) apiwatch.EventType) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if number == len(t.slots) {
		t.slots = append(t.slots, slot{gone: true})
	}
	s := &t.slots[number]
	event := how(s)
	// Changes at the same time would not differ.
	t.latest = max(time.Now().UnixMicro(), t.latest+1)
	s.revision, s.moment = revisions.Add(1), t.latest
	t.newest = s.revision
	if len(t.log) >= 2*history {
		t.forgotten = t.log[len(t.log)-history-1].revision
		t.log = slices.Clone(t.log[len(t.log)-history:])
	}
	t.log = append(t.log, change{event, number, *s})
	close(t.changed)
	t.changed = make(chan struct{})
}

// since returns the changes after a revision, and a channel that is closed when there are
// more. It fails where they are not remembered any more.
func (t *table) since(revision uint64) (changes []change, more, cut <-chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if revision < t.forgotten {
		return nil, nil, nil, false
	}
	first := sort.Search(len(t.log), func(i int) bool { return t.log[i].revision > revision })
	return slices.Clip(t.log[first:]), t.changed, t.cut, true
}

// position is a revision of which everything is known, up to that of the last change or
// later.
func (t *table) position(revisions *atomic.Uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return revisions.Load()
}

// snapshot is all objects at a revision.
func (t *table) snapshot(revisions *atomic.Uint64) (slots []slot, revision uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.slots), revisions.Load()
}

// forget lets all watches end, and nobody go on.
func (t *table) forget(revisions *atomic.Uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log, t.forgotten = nil, revisions.Add(1)
	close(t.cut)
	t.cut = make(chan struct{})
}
