package discovery

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Key identifies one version of one CRD's one life.
type Key struct {
	UID types.UID
	GVR schema.GroupVersionResource
}

// Set is the whole of the resources that should be watched.
type Set map[Key]Resource

// Resource is what the rest of crdwatch needs to know of one custom resource type.
// Values are immutable and shared.
type Resource struct {
	// CRD is the name of the CustomResourceDefinition: plural.group.
	CRD string
	// UID is that of the CRD.
	UID types.UID
	// Generation and ResourceVersion are the CRD's.
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

	ServedVersions []string
	StorageVersion string
	StoredVersions []string

	// Unserved is the reason why no version can be watched, one CamelCase word,
	// with a sentence in UnservedMessage. Empty when GVR can be watched.
	Unserved, UnservedMessage string

	// Schema is the OpenAPI schema of the watched version, kept compressed.
	Schema Schema
}

// Key returns the Resource's key in a Set.
func (r Resource) Key() Key {
	return Key{UID: r.UID, GVR: r.GVR}
}

// Watchable reports whether some version of the resource can be watched.
func (r Resource) Watchable() bool {
	return r.Unserved == ""
}
