package rules

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
)

// absentFrom returns the shortest beginning of a path at which an object has nothing;
// nil if it has something there, or has values of another kind than the path is for.
func absentFrom(object any, path fieldpath.Path) fieldpath.Path {
	for i, e := range path {
		next, found, fits := descend(object, e)
		switch {
		case !fits:
			return nil
		case !found:
			return path[:i+1]
		}
		object = next
	}
	return nil
}

// descend goes one step along a path. It does not fit what is there if the type of
// the field has changed, or if there is a null.
func descend(v any, e fieldpath.PathElement) (next any, found, fits bool) {
	if e.FieldName != nil {
		m, ok := v.(map[string]any)
		next, found = m[*e.FieldName]
		return next, found, ok
	}
	list, ok := v.([]any)
	if !ok {
		return nil, false, false
	}
	if e.Index != nil {
		if *e.Index < len(list) {
			return list[*e.Index], true, true
		}
		return nil, false, true
	}
	for _, item := range list {
		if isItem(item, e) {
			return item, true, true
		}
	}
	return nil, false, true
}

// isItem reports whether a list's item is the one that a path speaks of. A key that
// an item lacks has its default.
func isItem(item any, e fieldpath.PathElement) bool {
	if e.Key == nil {
		return e.Value != nil && value.Equals(value.NewValueInterface(item), *e.Value)
	}
	m, ok := item.(map[string]any)
	if !ok {
		return false
	}
	for _, f := range *e.Key {
		if v, ok := m[f.Name]; ok && !value.Equals(value.NewValueInterface(v), f.Value) {
			return false
		}
	}
	return true
}

// declares reports whether a version keeps a value at a path when it prunes.
func declares(crd *audit.CRD, s *schema.Structural, path fieldpath.Path) bool {
	if crd.Spec.PreserveUnknownFields {
		return true
	}
	for _, e := range path {
		if s == nil {
			return true
		}
		if e.FieldName == nil {
			s = s.Items
			continue
		}
		sub, ok := s.Properties[*e.FieldName]
		switch {
		case ok:
			s = &sub
		case s.AdditionalProperties != nil:
			s = s.AdditionalProperties.Structural
		default:
			return s.XPreserveUnknownFields || s.XEmbeddedResource
		}
	}
	return true
}

// isMasked reports whether a path has a redacted value in it.
func isMasked(path fieldpath.Path) bool {
	masked := func(v value.Value) bool { return v.IsString() && diff.IsMask(v.AsString()) }
	return slices.ContainsFunc(path, func(e fieldpath.PathElement) bool {
		if e.Value != nil {
			return masked(*e.Value)
		}
		return e.Key != nil && slices.ContainsFunc(*e.Key, func(f value.Field) bool { return masked(f.Value) })
	})
}

// renderPath writes a path as events do: items of sets as ["value"].
func renderPath(path fieldpath.Path) string {
	var b strings.Builder
	for _, e := range path {
		if e.Value != nil && (*e.Value).IsString() {
			fmt.Fprintf(&b, "[%q]", (*e.Value).AsString())
			continue
		}
		b.WriteString(e.String())
	}
	return b.String()
}
