package realcrds

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/crdwatch/crdwatch/pkg/watch"
	"github.com/crdwatch/crdwatch/test/realcrds/internal/sample"
)

// The managers that write to each object. The creator makes it, the editor changes a
// field, the applier sets it back, and the reporter writes the status.
var (
	creator  = writer{"creator", "Update", ""}
	editor   = writer{"editor", "Update", ""}
	applier  = writer{"applier", "Apply", ""}
	reporter = writer{"reporter", "Update", "status"}
)

// maxChanges bounds the fields that are tried for a change.
const maxChanges = 60

// write is one request that changed an object, and what the API server answered.
type write struct {
	typ           watch.EventType
	by            writer
	before, after *unstructured.Unstructured
	// path is the field that was to change, if it was one.
	path string
}

// life is what happened to the object of one CRD.
type life struct {
	crd    crd
	schema *sample.Schema
	client dynamic.ResourceInterface
	object *unstructured.Unstructured // as it is now
	writes []write
	asked  int // dry runs
	// What could not be done, and why.
	noObject, noChange, noApply, noStatus error
}

func newLife(t *testing.T, client dynamic.Interface, c crd) *life {
	t.Helper()
	l := &life{crd: c, schema: c.schema(t)}
	resource := client.Resource(c.gvr)
	if l.client = resource; c.namespaced {
		l.client = resource.Namespace(metav1.NamespaceDefault)
	}
	return l
}

// run lives the life of what was created. Its error is that of a request which should
// not fail; what cannot be guessed is no error.
func (l *life) run(ctx context.Context) error {
	if l.noObject != nil {
		return nil //nolint:nilerr // it could not be guessed, and that is counted elsewhere
	}
	if err := l.change(ctx); err != nil {
		return err
	}
	if l.crd.statusSubresource() {
		if err := l.report(ctx); err != nil {
			return err
		}
	}
	if err := l.client.Delete(ctx, l.object.GetName(), metav1.DeleteOptions{}); err != nil {
		return err
	}
	l.wrote(watch.Deleted, writer{}, nil, "")
	return nil
}

func (l *life) wrote(typ watch.EventType, by writer, after *unstructured.Unstructured, path string) {
	l.writes = append(l.writes, write{typ: typ, by: by, before: l.object, after: after, path: path})
	if after != nil {
		l.object = after
	}
}

// create makes the object: all but the status, which the API server would drop.
func (l *life) create(ctx context.Context) error {
	own := *l.schema
	own.Properties = maps.Clone(l.schema.Properties)
	for _, name := range []string{"apiVersion", "kind", "metadata"} {
		delete(own.Properties, name)
	}
	if l.crd.statusSubresource() {
		delete(own.Properties, "status")
	}
	try := func(ctx context.Context, v any) error {
		_, err := l.client.Create(ctx, l.build(v), metav1.CreateOptions{FieldManager: creator.manager, DryRun: []string{metav1.DryRunAll}})
		return err
	}
	v, asked, err := sample.Fill(ctx, &own, "", hints[l.crd.name], try)
	l.asked += asked
	if err != nil {
		l.noObject = err
		return ctx.Err()
	}
	obj, err := l.client.Create(ctx, l.build(v), metav1.CreateOptions{FieldManager: creator.manager})
	if err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	l.wrote(watch.Added, creator, obj, "")
	return nil
}

// build makes an object of its fields.
func (l *life) build(fields any) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: maps.Clone(fields.(map[string]any))}
	obj.SetAPIVersion(l.crd.gvr.GroupVersion().String())
	obj.SetKind(l.crd.kind)
	obj.SetName("sample")
	if name, ok := hints[l.crd.name]["metadata.name"].(string); ok {
		obj.SetName(name)
	}
	return obj
}

// change has the editor change one field, deep inside if possible, and the applier
// set it back.
func (l *life) change(ctx context.Context) error {
	field, value, err := l.changeable(ctx)
	if err != nil {
		l.noChange = err
		return l.label(ctx)
	}
	original := field.Value(l.object.Object)
	obj, err := l.client.Update(ctx, with(l.object, field, value), metav1.UpdateOptions{FieldManager: editor.manager})
	if err != nil {
		return fmt.Errorf("updating: %w", err)
	}
	l.wrote(watch.Modified, editor, obj, field.Path)
	part := l.build(field.Part(l.schema, with(l.object, field, original).Object))
	obj, err = l.client.Apply(ctx, part.GetName(), part, metav1.ApplyOptions{FieldManager: applier.manager, Force: true})
	if err != nil {
		l.noApply = err
		return ctx.Err()
	}
	l.wrote(watch.Modified, applier, obj, field.Path)
	return nil
}

// changeable finds a field and another value for it that the API server allows.
func (l *life) changeable(ctx context.Context) (sample.Leaf, any, error) {
	err := errors.New("the object has no field to change")
	tries := 0
	for _, field := range sample.Leaves(l.schema, l.object.Object, l.writable) {
		for _, value := range field.Values[:min(3, len(field.Values))] {
			if tries++; tries > maxChanges || ctx.Err() != nil {
				return field, nil, errors.Join(err, ctx.Err())
			}
			l.asked++
			var obj *unstructured.Unstructured
			obj, err = l.client.Update(ctx, with(l.object, field, value),
				metav1.UpdateOptions{FieldManager: editor.manager, DryRun: []string{metav1.DryRunAll}})
			if err == nil && reflect.DeepEqual(field.Value(obj.Object), value) {
				return field, value, nil
			}
			if err != nil && !apierrors.IsInvalid(err) {
				return field, nil, err
			}
		}
	}
	return sample.Leaf{}, nil, err
}

// writable tells whether a top-level field can be changed in the object itself.
func (l *life) writable(field string) bool {
	switch field {
	case "apiVersion", "kind", "metadata":
		return false
	case "status":
		return !l.crd.statusSubresource()
	}
	return true
}

// label has the editor add a label, where nothing else can be changed.
func (l *life) label(ctx context.Context) error {
	obj := l.object.DeepCopy()
	obj.SetLabels(map[string]string{"edited": "yes"})
	obj, err := l.client.Update(ctx, obj, metav1.UpdateOptions{FieldManager: editor.manager})
	if err != nil {
		return fmt.Errorf("labelling: %w", err)
	}
	l.wrote(watch.Modified, editor, obj, "metadata.labels[]")
	return nil
}

// report has the reporter write the status.
func (l *life) report(ctx context.Context) error {
	schema := l.schema.Properties["status"]
	if schema == nil {
		return nil // a status that would be pruned
	}
	try := func(ctx context.Context, v any) error {
		_, err := l.client.UpdateStatus(ctx, l.withStatus(v), metav1.UpdateOptions{FieldManager: reporter.manager, DryRun: []string{metav1.DryRunAll}})
		return err
	}
	v, asked, err := sample.Fill(ctx, schema, "status", hints[l.crd.name], try)
	l.asked += asked
	if err != nil {
		l.noStatus = err
		return ctx.Err()
	}
	obj, err := l.client.UpdateStatus(ctx, l.withStatus(v), metav1.UpdateOptions{FieldManager: reporter.manager})
	if err != nil {
		return fmt.Errorf("updating the status: %w", err)
	}
	if obj.GetResourceVersion() == l.object.GetResourceVersion() {
		l.noStatus = errors.New("the status is empty")
		return nil
	}
	l.wrote(watch.Modified, reporter, obj, "")
	return nil
}

func (l *life) withStatus(v any) *unstructured.Unstructured {
	obj := l.object.DeepCopy()
	obj.Object["status"] = v
	return obj
}

func with(obj *unstructured.Unstructured, field sample.Leaf, value any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: field.Set(obj.Object, value)}
}
