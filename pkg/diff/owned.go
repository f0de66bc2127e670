package diff

import (
	"bytes"
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// ownedFields are the fields of one entry of managedFields. To parse them is what costs most
// of finding out who wrote a change, and most changes are of few fields, so that only what
// is on the way to those is parsed.
type ownedFields struct {
	// raw is fieldsV1, and parts are its members.
	raw   []byte
	parts []member
	// parsed is what is on the way to paths, by the names that they begin with, and whole
	// is all of raw.
	parsed map[string]*fieldpath.Set
	whole  *fieldpath.Set
}

// mostPaths is how many are looked for one by one. For more it is cheaper to parse all.
const mostPaths = 8

// newOwnedFields returns nil for what is no fieldsV1.
func newOwnedFields(raw []byte) *ownedFields {
	f := &ownedFields{raw: raw, parsed: map[string]*fieldpath.Set{}}
	var err error
	if f.parts, err = members(raw); err == nil {
		return f
	}
	if f.whole = parseFields(raw); f.whole == nil {
		return nil
	}
	return f
}

// all are all fields.
func (f *ownedFields) all() *fieldpath.Set {
	if f.whole == nil {
		if f.whole = parseFields(f.raw); f.whole == nil {
			f.whole = fieldpath.NewSet()
		}
	}
	return f.whole
}

// near are fields of which those on the way to a path, and below it, are all that there are.
func (f *ownedFields) near(path fieldpath.Path) *fieldpath.Set {
	names := fieldNames(path)
	if f.whole != nil || len(names) == 0 {
		return f.all()
	}
	key := strings.Join(names, "\x00")
	if set, ok := f.parsed[key]; ok {
		return set
	}
	if len(f.parsed) == mostPaths {
		return f.all()
	}
	text, err := onlyAt(f.parts, names)
	if err != nil {
		return f.all()
	}
	set := fieldpath.NewSet()
	if parsed := parseFields(text); parsed != nil {
		set = parsed
	}
	f.parsed[key] = set
	return set
}

// fieldNames are those that a path begins with.
func fieldNames(path fieldpath.Path) []string {
	var names []string
	for _, e := range path {
		if e.FieldName == nil {
			break
		}
		names = append(names, *e.FieldName)
	}
	return names
}

// onlyAt leaves of fieldsV1, given its members, what is at a path of names, and nothing if
// nothing is there. A field without any below it is owned as a whole, and so is there,
// whatever follows.
func onlyAt(parts []member, names []string) ([]byte, error) {
	quoted := `"f:` + names[0] + `"`
	i := slices.IndexFunc(parts, func(p member) bool { return string(p.name) == quoted })
	if i < 0 {
		return nil, nil
	}
	p := parts[i]
	if len(names) == 1 {
		return oneField(p.name, p.value), nil
	}
	below, err := members(p.value)
	if err != nil || len(below) == 0 {
		return oneField(p.name, p.value), err
	}
	only, err := onlyAt(below, names[1:])
	if err != nil || only == nil {
		return nil, err
	}
	return oneField(p.name, only), nil
}

// oneField is a JSON object with one field.
func oneField(name, value []byte) []byte {
	return bytes.Join([][]byte{{'{'}, name, {':'}, value, {'}'}}, nil)
}

// parseFields returns nil for what is no fieldsV1.
func parseFields(text []byte) *fieldpath.Set {
	if len(text) == 0 {
		return nil
	}
	var fields fieldpath.Set
	if err := fields.FromJSON(bytes.NewReader(text)); err != nil {
		return nil
	}
	return &fields
}
