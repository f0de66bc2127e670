package e2e

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// version is one version of a test CRD.
type version struct {
	name            string
	unserved        bool
	storage         bool
	extraProperties map[string]any
}

// crd describes a test CRD. All have the same schema: every kind of field whose
// path in managedFields has a form of its own.
type crd struct {
	group, plural string
	cluster       bool
	versions      []version
	conversion    map[string]any
}

func (c crd) name() string { return c.plural + "." + c.group }
func (c crd) kind() string { return "Kind" + c.plural }

func (c crd) gvr() schema.GroupVersionResource {
	for _, v := range c.versions {
		if v.storage {
			return schema.GroupVersionResource{Group: c.group, Version: v.name, Resource: c.plural}
		}
	}
	return schema.GroupVersionResource{Group: c.group, Version: "v1", Resource: c.plural}
}

type object = map[string]any

// manifest is the CRD as JSON, which is YAML.
func (c crd) manifest() []byte {
	scope := "Namespaced"
	if c.cluster {
		scope = "Cluster"
	}
	versions := c.versions
	if len(versions) == 0 {
		versions = []version{{name: "v1", storage: true}}
	}
	var list []any
	for _, v := range versions {
		list = append(list, object{
			"name": v.name, "served": !v.unserved, "storage": v.storage,
			"subresources": object{"status": object{}},
			"schema":       object{"openAPIV3Schema": testSchema(v.extraProperties)},
		})
	}
	spec := object{
		"group": c.group, "scope": scope, "versions": list,
		"names": object{"plural": c.plural, "singular": c.plural + "x", "kind": c.kind(), "listKind": c.kind() + "List"},
	}
	if c.conversion != nil {
		spec["conversion"] = c.conversion
	}
	b, err := json.Marshal(object{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": object{"name": c.name()}, "spec": spec,
	})
	if err != nil {
		panic(fmt.Sprint("encoding a literal: ", err))
	}
	return b
}

func testSchema(extra map[string]any) object {
	str, integer := object{"type": "string"}, object{"type": "integer", "format": "int64"}
	spec := object{
		"size": integer, "mode": str,
		"labels": object{"type": "object", "additionalProperties": str},
		"tags":   object{"type": "array", "items": str, "x-kubernetes-list-type": "set"},
		"args":   object{"type": "array", "items": str},
		"ports": object{
			"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"name"},
			"items": object{"type": "object", "required": []any{"name"}, "properties": object{"name": str, "port": integer}},
		},
		"free": object{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
	}
	for name, s := range extra {
		spec[name] = s
	}
	status := object{
		"phase": str,
		"conditions": object{
			"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": []any{"type"},
			"items": object{"type": "object", "required": []any{"type"}, "properties": object{"type": str, "status": str, "reason": str}},
		},
	}
	return object{"type": "object", "properties": object{
		"spec":   object{"type": "object", "properties": spec},
		"status": object{"type": "object", "properties": status},
	}}
}
