package diff

import (
	"fmt"
	"testing"
	"testing/synctest"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/google/go-cmp/cmp"
)

// credit writes changes as "op path: manager Operation/subresource".
func credit(changes []Change) []string {
	var lines []string
	for _, c := range changes {
		line := fmt.Sprintf("%s %s:", c.Op, c.Path)
		if c.Manager != "" {
			line += fmt.Sprintf(" %s %s/%s", c.Manager, c.Operation, c.Subresource)
		}
		lines = append(lines, line)
	}
	return lines
}

// The managedFields in this test are written by the API server's own code.
func TestAuthors(t *testing.T) {
	tests := map[string]struct {
		before, after func(*server)
		along         bool // without status subresource
		want          []string
	}{
		"creation": {
			before: func(s *server) {},
			after: func(s *server) {
				s.update("creator", `{"spec":{"name":"a","set":["x"]},"metadata":{"labels":{"l":"1"},"finalizers":["f"]}}`)
			},
			want: []string{
				`add .metadata.finalizers["f"]: creator Update/`, "add .metadata.labels.l: creator Update/",
				"add .spec.name: creator Update/", `add .spec.set["x"]: creator Update/`,
			},
		},
		"update of a field": {
			before: func(s *server) { s.update("creator", `{"spec":{"name":"a","replicas":1}}`) },
			after:  func(s *server) { s.update("editor", `{"spec":{"name":"a","replicas":2}}`) },
			want:   []string{"replace .spec.replicas: editor Update/"},
		},
		"update of the status": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"name":"a"}}`)
				s.updateStatus("operator", `{"status":{"conditions":[{"type":"Ready","status":"False"}]}}`)
			},
			after: func(s *server) {
				s.updateStatus("operator", `{"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"New"}]}}`)
			},
			want: []string{
				`add .status.conditions[type="New"].type: operator Update/status`,
				`replace .status.conditions[type="Ready"].status: operator Update/status`,
			},
		},
		"within the same second": {
			before: func(s *server) { later(); s.update("creator", `{"spec":{"name":"a"}}`) },
			after:  func(s *server) { s.update("creator", `{"spec":{"name":"b"}}`) },
			want:   []string{"replace .spec.name: creator Update/"},
		},
		"apply by force": {
			before: func(s *server) { s.update("creator", `{"spec":{"name":"a","replicas":1}}`) },
			after:  func(s *server) { s.apply("gitops", `{"spec":{"name":"b"}}`) },
			want:   []string{"replace .spec.name: gitops Apply/"},
		},
		"of two appliers who share a field, the one who changed it": {
			before: func(s *server) {
				s.apply("first", `{"spec":{"name":"a"}}`)
				s.apply("second", `{"spec":{"name":"a"}}`)
			},
			after: func(s *server) { s.apply("first", `{"spec":{"name":"b"}}`) },
			want:  []string{"replace .spec.name: first Apply/"},
		},
		"of two owners, not the one whose apply changed nothing": {
			before: func(s *server) {},
			after: func(s *server) {
				s.update("first", `{"spec":{"name":"a","replicas":1}}`)
				later()
				s.apply("second", `{"spec":{"name":"a"}}`)
			},
			want: []string{"add .spec.name: first Update/", "add .spec.replicas: first Update/"},
		},
		"atomic values belong to who wrote any of it": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"items":[{"port":1},{"port":2}],"selector":{"a":"1","b":"1"}}}`)
			},
			after: func(s *server) {
				s.update("editor", `{"spec":{"items":[{"port":3}],"selector":{"a":"2"}}}`)
			},
			want: []string{
				"replace .spec.items[0].port: editor Update/", "remove .spec.items[1]: editor Update/",
				"replace .spec.selector.a: editor Update/", "remove .spec.selector.b: editor Update/",
			},
		},
		"an applier drops what it applied": {
			before: func(s *server) {
				s.apply("gitops", `{"spec":{"name":"a","ports":[{"port":80,"protocol":"TCP"}],"set":["x","y"]}}`)
			},
			after: func(s *server) { s.apply("gitops", `{"spec":{"name":"a","set":["x"]}}`) },
			want: []string{
				`remove .spec.ports[port=80,protocol="TCP"].port: gitops Apply/`,
				`remove .spec.ports[port=80,protocol="TCP"].protocol: gitops Apply/`,
				`remove .spec.set["y"]: gitops Apply/`,
			},
		},
		"an updater removes what it owned, and does something else": {
			before: func(s *server) { s.update("creator", `{"spec":{"name":"a","replicas":1}}`) },
			after:  func(s *server) { s.update("creator", `{"spec":{"name":"b"}}`) },
			want:   []string{"replace .spec.name: creator Update/", "remove .spec.replicas: creator Update/"},
		},
		"an updater removes what others owned, and does something else": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"name":"a","replicas":1}}`)
				s.apply("gitops", `{"spec":{"mode":"m"}}`)
			},
			after: func(s *server) { s.update("editor", `{"spec":{"name":"b"}}`) },
			want: []string{
				"remove .spec.mode: editor Update/", "replace .spec.name: editor Update/", "remove .spec.replicas: editor Update/",
			},
		},
		"nothing but a removal leaves no trace of an updater": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"name":"a","replicas":1}}`)
				s.apply("gitops", `{"spec":{"mode":"m"}}`)
			},
			after: func(s *server) { s.update("editor", `{"spec":{"name":"a"}}`) },
			want:  []string{"remove .spec.mode:", "remove .spec.replicas:"},
		},
		"nor of the owner itself": {
			before: func(s *server) { s.update("creator", `{"spec":{"name":"a","replicas":1}}`) },
			after:  func(s *server) { s.update("creator", `{"spec":{"name":"a"}}`) },
			want:   []string{"remove .spec.replicas:"},
		},
		"a removal from the status": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"name":"a"}}`)
				s.updateStatus("one", `{"status":{"conditions":[{"type":"A"},{"type":"B"}]}}`)
			},
			after: func(s *server) { s.updateStatus("two", `{"status":{"conditions":[{"type":"A"},{"type":"C"}]}}`) },
			want: []string{
				`remove .status.conditions[type="B"].type: two Update/status`,
				`add .status.conditions[type="C"].type: two Update/status`,
			},
		},
		"a removal from the status is not the work of who wrote the spec": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"name":"a"}}`)
				s.updateStatus("operator", `{"status":{"observedGeneration":1}}`)
			},
			after: func(s *server) {
				s.updateStatus("operator", `{"status":null}`)
				s.update("editor", `{"spec":{"name":"b"}}`)
			},
			want: []string{"replace .spec.name: editor Update/", "remove .status.observedGeneration:"},
		},
		"a removal from the spec is not the work of who wrote the status": {
			before: func(s *server) { s.update("creator", `{"spec":{"name":"a"}}`) },
			after: func(s *server) {
				s.update("creator", `{"spec":{}}`)
				s.updateStatus("operator", `{"status":{"observedGeneration":1}}`)
			},
			want: []string{"remove .spec.name:", "add .status.observedGeneration: operator Update/status"},
		},
		"a removal from the status of a type without status subresource": {
			along:  true,
			before: func(s *server) { s.along(`{"status":{"observedGeneration":1,"conditions":[{"type":"A"}]}}`, "one") },
			after:  func(s *server) { s.along(`{"status":{"observedGeneration":2}}`, "two") },
			want: []string{
				`remove .status.conditions[type="A"].type: two Update/`, "replace .status.observedGeneration: two Update/",
			},
		},
		"a removal across a gap in which two others wrote": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"name":"a","mode":"m","replicas":1}}`)
			},
			after: func(s *server) {
				s.update("one", `{"spec":{"name":"b","mode":"m"}}`)
				s.update("two", `{"spec":{"name":"b","mode":"n"}}`)
			},
			want: []string{"replace .spec.mode: two Update/", "replace .spec.name: one Update/", "remove .spec.replicas:"},
		},
		"what the API server keeps for itself has removed nothing": {
			before: func(s *server) {
				s.update("creator", `{"spec":{"name":"a","replicas":1}}`)
				s.live.SetManagedFields(nil)
			},
			after: func(s *server) { s.apply("gitops", `{"spec":{"name":"b"}}`) },
			want:  []string{"replace .spec.name: gitops Apply/"},
		},
		"the oldest of many updaters are lumped together": {
			before: func(s *server) {
				for i := range 10 {
					s.update(fmt.Sprintf("updater%d", i), fmt.Sprintf(`{"spec":{"replicas":%d,"params":%s}}`, i, params(i)))
					later()
				}
			},
			after: func(s *server) {
				s.update("last", `{"spec":{"replicas":11,"params":{"p0":"new","p3":"x","p4":"x","p5":"x","p6":"x","p7":"x","p8":"x","p9":"x"}}}`)
			},
			want: []string{
				"replace .spec.params.p0: last Update/", "remove .spec.params.p1: last Update/",
				"remove .spec.params.p2: last Update/", "replace .spec.replicas: last Update/",
			},
		},
		"without managedFields nobody is named": {
			before: func(s *server) { s.update("creator", `{"spec":{"name":"a","mode":"m"}}`); s.live.SetManagedFields(nil) },
			after:  func(s *server) { s.live.Object["spec"] = map[string]any{"name": "b"} },
			want:   []string{"remove .spec.mode:", "replace .spec.name:"},
		},
	}
	schema := newSchema(t, kindsSchema)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t, !test.along)
				test.before(s)
				old := s.content()
				if name != "within the same second" {
					later()
				}
				test.after(s)
				sameByText(t, schema, encode(t, old), encode(t, s.content()), Options{})
				got, err := schema.Diff(old, s.content(), Options{})
				if d := cmp.Diff(test.want, credit(got)); d != "" || err != nil {
					t.Error(d, err)
				}
			})
		})
	}
}

// along updates the object of a type without status subresource.
func (s *server) along(sections, manager string) {
	s.t.Helper()
	s.put(s.main, manager, s.with(sections))
}

func params(n int) string {
	text := "{"
	for i := range n + 1 {
		text += fmt.Sprintf(`"p%d":"x",`, i)
	}
	return text[:len(text)-1] + "}"
}

// The caller may not know the schema that the API server merges by.
func TestAuthorsUnderAnotherSchema(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, true)
		s.update("creator", `{"spec":{"ports":[{"port":80,"protocol":"TCP","name":"a"}]}}`)
		s.update("other", `{"spec":{"ports":[{"port":80,"protocol":"TCP","name":"a"},{"port":81,"protocol":"TCP"}]}}`)
		old := s.content()
		later()
		s.update("editor", `{"spec":{"ports":[{"port":80,"protocol":"TCP","name":"b"},{"port":81,"protocol":"TCP"}]}}`)
		got, err := Deduced().Diff(old, s.content(), Options{})
		if d := cmp.Diff([]string{"replace .spec.ports[0].name: editor Update/"}, credit(got)); d != "" || err != nil {
			t.Error(d, err)
		}
	})
}

// What else may stand in managedFields: clients write them too.
func TestAuthorsOfOddManagedFields(t *testing.T) {
	name := map[string]any{"f:spec": map[string]any{"f:name": map[string]any{}}}
	tests := map[string]struct {
		entries []any
		want    string
	}{
		"an entry of another version": {
			entries: []any{map[string]any{"manager": "m", "operation": "Update", "apiVersion": "example.com/v1alpha1", "fieldsV1": name}},
			want:    "replace .spec.name: m Update/",
		},
		"broken fields beside others": {
			entries: []any{
				entry("broken", "Update", "", "", map[string]any{"v:{": map[string]any{}}),
				map[string]any{"manager": "broken", "operation": "Apply", "fieldsV1": "f:spec"},
				"broken", nil, map[string]any{},
				entry("m", "Update", "", "2026-01-02T03:04:05Z", name),
			},
			want: "replace .spec.name: m Update/",
		},
		"the latest of several owners": {
			entries: []any{
				entry("b", "Apply", "", "2026-01-02T03:04:05Z", name),
				entry("a", "Update", "", "2026-01-02T03:04:06Z", name),
				entry("c", "Update", "", "soon", name),
			},
			want: "replace .spec.name: a Update/",
		},
		"the applier, then the first by name, of several owners": {
			entries: []any{
				entry("a", "Update", "", "2026-01-02T03:04:05Z", name),
				entry("c", "Apply", "", "2026-01-02T03:04:05Z", name),
				entry("b", "Apply", "", "2026-01-02T03:04:05Z", name),
			},
			want: "replace .spec.name: b Apply/",
		},
	}
	for title, test := range tests {
		t.Run(title, func(t *testing.T) {
			old, new := parse(t, `{"spec":{"name":"a"}}`), parse(t, `{"spec":{"name":"b"},"metadata":{}}`)
			new["metadata"].(map[string]any)["managedFields"] = test.entries
			sameByText(t, newSchema(t, kindsSchema), encode(t, old), encode(t, new), Options{})
			got, err := newSchema(t, kindsSchema).Diff(old, new, Options{})
			if d := cmp.Diff([]string{test.want}, credit(got)); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
}

func TestManagers(t *testing.T) {
	obj := composite(t)
	if d := cmp.Diff([]string{"applier", "operator"}, Managers(obj)); d != "" {
		t.Error(d)
	}
	if got := Managers(nil); got != nil {
		t.Errorf("of no object: %v", got)
	}
	changes := []Change{{Manager: "b"}, {Manager: ""}, {Manager: "a"}, {Manager: "b"}}
	if d := cmp.Diff([]string{"a", "b"}, ChangeManagers(changes)); d != "" {
		t.Error(d)
	}
	if got := ChangeManagers(nil); got != nil {
		t.Errorf("of no changes: %v", got)
	}
}

// What is redacted is attributed as before.
func TestAuthorsOfRedactedObjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const schema = `{"type":"object","properties":{"spec":{"type":"object","properties":{
			"set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string","format":"password"}}}}}}`
		redacted := newSchema(t, schema)
		s := newServer(t, true)
		s.update("creator", `{"spec":{"set":["one","two"]}}`)
		old := s.content()
		later()
		s.update("editor", `{"spec":{"set":["one","three"]}}`)
		plain, new := s.content(), s.content()
		redacted.Redact(old)
		redacted.Redact(new)
		if cmp.Equal(plain, new) {
			t.Fatal("nothing was redacted")
		}
		got, err := redacted.Diff(old, new, Options{})
		want := []string{
			fmt.Sprintf("remove .spec.set[%q]: editor Update/", Mask("two")),
			fmt.Sprintf("add .spec.set[%q]: editor Update/", Mask("three")),
		}
		if d := cmp.Diff(want, credit(got)); d != "" || err != nil {
			t.Error(d, err)
		}
		if d := cmp.Diff(Managers(plain), Managers(runtime.DeepCopyJSON(new))); d != "" {
			t.Error(d)
		}
	})
}
