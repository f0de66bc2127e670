package watch

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"

	"github.com/crdwatch/crdwatch/pkg/diff"
)

// MetadataOnlyMark begins the Dictionary of Records that have no more of an object than
// its metadata. It is no JSON, so no dictionary of whole objects begins with it. That
// the codec knows it costs a Record nothing, and survives wherever the dictionary does.
const MetadataOnlyMark = "\x04"

// thinHead and thinTail are what stands around the metadata in such a Record: it is the
// PartialObjectMetadata that the API server would send, without managedFields.
const (
	thinHead = `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":`
	thinTail = `}`
)

// thinDictionary is what the metadata of most objects is made of, the most usual last.
const thinDictionary = MetadataOnlyMark +
	`"deletionTimestamp":"20","ownerReferences":[{"apiVersion":"","blockOwnerDeletion":true,"controller":true,"kind":"","name":"","uid":"` +
	`"finalizers":["foregroundDeletion"],"kubectl.kubernetes.io/last-applied-configuration":"<redacted sha256:` +
	`"app.kubernetes.io/instance":"","app.kubernetes.io/managed-by":"Helm","app.kubernetes.io/name":"` +
	thinHead + `{"name":"` + nameByte + `","namespace":"default","uid":"` + uidByte + `","resourceVersion":` + versionByte +
	`,"generation":1,"creationTimestamp":"2026-01-01T00:00:00Z","labels":{"` + `"},"annotations":{"` + `"}}}`

// MetadataOnly reports whether the Record has no more of the object than its metadata,
// and of that all but managedFields.
func (r *Record) MetadataOnly() bool { return r.codec.thin }

// isPartial reports whether the API server was asked for metadata alone.
func isPartial(u *unstructured.Unstructured) bool {
	return u.GroupVersionKind() == metav1.SchemeGroupVersion.WithKind("PartialObjectMetadata")
}

// thinText returns, of an object's JSON, what a Record of its metadata alone keeps. It
// decodes nothing and reads no further than the metadata: for a large resource this is
// done hundreds of thousands of times in a row.
func thinText(text []byte) ([]byte, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := enter(d, "metadata"); err != nil {
		return nil, fmt.Errorf("reading an object's metadata: %w", err)
	}
	out := append(make([]byte, 0, 1<<10), thinHead...)
	out, err := appendFields(out, d, "managedFields")
	if err != nil {
		return nil, fmt.Errorf("reading an object's metadata: %w", err)
	}
	return append(out, thinTail...), nil
}

// enter reads an object up to the value of a field.
func enter(d *jsontext.Decoder, field string) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil || name.String() == field {
			return err
		}
		if err := d.SkipValue(); err != nil {
			return err
		}
	}
	return fmt.Errorf("there is no %s", field)
}

// appendFields copies the object that comes next, but for one of its fields.
func appendFields(out []byte, d *jsontext.Decoder, but string) ([]byte, error) {
	if kind := d.PeekKind(); kind != '{' {
		return nil, fmt.Errorf("want an object, got %v", kind)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, err
	}
	out = append(out, '{')
	first := true
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		skipped := string(name) == `"`+but+`"`
		if !skipped {
			if !first {
				out = append(out, ',')
			}
			out = append(append(out, name...), ':')
			first = false
		}
		value, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		if !skipped {
			out = append(out, value...)
		}
	}
	return append(out, '}'), nil
}

// thinned returns the Record of the same revision that has the metadata alone. It shares
// no memory with r but the dictionary of its codec.
func (r *Record) thinned(codecs *codecs) (*Record, error) {
	var text []byte
	err := r.read(func(whole []byte) (err error) {
		text, err = thinText(whole)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reducing the record of %s: %w", r.key(), err)
	}
	t := *r
	t.codec = codecs.next(text)
	t.data = t.codec.encode(r.key(), text, t.abridged, true)
	t.origin = codeOf(originThinned)
	return &t, nil
}

// thin returns the redacted text of an object of which only the metadata is wanted.
func (m *monitor) thin(u *unstructured.Unstructured) []byte {
	var text []byte
	if raw := rawOf(u); raw != nil {
		text = raw.json
	} else {
		text = marshal(u.Object)
	}
	text, err := thinText(text)
	if err != nil {
		return marshal(unreadable(u.Object, err))
	}
	if may, err := diff.MayRedact(text); err == nil && !may {
		return text
	}
	var obj map[string]any
	if err := json.Unmarshal(text, &obj); err != nil {
		return marshal(unreadable(u.Object, err))
	}
	m.schemas.none.Redact(obj)
	return marshal(obj)
}

// metadataOf is what two revisions have in common that can be compared, where one of
// them, or both, have the metadata alone.
func metadataOf(obj map[string]any) map[string]any {
	return map[string]any{"metadata": obj["metadata"]}
}

// thinSize is what a Record of metadata alone takes at the most usual.
const thinSize = 260
