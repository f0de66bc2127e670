package synth

import "math/rand/v2"

// form is what the values of a field look like.
type form int

const (
	flag form = iota
	number
	choice     // one of a few words
	identifier // prefix and 17 random hexadecimal digits
	arn
	label // words and a random suffix
	address
	date
	words     // a list of words, atomic
	tags      // a map of strings
	reference // an object that names another one
	group     // an object
	entries   // a list of objects with the key "name"
)

// field is one field of a type.
type field struct {
	name, doc string
	form      form
	options   []string // the vocabulary of choice and words, the prefix of an identifier
	max       int      // the greatest number
	optional  bool
	fields    []field // of group and entries
}

// odds are the forms in the proportions in which generated APIs have them.
var odds = []struct {
	form   form
	weight int
}{
	{flag, 17}, {choice, 21}, {number, 14}, {label, 11}, {identifier, 10}, {arn, 6},
	{address, 5}, {date, 3}, {words, 5}, {reference, 6}, {group, 12}, {entries, 5},
}

const deepest = 3

// newField makes up a field. taken are the names of its siblings.
func newField(r *rand.Rand, depth int, taken map[string]bool) field {
	f := field{name: newName(r, taken), form: newForm(r, depth), optional: r.IntN(10) < 3}
	f.doc = sentence(r, 6+r.IntN(34))
	switch f.form {
	case number:
		f.max = pick(r, []int{10, 100, 3600, 65535, 1 << 20})
	case choice, words:
		for range 2 + r.IntN(6) {
			f.options = append(f.options, pick(r, values))
		}
	case identifier:
		f.options = []string{pick(r, []string{"i", "vpc", "subnet", "sg", "vol", "rtb", "eni", "snap"})}
	case group, entries:
		inner := map[string]bool{"name": true}
		for range 1 + r.IntN(5) {
			f.fields = append(f.fields, newField(r, depth+1, inner))
		}
	}
	return f
}

func newForm(r *rand.Rand, depth int) form {
	total := 0
	for _, o := range odds {
		if depth < deepest || o.form < group {
			total += o.weight
		}
	}
	n := r.IntN(total)
	for _, o := range odds {
		if n -= o.weight; n < 0 {
			return o.form
		}
	}
	return choice
}

func newName(r *rand.Rand, taken map[string]bool) string {
	for {
		name := pick(r, firsts) + title(pick(r, seconds))
		if r.IntN(4) == 0 {
			name = pick(r, firsts) + title(name)
		}
		if !taken[name] {
			taken[name] = true
			return name
		}
	}
}

// common are fields that almost every managed resource has.
func common() []field {
	return []field{
		{name: "region", doc: "Region is the region you'd like your resource to be created in.", form: choice, options: regions},
		{name: "tags", doc: "Key-value map of resource tags.", form: tags},
	}
}

// schema is the field's OpenAPI v3 schema.
func (f field) schema() map[string]any {
	s := map[string]any{"description": f.doc}
	switch f.form {
	case flag:
		s["type"] = "boolean"
	case number:
		s["type"], s["format"] = "integer", "int64"
	case words:
		s["type"], s["items"] = "array", map[string]any{"type": "string"}
		s["x-kubernetes-list-type"] = "atomic"
	case tags:
		s["type"], s["additionalProperties"] = "object", map[string]any{"type": "string"}
		s["x-kubernetes-map-type"] = "granular"
	case reference:
		s["type"], s["properties"] = "object", map[string]any{
			"name":   text("Name of the referenced object."),
			"policy": object("Policies for referencing.", map[string]any{"resolution": text("Whether it must resolve.")}),
		}
	case group:
		s["type"], s["properties"] = "object", properties(f.fields)
	case entries:
		inner := properties(f.fields)
		inner["name"] = map[string]any{"type": "string"}
		s["type"] = "array"
		s["items"] = map[string]any{"type": "object", "properties": inner, "required": []any{"name"}}
		s["x-kubernetes-list-type"], s["x-kubernetes-list-map-keys"] = "map", []any{"name"}
	default:
		s["type"] = "string"
	}
	return s
}

func properties(fields []field) map[string]any {
	out := make(map[string]any, len(fields))
	for _, f := range fields {
		out[f.name] = f.schema()
	}
	return out
}
