package diff

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show writes changes as "op path: old -> new", one to a string.
func show(changes []Change) []string {
	var lines []string
	for _, c := range changes {
		lines = append(lines, fmt.Sprintf("%s %s: %v -> %v", c.Op, c.Path, c.Old, c.New))
	}
	return lines
}

func TestDiff(t *testing.T) {
	schema := newSchema(t, kindsSchema)
	tests := map[string]struct {
		old, new string
		opts     Options
		want     []string
	}{
		"equal objects": {
			old: `{"spec":{"name":"x","items":[{"port":1}]}}`,
			new: `{"spec":{"name":"x","items":[{"port":1}]}}`,
		},
		"scalars": {
			old:  `{"spec":{"name":"x","enabled":true,"mode":"a"}}`,
			new:  `{"spec":{"name":"y","enabled":true,"replicas":1}}`,
			want: []string{"remove .spec.mode: a -> <nil>", "replace .spec.name: x -> y", "add .spec.replicas: <nil> -> 1"},
		},
		"a number is the same as integer and as float": {
			old: `{"spec":{"ratio":5,"free":{"n":[1,2]}}}`,
			new: `{"spec":{"ratio":5.0,"free":{"n":[1.0,2]}}}`,
		},
		"large numbers that a float cannot tell apart": {
			old:  `{"spec":{"replicas":9007199254740993}}`,
			new:  `{"spec":{"replicas":9007199254740992}}`,
			want: []string{"replace .spec.replicas: 9007199254740993 -> 9007199254740992"},
		},
		"int or string": {
			old:  `{"spec":{"port":80}}`,
			new:  `{"spec":{"port":"80"}}`,
			want: []string{"replace .spec.port: 80 -> 80"},
		},
		"an added struct is shown by leaf": {
			old:  `{"spec":{}}`,
			new:  `{"spec":{"nested":{"a":"1","b":{"c":"2"}}}}`,
			want: []string{"add .spec.nested.a: <nil> -> 1", "add .spec.nested.b.c: <nil> -> 2"},
		},
		"a removed struct is shown by leaf": {
			old:  `{"spec":{"nested":{"a":"1","b":{"c":"2"}}}}`,
			new:  `{}`,
			want: []string{"remove .spec.nested.a: 1 -> <nil>", "remove .spec.nested.b.c: 2 -> <nil>"},
		},
		"names with dots and slashes": {
			old:  `{"metadata":{"annotations":{"example.com/a.b":"1"}}}`,
			new:  `{"metadata":{"annotations":{"example.com/a.b":"2"}}}`,
			want: []string{"replace .metadata.annotations.example.com/a.b: 1 -> 2"},
		},
		"associative list: a field of an item": {
			old:  `{"status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Synced","status":"True"}]}}`,
			new:  `{"status":{"conditions":[{"type":"Synced","status":"True"},{"type":"Ready","status":"False"}]}}`,
			want: []string{`replace .status.conditions[type="Ready"].status: True -> False`},
		},
		"associative list: items come and go by leaf": {
			old: `{"status":{"conditions":[{"type":"Old","status":"True"}]}}`,
			new: `{"status":{"conditions":[{"type":"New","status":"True"}]}}`,
			want: []string{
				`add .status.conditions[type="New"].status: <nil> -> True`,
				`add .status.conditions[type="New"].type: <nil> -> New`,
				`remove .status.conditions[type="Old"].status: True -> <nil>`,
				`remove .status.conditions[type="Old"].type: Old -> <nil>`,
			},
		},
		"associative list: order is no change": {
			old: `{"status":{"conditions":[{"type":"A"},{"type":"B"}]},"spec":{"set":["a","b"]}}`,
			new: `{"status":{"conditions":[{"type":"B"},{"type":"A"}]},"spec":{"set":["b","a"]}}`,
		},
		"associative list: several keys, one by default": {
			old:  `{"spec":{"ports":[{"port":80,"name":"a"},{"port":80,"protocol":"UDP","name":"b"}]}}`,
			new:  `{"spec":{"ports":[{"port":80,"protocol":"TCP","name":"c"},{"port":80,"protocol":"UDP","name":"b"}]}}`,
			want: []string{`replace .spec.ports[port=80,protocol="TCP"].name: a -> c`, `add .spec.ports[port=80,protocol="TCP"].protocol: <nil> -> TCP`},
		},
		"associative list: duplicate keys are one leaf": {
			old:  `{"status":{"conditions":[{"type":"A","status":"1"},{"type":"A","status":"2"}]}}`,
			new:  `{"status":{"conditions":[{"type":"A","status":"1"}]}}`,
			want: []string{`replace .status.conditions[type="A"]: [map[status:1 type:A] map[status:2 type:A]] -> map[status:1 type:A]`},
		},
		"associative list: equal duplicates": {
			old: `{"status":{"conditions":[{"type":"A","status":"1"},{"type":"A","status":"2"}]}}`,
			new: `{"status":{"conditions":[{"type":"A","status":"1"},{"type":"A","status":"2"}]}}`,
		},
		"associative list: an item without its key makes it atomic": {
			old:  `{"status":{"conditions":[{"status":"1"}]}}`,
			new:  `{"status":{"conditions":[{"status":"2"}]}}`,
			want: []string{`replace .status.conditions[0].status: 1 -> 2`},
		},
		"set": {
			old:  `{"spec":{"set":["a","b\"c"],"numbers":[1,2],"mixed":["1",1]}}`,
			new:  `{"spec":{"set":["a","d.e"],"numbers":[2,3],"mixed":["1"]}}`,
			want: []string{`remove .spec.mixed[=1]: 1 -> <nil>`, `remove .spec.numbers[=1]: 1 -> <nil>`, `add .spec.numbers[=3]: <nil> -> 3`, `remove .spec.set["b\"c"]: b"c -> <nil>`, `add .spec.set["d.e"]: <nil> -> d.e`},
		},
		"set with duplicates": {
			old:  `{"spec":{"set":["a","a"]}}`,
			new:  `{"spec":{"set":["a"]}}`,
			want: []string{`replace .spec.set["a"]: [a a] -> a`},
		},
		"atomic list: refined by index": {
			old:  `{"spec":{"items":[{"name":"a","port":1},{"name":"b","port":2}]}}`,
			new:  `{"spec":{"items":[{"name":"a","port":1},{"name":"b","port":3}]}}`,
			want: []string{`replace .spec.items[1].port: 2 -> 3`},
		},
		"atomic list: surplus items as a whole, in order of number": {
			old:  `{"spec":{"items":[{"name":"a"}]}}`,
			new:  `{"spec":{"items":[{"name":"a"},{"name":"1"},{"name":"2"},{"name":"3"},{"name":"4"},{"name":"5"},{"name":"6"},{"name":"7"},{"name":"8"},{"name":"9"},{"name":"10"}]}}`,
			want: []string{"add .spec.items[1]: <nil> -> map[name:1]", "add .spec.items[2]: <nil> -> map[name:2]", "add .spec.items[3]: <nil> -> map[name:3]", "add .spec.items[4]: <nil> -> map[name:4]", "add .spec.items[5]: <nil> -> map[name:5]", "add .spec.items[6]: <nil> -> map[name:6]", "add .spec.items[7]: <nil> -> map[name:7]", "add .spec.items[8]: <nil> -> map[name:8]", "add .spec.items[9]: <nil> -> map[name:9]", "add .spec.items[10]: <nil> -> map[name:10]"},
		},
		"atomic list: added and removed as a whole": {
			old:  `{"spec":{"items":[{"name":"a"}]}}`,
			new:  `{"spec":{"selector":{"app":"a"}}}`,
			want: []string{"remove .spec.items: [map[name:a]] -> <nil>", "add .spec.selector: <nil> -> map[app:a]"},
		},
		"atomic map: refined by name": {
			old:  `{"spec":{"selector":{"app":"a","tier":"x"}}}`,
			new:  `{"spec":{"selector":{"app":"b","zone":"y"}}}`,
			want: []string{"replace .spec.selector.app: a -> b", "remove .spec.selector.tier: x -> <nil>", "add .spec.selector.zone: <nil> -> y"},
		},
		"null, empty and missing are three values": {
			old:  `{"spec":{"mode":null,"nested":{},"set":[],"free":{"a":null,"b":null,"c":{}}}}`,
			new:  `{"spec":{"nested":null,"params":{},"free":{"a":"x","b":{},"c":[]}}}`,
			want: []string{"replace .spec.free.a: <nil> -> x", "replace .spec.free.b: <nil> -> map[]", "replace .spec.free.c: map[] -> []", "remove .spec.mode: <nil> -> <nil>", "replace .spec.nested: map[] -> <nil>", "add .spec.params: <nil> -> map[]", "remove .spec.set: [] -> <nil>"},
		},
		"null and empty are nothing beside entries": {
			old:  `{"spec":{"nested":null,"set":null,"params":{},"free":{"a":{"b":1}}}}`,
			new:  `{"spec":{"nested":{"a":"1"},"set":["x"],"params":{"k":"v"},"free":{"a":null}}}`,
			want: []string{"remove .spec.free.a.b: 1 -> <nil>", "add .spec.nested.a: <nil> -> 1", "add .spec.params.k: <nil> -> v", `add .spec.set["x"]: <nil> -> x`},
		},
		"a value of another kind is replaced": {
			old:  `{"spec":{"free":{"a":"x","b":[1],"c":{"d":1}}}}`,
			new:  `{"spec":{"free":{"a":{"k":"v"},"b":{"k":"v"},"c":1}}}`,
			want: []string{"replace .spec.free.a: x -> map[k:v]", "replace .spec.free.b: [1] -> map[k:v]", "replace .spec.free.c: map[d:1] -> 1"},
		},
		"not conforming: only that field is deduced": {
			old:  `{"spec":{"nested":"text","replicas":{"a":1},"gone":{"x":[1]}},"status":{"conditions":[{"type":"A","status":"1"}]}}`,
			new:  `{"spec":{"nested":"other","replicas":{"a":2},"gone":{"x":[2]}},"status":{"conditions":[{"type":"A","status":"2"}]}}`,
			want: []string{"replace .spec.gone.x[0]: 1 -> 2", "replace .spec.nested: text -> other", "replace .spec.replicas.a: 1 -> 2", `replace .status.conditions[type="A"].status: 1 -> 2`},
		},
		"not conforming: a map where a list is declared": {
			old:  `{"spec":{"set":{"a":1},"items":"x"}}`,
			new:  `{"spec":{"set":{"a":2},"items":["x"]}}`,
			want: []string{"replace .spec.items: x -> [x]", "replace .spec.set.a: 1 -> 2"},
		},
		"metadata: what identifies or moves with every write is left out": {
			old: `{"apiVersion":"g/v1","kind":"A","metadata":{"resourceVersion":"1","generation":1,"uid":"u","creationTimestamp":"x","selfLink":"s","managedFields":[{"manager":"a"}]}}`,
			new: `{"apiVersion":"g/v2","kind":"B","metadata":{"resourceVersion":"2","generation":2,"uid":"v","creationTimestamp":"y","managedFields":[{"manager":"b"}]}}`,
		},
		"metadata: the same names elsewhere count": {
			old:  `{"spec":{"free":{"kind":"A","metadata":{"uid":"u"}},"template":{"kind":"A","metadata":{"uid":"u"}}}}`,
			new:  `{"spec":{"free":{"kind":"B","metadata":{"uid":"v"}},"template":{"kind":"B","metadata":{"uid":"v"}}}}`,
			want: []string{"replace .spec.free.kind: A -> B", "replace .spec.free.metadata.uid: u -> v", "replace .spec.template.kind: A -> B", "replace .spec.template.metadata.uid: u -> v"},
		},
		"metadata: merged as the API server does": {
			old:  `{"metadata":{"labels":{"a":"1"},"finalizers":["x","y"],"ownerReferences":[{"uid":"1","name":"a","kind":"K"}]}}`,
			new:  `{"metadata":{"labels":{"b":"1"},"finalizers":["y","z"],"ownerReferences":[{"uid":"1","name":"b","kind":"K"},{"uid":"2","name":"c"}]}}`,
			want: []string{`remove .metadata.finalizers["x"]: x -> <nil>`, `add .metadata.finalizers["z"]: <nil> -> z`, "remove .metadata.labels.a: 1 -> <nil>", "add .metadata.labels.b: <nil> -> 1", `replace .metadata.ownerReferences[uid="1"].name: a -> b`, `add .metadata.ownerReferences[uid="2"]: <nil> -> map[name:c uid:2]`},
		},
		"metadata of an embedded resource is merged alike": {
			old:  `{"spec":{"template":{"metadata":{"finalizers":["x"]}}}}`,
			new:  `{"spec":{"template":{"metadata":{"finalizers":["x","y"]}}}}`,
			want: []string{`add .spec.template.metadata.finalizers["y"]: <nil> -> y`},
		},
		"managedFields on demand": {
			old:  `{"metadata":{"managedFields":[{"manager":"a","time":"1"}]}}`,
			new:  `{"metadata":{"managedFields":[{"manager":"a","time":"2"}]}}`,
			opts: Options{ManagedFields: true},
			want: []string{"replace .metadata.managedFields[0].time: 1 -> 2"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sameByText(t, schema, []byte(test.old), []byte(test.new), test.opts)
			got, err := schema.Diff(parse(t, test.old), parse(t, test.new), test.opts)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(test.want, show(got)); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDiffDeduced(t *testing.T) {
	old := parse(t, `{"metadata":{"finalizers":["a"]},"status":{"conditions":[{"type":"A","status":"1"}],"m":{"x":1}}}`)
	new := parse(t, `{"metadata":{"finalizers":["b"]},"status":{"conditions":[{"type":"A","status":"2"}],"m":{"y":1}}}`)
	got, err := Deduced().Diff(old, new, Options{})
	want := []string{
		`remove .metadata.finalizers["a"]: a -> <nil>`, `add .metadata.finalizers["b"]: <nil> -> b`,
		"replace .status.conditions[0].status: 1 -> 2", "remove .status.m.x: 1 -> <nil>", "add .status.m.y: <nil> -> 1",
	}
	if d := cmp.Diff(want, show(got)); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestDiffOfOneObject(t *testing.T) {
	obj := parse(t, `{"apiVersion":"g/v1","metadata":{"name":"x","uid":"u"},"spec":{"set":["a"]}}`)
	schema := newSchema(t, kindsSchema)
	added, err := schema.Diff(nil, obj, Options{})
	want := []string{"add .metadata.name: <nil> -> x", `add .spec.set["a"]: <nil> -> a`}
	if d := cmp.Diff(want, show(added)); d != "" || err != nil {
		t.Error(d, err)
	}
	removed, err := schema.Diff(obj, nil, Options{})
	want = []string{"remove .metadata.name: x -> <nil>", `remove .spec.set["a"]: a -> <nil>`}
	if d := cmp.Diff(want, show(removed)); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestChangeSection(t *testing.T) {
	got, _ := newSchema(t, kindsSchema).Diff(
		parse(t, `{}`), parse(t, `{"data":"x","spec":{"items":[1]},"status":{"observedGeneration":1}}`), Options{})
	var sections []string
	for _, c := range got {
		sections = append(sections, c.Section)
	}
	if d := cmp.Diff([]string{"data", "spec", "status"}, sections); d != "" {
		t.Error(d)
	}
}

func TestNewSchemaThatDoesNotConvert(t *testing.T) {
	tests := map[string]string{
		"not JSON":        `{`,
		"unknown type":    `{"type":"object","properties":{"a":{"type":"tuple"}}}`,
		"list without":    `{"type":"object","properties":{"a":{"type":"array"}}}`,
		"unknown merging": `{"type":"object","properties":{"a":{"type":"array","x-kubernetes-list-type":"bag","items":{"type":"string"}}}}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := NewSchema([]byte(text))
			if err == nil {
				t.Fatal("no error")
			}
			got, err := s.Diff(parse(t, `{"a":{"b":1}}`), parse(t, `{"a":{"b":2}}`), Options{})
			if d := cmp.Diff([]string{"replace .a.b: 1 -> 2"}, show(got)); d != "" || err != nil {
				t.Error(d, err)
			}
		})
	}
}
