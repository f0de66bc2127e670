package load

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	apiwatch "k8s.io/apimachinery/pkg/watch"

	"github.com/crdwatch/crdwatch/test/synth"
)

// Options say what there is. The same Options make the same objects, and the same changes in
// the same order.
type Options struct {
	Seed uint64
	// CRDs is how many types there are. The first Kinds of them have all the Objects; 0 is
	// all of them.
	CRDs, Kinds, Objects int
	// Size is about the bytes of JSON of an object, with managedFields, and SchemaSize the
	// median of those of a CRD. Defaults: 4 KiB and 30 KiB.
	Size, SchemaSize int
	// Rate is how many changes there are in a second, from the start on.
	Rate int
}

// world is everything that there is.
type world struct {
	options   Options
	revisions atomic.Uint64
	rate      atomic.Int64
	// made counts the changes of objects.
	made atomic.Int64

	shapes []*shape
	// crds is the table of the CRDs.
	crds *table

	mu     sync.RWMutex
	tables []*table
	byPath map[string]*table
}

const crdPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

// newWorld makes everything, which takes some seconds.
func newWorld(o Options) (*world, error) {
	o.Size, o.SchemaSize = cmp.Or(o.Size, 4<<10), cmp.Or(o.SchemaSize, 30<<10)
	if o.Kinds == 0 {
		o.Kinds = o.CRDs
	}
	if o.Kinds > o.CRDs || o.Objects > 0 && o.Kinds == 0 {
		return nil, fmt.Errorf("%d of %d kinds cannot have objects", o.Kinds, o.CRDs)
	}
	w := &world{options: o, byPath: map[string]*table{}}
	w.rate.Store(int64(o.Rate))
	// What was there before the first change has revisions, too.
	w.revisions.Store(1)
	defined, err := newDefinitions(o)
	if err != nil {
		return nil, err
	}
	for i := range min(shapes, o.Kinds) {
		s, err := newShape(o.Seed, uint64(i), o.Size)
		if err != nil {
			return nil, err
		}
		w.shapes = append(w.shapes, s)
	}
	w.crds = newTable(o.Seed, names{group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition"})
	w.crds.whole = func(b []byte, o *subject) []byte {
		return defined.of(defined.whole, w.defined(o)).append(b, w.defined(o))
	}
	w.crds.partial = func(b []byte, o *subject) []byte {
		return defined.of(defined.partial, w.defined(o)).append(b, w.defined(o))
	}
	w.byPath[crdPath] = w.crds
	for range o.CRDs {
		w.define()
	}
	for i := range o.Objects {
		t := w.tables[i%o.Kinds]
		t.slots = append(t.slots, slot{revision: w.revisions.Add(1), moment: born(), lives: 1})
	}
	for _, t := range w.all() {
		t.log, t.forgotten = nil, w.revisions.Load()
	}
	return w, nil
}

// born is when everything was that was not changed since.
func born() int64 {
	at, _ := time.Parse(time.RFC3339, created) // it is a constant
	return at.UnixMicro()
}

// defined is a CRD, with the names that it defines.
func (w *world) defined(o *subject) *subject {
	w.mu.RLock()
	defer w.mu.RUnlock()
	named := *o
	named.names = w.tables[o.number].names
	return &named
}

// define adds a CRD, with a table for its objects, and returns the name.
func (w *world) define() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	index := len(w.tables)
	n := namesOf(synth.KindOfSchema(w.options.Seed, uint64(index), 0))
	t := newTable(w.options.Seed+uint64(index)+1, n)
	if len(w.shapes) > 0 {
		s := w.shapes[index%len(w.shapes)]
		t.whole, t.partial = s.appendWhole, s.appendPartial
	}
	w.tables = append(w.tables, t)
	w.byPath[strings.Join([]string{"/apis", n.group, n.version, n.plural}, "/")] = t
	w.crds.apply(&w.revisions, index, (*slot).create)
	return n.plural + "." + n.group
}

func namesOf(k *synth.Kind) names {
	text := func(field string) string {
		s, _, _ := unstructured.NestedString(k.Definition().Object, "spec", "names", field)
		return s
	}
	gvr := k.GVR()
	return names{group: gvr.Group, version: gvr.Version, kind: text("kind"), plural: gvr.Resource, singular: text("singular")}
}

// all are the tables, that of the CRDs among them.
func (w *world) all() []*table {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return append([]*table{w.crds}, w.tables...)
}

// at returns the table of a path.
func (w *world) at(path string) *table {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return w.byPath[path]
}

func (s *slot) create() apiwatch.EventType {
	s.gone, s.specs = false, 0
	s.lives++
	return apiwatch.Added
}

// change draws what happens to an object: of 200 changes, one ends it, 20 are of its spec,
// and the others of its status. What is gone comes back.
func (s *slot) change(draw int) apiwatch.EventType {
	switch {
	case s.gone:
		return s.create()
	case draw%200 == 0:
		s.gone = true
		return apiwatch.Deleted
	case draw%10 == 0:
		s.specs++
	}
	return apiwatch.Modified
}

// live makes changes at the rate, until ctx ends.
func (w *world) live(ctx context.Context) {
	const step = 5 * time.Millisecond
	draw := rand.New(rand.NewPCG(w.options.Seed, 0))
	tick := time.NewTicker(step)
	defer tick.Stop()
	last, owed := time.Now(), 0.0
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			// A second is all that is made up for.
			owed = min(owed+now.Sub(last).Seconds(), 1)
			last = now
		}
		rate := float64(w.rate.Load())
		if rate == 0 {
			owed = 0
		}
		n := int(owed * rate)
		if n == 0 {
			continue
		}
		owed -= float64(n) / rate
		for range n {
			w.step(draw)
		}
	}
}

// step makes one change.
func (w *world) step(draw *rand.Rand) {
	w.mu.RLock()
	t := w.tables[draw.IntN(w.options.Kinds)]
	w.mu.RUnlock()
	number, what := draw.IntN(max(1, len(t.slots))), draw.Int()
	if len(t.slots) == 0 {
		return
	}
	t.apply(&w.revisions, number, func(s *slot) apiwatch.EventType { return s.change(what) })
	w.made.Add(1)
}
