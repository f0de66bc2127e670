package diff

import (
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// redactMetadata redacts the metadata of an object, given its rule and that of the
// object, which is what managedFields speaks of.
func redactMetadata(meta map[string]any, r, object *rule) {
	for key, v := range meta {
		if list, ok := v.([]any); ok && key == "managedFields" {
			redactManagedFields(list, object)
			continue
		}
		redactField(meta, key, v, r)
	}
}

func redactManagedFields(list []any, object *rule) {
	for _, v := range list {
		entry, _ := v.(map[string]any)
		for key, v := range entry {
			if fields, ok := v.(map[string]any); ok && key == "fieldsV1" {
				redactFields(fields, "", nil, object)
				continue
			}
			redactField(entry, key, v, nil)
		}
	}
}

// redactFields redacts one level of fieldsV1: what it says of the value of a field
// of the given name and rule. Beside is what is known of the fields next to it; or of
// those in it, if it has no name because it is a list item with a key.
//
// In fieldsV1, f: is a field, v: an item of a set, k: an item of a list by its key,
// i: one by its number.
func redactFields(fields map[string]any, name string, beside map[string]any, r *rule) {
	var renamed map[string]string
	for path, v := range fields {
		below, ok := v.(map[string]any)
		switch {
		case !ok:
			delete(fields, path)
		case repeatsSecret(path, name, beside, r):
			if renamed == nil {
				renamed = map[string]string{}
			}
			renamed[path] = redactElement(path, below, r.item())
		case len(below) > 0:
			redactBelow(below, path, name, beside, r)
		}
	}
	rename(fields, renamed)
}

func redactBelow(below map[string]any, path, name string, beside map[string]any, r *rule) {
	if field, ok := strings.CutPrefix(path, "f:"); ok {
		redactFields(below, field, besideField(name, beside), r.field(field))
		return
	}
	if strings.HasPrefix(path, "k:") {
		name = ""
	}
	redactFields(below, name, nil, r.item())
}

// repeatsSecret tells whether a path element has to be rewritten, because it repeats
// a value that is sensitive; or may have to: parsing every list key would cost more
// than redacting the rest of the object, but most are easily seen to be harmless.
func repeatsSecret(path, name string, beside map[string]any, r *rule) bool {
	if len(path) < 2 || path[1] != ':' {
		return false
	}
	switch path[0] {
	case 'v':
		return r.item().isSecret() || sensitive(beside, name)
	case 'k':
		return r.item() != nil || lastStem(path).kind != noStem
	}
	return false
}

// besideField returns what is known beside the fields of a value.
func besideField(name string, beside map[string]any) map[string]any {
	if name != "" {
		return nil
	}
	return beside
}

// redactElement returns what replaces a path element that repeats a value, and redacts
// what is below it. Nothing replaces an element whose value is dropped elsewhere, or
// that cannot be read.
func redactElement(path string, below map[string]any, r *rule) string {
	e, err := fieldpath.DeserializePathElement(path)
	if err != nil {
		return ""
	}
	var beside map[string]any
	switch {
	case e.Key != nil:
		var key value.FieldList
		key, beside = redactKey(*e.Key, r)
		e = fieldpath.PathElement{Key: &key}
	case (*e.Value).IsString():
		e = fieldpath.ValueElement(value.NewValueInterface(Mask((*e.Value).AsString())))
	case r.isSecret():
		return ""
	}
	redactFields(below, "", beside, r)
	s, err := fieldpath.SerializePathElement(e)
	if err != nil {
		return ""
	}
	return s
}

// redactKey redacts a list key as the part of the item that it is. It returns both.
func redactKey(key value.FieldList, r *rule) (value.FieldList, map[string]any) {
	item := make(map[string]any, len(key))
	for _, f := range key {
		item[f.Name] = f.Value.Unstructured()
	}
	redactMap(item, r)
	var kept value.FieldList
	for _, f := range key {
		if v, ok := item[f.Name]; ok {
			kept = append(kept, value.Field{Name: f.Name, Value: value.NewValueInterface(v)})
		}
	}
	return kept, item
}

// rename gives the fields new names; those without a name are dropped.
func rename(fields map[string]any, renamed map[string]string) {
	for from, to := range renamed {
		v := fields[from]
		delete(fields, from)
		if to != "" {
			fields[to] = v
		}
	}
}
