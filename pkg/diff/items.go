package diff

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// item is what an associative list holds under one key: one value, or several if
// the key is not unique, which stored objects can get away with.
type item struct {
	element fieldpath.PathElement
	key     string // the element as text
	values  []any
}

// items are the items of an associative list, in the order of their first
// appearance.
type items struct {
	list []item
	at   map[string]int // key to position in list
}

func (s items) find(key string) (item, bool) {
	i, ok := s.at[key]
	if !ok {
		return item{}, false
	}
	return s.list[i], true
}

func (s *items) add(element fieldpath.PathElement, v any) {
	key := renderElement(element)
	i, seen := s.at[key]
	if !seen {
		i = len(s.list)
		s.at[key] = i
		s.list = append(s.list, item{element: element, key: key})
	}
	s.list[i].values = append(s.list[i].values, v)
}

// together is the value of items that share a key.
func together(values []any) any {
	if len(values) == 1 {
		return values[0]
	}
	return values
}

// itemize groups the items of an associative list by their path element. It is not
// ok if the list is atomic, or if one of its items cannot be named: the list is then
// as good as atomic.
func (c *comparison) itemize(as *shape, list []any) (items, bool) {
	if as == nil || !as.keyed {
		return items{}, false
	}
	out := items{list: make([]item, 0, len(list)), at: make(map[string]int, len(list))}
	for _, v := range list {
		element, ok := c.elementOf(as, v)
		if !ok {
			return items{}, false
		}
		out.add(element, v)
	}
	return out, true
}

// elementOf names an item of an associative list: by its value in a set, otherwise
// by its key fields. A key field that is missing has its default, if any, or no
// part in the name.
func (c *comparison) elementOf(as *shape, v any) (fieldpath.PathElement, bool) {
	if len(as.keys) == 0 {
		return fieldpath.ValueElement(value.NewValueInterface(v)), scalar(v)
	}
	fields, ok := v.(map[string]any)
	if !ok {
		return fieldpath.PathElement{}, false
	}
	var key value.FieldList
	for _, name := range as.keys {
		part, ok := fields[name]
		if !ok {
			part = as.defaults[name]
		}
		if part == nil && !ok {
			continue
		}
		if part != nil && !scalar(part) {
			return fieldpath.PathElement{}, false
		}
		key = append(key, value.Field{Name: name, Value: value.NewValueInterface(part)})
	}
	key.Sort()
	return fieldpath.PathElement{Key: &key}, len(key) > 0
}

func scalar(v any) bool {
	switch v.(type) {
	case string, bool, int64, float64:
		return true
	}
	return false
}
