package diff

import (
	"encoding/json"
	"fmt"

	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
)

// Schema says how the objects of one version of a resource are compared and what
// is sensitive in them. It is immutable and safe for concurrent use.
type Schema struct {
	shape *shape // how they are merged; nil: as is deduced from the values
	rules *rule  // what the OpenAPI schema says of secrets; nil: nothing
}

// The models that a converted schema consists of.
const (
	objectModel     = "object"
	objectMetaModel = "ObjectMeta"
)

// NewSchema makes a Schema from the openAPIV3Schema of one version of a CRD, as
// JSON. The Schema is usable even if there is an error: it then deduces the types
// of all fields, like Deduced, but still redacts whatever the document was seen to
// call a password.
func NewSchema(openAPIV3 []byte) (*Schema, error) {
	if pruned, err := prune(openAPIV3); err == nil {
		openAPIV3 = pruned
	}
	return schemaOf(openAPIV3)
}

func schemaOf(openAPIV3 []byte) (*Schema, error) {
	s := Deduced()
	var doc spec.Schema
	if err := json.Unmarshal(openAPIV3, &doc); err != nil {
		return s, fmt.Errorf("parsing openAPIV3Schema: %w", err)
	}
	s.rules = compileRules(&doc)
	shape, err := convert(&doc)
	if err != nil {
		return s, fmt.Errorf("converting openAPIV3Schema: %w", err)
	}
	s.shape = shape
	return s, nil
}

// Deduced returns the Schema for objects of which nothing is known but that they
// have ObjectMeta: maps are granular and lists are atomic, as structured-merge-diff
// deduces them.
func Deduced() *Schema {
	// Nothing in this document can fail to convert; if it did, no shape would
	// deduce the metadata as well.
	shape, _ := convert(untypedObject())
	return &Schema{shape: shape}
}

// ForCRD returns the Schema for CustomResourceDefinition objects. It agrees with the
// API server's built-in OpenAPI for apiextensions.k8s.io/v1, in which
// status.conditions is the only associative list outside of an atomic one. The
// schemas within spec.versions are never redacted: a property called password is
// the name of a field, not a password.
func ForCRD() *Schema {
	conditions := spec.ArrayProperty(untypedObject())
	conditions.AddExtension("x-kubernetes-list-type", "map")
	conditions.AddExtension("x-kubernetes-list-map-keys", []any{"type"})
	doc := untypedObject().SetProperty("status", *untypedObject().SetProperty("conditions", *conditions))
	s := Deduced()
	if shape, err := convert(doc); err == nil {
		s.shape = shape
	}
	s.rules = plainAt("spec", "versions")
	return s
}

// convert turns an OpenAPI schema into the types of structured-merge-diff, by the
// steps that the API server's field manager takes, and keeps their shape. It alters doc.
func convert(doc *spec.Schema) (*shape, error) {
	// An object as a whole has no owner, so it cannot be atomic.
	delete(doc.Extensions, "x-kubernetes-map-type")
	complete(doc)
	addEmbedded(doc)
	models := map[string]*spec.Schema{objectModel: doc, objectMetaModel: objectMeta()}
	types, err := schemaconv.ToSchemaFromOpenAPI(models, false)
	if err != nil {
		return nil, err
	}
	name := objectModel
	return shapeOf(types, smd.TypeRef{NamedType: &name}), nil
}
