package discovery

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/version"
)

// maxSchemaDepth bounds the search through a schema; the API server's own limit on
// nesting is lower.
const maxSchemaDepth = 200

// definition is the part of a CustomResourceDefinition (apiextensions.k8s.io/v1)
// that is needed here. The schemas stay as they are in the object.
type definition struct {
	group, scope                    string
	plural, singular, kind          string
	shortNames, categories          []string
	versions                        []map[string]any
	storedVersions                  []string
	conditions                      []Condition
	conversion, uid, name, revision string
	generation                      int64
}

// Parse reads a CustomResourceDefinition. The object is only read; the Resource
// keeps nothing of it but strings. Its Schema is nil: the caller knows how the
// object is kept, and sets it.
func Parse(crd *unstructured.Unstructured) (Resource, error) {
	d := read(crd)
	if d.plural == "" || d.group == "" || d.kind == "" {
		return Resource{}, fmt.Errorf("reading CRD %q: spec.group, spec.names.plural or spec.names.kind is empty", crd.GetName())
	}
	r := Resource{
		CRD: d.name, UID: types.UID(d.uid), Created: crd.GetCreationTimestamp().Time, Generation: d.generation, ResourceVersion: d.revision,
		Kind: d.kind, Singular: d.singular, ShortNames: d.shortNames, Categories: d.categories,
		Namespaced:     d.scope == "Namespaced",
		StoredVersions: d.storedVersions,
		Conditions:     d.conditions,
		Conversion:     cmp.Or(d.conversion, "None"),
	}
	r.GVR.Group, r.GVR.Resource = d.group, d.plural
	r.chooseVersion(d)
	r.Unserved, r.UnservedMessage = d.unserved(r.ServedVersions)
	return r, nil
}

// chooseVersion picks the version to watch. The storage version comes first: it is
// the only one that a broken conversion webhook cannot freeze.
func (r *Resource) chooseVersion(d definition) {
	byName := make(map[string]map[string]any, len(d.versions))
	for _, v := range d.versions {
		name := str(v, "name")
		byName[name] = v
		if served, _ := v["served"].(bool); served {
			r.ServedVersions = append(r.ServedVersions, name)
		}
		if storage, _ := v["storage"].(bool); storage {
			r.StorageVersion = name
		}
	}
	slices.SortStableFunc(r.ServedVersions, func(a, b string) int {
		return version.CompareKubeAwareVersionStrings(b, a)
	})
	switch {
	case slices.Contains(r.ServedVersions, r.StorageVersion):
		r.GVR.Version = r.StorageVersion
	case len(r.ServedVersions) > 0:
		r.GVR.Version = r.ServedVersions[0]
	default:
		return
	}
	chosen := byName[r.GVR.Version]
	r.PrinterColumns = printerColumns(chosen)
	r.Passwords = hasPassword(schemaOf(chosen), 0)
}

// unserved says why the CRD's objects cannot be watched, or nothing if they can.
func (d definition) unserved(served []string) (reason, message string) {
	for _, c := range d.conditions {
		if c.Type == "Established" && c.Status == "True" {
			if len(served) == 0 {
				return "NoServedVersion", "the CRD serves none of its versions"
			}
			return "", ""
		}
	}
	for _, c := range d.conditions {
		if c.Type == "NamesAccepted" && c.Status == "False" {
			return NamesNotAccepted, c.Message
		}
	}
	return "NotEstablished", "the API server has not established the CRD yet"
}

// SchemaOf returns the OpenAPI v3 schema of one version of a CRD as JSON, or nothing if
// the version has none. The CRD is given as JSON, of which nothing else is decoded, and
// the result does not refer to it.
func SchemaOf(crd []byte, version string) ([]byte, error) {
	var doc struct {
		Spec struct {
			Versions []struct {
				Name   string `json:"name"`
				Schema struct {
					OpenAPIV3Schema jsontext.Value `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(crd, &doc, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
		return nil, fmt.Errorf("reading the schema of version %s: %w", version, err)
	}
	for _, v := range doc.Spec.Versions {
		if text := v.Schema.OpenAPIV3Schema; v.Name == version && text.Kind() == '{' {
			return text, nil
		}
	}
	return nil, nil
}

func read(crd *unstructured.Unstructured) definition {
	spec, _ := crd.Object["spec"].(map[string]any)
	status, _ := crd.Object["status"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	conversion, _ := spec["conversion"].(map[string]any)
	return definition{
		name: crd.GetName(), uid: string(crd.GetUID()), revision: crd.GetResourceVersion(), generation: crd.GetGeneration(),
		group: str(spec, "group"), scope: str(spec, "scope"),
		plural: str(names, "plural"), singular: str(names, "singular"), kind: str(names, "kind"),
		shortNames: strs(names["shortNames"]), categories: strs(names["categories"]),
		versions: mapsIn(spec["versions"]), storedVersions: strs(status["storedVersions"]),
		conditions: conditions(status["conditions"]), conversion: str(conversion, "strategy"),
	}
}

func conditions(v any) []Condition {
	var out []Condition
	for _, c := range mapsIn(v) {
		out = append(out, Condition{Type: str(c, "type"), Status: str(c, "status"), Reason: str(c, "reason"), Message: str(c, "message")})
	}
	return out
}

func printerColumns(version map[string]any) []PrinterColumn {
	var out []PrinterColumn
	for _, c := range mapsIn(version["additionalPrinterColumns"]) {
		out = append(out, PrinterColumn{Name: str(c, "name"), Type: str(c, "type"), JSONPath: str(c, "jsonPath")})
	}
	return out
}

func schemaOf(version map[string]any) map[string]any {
	schema, _ := version["schema"].(map[string]any)
	openAPI, _ := schema["openAPIV3Schema"].(map[string]any)
	return openAPI
}

// hasPassword reports whether a schema, or one inside it, has format password. A
// property may itself be named "format": then its value is a schema, no string.
func hasPassword(v any, depth int) bool {
	if depth > maxSchemaDepth {
		return true // nothing so deep is trusted
	}
	switch v := v.(type) {
	case map[string]any:
		if v["format"] == "password" {
			return true
		}
		for _, child := range v {
			if hasPassword(child, depth+1) {
				return true
			}
		}
	case []any:
		for _, child := range v {
			if hasPassword(child, depth+1) {
				return true
			}
		}
	}
	return false
}

func str(m map[string]any, key string) string {
	s, _ := m[key].(string)
	return s
}

func strs(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func mapsIn(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
