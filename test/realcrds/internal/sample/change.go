package sample

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// Leaf is a scalar in an object whose value could be another one.
type Leaf struct {
	// Steps lead to it: field names, and list positions as int.
	Steps []any
	// Path is the leaf's path, the same for all items of a list.
	Path string
	// Values are others that the schema allows.
	Values []any
	// Keyed tells how many associative lists are on the way.
	Keyed int
}

// Leaves returns the leaves of an object below its top-level fields, those first by
// which a comparison is tried most: within associative lists, and deep. Keys of list
// items and members of sets are none: they name a field.
func Leaves(s *Schema, obj map[string]any, top func(field string) bool) []Leaf {
	var w walker
	s = s.effective(0)
	for _, name := range sortedKeys(obj) {
		if child := s.Properties[name]; child != nil && top(name) {
			w.walk(child, obj[name], Leaf{Steps: []any{name}, Path: name})
		}
	}
	slices.SortStableFunc(w.leaves, func(a, b Leaf) int {
		return cmp.Or(
			cmp.Compare(secretive(a.Path), secretive(b.Path)),
			cmp.Compare(b.Keyed, a.Keyed),
			cmp.Compare(len(b.Steps), len(a.Steps)),
		)
	})
	return w.leaves
}

// secretive puts what could be a secret by its name last: its values are hidden.
func secretive(path string) int {
	path = strings.ToLower(path)
	for _, word := range []string{"pass", "secret", "token", "key", "credential", "auth"} {
		if strings.Contains(path, word) {
			return 1
		}
	}
	return 0
}

type walker struct {
	leaves []Leaf
}

func (w *walker) walk(s *Schema, v any, at Leaf) {
	switch v := v.(type) {
	case map[string]any:
		w.object(s, v, at)
	case []any:
		w.list(s, v, at)
	default:
		w.leaf(s, v, at)
	}
}

func (w *walker) object(s *Schema, v map[string]any, at Leaf) {
	if s != nil {
		s = s.effective(0)
	}
	for _, name := range sortedKeys(v) {
		if s != nil && s.Embedded && (name == "apiVersion" || name == "kind" || name == "metadata") {
			continue
		}
		child, path := fieldOf(s, name), at.Path+"[]"
		if s != nil && s.Properties[name] != nil {
			path = join(at.Path, name)
		}
		w.walk(child, v[name], at.down(name, path))
	}
}

// fieldOf returns the schema of a field; nil if it is not known.
func fieldOf(s *Schema, name string) *Schema {
	if s == nil {
		return nil
	}
	if p := s.Properties[name]; p != nil {
		return p
	}
	return s.Entry()
}

func (w *walker) list(s *Schema, v []any, at Leaf) {
	if s == nil || s.ListType == "set" {
		return
	}
	keyed := s.ListType == "map"
	if keyed {
		at.Keyed++
	}
	for i, item := range v {
		below := at.down(i, at.Path+"[]")
		fields, ok := item.(map[string]any)
		if !keyed || !ok {
			w.walk(s.Items, item, below)
			continue
		}
		rest := make(map[string]any, len(fields))
		for name, field := range fields {
			if !slices.Contains(s.ListMapKeys, name) {
				rest[name] = field
			}
		}
		w.object(s.Items, rest, below)
	}
}

func (w *walker) leaf(s *Schema, v any, at Leaf) {
	if s == nil {
		if text, ok := v.(string); ok {
			at.Values = []any{text + "2"}
			w.leaves = append(w.leaves, at)
		}
		return
	}
	for _, other := range Scalars(s) {
		if other != nil && other != "" && !reflect.DeepEqual(other, v) {
			at.Values = append(at.Values, other)
		}
	}
	if len(at.Values) > 0 {
		w.leaves = append(w.leaves, at)
	}
}

func (l Leaf) down(step any, path string) Leaf {
	l.Steps = append(slices.Clone(l.Steps), step)
	l.Path = path
	return l
}

// Set returns a copy of the object in which the leaf has another value.
func (l Leaf) Set(obj map[string]any, value any) map[string]any {
	obj = runtime.DeepCopyJSON(obj)
	var at any = obj
	for _, step := range l.Steps[:len(l.Steps)-1] {
		at = below(at, step)
	}
	switch step := l.Steps[len(l.Steps)-1].(type) {
	case string:
		at.(map[string]any)[step] = value
	case int:
		at.([]any)[step] = value
	}
	return obj
}

// Value returns the leaf's value in an object of the same shape.
func (l Leaf) Value(obj map[string]any) any {
	var at any = obj
	for _, step := range l.Steps {
		at = below(at, step)
	}
	return at
}

func below(v, step any) any {
	if name, ok := step.(string); ok {
		return v.(map[string]any)[name]
	}
	return v.([]any)[step.(int)]
}

// Part returns the least object that says what the leaf's value is, with which it
// can be applied: the keys of the list items on the way, and atomic values whole.
func (l Leaf) Part(s *Schema, obj map[string]any) map[string]any {
	return part(s, obj, l.Steps).(map[string]any)
}

func part(s *Schema, v any, steps []any) any {
	if len(steps) == 0 {
		return v
	}
	switch step := steps[0].(type) {
	case string:
		if s != nil && s.MapType == "atomic" {
			return v
		}
		out := map[string]any{step: part(fieldOf(s, step), below(v, step), steps[1:])}
		return out
	case int:
		if s == nil || s.ListType != "map" {
			return v
		}
		whole := below(v, step).(map[string]any)
		item, ok := part(s.Items, whole, steps[1:]).(map[string]any)
		if !ok {
			return v
		}
		out := map[string]any{}
		for name, field := range item {
			out[name] = field
		}
		for _, key := range s.ListMapKeys {
			if field, ok := whole[key]; ok {
				out[key] = field
			}
		}
		return []any{out}
	}
	return v
}
