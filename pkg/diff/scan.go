package diff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

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
	s := scans.Get().(*scan)
	defer s.release()
	s.read(raw)
	if err := s.run(); err != nil {
		return false, fmt.Errorf("scanning an object: %w", err)
	}
	return s.found, nil
}

// scan goes through the tokens of one object.
type scan struct {
	reader
	open  []level
	found bool
	// known are words that have been looked at. The names of fields are few, and come
	// again in every object.
	known map[string]word
}

// scans are for others to use again.
var scans = sync.Pool{New: func() any { return &scan{reader: reader{text: &jsontext.Decoder{}}, known: map[string]word{}} }}

// read begins with another text.
func (s *scan) read(raw []byte) {
	s.reader.read(raw)
	s.open, s.found = s.open[:0], false
}

// release lets go of the text, and lets others use s.
func (s *scan) release() {
	s.read(nil)
	scans.Put(s)
}

// word is what is known of a name, or of a text that may be one.
type word struct {
	text string
	// secret: it is the name of something secret. field: it is the path element of such a
	// field in fieldsV1. snapshot: it is that of an annotation that repeats the object.
	secret, field, snapshot bool
}

const (
	// mostWords is how many are remembered, and longWord what is too long for that:
	// those in the middle of an object are data.
	mostWords, longWord = 4096, 64
)

// word looks at a text, once.
func (s *scan) word(text []byte) word {
	if w, ok := s.known[string(text)]; ok {
		return w
	}
	w := newWord(string(text))
	if len(text) <= longWord {
		if len(s.known) == mostWords {
			clear(s.known)
		}
		s.known[w.text] = w
	}
	return w
}

func newWord(text string) word {
	w := word{text: text, secret: classify(text) != public, snapshot: isSnapshot(text)}
	if name, ok := strings.CutPrefix(text, "f:"); ok {
		w.field = classify(name) != public
	}
	return w
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
	w := s.word(quoted[1 : len(quoted)-1])
	kind := s.text.PeekKind()
	if in.fields {
		return repeats(w.text, kind, in.secret), s.value(level{fields: true, secret: w.field})
	}
	found = strings.Contains(w.text, `\`) || w.names(kind)
	in.valued = in.valued || (w.text == "value" || w.text == "default") && (kind == '"' || kind == '[')
	if kind != '"' {
		return found, s.value(level{fields: w.text == "fieldsV1"})
	}
	quoted, err = s.text.ReadValue()
	if err != nil {
		return false, err
	}
	text := quoted[1 : len(quoted)-1]
	switch w.text {
	case "name", "key":
		in.named = in.named || bytes.Contains(text, []byte(`\`)) || s.word(text).secret
	case "kind":
		found = found || string(text) == "Secret" || bytes.Contains(text, []byte(`\`))
	}
	return found, nil
}

// names tells whether the value of a field of that name, by its kind, may be secret.
func (w word) names(kind jsontext.Kind) bool {
	switch kind {
	case '{':
		return w.text == "stringData"
	case '"':
		return w.snapshot || w.secret
	case '0', '[':
		return w.secret
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
