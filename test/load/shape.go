package load

import (
	"encoding/json"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/crdwatch/crdwatch/test/synth"
)

const (
	// shapes is how many types there are really, and variants how many objects of each.
	// Everything else differs in the holes only.
	shapes, variants = 20, 32
	// The two managers of every object.
	creator, observer = "crossplane-composed", "provider-controller"
	// created is when everything was.
	created = "2026-01-02T03:04:05Z"
)

// shape is how the objects of some types look.
type shape struct {
	whole, partial [variants]template
}

// newShape makes the templates of a type whose objects have about size bytes of JSON.
func newShape(seed, index uint64, size int) (*shape, error) {
	kind := synth.KindOfObject(seed, index, size)
	s := &shape{}
	for i := range s.whole {
		object, err := exemplar(kind, uint64(i))
		if err != nil {
			return nil, err
		}
		whole, err := json.Marshal(object)
		if err != nil {
			return nil, err
		}
		partial, err := metadataOf(object)
		if err != nil {
			return nil, err
		}
		s.whole[i], s.partial[i] = cut(whole), cut(partial)
	}
	return s, nil
}

// appendWhole writes an object.
func (s *shape) appendWhole(b []byte, o *subject) []byte {
	return s.whole[o.number%variants].append(b, o)
}

// appendPartial writes its metadata.
func (s *shape) appendPartial(b []byte, o *subject) []byte {
	return s.partial[o.number%variants].append(b, o)
}

// exemplar is an object as an API server keeps it, with markers for what is to differ.
func exemplar(kind *synth.Kind, n uint64) (map[string]any, error) {
	object, status, _ := kind.Object(n)
	o := object.Object
	o["apiVersion"], o["kind"] = markers[groupHole]+"/"+kind.GVR().Version, markers[kindHole]
	if err := mark(o, status); err != nil {
		return nil, err
	}
	meta := o["metadata"].(map[string]any)
	fields := without(o, "apiVersion", "kind", "metadata")
	fields["metadata"] = without(meta, "managedFields", "name")
	own := managed(creator, "Apply", "", object.GetAPIVersion(), created, fieldsOf(fields, false))
	theirs := managed(observer, "Update", "status", object.GetAPIVersion(), markers[timeHole],
		map[string]any{"f:status": fieldsOf(status, true)})
	o["status"] = status
	meta["managedFields"] = []any{own, theirs}
	for field, value := range map[string]any{
		"name": markers[nameHole], "namespace": markers[namespaceHole], "uid": markers[uidHole],
		"resourceVersion": markers[versionHole], "generation": int64(generationMarker), "creationTimestamp": created,
	} {
		meta[field] = value
	}
	return o, nil
}

// mark makes holes of the fields that changes touch, and of those that repeat the name.
func mark(object, status map[string]any) error {
	if err := unstructured.SetNestedField(object, "cc-"+markers[specHole], "spec", "forProvider", "tags", "cost-center"); err != nil {
		return err
	}
	for _, path := range [][]string{
		{"metadata", "annotations", "crossplane.io/external-name"}, {"metadata", "labels", "crossplane.io/composite"},
		{"spec", "writeConnectionSecretToRef", "name"},
	} {
		if err := unstructured.SetNestedField(object, markers[nameHole], path...); err != nil {
			return err
		}
	}
	status["observedGeneration"] = int64(generationMarker)
	conditions, _ := status["conditions"].([]any)
	if len(conditions) == 0 {
		return errors.New("a made-up object has no conditions")
	}
	last, _ := conditions[len(conditions)-1].(map[string]any)
	last["message"], last["observedGeneration"] = "finished at "+markers[momentHole], int64(generationMarker)
	return nil
}

// without is a map that lacks some keys.
func without(m map[string]any, keys ...string) map[string]any {
	m = runtime.DeepCopyJSON(m)
	for _, k := range keys {
		delete(m, k)
	}
	return m
}

// managed is an entry of metadata.managedFields. Its keys are in the order that JSON of a
// map has, which is that of the API server for custom resources.
func managed(manager, operation, subresource, version, at string, fields map[string]any) map[string]any {
	entry := map[string]any{
		"apiVersion": version, "fieldsType": "FieldsV1", "fieldsV1": fields,
		"manager": manager, "operation": operation, "time": at,
	}
	if subresource != "" {
		entry["subresource"] = subresource
	}
	return entry
}

// fieldsOf names the fields of a value, as metadata.managedFields does for the lists that
// the made-up types have: by name, by type, or atomic. Who updates owns maps and lists
// themselves, too; who applies, only what is in them
// (https://kubernetes.io/docs/reference/using-api/server-side-apply/).
func fieldsOf(v any, update bool) map[string]any {
	fields := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		for name, child := range v {
			fields["f:"+name] = fieldsOf(child, update)
		}
	case []any:
		for _, e := range v {
			entry, _ := e.(map[string]any)
			key := keyOf(entry)
			if key == "" {
				return map[string]any{}
			}
			below := fieldsOf(entry, update)
			below["."] = map[string]any{}
			fields["k:"+key] = below
		}
	}
	if update && len(fields) > 0 {
		fields["."] = map[string]any{}
	}
	return fields
}

func keyOf(entry map[string]any) string {
	for _, field := range []string{"type", "name"} {
		if s, ok := entry[field].(string); ok {
			return fmt.Sprintf("{%q:%q}", field, s)
		}
	}
	return ""
}

// partialType is that of an object of which only the metadata was asked for.
var partialType = metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: "meta.k8s.io/v1"}

// metadataOf is the JSON of an object of which only the metadata was asked for.
func metadataOf(object map[string]any) ([]byte, error) {
	var partial metav1.PartialObjectMetadata
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &partial); err != nil {
		return nil, err
	}
	partial.TypeMeta = partialType
	return json.Marshal(&partial)
}
