package scribe

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// Writer changes objects of its own at random and keeps a ledger of it. It is for one
// goroutine. A write that fails ends the test.
type Writer struct {
	t       testing.TB
	rng     *rand.Rand
	client  dynamic.Interface
	crds    []CRD
	prefix  string
	ledger  Ledger
	writes  int
	objects []*written
	created int
	// latest is the newest revision that the API server has told this writer.
	latest uint64
}

// written is one living object of a writer.
type written struct {
	crd     CRD
	model   *model
	current *unstructured.Unstructured
	status  bool
}

// NewWriter makes a Writer whose objects' names begin with a prefix.
func NewWriter(t testing.TB, client dynamic.Interface, crds []CRD, prefix string, seed uint64) *Writer {
	return &Writer{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), client: client, crds: crds,
		prefix: prefix, ledger: Ledger{},
	}
}

// The managers of the writes.
const (
	Creator      = "creator"
	SpecWriter   = "spec-writer"
	StatusWriter = "status-writer"
	Patcher      = "patcher"
)

// few objects are left alone by deletions.
const few = 5

// Step makes one random write, or two: an object that is deleted and created again.
func (w *Writer) Step(ctx context.Context) {
	if len(w.objects) < few {
		w.Create(ctx, w.crds[w.rng.IntN(len(w.crds))])
		return
	}
	i := w.rng.IntN(len(w.objects))
	o := w.objects[i]
	switch p := w.rng.IntN(100); {
	case p < 8:
		w.Create(ctx, w.crds[w.rng.IntN(len(w.crds))])
	case p < 12:
		w.delete(ctx, i)
	case p < 16: // delete, and create again at once under the same name
		w.delete(ctx, i)
		w.create(ctx, o.crd, o.current.GetName())
	case p < 45:
		w.updateStatus(ctx, o)
	case p < 60:
		w.patch(ctx, o)
	default:
		w.updateSpec(ctx, o)
	}
}

// Ledger is what was written so far. It is the Writer's own.
func (w *Writer) Ledger() Ledger { return w.ledger }

// Writes is the number of entries in the ledger.
func (w *Writer) Writes() int { return w.writes }

// Lost notes that all objects of a CRD went with it, and writes none of it any more.
func (w *Writer) Lost(c CRD) {
	var left []*written
	for _, o := range w.objects {
		if o.crd.Name() == c.Name() {
			w.note(o, watch.Deleted, "", nil)
		} else {
			left = append(left, o)
		}
	}
	w.objects = left
}

// Take makes all further writes go to these CRDs, those to objects of the same CRDs
// included: their versions may have changed.
func (w *Writer) Take(crds ...CRD) {
	w.crds = crds
	for _, o := range w.objects {
		for _, c := range crds {
			if c.Name() == o.crd.Name() {
				o.take(c)
			}
		}
	}
}

func (o *written) take(c CRD) {
	o.crd = c
	o.current.SetAPIVersion(c.GVR().GroupVersion().String())
}

func (w *Writer) resource(o *written) dynamic.ResourceInterface {
	r := w.client.Resource(o.crd.GVR())
	if o.crd.Cluster {
		return r
	}
	return r.Namespace("default")
}

// Create writes a new object, and returns the ID of its event.
func (w *Writer) Create(ctx context.Context, c CRD) string {
	w.created++
	return w.create(ctx, c, fmt.Sprintf("%s-%d", w.prefix, w.created))
}

func (w *Writer) create(ctx context.Context, c CRD, name string) string {
	o := &written{crd: c, model: newModel(w.rng)}
	o.current = &unstructured.Unstructured{Object: Object{
		"apiVersion": c.GVR().GroupVersion().String(), "kind": c.Kind(),
		"metadata": Object{"name": name}, "spec": o.model.spec(),
	}}
	got, err := w.resource(o).Create(ctx, o.current, metav1.CreateOptions{FieldManager: Creator})
	if err != nil {
		w.t.Errorf("creating %s: %v", name, err)
		return ""
	}
	o.current = got
	w.objects = append(w.objects, o)
	return w.note(o, watch.Added, Creator, nil)
}

func (w *Writer) delete(ctx context.Context, i int) {
	o := w.objects[i]
	if err := w.resource(o).Delete(ctx, o.current.GetName(), metav1.DeleteOptions{}); err != nil {
		w.t.Errorf("deleting %s: %v", o.current.GetName(), err)
		return
	}
	w.objects = append(w.objects[:i], w.objects[i+1:]...)
	w.note(o, watch.Deleted, "", nil)
}

func (w *Writer) updateSpec(ctx context.Context, o *written) {
	changes := o.model.changeSpec()
	next := o.current.DeepCopy()
	next.Object["spec"] = o.model.spec()
	got, err := w.resource(o).Update(ctx, next, metav1.UpdateOptions{FieldManager: SpecWriter})
	w.wrote(o, got, err, SpecWriter, changes)
}

func (w *Writer) updateStatus(ctx context.Context, o *written) {
	changes := o.model.firstStatus
	if o.status {
		changes = o.model.changeStatus
	}
	o.status = true
	expected := changes()
	next := o.current.DeepCopy()
	next.Object["status"] = o.model.status()
	got, err := w.resource(o).UpdateStatus(ctx, next, metav1.UpdateOptions{FieldManager: StatusWriter})
	w.wrote(o, got, err, StatusWriter, expected)
}

// patch replaces scalars by a merge patch.
func (w *Writer) patch(ctx context.Context, o *written) {
	changes := append(o.model.remode(), o.model.resize()...)
	body, err := json.Marshal(Object{"spec": Object{"mode": o.model.mode, "size": o.model.size}})
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.resource(o).Patch(ctx, o.current.GetName(), types.MergePatchType, body, metav1.PatchOptions{FieldManager: Patcher})
	w.wrote(o, got, err, Patcher, changes)
}

// wrote takes in the answer to an update. One that changed nothing is no event.
func (w *Writer) wrote(o *written, got *unstructured.Unstructured, err error, manager string, changes []diff.Change) {
	if err != nil {
		w.t.Errorf("updating %s: %v", o.current.GetName(), err)
		return
	}
	o.current = got
	if len(changes) > 0 {
		w.note(o, watch.Modified, manager, changes)
	}
}

func (w *Writer) note(o *written, typ watch.EventType, manager string, changes []diff.Change) string {
	uid := o.current.GetUID()
	id := fmt.Sprintf("%s/%s", uid, o.current.GetResourceVersion())
	if typ == watch.Deleted {
		id = string(uid) + "/DELETED"
	}
	// Revisions are those of etcd, one row for all resources.
	w.latest = max(w.latest, revision(o.current.GetResourceVersion()))
	e := Entry{
		ID: id, Type: typ, Resource: o.crd.Name(), Name: o.current.GetName(),
		Generation: o.current.GetGeneration(), Manager: manager, Changes: changes,
		Revision: revision(o.current.GetResourceVersion()),
	}
	if typ == watch.Deleted {
		e.Revision = w.latest
	}
	w.ledger[uid] = append(w.ledger[uid], e)
	w.writes++
	return id
}
