package diff

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Managers returns the field managers that an object's managedFields name, sorted.
func Managers(obj map[string]any) []string {
	names := map[string]struct{}{}
	for _, e := range managedFields(obj) {
		if name, _ := e["manager"].(string); name != "" {
			names[name] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// ChangeManagers returns the field managers that changes are attributed to, sorted.
func ChangeManagers(changes []Change) []string {
	names := map[string]struct{}{}
	for _, c := range changes {
		if c.Manager != "" {
			names[c.Manager] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// managedFields returns the entries of an object's metadata.managedFields.
func managedFields(obj map[string]any) []map[string]any {
	meta, _ := obj["metadata"].(map[string]any)
	list, _ := meta["managedFields"].([]any)
	entries := make([]map[string]any, 0, len(list))
	for _, v := range list {
		if e, ok := v.(map[string]any); ok {
			entries = append(entries, e)
		}
	}
	return entries
}

// identity is what makes two entries of managedFields the same one over time. An
// applier keeps its entry when it changes the version that it applies; an updater
// gets another one.
type identity struct {
	manager, operation, subresource, apiVersion string
}

// managedEntry is what is needed of an entry of managedFields.
type managedEntry struct {
	identity
	time   time.Time // the oldest possible if it has none that is valid
	fields []byte    // fieldsV1 as JSON
}

// entriesOf are those of an object.
func entriesOf(obj map[string]any) []managedEntry {
	var entries []managedEntry
	for _, m := range managedFields(obj) {
		var text entryText
		text.Manager, _ = m["manager"].(string)
		text.Operation, _ = m["operation"].(string)
		text.Subresource, _ = m["subresource"].(string)
		text.APIVersion, _ = m["apiVersion"].(string)
		text.Time, _ = m["time"].(string)
		text.FieldsV1, _ = json.Marshal(m["fieldsV1"]) // what came from JSON can be JSON again
		entries = append(entries, text.entry())
	}
	return entries
}

// entryText is an entry as it is written.
type entryText struct {
	Manager, Operation, Subresource, APIVersion, Time string
	FieldsV1                                          []byte
}

// entriesIn are those of a text, which may be empty. They refer to it.
func entriesIn(text []byte) ([]managedEntry, error) {
	if len(text) == 0 {
		return nil, nil
	}
	texts, err := elements(text)
	if err != nil {
		return nil, err
	}
	entries := make([]managedEntry, len(texts))
	for i, text := range texts {
		fields, err := members(text)
		if err != nil {
			return nil, err
		}
		var entry entryText
		if err := entry.read(fields); err != nil {
			return nil, err
		}
		entries[i] = entry.entry()
	}
	return entries, nil
}

func (t *entryText) read(fields []member) (err error) {
	for _, f := range fields {
		var into *string
		switch string(f.name) {
		case `"manager"`:
			into = &t.Manager
		case `"operation"`:
			into = &t.Operation
		case `"subresource"`:
			into = &t.Subresource
		case `"apiVersion"`:
			into = &t.APIVersion
		case `"time"`:
			into = &t.Time
		case `"fieldsV1"`:
			t.FieldsV1 = f.value
			continue
		default:
			continue
		}
		if *into, err = unquoted(f.value); err != nil {
			return err
		}
	}
	return nil
}

func (t *entryText) entry() managedEntry {
	e := managedEntry{identity: identity{manager: t.Manager, operation: t.Operation, subresource: t.Subresource}, fields: t.FieldsV1}
	if t.Operation != "Apply" {
		e.apiVersion = t.APIVersion
	}
	if len(e.fields) == 0 {
		e.fields = []byte("null")
	}
	e.time, _ = time.Parse(time.RFC3339, t.Time)
	return e
}

// writer is an entry whose fields can be asked for.
type writer struct {
	identity
	time   time.Time
	fields *ownedFields
	acted  bool // in the revision at hand, or in one of those that led to it
}

// newWriters leaves out entries whose fields cannot be read: what they own is unknown,
// which is not an error for a watcher. Fields that did not change since before are shared
// with it.
func newWriters(entries []managedEntry, before []writer) []writer {
	writers := make([]writer, 0, len(entries))
	for _, e := range entries {
		w := writer{identity: e.identity, time: e.time}
		if b := find(before, w.identity); b != nil && bytes.Equal(b.fields.raw, e.fields) {
			w.fields = b.fields
		} else if w.fields = newOwnedFields(e.fields); w.fields == nil {
			continue
		}
		writers = append(writers, w)
	}
	return writers
}

// bookkeeping tells whether the API server itself made up the entry: for what was
// there before the first apply, or for updaters too old to be listed one by one. Its
// time and fields are those of others.
func (id identity) bookkeeping() bool {
	return id.operation == "Update" && (id.manager == "before-first-apply" || id.manager == "ancient-changes")
}

// hasGained tells whether an entry owns a field that it did not own before.
func (w writer) hasGained(before *writer) bool {
	return w.fields != before.fields && !w.fields.all().Difference(before.fields.all()).Empty()
}

// owns tells whether the entry holds exactly the field at path.
func (w writer) owns(path fieldpath.Path) bool {
	return w.fields.near(path).Has(path)
}

// touches tells whether the entry holds something above path, as a whole, or below
// it: it saw the same field, under a schema in which other values are atomic.
func (w writer) touches(path fieldpath.Path) bool {
	set := w.fields.near(path)
	for _, e := range path {
		below, ok := set.Children.Get(e)
		if !ok {
			return set.Members.Has(e)
		}
		set = below
	}
	return true
}

// granularAt tells whether the entry holds fields below path.
func (w writer) granularAt(path fieldpath.Path) bool {
	set := w.fields.near(path)
	for _, e := range path {
		below, ok := set.Children.Get(e)
		if !ok {
			return false
		}
		set = below
	}
	return true
}
