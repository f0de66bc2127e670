package rules

import (
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
)

// gap is what one version's schema has and another's does not take: paths such as
// ".spec.parts[].name". Of a missing field, what stands below it is not listed.
type gap struct {
	missing, retyped []string
}

// gapOf compares two schemas as the API server prunes and validates
// (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning). What is kept without
// being in a schema cannot be compared.
func gapOf(rich, poor *schema.Structural) gap {
	var g gap
	root := *poor
	root.XEmbeddedResource = true // every object has apiVersion, kind and metadata
	g.compareObject("", rich, &root)
	slices.Sort(g.missing)
	slices.Sort(g.retyped)
	return g
}

func (g *gap) compare(path string, rich, poor *schema.Structural) {
	if !alike(rich, poor) {
		g.retyped = append(g.retyped, path)
		return
	}
	g.compareObject(path, rich, poor)
	if rich.Items != nil && !poor.XPreserveUnknownFields {
		g.compare(path+"[]", rich.Items, orAnything(poor.Items))
	}
}

func (g *gap) compareObject(path string, rich, poor *schema.Structural) {
	for name := range rich.Properties {
		of := rich.Properties[name]
		below := path + "." + name
		if in, ok := poor.Properties[name]; ok {
			if path != "" || !isMeta(name) {
				g.compare(below, &of, &in)
			}
			continue
		}
		g.compareUnnamed(below, &of, poor, poor.XEmbeddedResource && isMeta(name))
	}
	if rich.AdditionalProperties != nil {
		g.compareUnnamed(path+".*", orAnything(rich.AdditionalProperties.Structural), poor, false)
	}
}

// compareUnnamed looks at a field that is not among the properties of an object.
func (g *gap) compareUnnamed(path string, of, object *schema.Structural, kept bool) {
	switch {
	case kept:
	case object.AdditionalProperties != nil:
		g.compare(path, of, orAnything(object.AdditionalProperties.Structural))
	case !object.XPreserveUnknownFields:
		g.missing = append(g.missing, path)
	}
}

// isMeta reports whether a field is one that objects have without a schema for it.
func isMeta(name string) bool {
	return name == "apiVersion" || name == "kind" || name == "metadata"
}

// orAnything stands in for a schema that is not there: additionalProperties: true.
func orAnything(s *schema.Structural) *schema.Structural {
	if s != nil {
		return s
	}
	return &schema.Structural{Extensions: schema.Extensions{XPreserveUnknownFields: true}}
}

// alike reports whether values are of the same type. A wider one is another: what is
// written through it cannot be read through the narrower.
func alike(a, b *schema.Structural) bool {
	if a.XIntOrString || b.XIntOrString {
		return a.XIntOrString == b.XIntOrString
	}
	return a.Type == b.Type || a.Type == "" || b.Type == "" // any type
}
