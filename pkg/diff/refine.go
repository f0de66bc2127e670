package diff

import "sigs.k8s.io/structured-merge-diff/v6/fieldpath"

// refine compares within an atomic value, which has one owner but may be large: by
// name and by number, down to what really changed. Paths in there are for people;
// managedFields ends at the atomic value.
func (c *comparison) refine(old, new any) {
	if c.atomic == 0 {
		c.atomic = len(c.path)
		defer func() { c.atomic = 0 }()
	}
	switch o := old.(type) {
	case map[string]any:
		if n, ok := new.(map[string]any); ok {
			c.refineMaps(o, n)
			return
		}
	case []any:
		if n, ok := new.([]any); ok {
			c.refineLists(o, n)
			return
		}
	}
	if !equal(old, new) {
		c.emit(Replace, old, new)
	}
}

func (c *comparison) refineMaps(old, new map[string]any) {
	for name, o := range old {
		c.push(fieldpath.PathElement{FieldName: &name})
		if n, ok := new[name]; ok {
			c.refine(o, n)
		} else {
			c.emitOne(Remove, o)
		}
		c.pop()
	}
	for name, n := range new {
		if _, ok := old[name]; !ok {
			c.push(fieldpath.PathElement{FieldName: &name})
			c.emitOne(Add, n)
			c.pop()
		}
	}
}

func (c *comparison) refineLists(old, new []any) {
	for i := range max(len(old), len(new)) {
		c.push(fieldpath.PathElement{Index: &i})
		switch {
		case i >= len(new):
			c.emitOne(Remove, old[i])
		case i >= len(old):
			c.emitOne(Add, new[i])
		default:
			c.refine(old[i], new[i])
		}
		c.pop()
	}
}
