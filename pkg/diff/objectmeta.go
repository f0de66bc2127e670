package diff

import (
	"k8s.io/kube-openapi/pkg/validation/spec"
)

const preserveUnknownFields = "x-kubernetes-preserve-unknown-fields"

// complete adds to an object's schema what no CRD may define itself, but the API
// server does for it: apiVersion, kind and metadata.
func complete(doc *spec.Schema) {
	doc.SetProperty("apiVersion", *spec.StringProperty())
	doc.SetProperty("kind", *spec.StringProperty())
	doc.SetProperty("metadata", *spec.RefSchema("#/components/schemas/" + objectMetaModel))
}

// addEmbedded completes every x-kubernetes-embedded-resource below doc. Schemas are
// values within their parent's properties, hence the writing back.
func addEmbedded(doc *spec.Schema) {
	if doc == nil {
		return
	}
	for name, property := range doc.Properties {
		addEmbedded(&property)
		doc.Properties[name] = property
	}
	if doc.Items != nil {
		addEmbedded(doc.Items.Schema)
	}
	if doc.AdditionalProperties != nil {
		addEmbedded(doc.AdditionalProperties.Schema)
	}
	if embedded, _ := doc.Extensions.GetBool("x-kubernetes-embedded-resource"); embedded {
		complete(doc)
	}
}

// objectMeta is the part of meta/v1 ObjectMeta that decides how it is merged:
// finalizers are a set, owner references a list keyed by uid whose items are
// replaced as a whole. All other fields are scalars or granular maps, which is what
// is deduced for them.
func objectMeta() *spec.Schema {
	owner := untypedObject()
	owner.AddExtension("x-kubernetes-map-type", "atomic")
	owners := spec.ArrayProperty(owner)
	owners.AddExtension("x-kubernetes-list-type", "map")
	owners.AddExtension("x-kubernetes-list-map-keys", []any{"uid"})

	finalizers := spec.ArrayProperty(spec.StringProperty())
	finalizers.AddExtension("x-kubernetes-list-type", "set")

	return untypedObject().
		SetProperty("labels", *spec.MapProperty(spec.StringProperty())).
		SetProperty("annotations", *spec.MapProperty(spec.StringProperty())).
		SetProperty("finalizers", *finalizers).
		SetProperty("ownerReferences", *owners).
		SetProperty("managedFields", *spec.ArrayProperty(untypedObject()))
}

// untypedObject is an object whose unknown fields are kept and deduced.
func untypedObject() *spec.Schema {
	s := new(spec.Schema).Typed("object", "")
	s.AddExtension(preserveUnknownFields, true)
	return s
}
