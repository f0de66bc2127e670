package realcrds

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/crdwatch/crdwatch/pkg/diff"
	"github.com/crdwatch/crdwatch/test/realcrds/internal/sample"
)

// This file says a second time, and more naively than package diff, how two revisions
// of an object differ: both are flattened to leaves, and the leaves are compared. It
// reads the schema by itself.

// leaf is a value of its own: a scalar, something empty, or an atomic map or list.
type leaf struct {
	value  any
	atomic bool
}

// differences returns the changes between two revisions, without the managers. An
// atomic value that is on both sides is compared by name and number.
func differences(s *sample.Schema, old, new map[string]any) []diff.Change {
	before, after := map[string]leaf{}, map[string]leaf{}
	flattenObject(before, s, old)
	flattenObject(after, s, new)
	var out []diff.Change
	for path, o := range before {
		n, ok := after[path]
		switch {
		case !ok:
			out = append(out, diff.Change{Path: path, Op: diff.Remove, Old: o.value})
		case o.atomic && n.atomic:
			out = append(out, within(path, o.value, n.value)...)
		case !reflect.DeepEqual(o.value, n.value):
			out = append(out, diff.Change{Path: path, Op: diff.Replace, Old: o.value, New: n.value})
		}
	}
	for path, n := range after {
		if _, ok := before[path]; !ok {
			out = append(out, diff.Change{Path: path, Op: diff.Add, New: n.value})
		}
	}
	for i := range out {
		out[i].Section, _, _ = strings.Cut(strings.TrimPrefix(out[i].Path, "."), ".")
		out[i].Section, _, _ = strings.Cut(out[i].Section, "[")
	}
	slices.SortFunc(out, func(a, b diff.Change) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// flattenObject flattens all that a user writes; of the metadata, labels are enough.
func flattenObject(out map[string]leaf, s *sample.Schema, obj map[string]any) {
	for name, v := range obj {
		switch name {
		case "apiVersion", "kind":
		case "metadata":
			labels, _ := v.(map[string]any)["labels"].(map[string]any)
			for label, v := range labels {
				out[".metadata.labels."+label] = leaf{value: v}
			}
		default:
			flatten(out, "."+name, s.Properties[name], v)
		}
	}
}

// flatten adds the leaves of a value. Without a schema maps are granular and lists
// atomic.
func flatten(out map[string]leaf, path string, s *sample.Schema, v any) {
	switch v := v.(type) {
	case map[string]any:
		if s != nil && s.MapType == "atomic" {
			out[path] = leaf{value: v, atomic: true}
			return
		}
		if len(v) == 0 {
			out[path] = leaf{value: v}
		}
		for name, field := range v {
			flatten(out, path+"."+name, fieldSchema(s, name), field)
		}
	case []any:
		if s == nil || s.ListType != "map" && s.ListType != "set" {
			out[path] = leaf{value: v, atomic: true}
			return
		}
		if len(v) == 0 {
			out[path] = leaf{value: v}
		}
		for _, item := range v {
			flatten(out, path+element(s, item), s.Items, item)
		}
	default:
		out[path] = leaf{value: v}
	}
}

func fieldSchema(s *sample.Schema, name string) *sample.Schema {
	switch {
	case s == nil:
		return nil
	case s.Properties[name] != nil:
		return s.Properties[name]
	case s.Embedded && name == "metadata":
		return nil
	}
	return s.Entry()
}

// element names an item of an associative list.
func element(s *sample.Schema, item any) string {
	if s.ListType == "set" {
		if text, ok := item.(string); ok {
			return fmt.Sprintf("[%q]", text)
		}
		return fmt.Sprintf("[=%v]", item)
	}
	fields, _ := item.(map[string]any)
	var parts []string
	for _, key := range slices.Sorted(slices.Values(s.ListMapKeys)) {
		v, ok := fields[key]
		if !ok {
			if v = s.Items.Properties[key].Default; v == nil {
				continue
			}
		}
		b, _ := json.Marshal(v)
		parts = append(parts, key+"="+string(b))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// within compares two atomic values by name and by number.
func within(path string, old, new any) []diff.Change {
	if reflect.DeepEqual(old, new) {
		return nil
	}
	o, n := entries(old), entries(new)
	if o == nil || n == nil {
		return []diff.Change{{Path: path, Op: diff.Replace, Old: old, New: new}}
	}
	var out []diff.Change
	for step, v := range o {
		if other, ok := n[step]; ok {
			out = append(out, within(path+step, v, other)...)
		} else {
			out = append(out, diff.Change{Path: path + step, Op: diff.Remove, Old: v})
		}
	}
	for step, v := range n {
		if _, ok := o[step]; !ok {
			out = append(out, diff.Change{Path: path + step, Op: diff.Add, New: v})
		}
	}
	return out
}

// entries returns the entries of a map and the items of a list; nil for a scalar.
func entries(v any) map[string]any {
	out := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			out["."+name] = field
		}
	case []any:
		for i, item := range v {
			out["["+strconv.Itoa(i)+"]"] = item
		}
	default:
		return nil
	}
	return out
}

// writer is an entry of managedFields.
type writer struct{ manager, operation, subresource string }

// ownedBy returns the paths that the API server wrote down for a writer, as events
// spell them.
func ownedBy(t *testing.T, obj *unstructured.Unstructured, w writer) map[string]bool {
	t.Helper()
	owned := map[string]bool{}
	for _, e := range obj.GetManagedFields() {
		if e.Manager != w.manager || string(e.Operation) != w.operation || e.Subresource != w.subresource || e.FieldsV1 == nil {
			continue
		}
		var set fieldpath.Set
		if err := set.FromJSON(e.FieldsV1.GetRawReader()); err != nil {
			t.Fatal(err)
		}
		for path := range set.All() {
			var b strings.Builder
			for _, e := range path {
				if e.Value != nil && (*e.Value).IsString() {
					fmt.Fprintf(&b, "[%q]", (*e.Value).AsString())
					continue
				}
				b.WriteString(e.String())
			}
			owned[b.String()] = true
		}
	}
	return owned
}

// isOwned tells whether a path, or an atomic value around it, is among those owned.
func isOwned(owned map[string]bool, path string) bool {
	for p := range owned {
		if rest, ok := strings.CutPrefix(path, p); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// secretive is what the last name of a path has if its value may be masked.
var secretive = regexp.MustCompile(`(?i)pass|pwd|secret|token|credential|key|auth|jwt|kubeconfig|dockerconfig|data|dsn|psk`)

// hidden finds the values that an event shows masked, which must have a reason.
type hidden struct {
	names map[string]int
}

// same compares a value with the one in an event, which may be masked.
func (h *hidden) same(name string, want, got any) bool {
	if reflect.DeepEqual(want, got) {
		return true
	}
	switch want := want.(type) {
	case string:
		sum := sha256.Sum256([]byte(want))
		if got != fmt.Sprintf("<redacted sha256:%x>", sum[:4]) {
			return false
		}
		h.names[name]++
		return true
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok || !slices.Equal(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))) {
			return false
		}
		for key := range want {
			if !h.same(key, want[key], got[key]) {
				return false
			}
		}
		return true
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			return false
		}
		for i := range want {
			if !h.same(name, want[i], got[i]) {
				return false
			}
		}
		return true
	}
	return false
}

var brackets = regexp.MustCompile(`\[[^\]]*\]`)

// lastName is the last field name of a path.
func lastName(path string) string {
	path = brackets.ReplaceAllString(path, "")
	return path[strings.LastIndexByte(path, '.')+1:]
}
