package sample

import (
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// parent returns the path above, and "" above the first.
func parent(path string) string {
	if p, ok := strings.CutSuffix(path, "[]"); ok {
		return p
	}
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i]
	}
	return ""
}

// last returns the last name of a path.
func last(path string) string {
	return path[strings.LastIndexByte(path, '.')+1:]
}

// steps splits a path, or a field as the API server names it (spec.list[0].map[key],
// or spec.map.key), into names and brackets.
func steps(field string) []string {
	var out []string
	for _, part := range strings.Split(field, ".") {
		name, rest, indexed := strings.Cut(part, "[")
		if name != "" {
			out = append(out, name)
		}
		for indexed {
			_, rest, _ = strings.Cut(rest, "]")
			out = append(out, "[]")
			_, rest, indexed = strings.Cut(rest, "[")
		}
	}
	return out
}

// locate follows a field as the API server names it, as far as the schema knows the
// way, and returns the path.
func (p *plan) locate(root *Schema, base, field string) string {
	path, s := base, root
	for _, step := range steps(strings.TrimPrefix(strings.TrimPrefix(field, base), ".")) {
		next, name := p.below(s, path, step)
		if next == nil {
			break
		}
		s, path = next, name
	}
	return path
}

// below returns the schema of one field, entry or item, and its path.
func (p *plan) below(s *Schema, path, step string) (*Schema, string) {
	s = p.of(s, path)
	if child, ok := s.Properties[step]; ok && step != "[]" {
		return child, join(path, step)
	}
	if s.Items != nil {
		return s.Items, path + "[]"
	}
	return s.Entry(), path + "[]"
}

// at returns the effective schema at a path; nil if there is none.
func (p *plan) at(root *Schema, base, path string) *Schema {
	s := root
	at := base
	for _, step := range steps(strings.TrimPrefix(strings.TrimPrefix(path, base), ".")) {
		if s, at = p.below(s, at, step); s == nil {
			return nil
		}
	}
	return p.of(s, path)
}
