package diff

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// DiffText is Diff for objects that are given as JSON, and so says the same. Most revisions
// differ in few fields of hundreds: only the parts whose texts differ are decoded, which
// takes a fraction of the time and of the memory. It keeps neither text.
//
// Its errors are those of texts that are not one JSON object.
func (s *Schema) DiffText(old, new []byte, opts Options) (changes []Change, err error) {
	// One object must not end the watch of all others, whatever is in it.
	defer func() {
		if r := recover(); r != nil {
			changes, err = nil, fmt.Errorf("comparing objects: %v", r)
		}
	}()
	d := difference{options: opts}
	o, n, err := d.objects(old, new, 0)
	if errors.Is(err, errIrregular) {
		return s.diffDecoded(old, new, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("comparing objects: %w", err)
	}
	edits := s.edits(o, n, opts)
	if len(edits) == 0 {
		return nil, nil
	}
	before, err := entriesIn(d.old)
	if err != nil {
		return s.diffDecoded(old, new, opts)
	}
	after, err := entriesIn(d.new)
	if err != nil {
		return s.diffDecoded(old, new, opts)
	}
	return attribute(edits, before, after), nil
}

// diffDecoded decodes everything.
func (s *Schema) diffDecoded(old, new []byte, opts Options) ([]Change, error) {
	var o, n map[string]any
	if err := errors.Join(utiljson.Unmarshal(old, &o), utiljson.Unmarshal(new, &n)); err != nil {
		return nil, fmt.Errorf("comparing objects: %w", err)
	}
	return s.Diff(o, n, opts)
}

// errIrregular: a text is written in a way that it must be decoded to be understood.
var errIrregular = errors.New("a name is escaped, or there twice")

// deepest is how deep maps are entered to look for what differs. Below, a part is decoded
// as a whole: that is cheaper than to go through its text once more.
const deepest = 4

// difference finds what differs between two texts.
type difference struct {
	options Options
	// old and new are the texts of metadata.managedFields.
	old, new []byte
}

// member is a field of a JSON object.
type member struct {
	name  []byte // as it is quoted
	value []byte
}

// objects decodes what differs between two JSON objects. What is the same in both is in
// neither result.
func (d *difference) objects(old, new []byte, depth int) (o, n map[string]any, err error) {
	before, err := members(old)
	if err != nil {
		return nil, nil, err
	}
	after, err := members(new)
	if err != nil {
		return nil, nil, err
	}
	return d.members(before, after, depth)
}

func (d *difference) members(before, after []member, depth int) (o, n map[string]any, err error) {
	o, n = map[string]any{}, map[string]any{}
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && bytes.Compare(before[0].name, after[0].name) < 0:
			err = d.alone(before[0], depth, o)
			before = before[1:]
		case len(before) == 0 || bytes.Compare(after[0].name, before[0].name) < 0:
			err = d.alone(after[0], depth, n)
			after = after[1:]
		default:
			err = d.both(before[0], after[0], depth, o, n)
			before, after = before[1:], after[1:]
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return o, n, nil
}

// alone takes in a field that only one of the objects has.
func (d *difference) alone(m member, depth int, into map[string]any) (err error) {
	if depth == 0 && string(m.name) == metadataName {
		return errIrregular // no object of an API server lacks it
	}
	into[m.text()], err = decodeValue(m.value)
	return err
}

// both takes in a field that both objects have.
func (d *difference) both(old, new member, depth int, o, n map[string]any) (err error) {
	name := new.text()
	switch {
	case depth == 0 && string(new.name) == metadataName:
		o[name], n[name], err = d.metadata(old.value, new.value)
	case bytes.Equal(old.value, new.value):
	case depth < deepest && old.value[0] == '{' && new.value[0] == '{':
		o[name], n[name], err = d.objects(old.value, new.value, depth+1)
	default:
		if o[name], err = decodeValue(old.value); err == nil {
			n[name], err = decodeValue(new.value)
		}
	}
	return err
}

const (
	metadataName = `"metadata"`
	managedName  = `"managedFields"`
)

// metadata also keeps who manages what, and leaves it out where it is no change.
func (d *difference) metadata(old, new []byte) (o, n map[string]any, err error) {
	before, err := members(old)
	if err != nil {
		return nil, nil, errIrregular
	}
	after, err := members(new)
	if err != nil {
		return nil, nil, errIrregular
	}
	before, d.old = d.takeManaged(before)
	after, d.new = d.takeManaged(after)
	return d.members(before, after, 1)
}

func (d *difference) takeManaged(fields []member) (rest []member, managed []byte) {
	at := slices.IndexFunc(fields, func(m member) bool { return string(m.name) == managedName })
	if at < 0 {
		return fields, nil
	}
	managed = fields[at].value
	if d.options.ManagedFields {
		return fields, managed
	}
	return slices.Delete(fields, at, at+1), managed
}

func decodeValue(text []byte) (v any, err error) {
	err = utiljson.Unmarshal(text, &v)
	return v, err
}

// text is the name itself.
func (m member) text() string { return string(m.name[1 : len(m.name)-1]) }

// members are the fields of a JSON object, sorted by name as the API server and
// encoding/json write them. Names and values are parts of the text.
func members(text []byte) ([]member, error) {
	r := readers.Get().(*reader)
	defer r.release()
	r.read(text)
	if err := r.begin('{'); err != nil {
		return nil, err
	}
	all := r.members[:0]
	for r.text.PeekKind() != '}' {
		name, err := r.part(text)
		if err != nil {
			return nil, err
		}
		value, err := r.part(text)
		if err != nil {
			return nil, err
		}
		if bytes.IndexByte(name, '\\') >= 0 || len(all) > 0 && bytes.Compare(all[len(all)-1].name, name) >= 0 {
			return nil, errIrregular
		}
		all = append(all, member{name, value})
	}
	r.members = all
	return slices.Clone(all), r.end()
}

// elements are those of a JSON array. They are parts of the text.
func elements(text []byte) (all [][]byte, err error) {
	r := readers.Get().(*reader)
	defer r.release()
	r.read(text)
	if err := r.begin('['); err != nil {
		return nil, err
	}
	for r.text.PeekKind() != ']' {
		element, err := r.part(text)
		if err != nil {
			return nil, err
		}
		all = append(all, element)
	}
	return all, r.end()
}
