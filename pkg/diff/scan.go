package diff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MayRedact reports whether Redact, by the rules that need no schema, could change an
// object that is given as JSON. It sees each name once and decodes nothing, at a
// fraction of the cost; most objects hold nothing secret, and need not be decoded for
// that to be known. It may say yes where Redact would find nothing, but never no where
// it would find something.
//
// Its errors are those of a text that is not one JSON object. It does not keep raw.
func MayRedact(raw []byte) (bool, error) {
	s := scan{text: jsontext.NewDecoder(bytes.NewBuffer(raw), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
	if err := s.run(); err != nil {
		return false, fmt.Errorf("scanning an object: %w", err)
	}
	return s.found, nil
}

// scan goes through the tokens of one object.
type scan struct {
	text  *jsontext.Decoder
	open  []level
	found bool
}

// level is an object or a list that has been entered and not left.
type level struct {
	object bool
	// fields: it is, or is within, the fieldsV1 of managedFields.
	fields bool
	// secret: it says in fieldsV1 which items a field with a secret name has.
	secret bool
	// named and valued: it has a name, or key, that is that of a secret, and a value.
	named, valued bool
}

func (s *scan) run() error {
	if kind := s.text.PeekKind(); kind != '{' {
		if _, err := s.text.ReadToken(); err != nil {
			return err
		}
		return fmt.Errorf("it is no object, but begins with %s", kind)
	}
	if err := s.value(level{}); err != nil {
		return err
	}
	for len(s.open) > 0 {
		found, err := s.next()
		if err != nil {
			return err
		}
		s.found = s.found || found
	}
	if _, err := s.text.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("something follows it"), err)
	}
	return nil
}

// next takes a field, the item of a list, or the end of either.
func (s *scan) next() (found bool, err error) {
	top := &s.open[len(s.open)-1]
	switch kind := s.text.PeekKind(); {
	case kind == '}', kind == ']':
		found = top.named && top.valued
		s.open = s.open[:len(s.open)-1]
		_, err = s.text.ReadToken()
		return found, err
	case top.object:
		return s.field(top)
	}
	return false, s.value(level{fields: top.fields})
}

// value enters an object or a list, or reads anything else.
func (s *scan) value(l level) error {
	switch s.text.PeekKind() {
	case '{', '[':
		l.object = s.text.PeekKind() == '{'
		s.open = append(s.open, l)
		_, err := s.text.ReadToken()
		return err
	}
	_, err := s.text.ReadValue()
	return err
}

func (s *scan) field(in *level) (found bool, err error) {
	quoted, err := s.text.ReadValue()
	if err != nil {
		return false, err
	}
	name := string(quoted[1 : len(quoted)-1])
	kind := s.text.PeekKind()
	if in.fields {
		below := level{fields: true, secret: strings.HasPrefix(name, "f:") && classify(name[2:]) != public}
		return repeats(name, kind, in.secret), s.value(below)
	}
	found = strings.Contains(name, `\`) || names(name, kind)
	in.valued = in.valued || (name == "value" || name == "default") && (kind == '"' || kind == '[')
	if kind != '"' {
		return found, s.value(level{fields: name == "fieldsV1"})
	}
	quoted, err = s.text.ReadValue()
	if err != nil {
		return false, err
	}
	text := string(quoted[1 : len(quoted)-1])
	switch name {
	case "name", "key":
		in.named = in.named || strings.Contains(text, `\`) || classify(text) != public
	case "kind":
		found = found || text == "Secret" || strings.Contains(text, `\`)
	}
	return found, nil
}

// names tells whether the value of a field, by its name and kind, may be secret.
func names(name string, kind jsontext.Kind) bool {
	switch kind {
	case '{':
		return name == "stringData"
	case '"':
		return isSnapshot(name) || classify(name) != public
	case '0', '[':
		return classify(name) != public
	}
	return false
}

// repeats tells whether a path element of fieldsV1 may have to be rewritten; or is
// none at all. Quotes are escaped in it, and nothing else is in what matters.
func repeats(path string, kind jsontext.Kind, secret bool) bool {
	switch {
	case kind != '{', strings.Contains(path, `\u`):
		return true
	case strings.HasPrefix(path, "v:"):
		return secret
	case strings.HasPrefix(path, "k:"):
		return lastStem(path).kind != noStem
	}
	return false
}
