package load

import (
	"encoding/json"
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// bookmark is an object of the table that has a resourceVersion and nothing else, as the
// API server writes it.
func (t *table) bookmark(q query, revision uint64, annotations map[string]string) []byte {
	rv := strconv.FormatUint(revision, 10)
	meta := metav1.ObjectMeta{ResourceVersion: rv, Annotations: annotations}
	var object any
	switch {
	case q.partial:
		object = &metav1.PartialObjectMetadata{TypeMeta: partialType, ObjectMeta: meta}
	case t.custom(q):
		fields := map[string]any{"resourceVersion": rv}
		if annotations != nil {
			fields["annotations"] = annotations
		}
		object = map[string]any{"apiVersion": t.group + "/" + t.version, "kind": t.kind, "metadata": fields}
	default:
		// Not even its slices are empty.
		object = &apiextensionsv1.CustomResourceDefinition{
			TypeMeta:   metav1.TypeMeta{Kind: t.kind, APIVersion: t.group + "/" + t.version},
			ObjectMeta: meta,
		}
	}
	text, _ := json.Marshal(object) // made of strings
	return text
}
