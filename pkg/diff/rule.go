package diff

import (
	"slices"

	"k8s.io/kube-openapi/pkg/validation/spec"
)

// rule is what a schema says about secrets in a value. A nil rule says nothing, and
// nor does anything below it: of a schema without passwords nothing is kept.
type rule struct {
	secret bool             // format: password
	plain  bool             // nothing in here is a secret, whatever it is called
	fields map[string]*rule // of the declared properties
	rest   *rule            // of the other entries of a map
	items  *rule            // of list items
}

func (r *rule) isSecret() bool { return r != nil && r.secret }
func (r *rule) isPlain() bool  { return r != nil && r.plain }

func (r *rule) field(name string) *rule {
	if r == nil {
		return nil
	}
	if f, ok := r.fields[name]; ok {
		return f
	}
	return r.rest
}

// item is the rule of the items of a list. Those of a secret one are secret.
func (r *rule) item() *rule {
	if r == nil || r.secret {
		return r
	}
	return r.items
}

// compileRules keeps the passwords of a schema, also those that only one of its
// alternatives names.
func compileRules(s *spec.Schema) *rule {
	r := &rule{secret: s.Format == "password"}
	for name, property := range s.Properties {
		r.setField(name, compileRules(&property))
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		r.rest = compileRules(s.AdditionalProperties.Schema)
	}
	if s.Items != nil && s.Items.Schema != nil {
		r.items = compileRules(s.Items.Schema)
	}
	for _, alternative := range slices.Concat(s.AllOf, s.AnyOf, s.OneOf) {
		r = merge(r, compileRules(&alternative))
	}
	if !r.secret && r.fields == nil && r.rest == nil && r.items == nil {
		return nil
	}
	return r
}

func (r *rule) setField(name string, f *rule) {
	if f == nil {
		return
	}
	if r.fields == nil {
		r.fields = map[string]*rule{}
	}
	r.fields[name] = f
}

// merge returns a rule that says what a and b say. It may alter a.
func merge(a, b *rule) *rule {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	a.secret = a.secret || b.secret
	a.rest, a.items = merge(a.rest, b.rest), merge(a.items, b.items)
	for name, f := range b.fields {
		a.setField(name, merge(a.fields[name], f))
	}
	return a
}

// plainAt returns the rule that exempts the value at path.
func plainAt(path ...string) *rule {
	if len(path) == 0 {
		return &rule{plain: true}
	}
	return &rule{fields: map[string]*rule{path[0]: plainAt(path[1:]...)}}
}

// RedactsMore tells whether the schema calls something a secret that than does not,
// so that what was redacted by than must be redacted again. The names of fields are
// judged alike by all schemas. A nil than has redacted nothing.
func (s *Schema) RedactsMore(than *Schema) bool {
	return than == nil || !than.rules.covers(s.rules)
}

// covers tells whether whatever o calls a secret is one for r too.
func (r *rule) covers(o *rule) bool {
	if r == nil || !o.anySecret() {
		return !o.anySecret()
	}
	if o.secret && !r.secret {
		return false
	}
	for name, f := range o.fields {
		if !r.field(name).covers(f) {
			return false
		}
	}
	for name, f := range r.fields {
		if _, ok := o.fields[name]; !ok && !f.covers(o.rest) {
			return false
		}
	}
	return r.rest.covers(o.rest) && r.items.covers(o.items)
}

func (r *rule) anySecret() bool {
	if r == nil {
		return false
	}
	if r.secret || r.rest.anySecret() || r.items.anySecret() {
		return true
	}
	for _, f := range r.fields {
		if f.anySecret() {
			return true
		}
	}
	return false
}
