package scribe

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Version is one version of a CRD. Extra are more properties of its spec.
type Version struct {
	Name     string
	Unserved bool
	Storage  bool
	Extra    map[string]any
}

// CRD describes a CRD. All have the same schema: every kind of field whose path in
// managedFields has a form of its own. Without Versions there is one, v1.
type CRD struct {
	Group, Plural string
	Cluster       bool
	Versions      []Version
	Conversion    map[string]any
}

// Name is the CRD's: plural.group.
func (c CRD) Name() string { return c.Plural + "." + c.Group }

// Kind is that of the objects.
func (c CRD) Kind() string { return "Kind" + c.Plural }

// GVR is the resource in its storage version.
func (c CRD) GVR() schema.GroupVersionResource {
	for _, v := range c.Versions {
		if v.Storage {
			return schema.GroupVersionResource{Group: c.Group, Version: v.Name, Resource: c.Plural}
		}
	}
	return schema.GroupVersionResource{Group: c.Group, Version: "v1", Resource: c.Plural}
}

// Object is how all of them are written.
type Object = map[string]any

// Manifest is the CRD as JSON, which is YAML.
func (c CRD) Manifest() []byte {
	scope := "Namespaced"
	if c.Cluster {
		scope = "Cluster"
	}
	versions := c.Versions
	if len(versions) == 0 {
		versions = []Version{{Name: "v1", Storage: true}}
	}
	var list []any
	for _, v := range versions {
		list = append(list, Object{
			"name": v.Name, "served": !v.Unserved, "storage": v.Storage,
			"subresources": Object{"status": Object{}},
			"schema":       Object{"openAPIV3Schema": openAPISchema(v.Extra)},
		})
	}
	spec := Object{
		"group": c.Group, "scope": scope, "versions": list,
		"names": Object{"plural": c.Plural, "singular": c.Plural + "x", "kind": c.Kind(), "listKind": c.Kind() + "List"},
	}
	if c.Conversion != nil {
		spec["conversion"] = c.Conversion
	}
	b, err := json.Marshal(Object{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": Object{"name": c.Name()}, "spec": spec,
	})
	if err != nil {
		panic(fmt.Sprint("encoding a literal: ", err))
	}
	return b
}

func openAPISchema(extra map[string]any) Object {
	str, integer := Object{"type": "string"}, Object{"type": "integer", "format": "int64"}
	spec := Object{
		"size": integer, "mode": str,
		"labels": Object{"type": "object", "additionalProperties": str},
		"tags":   Object{"type": "array", "items": str, "x-kubernetes-list-type": "set"},
		"args":   Object{"type": "array", "items": str},
		"ports": Object{
			"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"name"},
			"items": Object{"type": "object", "required": []any{"name"}, "properties": Object{"name": str, "port": integer}},
		},
		"free": Object{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
	}
	for name, s := range extra {
		spec[name] = s
	}
	status := Object{
		"phase": str,
		"conditions": Object{
			"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"type"},
			"items": Object{"type": "object", "required": []any{"type"}, "properties": Object{"type": str, "status": str, "reason": str}},
		},
	}
	return Object{"type": "object", "properties": Object{
		"spec":   Object{"type": "object", "properties": spec},
		"status": Object{"type": "object", "properties": status},
	}}
}
