package audit

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Object is one custom resource, redacted. It is read-only.
type Object struct {
	unstructured.Unstructured
	// Size is that of the object as compact JSON, in bytes, as it was before it was
	// redacted.
	Size int
	// AnnotationBytes is what AnnotationBytes said before the object was redacted; 0
	// where nobody measured.
	AnnotationBytes int

	entries func() []Entry
}

// Entry is one entry of managedFields.
type Entry struct {
	Manager, Operation, Subresource, APIVersion string
	// Time is zero where the entry has none.
	Time time.Time
	// Fields is nil when they cannot be parsed.
	Fields *fieldpath.Set
}

// NewObject takes an object over; the caller does not change it any more.
func NewObject(content map[string]any, size int) *Object {
	o := &Object{Unstructured: unstructured.Unstructured{Object: content}, Size: size}
	o.entries = sync.OnceValue(o.parseEntries)
	return o
}

// AnnotationBytes is the size of an object's annotations as the API server limits it:
// the bytes of all keys and values. Whoever redacts an object measures first, because
// what is redacted (the annotations of kubectl apply) is what takes the room.
func AnnotationBytes(content map[string]any) int {
	annotations, _, _ := unstructured.NestedFieldNoCopy(content, "metadata", "annotations")
	m, _ := annotations.(map[string]any)
	n := 0
	for key, v := range m {
		text, _ := v.(string)
		n += len(key) + len(text)
	}
	return n
}

// Entries are those of metadata.managedFields.
func (o *Object) Entries() []Entry {
	return o.entries()
}

func (o *Object) parseEntries() []Entry {
	list := o.rawEntries()
	entries := make([]Entry, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			entries = append(entries, parseEntry(m))
		}
	}
	return entries
}

// rawEntries are those of metadata.managedFields as they are. GetManagedFields would
// write the fields of each as JSON again.
func (o *Object) rawEntries() []any {
	raw, _, _ := unstructured.NestedFieldNoCopy(o.Object, "metadata", "managedFields")
	list, _ := raw.([]any)
	return list
}

func parseEntry(m map[string]any) Entry {
	e := parseHead(m)
	fields, err := json.Marshal(m["fieldsV1"])
	if err != nil {
		return e
	}
	set := &fieldpath.Set{}
	if err := set.FromJSON(bytes.NewReader(fields)); err == nil {
		e.Fields = set
	}
	return e
}

// parseHead leaves out the fields.
func parseHead(m map[string]any) Entry {
	text := func(key string) string {
		s, _ := m[key].(string)
		return s
	}
	e := Entry{Manager: text("manager"), Operation: text("operation"), Subresource: text("subresource"), APIVersion: text("apiVersion")}
	e.Time, _ = time.Parse(time.RFC3339, text("time"))
	return e
}

// heads are the Entries without their fields, which cost much more.
func (o *Object) heads() []Entry {
	list := o.rawEntries()
	heads := make([]Entry, 0, len(list))
	for _, e := range list {
		if m, ok := e.(map[string]any); ok {
			heads = append(heads, parseHead(m))
		}
	}
	return heads
}

// Changed is when the object was last written by anybody, as far as it tells.
func (o *Object) Changed() time.Time {
	last := o.GetCreationTimestamp().Time
	for _, e := range o.heads() {
		if e.Time.After(last) {
			last = e.Time
		}
	}
	return last
}
