package diff

import (
	"slices"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// comparison walks two objects side by side. It finds the leaves that
// structured-merge-diff's typed.Compare finds, which is the test of it, but unlike
// that one it does not validate first: one field of the wrong type would hide what
// happened to all others.
//
// A nil shape stands for a type that is not known: such maps are granular and such lists
// atomic.
type comparison struct {
	options Options
	path    fieldpath.Path // where the walk is
	atomic  int            // length of the path to the enclosing atomic value; 0: none
	edits   []edit
}

// compare reports how a value of the given type changed. Both sides exist.
func (c *comparison) compare(as *shape, old, new any) {
	switch o := old.(type) {
	case map[string]any:
		if n, ok := new.(map[string]any); ok {
			c.compareMaps(as, o, n)
			return
		}
	case []any:
		if n, ok := new.([]any); ok {
			c.compareLists(as, o, n)
			return
		}
	}
	c.compareLeaves(as, old, new)
}

// compareLeaves takes values of different kinds as a whole. Only null is special:
// it is what a map or list without entries may look like, so that the entries of
// the other side are what was added or removed.
func (c *comparison) compareLeaves(as *shape, old, new any) {
	switch {
	case equal(old, new):
	case old == nil && c.granular(as, new):
		c.whole(Add, as, new)
	case new == nil && c.granular(as, old):
		c.whole(Remove, as, old)
	default:
		c.emit(Replace, old, new)
	}
}

func (c *comparison) compareMaps(as *shape, old, new map[string]any) {
	if as.isAtomic() {
		c.refine(old, new)
		return
	}
	for name, o := range old {
		if c.ignores(name) {
			continue
		}
		c.push(fieldpath.PathElement{FieldName: &name})
		if n, ok := new[name]; ok {
			c.compare(as.field(name), o, n)
		} else {
			c.whole(Remove, as.field(name), o)
		}
		c.pop()
	}
	for name, n := range new {
		if _, ok := old[name]; ok || c.ignores(name) {
			continue
		}
		c.push(fieldpath.PathElement{FieldName: &name})
		c.whole(Add, as.field(name), n)
		c.pop()
	}
}

func (c *comparison) compareLists(as *shape, old, new []any) {
	from, ok1 := c.itemize(as, old)
	to, ok2 := c.itemize(as, new)
	if !ok1 || !ok2 {
		c.refine(old, new)
		return
	}
	for _, o := range from.list {
		c.push(o.element)
		if n, ok := to.find(o.key); ok {
			c.compareItems(as.items, o.values, n.values)
		} else {
			c.wholeItem(Remove, as.items, o.values)
		}
		c.pop()
	}
	for _, n := range to.list {
		if _, ok := from.find(n.key); !ok {
			c.push(n.element)
			c.wholeItem(Add, as.items, n.values)
			c.pop()
		}
	}
}

// compareItems compares what two lists hold under the same key. Items that share a
// key have no path of their own, so they are one leaf.
func (c *comparison) compareItems(as *shape, old, new []any) {
	if len(old) == 1 && len(new) == 1 {
		c.compare(as, old[0], new[0])
		return
	}
	if !equalLists(old, new) {
		c.emit(Replace, together(old), together(new))
	}
}

// whole reports every leaf of a value that was added or removed.
func (c *comparison) whole(op Op, as *shape, v any) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) > 0 && !as.isAtomic() {
			c.wholeMap(op, as, v)
			return
		}
	case []any:
		if items, ok := c.itemize(as, v); ok && len(v) > 0 {
			for _, item := range items.list {
				c.push(item.element)
				c.wholeItem(op, as.items, item.values)
				c.pop()
			}
			return
		}
	}
	c.emitOne(op, v)
}

func (c *comparison) wholeMap(op Op, as *shape, v map[string]any) {
	for name, field := range v {
		if c.ignores(name) {
			continue
		}
		c.push(fieldpath.PathElement{FieldName: &name})
		c.whole(op, as.field(name), field)
		c.pop()
	}
}

func (c *comparison) wholeItem(op Op, as *shape, values []any) {
	if len(values) == 1 {
		c.whole(op, as, values[0])
		return
	}
	c.emitOne(op, together(values))
}

// granular tells whether v consists of fields or items with owners of their own.
func (c *comparison) granular(as *shape, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) > 0 && !as.isAtomic()
	case []any:
		_, ok := c.itemize(as, v)
		return ok && len(v) > 0
	}
	return false
}

// ignores tells whether a field of the object at the current path is left out.
func (c *comparison) ignores(name string) bool {
	switch len(c.path) {
	case 0:
		return name == "apiVersion" || name == "kind"
	case 1:
		return *c.path[0].FieldName == "metadata" && c.ignoresMetadata(name)
	}
	return false
}

func (c *comparison) ignoresMetadata(name string) bool {
	switch name {
	case "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink":
		return true
	case "managedFields":
		return !c.options.ManagedFields
	}
	return false
}

func (c *comparison) push(e fieldpath.PathElement) { c.path = append(c.path, e) }
func (c *comparison) pop()                         { c.path = c.path[:len(c.path)-1] }

func (c *comparison) emitOne(op Op, v any) {
	if op == Add {
		c.emit(op, nil, v)
		return
	}
	c.emit(op, v, nil)
}

func (c *comparison) emit(op Op, old, new any) {
	path := slices.Clone(c.path)
	owned := path
	if c.atomic > 0 {
		owned = path[:c.atomic]
	}
	c.edits = append(c.edits, edit{
		change: Change{Path: render(path), Op: op, Old: old, New: new, Section: section(path)},
		path:   path,
		owned:  owned,
	})
}
