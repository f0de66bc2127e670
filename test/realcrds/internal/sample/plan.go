package sample

import "slices"

// Hints are values that cannot be guessed, by path. A nil value leaves the field
// out.
type Hints map[string]any

// plan is what has been decided so far, by path.
type plan struct {
	hints  Hints
	drop   map[string]bool // left out
	force  map[string]bool // put in, though optional
	bare   map[string]bool // objects with nothing but what they require
	single map[string]bool // lists with one item
	branch map[string]int  // which of the alternatives
	turn   map[string]int  // which of the candidates of a scalar
	step   map[string]int  // how many remedies were tried

	effective map[choice]*Schema // what was merged already
}

type choice struct {
	schema *Schema
	branch int
}

// of returns the effective schema of the value at a path.
func (p *plan) of(s *Schema, path string) *Schema {
	c := choice{s, p.branch[path]}
	if p.effective[c] == nil {
		p.effective[c] = s.effective(c.branch)
	}
	return p.effective[c]
}

func newPlan(hints Hints) *plan {
	return &plan{
		hints: hints,
		drop:  map[string]bool{}, force: map[string]bool{}, bare: map[string]bool{}, single: map[string]bool{},
		branch: map[string]int{}, turn: map[string]int{}, step: map[string]int{},
		effective: map[choice]*Schema{},
	}
}

// maxNodes bounds the size of an object: a pod template alone has a thousand
// fields. Objects that would be larger get less deep.
const maxNodes = 300

// maxDepth is the depth below which only required fields are filled.
const maxDepth = 12

// generator makes one value according to a plan.
type generator struct {
	plan  *plan
	depth int
	nodes int
}

// generate returns the value of a schema; nil if there is none that it could make.
func (p *plan) generate(s *Schema, path string) any {
	for depth := maxDepth; ; depth-- {
		g := generator{plan: p, depth: depth}
		v, ok := g.value(s, path, 0, 0)
		if !ok {
			return nil
		}
		if g.nodes <= maxNodes || depth == 1 {
			return v
		}
	}
}

// value makes a value. The variant makes list items differ.
func (g *generator) value(s *Schema, path string, variant, depth int) (any, bool) {
	if hint, ok := g.plan.hints[path]; ok && hint != nil {
		return pick(hint, variant)
	}
	g.nodes++
	s = g.plan.of(s, path)
	switch {
	case len(s.Enum) > 0 || s.scalar():
		return g.scalar(s, path, variant)
	case s.Type == "array":
		return g.list(s, path, depth)
	case s.Type == "object" || s.PreserveUnknown || len(s.Properties) > 0:
		return g.object(s, path, variant, depth)
	}
	return nil, false
}

// pick returns a hint, or of a hint with several variants the one asked for.
func pick(hint any, variant int) (any, bool) {
	if v, ok := hint.(Variants); ok {
		if variant >= len(v) {
			return nil, false
		}
		return v[variant], true
	}
	return hint, variant == 0
}

// Variants is a Hint for the items of a list that must differ.
type Variants []any

func (g *generator) scalar(s *Schema, path string, variant int) (any, bool) {
	candidates := s.scalars()
	if len(candidates) == 0 || variant >= len(candidates) {
		return nil, false
	}
	return candidates[(g.plan.turn[path]+variant)%len(candidates)], true
}

// list makes two items of an associative list and one of any other, unless more are
// required.
func (g *generator) list(s *Schema, path string, depth int) (any, bool) {
	if s.Items == nil {
		return []any{}, true
	}
	n := 1
	if s.ListType == "map" || s.ListType == "set" {
		n = 2
	}
	if g.plan.single[path] {
		n = 1
	}
	n = min(max(n, deref(s.MinItems, 0)), deref(s.MaxItems, n))
	out := []any{}
	for i := range n {
		v, ok := g.item(s, path+"[]", i, depth+1)
		if !ok {
			break
		}
		out = append(out, v)
	}
	return out, len(out) >= deref(s.MinItems, 0) && (len(out) > 0 || n == 0)
}

// item makes the i-th item. Items of a map differ by their keys, those of other
// lists as a whole.
func (g *generator) item(s *Schema, path string, i, depth int) (any, bool) {
	if s.ListType != "map" {
		return g.value(s.Items, path, i, depth)
	}
	for _, key := range s.ListMapKeys {
		// One key that differs is enough, and the last may be an enum.
		v, ok := g.value(s.Items, path, 0, depth)
		item, isMap := v.(map[string]any)
		if !ok || !isMap || s.Items.Properties[key] == nil {
			return nil, false
		}
		for _, k := range s.ListMapKeys {
			if _, present := item[k]; !present {
				if item[k], ok = g.value(s.Items.Properties[k], join(path, k), 0, depth+1); !ok {
					delete(item, k)
				}
			}
		}
		if other, ok := g.value(s.Items.Properties[key], join(path, key), i, depth+1); ok {
			item[key] = other
			return item, true
		}
	}
	return nil, false
}

func (g *generator) object(s *Schema, path string, variant, depth int) (any, bool) {
	out := map[string]any{}
	if s.Embedded {
		out["apiVersion"], out["kind"] = "v1", "ConfigMap"
		out["metadata"] = map[string]any{"name": "sample"}
	}
	for _, name := range g.fields(s, path, depth) {
		if _, ok := out[name]; ok {
			continue
		}
		child, required := join(path, name), s.requires(name)
		v, ok := g.value(s.Properties[name], child, g.below(variant, required), depth+1)
		if ok {
			out[name] = v
			continue
		}
		if required {
			return nil, false
		}
	}
	return out, g.entries(s, out, path, variant, depth)
}

// fields returns the fields to fill: those required, and as many others as wanted and
// allowed.
func (g *generator) fields(s *Schema, path string, depth int) []string {
	var out, wanted, unwanted []string
	for _, name := range sortedKeys(s.Properties) {
		switch {
		case s.requires(name):
			out = append(out, name)
		case g.wants(s, path, name, depth):
			wanted = append(wanted, name)
		case !s.forbidden[name] && !g.plan.drop[join(path, name)]:
			unwanted = append(unwanted, name)
		}
	}
	n := len(out) + len(wanted)
	n = min(max(n, deref(s.MinProperties, 0)), deref(s.MaxProperties, n))
	out = append(out, append(wanted, unwanted...)[:min(max(0, n-len(out)), len(wanted)+len(unwanted))]...)
	slices.Sort(out)
	return out
}

// below is the variant of a field in an item that must differ from others: what is
// required is what tells them apart.
func (g *generator) below(variant int, required bool) int {
	if required {
		return variant
	}
	return 0
}

// wants decides about an optional field.
func (g *generator) wants(s *Schema, path, name string, depth int) bool {
	child := join(path, name)
	if hint, ok := g.plan.hints[child]; ok {
		return hint != nil
	}
	if g.plan.force[child] {
		return true
	}
	return !g.plan.drop[child] && !s.forbidden[name] && !g.plan.bare[path] && depth < g.depth
}

// entries adds to a map what is not declared by name.
func (g *generator) entries(s *Schema, out map[string]any, path string, variant, depth int) bool {
	if s.Entry() == nil {
		free := s.AdditionalProperties != nil && s.AdditionalProperties.Allowed
		if (s.PreserveUnknown || free) && len(out) == 0 && !g.plan.bare[path] {
			out["sample"] = "value"
		}
		return true
	}
	n := max(1, deref(s.MinProperties, 0))
	if (g.plan.bare[path] || depth >= g.depth) && deref(s.MinProperties, 0) == 0 {
		n = 0
	}
	for i := range n {
		v, ok := g.value(s.Entry(), path+"[]", 0, depth+1)
		if !ok {
			return deref(s.MinProperties, 0) == 0
		}
		out[[]string{"sample", "other", "third", "fourth"}[(i+variant)%4]] = v
	}
	return true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
