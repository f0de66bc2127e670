package discovery

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// crd makes a CRD of versions such as "v1 served storage", and conditions such as
// "Established=True".
func crd(t *testing.T, uid string, versions, conditions []any) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "widgets.example.com", "uid": uid},
		"spec": map[string]any{
			"group": "example.com", "scope": "Namespaced", "versions": versions,
			"names": map[string]any{"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": []any{"wi"}},
		},
		"status": map[string]any{"conditions": conditions, "storedVersions": []any{"v1"}},
	}}
	return u
}

func ver(name string, served, storage bool) any {
	return map[string]any{"name": name, "served": served, "storage": storage}
}

func condition(typ, status string) any {
	return map[string]any{"type": typ, "status": status, "message": typ + " is " + status}
}

func TestVersionChoice(t *testing.T) {
	established := []any{condition("Established", "True")}
	for name, test := range map[string]struct {
		versions, conditions []any
		want, unserved       string
	}{
		"storage version, though not the newest": {
			[]any{ver("v2", true, false), ver("v1", true, true)}, established, "v1", "",
		},
		"storage not served: highest by kube priority": {
			[]any{ver("v1beta1", true, false), ver("v1", true, false), ver("v10", true, false), ver("v2", false, true)}, established, "v10", "",
		},
		"stable before beta before alpha": {
			[]any{ver("v3alpha1", true, false), ver("v2beta1", true, false), ver("v9", false, true)}, established, "v2beta1", "",
		},
		"none served": {
			[]any{ver("v1", false, true)}, established, "", "NoServedVersion",
		},
		"not established yet": {
			[]any{ver("v1", true, true)}, nil, "v1", "NotEstablished",
		},
		"names taken": {
			[]any{ver("v1", true, true)}, []any{condition("Established", "False"), condition("NamesAccepted", "False")}, "v1", "NamesNotAccepted",
		},
	} {
		r, err := Parse(crd(t, "u", test.versions, test.conditions))
		if err != nil {
			t.Fatal(err)
		}
		if r.GVR.Version != test.want || r.Unserved != test.unserved || r.Watchable() != (test.unserved == "") {
			t.Errorf("%s: version %q, unserved %q; want %q, %q", name, r.GVR.Version, r.Unserved, test.want, test.unserved)
		}
	}
}

func TestParseRefusesWhatHasNoName(t *testing.T) {
	if _, err := Parse(&unstructured.Unstructured{Object: map[string]any{"spec": "odd"}}); err == nil {
		t.Error("no error")
	}
}

func TestPasswords(t *testing.T) {
	for schema, want := range map[string]bool{
		`{properties: {a: {type: string, format: password}}}`:                    true,
		`{properties: {a: {items: {additionalProperties: {format: password}}}}}`: true,
		`{properties: {format: {type: string}}}`:                                 false,
		`{properties: {a: {type: string, format: date}}}`:                        false,
	} {
		var openAPI map[string]any
		if err := yaml.Unmarshal([]byte(schema), &openAPI); err != nil {
			t.Fatal(err)
		}
		v := ver("v1", true, true).(map[string]any)
		v["schema"] = map[string]any{"openAPIV3Schema": openAPI}
		u := crd(t, "u", []any{v}, []any{condition("Established", "True")})
		r, err := Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		if r.Passwords != want {
			t.Errorf("%s: %v", schema, r.Passwords)
		}
		text, err := json.Marshal(u.Object)
		if err != nil {
			t.Fatal(err)
		}
		if raw, err := SchemaOf(text, "v1"); err != nil || len(raw) == 0 {
			t.Errorf("schema %q, %v", raw, err)
		}
		if raw, err := SchemaOf(text, "v2"); err != nil || raw != nil {
			t.Errorf("schema of no version %q, %v", raw, err)
		}
	}
}

// TestRecreatedCRD: the successor of a deleted CRD is another entry of the Set, and
// the late news of the deletion does not hit it.
func TestRecreatedCRD(t *testing.T) {
	c := NewCatalog()
	for _, uid := range []string{"old", "new"} {
		r, err := Parse(crd(t, uid, []any{ver("v1", true, true)}, []any{condition("Established", "True")}))
		if err != nil {
			t.Fatal(err)
		}
		c.Apply(r)
	}
	c.Delete("old")
	c.Delete("unknown")
	var uids []string
	for _, r := range c.Set().Sorted() {
		uids = append(uids, fmt.Sprint(r.Key().UID))
	}
	if d := cmp.Diff([]string{"new"}, uids); d != "" {
		t.Error(d)
	}
	select {
	case <-c.Changed():
	default:
		t.Error("no notice of the changes")
	}
	select {
	case <-c.Changed():
		t.Error("more than one notice")
	default:
	}
}
