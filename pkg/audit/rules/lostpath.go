package rules

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/client-go/util/jsonpath"

	"github.com/crdwatch/crdwatch/pkg/audit"
)

// lostPaths are the printer columns and selectable fields that name a field which the
// schema does not have: a typing error, or a field that was removed.
func lostPaths(v *audit.Version) []flaw {
	var flaws []flaw
	root := v.Schema.OpenAPIV3Schema
	for _, c := range v.AdditionalPrinterColumns {
		if lost := lostField(root, c.JSONPath); lost != "" {
			flaws = append(flaws, flaw{
				version: v.Name, path: fmt.Sprintf(".additionalPrinterColumns[name=%q].jsonPath", c.Name),
				text: fmt.Sprintf("the printer column %s shows %s, but the schema has no field %s: the column stays empty", c.Name, c.JSONPath, lost),
			})
		}
	}
	for _, f := range v.SelectableFields {
		if lost := lostField(root, f.JSONPath); lost != "" {
			flaws = append(flaws, flaw{
				version: v.Name, path: fmt.Sprintf(".selectableFields[jsonPath=%q].jsonPath", f.JSONPath),
				text: fmt.Sprintf("objects are to be selected by %s, but the schema has no field %s: nothing is ever selected", f.JSONPath, lost),
			})
		}
	}
	return flaws
}

// lostField returns the first field on a path that the schema does not have, or
// nothing. A path that cannot be followed for certain is taken to lead somewhere.
func lostField(root *apiextensionsv1.JSONSchemaProps, path string) string {
	parsed, err := jsonpath.Parse("path", "{"+path+"}") // as the API server reads it
	if err != nil || len(parsed.Root.Nodes) != 1 {
		return ""
	}
	list, ok := parsed.Root.Nodes[0].(*jsonpath.ListNode)
	if !ok {
		return ""
	}
	at, walked := root, ""
	for i, n := range list.Nodes {
		field, isField := n.(*jsonpath.FieldNode)
		if isField {
			walked += "." + field.Value
		} else {
			walked += "[]"
		}
		if i == 0 && isField && isMeta(field.Value) {
			return ""
		}
		next, open := follow(at, n)
		if open {
			return ""
		}
		if next == nil {
			return walked
		}
		at = next
	}
	return ""
}

// follow goes one step down in a schema; nil: there is nothing. It gives up (open)
// where there may be fields that the schema does not have, and where it is not certain
// what the step means.
func follow(s *apiextensionsv1.JSONSchemaProps, n jsonpath.Node) (next *apiextensionsv1.JSONSchemaProps, open bool) {
	if preserves(s) || s.XEmbeddedResource || s.Type == "" {
		return nil, true
	}
	switch n := n.(type) {
	case *jsonpath.FieldNode:
		if child, ok := s.Properties[n.Value]; ok {
			return &child, false
		}
		if s.AdditionalProperties != nil {
			return s.AdditionalProperties.Schema, s.AdditionalProperties.Schema == nil
		}
		return nil, false
	case *jsonpath.ArrayNode, *jsonpath.FilterNode, *jsonpath.WildcardNode:
		if s.Type == "array" && s.Items != nil && s.Items.Schema != nil {
			return s.Items.Schema, false
		}
	}
	return nil, true
}
