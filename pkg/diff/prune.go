package diff

import (
	"bytes"
	"errors"

	"github.com/go-json-experiment/json/jsontext"
)

// prune leaves of an openAPIV3Schema, as JSON, what a Schema is made of: which values are
// secret, and which are merged otherwise than is deduced of values of which nothing is known.
// That is a hundredth of the schema of most types: to convert that much takes less time than
// to go through the text once. What is converted says the same as the whole schema, and has
// the same errors.
func prune(openAPIV3 []byte) ([]byte, error) {
	pruned, err := pruneOnce(openAPIV3, false)
	if errors.Is(err, errNamesMatter) {
		pruned, err = pruneOnce(openAPIV3, true)
	}
	return pruned, err
}

func pruneOnce(openAPIV3 []byte, names bool) ([]byte, error) {
	p := pruner{text: jsontext.NewDecoder(bytes.NewBuffer(openAPIV3)), names: names}
	if _, err := p.schema(anywhere); err != nil {
		return nil, err
	}
	return p.out, nil
}

// errNamesMatter: the rest of a map is not like its properties, which must so be named even
// if there is no more to say of them. Structural schemas have either one or the other.
var errNamesMatter = errors.New("an object has properties and additionalProperties")

// pruner goes through a schema once.
type pruner struct {
	text *jsontext.Decoder
	out  []byte
	// names: all properties are kept.
	names bool
}

// place is where a schema is. The defaults of the properties of a list's items are those of
// keys; other defaults do not matter.
type place int

const (
	anywhere place = iota
	ofItems
	inItems
)

// node is what is known of a schema whose keywords are being read.
type node struct {
	place
	// says: something of it has to be kept.
	says bool
	// array and items: it is that of lists, and says of what.
	array, items bool
	// dropped: not all its properties are kept; rest: its additionalProperties are.
	dropped, rest bool
}

// schema copies what matters of the schema that comes next, and reports whether anything does.
func (p *pruner) schema(at place) (says bool, err error) {
	if p.text.PeekKind() != '{' {
		return true, p.value()
	}
	n := node{place: at}
	err = p.fields(func(keyword string) (bool, error) { return p.keyword(&n, keyword) })
	if err == nil && n.dropped && n.rest {
		err = errNamesMatter
	}
	return n.says || n.array && !n.items, err
}

// keyword copies the value of a keyword, and reports whether that is to be kept.
func (p *pruner) keyword(n *node, name string) (keep bool, err error) {
	switch name {
	case `"type"`:
		err = p.checked(n, `"object"`, `"array"`, `"string"`, `"integer"`, `"number"`, `"boolean"`)
		n.array = bytes.HasSuffix(p.out, []byte(`"array"`))
		return true, err
	case `"format"`:
		err = p.value()
		keep = bytes.HasSuffix(p.out, []byte(`:"password"`))
		n.says = n.says || keep
		return keep, err
	case `"properties"`:
		return p.properties(n)
	case `"additionalProperties"`:
		return p.additional(n)
	case `"items"`:
		n.items = true
		return true, p.items(n)
	case `"allOf"`, `"anyOf"`, `"oneOf"`:
		return p.alternatives(n)
	case `"default"`:
		if n.place == inItems {
			n.says = true
			return true, p.value()
		}
	case `"x-kubernetes-list-type"`:
		return true, p.checked(n, `"atomic"`)
	case `"x-kubernetes-map-type"`:
		return true, p.checked(n, `"granular"`)
	case `"x-kubernetes-embedded-resource"`:
		return true, p.checked(n, `false`)
	case `"x-kubernetes-list-map-keys"`, `"x-kubernetes-patch-merge-key"`:
		return true, p.value()
	case `"$ref"`, `"x-kubernetes-patch-strategy"`:
		return true, p.checked(n)
	}
	return false, p.text.SkipValue()
}

// checked copies a value, which says something unless it is one of the usual ones.
func (p *pruner) checked(n *node, usual ...string) error {
	begin := len(p.out)
	err := p.value()
	for _, u := range usual {
		if string(p.out[begin:]) == u {
			return err
		}
	}
	n.says = true
	return err
}

func (p *pruner) properties(n *node) (keep bool, err error) {
	if p.text.PeekKind() != '{' {
		return true, p.checked(n)
	}
	below := anywhere
	if n.place == ofItems {
		below = inItems
	}
	err = p.fields(func(string) (bool, error) {
		says, err := p.schema(below)
		keep = keep || says
		n.dropped = n.dropped || !says && !p.names
		return says || p.names, err
	})
	n.says = n.says || keep
	return keep || p.names, err
}

func (p *pruner) additional(n *node) (keep bool, err error) {
	if p.text.PeekKind() == '{' {
		n.rest, err = p.schema(anywhere)
		n.says = n.says || n.rest
		return n.rest, err
	}
	return true, p.checked(n, `true`, `false`)
}

// items are kept, because a list without is an error.
func (p *pruner) items(n *node) error {
	begin := len(p.out)
	says, err := p.schema(ofItems)
	if !says {
		p.out = append(p.out[:begin], '{', '}')
	}
	n.says = n.says || says
	return err
}

func (p *pruner) alternatives(n *node) (keep bool, err error) {
	if p.text.PeekKind() != '[' {
		return true, p.checked(n)
	}
	if _, err := p.text.ReadToken(); err != nil {
		return false, err
	}
	p.out = append(p.out, '[')
	for p.text.PeekKind() != ']' {
		begin := len(p.out)
		if keep {
			p.out = append(p.out, ',')
		}
		says, err := p.schema(anywhere)
		if err != nil {
			return false, err
		}
		if !says {
			p.out = p.out[:begin]
		}
		keep = keep || says
	}
	p.out = append(p.out, ']')
	n.says = n.says || keep
	_, err = p.text.ReadToken()
	return keep, err
}

// fields copies the object that comes next, but for the fields that are not to be kept.
func (p *pruner) fields(value func(name string) (keep bool, err error)) error {
	if _, err := p.text.ReadToken(); err != nil {
		return err
	}
	p.out = append(p.out, '{')
	first := len(p.out)
	for p.text.PeekKind() != '}' {
		begin := len(p.out)
		if begin > first {
			p.out = append(p.out, ',')
		}
		name, err := p.text.ReadValue()
		if err != nil {
			return err
		}
		p.out = append(append(p.out, name...), ':')
		keep, err := value(string(name))
		if err != nil {
			return err
		}
		if !keep {
			p.out = p.out[:begin]
		}
	}
	p.out = append(p.out, '}')
	_, err := p.text.ReadToken()
	return err
}

// value copies a value.
func (p *pruner) value() error {
	v, err := p.text.ReadValue()
	p.out = append(p.out, v...)
	return err
}
