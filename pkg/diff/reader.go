package diff

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// reader goes through a JSON text.
type reader struct {
	text  *jsontext.Decoder
	input bytes.Buffer
	// members is room for those of an object.
	members []member
}

// readers are for others to use again.
var readers = sync.Pool{New: func() any { return &reader{text: &jsontext.Decoder{}} }}

// read begins with another text.
func (r *reader) read(text []byte) {
	r.input = *bytes.NewBuffer(text)
	r.text.Reset(&r.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// release lets go of the text, and lets others use r.
func (r *reader) release() {
	r.read(nil)
	clear(r.members)
	readers.Put(r)
}

// begin enters an object or an array.
func (r *reader) begin(kind jsontext.Kind) error {
	if k := r.text.PeekKind(); k != kind {
		return fmt.Errorf("it begins with %s instead of %s", k, kind)
	}
	return r.end()
}

// end leaves it.
func (r *reader) end() error {
	_, err := r.text.ReadToken()
	return err
}

// part is the name or value that comes next, as a part of the text that is read.
func (r *reader) part(text []byte) ([]byte, error) {
	value, err := r.text.ReadValue()
	if err != nil {
		return nil, err
	}
	end := int(r.text.InputOffset())
	return text[end-len(value) : end], nil
}

// unquoted is the string that a JSON text is.
func unquoted(text []byte) (string, error) {
	if len(text) >= 2 && text[0] == '"' && bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1]), nil
	}
	s, err := jsontext.AppendUnquote(nil, text)
	return string(s), err
}
