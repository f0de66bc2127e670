package live

import (
	"container/list"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crdwatch/crdwatch/pkg/audit"
	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/pkg/discovery"
	"github.com/crdwatch/crdwatch/pkg/watch"
)

// What is kept decoded: a CRD takes some ten times its JSON in memory, and more once
// its schema is used.
const (
	maxDefinitions     = 64
	maxDefinitionBytes = 4 << 20
)

// definition is a CRD, decoded.
type definition struct {
	*audit.CRD
	// redact is nil if the schema marks nothing as secret: then the objects need no more
	// than the redaction that they have.
	redact *diff.Schema
	record *watch.Record
	size   int
}

// definitions keeps the CRDs decoded that were used last.
type definitions struct {
	byRecord map[*watch.Record]*list.Element
	order    *list.List // of *definition, the one used last first
	bytes    int
}

func newDefinitions() *definitions {
	return &definitions{byRecord: map[*watch.Record]*list.Element{}, order: list.New()}
}

// of decodes a revision of a CRD whose objects are of a version.
func (d *definitions) of(r *watch.Record, version string) (*definition, error) {
	if e := d.byRecord[r]; e != nil {
		d.order.MoveToFront(e)
		return e.Value.(*definition), nil
	}
	def, err := decode(r, version)
	if err != nil {
		return nil, err
	}
	d.byRecord[r] = d.order.PushFront(def)
	d.bytes += def.size
	for d.order.Len() > 1 && (d.order.Len() > maxDefinitions || d.bytes > maxDefinitionBytes) {
		last := d.order.Remove(d.order.Back()).(*definition)
		delete(d.byRecord, last.record)
		d.bytes -= last.size
	}
	return def, nil
}

func decode(r *watch.Record, version string) (*definition, error) {
	content, size, err := r.Content()
	if err != nil {
		return nil, err
	}
	def := &definition{record: r, size: size}
	parsed, err := discovery.Parse(&unstructured.Unstructured{Object: content})
	if err == nil && parsed.Passwords {
		text, err := r.Schema(version)
		if err != nil {
			return nil, err
		}
		def.redact, _ = diff.NewSchema(text) // what cannot be used still redacts what it names
	}
	def.CRD, err = audit.ParseCRD(content)
	return def, err
}
