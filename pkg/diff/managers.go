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

// writer is an entry of managedFields.
type writer struct {
	identity
	time   time.Time
	raw    any            // fieldsV1
	fields *fieldpath.Set // what raw says
	acted  bool           // in the revision at hand, or in one of those that led to it
}

// newWriters parses entries of managedFields. Those whose fields cannot be read are
// left out: what they own is unknown, which is not an error for a watcher. Fields
// that did not change since before are shared with it, since parsing them is what
// costs most.
func newWriters(entries []map[string]any, before []writer) []writer {
	writers := make([]writer, 0, len(entries))
	for _, e := range entries {
		w := writer{identity: identityOf(e), raw: e["fieldsV1"], time: timeOf(e)}
		if b := find(before, w.identity); b != nil && equal(b.raw, w.raw) {
			w.fields = b.fields
		} else if w.fields = parseFields(w.raw); w.fields == nil {
			continue
		}
		writers = append(writers, w)
	}
	return writers
}

// parseFields returns nil for what is no fieldsV1.
func parseFields(raw any) *fieldpath.Set {
	text, err := json.Marshal(raw)
	if err != nil {
		return nil
	}
	var fields fieldpath.Set
	if err := fields.FromJSON(bytes.NewReader(text)); err != nil {
		return nil
	}
	return &fields
}

// timeOf returns the time of an entry, and that of the oldest possible one if it has
// none that is valid.
func timeOf(e map[string]any) time.Time {
	text, _ := e["time"].(string)
	t, _ := time.Parse(time.RFC3339, text)
	return t
}

func identityOf(e map[string]any) identity {
	var id identity
	id.manager, _ = e["manager"].(string)
	id.operation, _ = e["operation"].(string)
	id.subresource, _ = e["subresource"].(string)
	if id.operation != "Apply" {
		id.apiVersion, _ = e["apiVersion"].(string)
	}
	return id
}

// bookkeeping tells whether the API server itself made up the entry: for what was
// there before the first apply, or for updaters too old to be listed one by one. Its
// time and fields are those of others.
func (id identity) bookkeeping() bool {
	return id.operation == "Update" && (id.manager == "before-first-apply" || id.manager == "ancient-changes")
}

// hasGained tells whether an entry owns a field that it did not own before.
func (w writer) hasGained(before *writer) bool {
	return w.fields != before.fields && !w.fields.Difference(before.fields).Empty()
}

// owns tells whether the entry holds exactly the field at path.
func (w writer) owns(path fieldpath.Path) bool {
	return w.fields.Has(path)
}

// touches tells whether the entry holds something above path, as a whole, or below
// it: it saw the same field, under a schema in which other values are atomic.
func (w writer) touches(path fieldpath.Path) bool {
	set := w.fields
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
	set := w.fields
	for _, e := range path {
		below, ok := set.Children.Get(e)
		if !ok {
			return false
		}
		set = below
	}
	return true
}
