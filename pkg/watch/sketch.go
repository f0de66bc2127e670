package watch

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// rawField holds, in a sketch, the object itself.
const rawField = "crdwatch/raw"

// rawObject is an object as the API server sent it.
type rawObject struct {
	json []byte
	// clean: there is nothing in it to redact by the rules that need no schema.
	clean bool
}

// rawObjects are for others to use again. Each object that arrives has one for the moment
// until it is compressed.
var rawObjects = sync.Pool{New: func() any { return new(rawObject) }}

// release ends the use of r: neither it nor its JSON may be touched afterwards.
func (r *rawObject) release() {
	if cap(r.json) <= largeScratch {
		rawObjects.Put(r)
	}
}

// sketchOf makes an Unstructured that has of an object what the informer and a Record
// must know: kind, name, namespace, uid, resourceVersion, generation, and the
// annotation that ends the initial objects. Everything else stays JSON. It copies raw.
func sketchOf(raw []byte) (*unstructured.Unstructured, error) {
	may, err := diff.MayRedact(raw)
	if err != nil {
		return nil, err
	}
	s := sketchers.Get().(*sketcher)
	defer s.release()
	s.read(raw)
	obj := map[string]any{}
	if err := s.object(obj, topFields); err != nil {
		return nil, fmt.Errorf("reading an object's metadata: %w", err)
	}
	if _, ok := obj["metadata"].(map[string]any); !ok {
		return nil, errors.New("reading an object's metadata: there is none")
	}
	r := rawObjects.Get().(*rawObject)
	r.json, r.clean = append(r.json[:0], raw...), !may
	obj[rawField] = r
	return &unstructured.Unstructured{Object: obj}, nil
}

// rawOf returns the JSON behind a sketch, or nil.
func rawOf(u *unstructured.Unstructured) *rawObject {
	raw, _ := u.Object[rawField].(*rawObject)
	return raw
}

// object decodes all of it.
func (r *rawObject) object() (map[string]any, error) {
	var obj map[string]any
	err := json.Unmarshal(r.json, &obj)
	return obj, err
}

// sketcher reads chosen fields of a JSON object whose syntax is known to be right.
type sketcher struct {
	text  *jsontext.Decoder
	input bytes.Buffer
}

// sketchers are for others to use again.
var sketchers = sync.Pool{New: func() any { return &sketcher{text: &jsontext.Decoder{}} }}

// read begins with another text.
func (s *sketcher) read(raw []byte) {
	s.input = *bytes.NewBuffer(raw)
	s.text.Reset(&s.input, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// release lets go of the text, and lets others use s.
func (s *sketcher) release() {
	s.read(nil)
	sketchers.Put(s)
}

// field reads the value of a field, or skips it.
type field func(s *sketcher, into map[string]any, name string) error

var (
	topFields = map[string]field{
		"apiVersion": (*sketcher).scalar, "kind": (*sketcher).scalar, "metadata": (*sketcher).metadata,
	}
	metadataFields = map[string]field{
		"name": (*sketcher).scalar, "namespace": (*sketcher).scalar, "uid": (*sketcher).scalar,
		"resourceVersion": (*sketcher).scalar, "generation": (*sketcher).scalar, "annotations": (*sketcher).annotations,
	}
	annotationFields = map[string]field{metav1.InitialEventsAnnotationKey: (*sketcher).scalar}
)

// object reads the wanted fields of the object that comes next.
func (s *sketcher) object(into map[string]any, wanted map[string]field) error {
	if _, err := s.text.ReadToken(); err != nil {
		return err
	}
	for s.text.PeekKind() != '}' {
		name, err := s.text.ReadToken()
		if err != nil {
			return err
		}
		key := name.String()
		read, ok := wanted[key]
		if !ok {
			err = s.text.SkipValue()
		} else {
			err = read(s, into, key)
		}
		if err != nil {
			return err
		}
		if _, done := into["metadata"]; done {
			return nil // apiVersion and kind come before
		}
	}
	_, err := s.text.ReadToken()
	return err
}

func (s *sketcher) scalar(into map[string]any, name string) error {
	token, err := s.text.ReadToken()
	if err != nil {
		return err
	}
	switch token.Kind() {
	case '"':
		into[name] = token.String()
	case '0':
		if n, err := strconv.ParseInt(token.String(), 10, 64); err == nil {
			into[name] = n
		}
	case '{', '[':
		return fmt.Errorf("%s is no scalar", name)
	}
	return nil
}

func (s *sketcher) metadata(into map[string]any, name string) error {
	return s.nested(into, name, metadataFields)
}

func (s *sketcher) annotations(into map[string]any, name string) error {
	return s.nested(into, name, annotationFields)
}

// nested reads an object; null, and what is none, is left out.
func (s *sketcher) nested(into map[string]any, name string, wanted map[string]field) error {
	if s.text.PeekKind() != '{' {
		return s.text.SkipValue()
	}
	obj := map[string]any{}
	if err := s.object(obj, wanted); err != nil {
		return err
	}
	into[name] = obj
	return nil
}
