package diff

import smd "sigs.k8s.io/structured-merge-diff/v6/schema"

// shape is what a schema says of how a value is merged, as far as that is not what
// structured-merge-diff deduces where it knows nothing: maps are granular, and lists
// are atomic. A nil shape says nothing. Of the hundreds of fields that a type has,
// only few have one, so that those of thousands of types can be kept.
type shape struct {
	// atomic: a map is one leaf.
	atomic bool
	// fields are those of a map that have a shape; others is that of all the rest, and
	// where there is one, fields has all names that it is not for.
	fields map[string]*shape
	others *shape

	// keyed: a list has items with paths of their own, by these keys, or by their value if
	// there are none. A missing key field has its default.
	keyed    bool
	keys     []string
	defaults map[string]any
	items    *shape
}

// field is the shape of a field of a map.
func (s *shape) field(name string) *shape {
	if s == nil {
		return nil
	}
	if f, ok := s.fields[name]; ok {
		return f
	}
	return s.others
}

// isAtomic tells whether a map is one leaf.
func (s *shape) isAtomic() bool { return s != nil && s.atomic }

// shaper makes shapes of the types of structured-merge-diff.
type shaper struct {
	types *smd.Schema
	// named are those of types with a name; nil while it is being made, because types
	// of which nothing is known refer to themselves.
	named map[string]*shape
}

// shapeOf is the shape of a type.
func shapeOf(types *smd.Schema, ref smd.TypeRef) *shape {
	s := shaper{types: types, named: map[string]*shape{}}
	return s.of(ref)
}

func (s *shaper) of(ref smd.TypeRef) *shape {
	atom, ok := s.types.Resolve(ref)
	if !ok {
		return nil
	}
	if ref.NamedType == nil || ref.ElementRelationship != nil {
		return s.make(atom)
	}
	name := *ref.NamedType
	if made, ok := s.named[name]; ok {
		return made
	}
	s.named[name] = nil
	s.named[name] = s.make(atom)
	return s.named[name]
}

func (s *shaper) make(atom smd.Atom) *shape {
	var made shape
	says := false
	if m := atom.Map; m != nil {
		made.atomic = m.ElementRelationship == smd.Atomic
		if !made.atomic {
			s.fill(&made, m)
		}
		says = made.atomic || made.others != nil || len(made.fields) > 0
	}
	if l := atom.List; l != nil && l.ElementRelationship == smd.Associative {
		made.keyed, made.keys, made.items = true, l.Keys, s.of(l.ElementType)
		made.defaults = s.defaults(l)
		says = true
	}
	if !says {
		return nil
	}
	return &made
}

// fill takes in the fields of a granular map.
func (s *shaper) fill(made *shape, m *smd.Map) {
	made.others = s.of(m.ElementType)
	for _, f := range m.Fields {
		below := s.of(f.Type)
		if below == nil && made.others == nil {
			continue
		}
		if made.fields == nil {
			made.fields = map[string]*shape{}
		}
		made.fields[f.Name] = below
	}
}

func (s *shaper) defaults(l *smd.List) map[string]any {
	atom, _ := s.types.Resolve(l.ElementType)
	if atom.Map == nil {
		return nil
	}
	var defaults map[string]any
	for _, key := range l.Keys {
		field, _ := atom.FindField(key)
		if field.Default == nil {
			continue
		}
		if defaults == nil {
			defaults = map[string]any{}
		}
		defaults[key] = field.Default
	}
	return defaults
}
