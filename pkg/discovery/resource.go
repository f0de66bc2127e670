package discovery

import (
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// crdGVR is the resource of CustomResourceDefinitions themselves.
var crdGVR = schema.GroupVersionResource{
	Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions",
}

// CRDs describes CustomResourceDefinitions as a Resource, so that they are watched
// like any other. It is in no Set.
func CRDs() Resource {
	return Resource{
		CRD:            crdGVR.GroupResource().String(),
		UID:            types.UID(crdGVR.GroupResource().String()),
		GVR:            crdGVR,
		Kind:           "CustomResourceDefinition",
		Singular:       "customresourcedefinition",
		ShortNames:     []string{"crd", "crds"},
		ServedVersions: []string{crdGVR.Version},
		StorageVersion: crdGVR.Version,
	}
}

// NamesNotAccepted is the reason why a resource is not served whose names another has.
const NamesNotAccepted = "NamesNotAccepted"

// Key identifies one version of one CRD's one life.
type Key struct {
	UID types.UID
	GVR schema.GroupVersionResource
}

// Set is the whole of the resources that should be watched.
type Set map[Key]Resource

// Condition is a condition of a CRD's status.
type Condition struct {
	Type, Status, Reason, Message string
}

// PrinterColumn is a column that the CRD asks kubectl to print for its objects.
type PrinterColumn struct {
	Name, Type, JSONPath string
}

// Schema returns the OpenAPI v3 schema of the watched version as JSON, decoding
// it from its compressed form at each call: callers keep what they derive from it,
// not the schema. An empty result means that the version has no schema.
type Schema func() ([]byte, error)

// Resource is what the rest of crdwatch needs to know of one custom resource type.
// Values are immutable and shared.
type Resource struct {
	// CRD is the name of the CustomResourceDefinition: plural.group.
	CRD string
	// UID is that of the CRD.
	UID types.UID
	// Created, Generation and ResourceVersion are the CRD's.
	Created         time.Time
	Generation      int64
	ResourceVersion string

	// GVR is the version to watch: the storage version if it is served, otherwise
	// the served version of the highest priority. Its Version is empty when the
	// resource cannot be watched; Unserved then says why.
	GVR        schema.GroupVersionResource
	Kind       string
	Singular   string
	ShortNames []string
	Categories []string
	Namespaced bool

	// ServedVersions are in order of priority, the highest first.
	ServedVersions []string
	StorageVersion string
	StoredVersions []string

	Conditions []Condition
	// Conversion is the conversion strategy: None or Webhook.
	Conversion     string
	PrinterColumns []PrinterColumn

	// Unserved is the reason why no version can be watched, one CamelCase word,
	// with a sentence in UnservedMessage. Empty when GVR can be watched.
	Unserved, UnservedMessage string

	// Schema gives the schema of the watched version; nil when there is none.
	Schema Schema
	// Passwords reports whether that schema has a value of format password.
	Passwords bool
}

// Key returns the Resource's key in a Set.
func (r Resource) Key() Key {
	return Key{UID: r.UID, GVR: r.GVR}
}

// Watchable reports whether some version of the resource can be watched.
func (r Resource) Watchable() bool {
	return r.Unserved == ""
}
