package e2e

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

// entry is what a writer knows must be reported of one of its writes.
type entry struct {
	id         string
	typ        watch.EventType
	name       string
	generation int64
	manager    string
	changes    []diff.Change
}

// writer changes objects of its own at random and keeps a ledger of it, by UID.
type writer struct {
	t       testing.TB
	rng     *rand.Rand
	client  dynamic.Interface
	crds    []crd
	prefix  string
	ledger  map[types.UID][]entry
	objects []*written
	created int
}

// written is one living object of a writer.
type written struct {
	crd     crd
	model   *model
	current *unstructured.Unstructured
	status  bool
}

func newWriter(t testing.TB, client dynamic.Interface, crds []crd, prefix string, seed uint64) *writer {
	return &writer{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), client: client, crds: crds,
		prefix: prefix, ledger: map[types.UID][]entry{},
	}
}

// The managers of the writes.
const (
	creator, specWriter, statusWriter, patcher = "creator", "spec-writer", "status-writer", "patcher"
)

// step makes one random write.
func (w *writer) step(ctx context.Context) {
	if len(w.objects) < 5 {
		w.create(ctx, w.crds[w.rng.IntN(len(w.crds))], "")
		return
	}
	i := w.rng.IntN(len(w.objects))
	o := w.objects[i]
	switch p := w.rng.IntN(100); {
	case p < 8:
		w.create(ctx, w.crds[w.rng.IntN(len(w.crds))], "")
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

func (w *writer) resource(o *written) dynamic.ResourceInterface {
	r := w.client.Resource(o.crd.gvr())
	if o.crd.cluster {
		return r
	}
	return r.Namespace("default")
}

func (w *writer) create(ctx context.Context, c crd, name string) {
	if name == "" {
		w.created++
		name = fmt.Sprintf("%s-%d", w.prefix, w.created)
	}
	o := &written{crd: c, model: newModel(w.rng)}
	o.current = &unstructured.Unstructured{Object: object{
		"apiVersion": c.group + "/" + c.gvr().Version, "kind": c.kind(),
		"metadata": object{"name": name}, "spec": o.model.spec(),
	}}
	got, err := w.resource(o).Create(ctx, o.current, metav1.CreateOptions{FieldManager: creator})
	if err != nil {
		w.t.Errorf("creating %s: %v", name, err)
		return
	}
	o.current = got
	w.objects = append(w.objects, o)
	w.note(o, watch.Added, creator, nil)
}

func (w *writer) delete(ctx context.Context, i int) {
	o := w.objects[i]
	if err := w.resource(o).Delete(ctx, o.current.GetName(), metav1.DeleteOptions{}); err != nil {
		w.t.Errorf("deleting %s: %v", o.current.GetName(), err)
		return
	}
	w.objects = append(w.objects[:i], w.objects[i+1:]...)
	w.note(o, watch.Deleted, "", nil)
}

func (w *writer) updateSpec(ctx context.Context, o *written) {
	changes := o.model.changeSpec()
	next := o.current.DeepCopy()
	next.Object["spec"] = o.model.spec()
	got, err := w.resource(o).Update(ctx, next, metav1.UpdateOptions{FieldManager: specWriter})
	w.wrote(o, got, err, specWriter, changes)
}

func (w *writer) updateStatus(ctx context.Context, o *written) {
	changes := o.model.firstStatus
	if o.status {
		changes = o.model.changeStatus
	}
	o.status = true
	expected := changes()
	next := o.current.DeepCopy()
	next.Object["status"] = o.model.status()
	got, err := w.resource(o).UpdateStatus(ctx, next, metav1.UpdateOptions{FieldManager: statusWriter})
	w.wrote(o, got, err, statusWriter, expected)
}

// patch replaces scalars by a merge patch.
func (w *writer) patch(ctx context.Context, o *written) {
	changes := append(o.model.remode(), o.model.resize()...)
	body, err := json.Marshal(object{"spec": object{"mode": o.model.mode, "size": o.model.size}})
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.resource(o).Patch(ctx, o.current.GetName(), types.MergePatchType, body, metav1.PatchOptions{FieldManager: patcher})
	w.wrote(o, got, err, patcher, changes)
}

// wrote takes in the answer to an update. One that changed nothing is no event.
func (w *writer) wrote(o *written, got *unstructured.Unstructured, err error, manager string, changes []diff.Change) {
	if err != nil {
		w.t.Errorf("updating %s: %v", o.current.GetName(), err)
		return
	}
	o.current = got
	if len(changes) > 0 {
		w.note(o, watch.Modified, manager, changes)
	}
}

func (w *writer) note(o *written, typ watch.EventType, manager string, changes []diff.Change) {
	uid := o.current.GetUID()
	id := fmt.Sprintf("%s/%s", uid, o.current.GetResourceVersion())
	if typ == watch.Deleted {
		id = string(uid) + "/DELETED"
	}
	w.ledger[uid] = append(w.ledger[uid], entry{
		id: id, typ: typ, name: o.current.GetName(), generation: o.current.GetGeneration(),
		manager: manager, changes: changes,
	})
}

// writes is the number of entries in the ledger.
func (w *writer) writes() int {
	n := 0
	for _, entries := range w.ledger {
		n += len(entries)
	}
	return n
}
