package diff

import (
	"bytes"
	"encoding/json"
	"testing"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/google/go-cmp/cmp"
)

var seeds = []string{
	`{}`, `{"spec":null}`, `{"spec":[]}`, `{"metadata":[{}]}`, `{"metadata":{"managedFields":{}}}`,
	`{"spec":{"set":["a","a",1,null,{}],"numbers":[1,1.0,"1"],"ports":[{"port":80},{"port":80,"protocol":"TCP"},{"protocol":{}},{"port":null}]}}`,
	`{"spec":{"set":{"a":1},"nested":[],"params":"x","selector":[1],"items":[[1,[2]]],"free":{"a":[{"b":[]}]}}}`,
	`{"status":{"conditions":[{"type":"A"},{"type":"A","status":"1"},{}]}}`,
	`{"metadata":{"ownerReferences":[{"uid":"1"},{}],"finalizers":[{}],"labels":[],"annotations":{"x/last-applied":"y"}}}`,
	managed(`{"f:spec":{".":{},"f:set":{"v:\"a\"":{},"v:":{},"v:{}":{}},"f:ports":{"k:{\"port\":80}":{".":{}},"k:[]":{},"k:{}":{}},"i:0":{"i:x":{}},"x":{}}}`),
	managed(`{"f:tokens":{"v:\"x":{},"v:[\"x\"]":{},"v:null":{}},"f:a":{"k:{\"password\":{\"x\":1}}":{},"k:{\"name\":\"password\",\"value\":null}":{}}}`),
	`{"spec":{"env":[{"name":1,"value":"x"},{"name":"password","value":[["x"]]}],"data":{},"kind":"Secret","apiVersion":"v1"}}`,
}

// fuzzed decodes an input; most are no objects.
func fuzzed(text []byte) (map[string]any, bool) {
	var obj map[string]any
	err := utiljson.Unmarshal(text, &obj)
	return obj, err == nil && obj != nil
}

func FuzzDiff(f *testing.F) {
	for _, old := range seeds {
		for _, new := range seeds {
			f.Add([]byte(old), []byte(new))
		}
	}
	schemas := []*Schema{newSchema(f, kindsSchema), newSchema(f, passwordsSchema), Deduced(), ForCRD()}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		old, ok1 := fuzzed(a)
		new, ok2 := fuzzed(b)
		if !ok1 || !ok2 {
			return
		}
		for _, s := range schemas {
			sameByText(t, s, a, b, Options{ManagedFields: true})
			sameByText(t, s, a, b, Options{})
			there, err := s.Diff(old, new, Options{ManagedFields: true})
			if err != nil {
				t.Fatal(err)
			}
			back, _ := s.Diff(new, old, Options{ManagedFields: true})
			if len(there) != len(back) {
				t.Fatalf("there: %v\nand back: %v", show(there), show(back))
			}
			if same, _ := s.Diff(old, runtime.DeepCopyJSON(old), Options{ManagedFields: true}); same != nil {
				t.Fatalf("an object differs from itself: %v", show(same))
			}
		}
	})
}

// No value that is planted under the name of a secret is in the output.
func FuzzRedact(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	const canary = "canary-5d41402a"
	schemas := []*Schema{newSchema(f, kindsSchema), newSchema(f, passwordsSchema), Deduced()}
	f.Fuzz(func(t *testing.T, text []byte) {
		obj, ok := fuzzed(text)
		if !ok || bytes.Contains(text, []byte("canary")) {
			return
		}
		plant(obj, canary)
		plantManaged(obj, canary)
		for _, s := range schemas {
			got := runtime.DeepCopyJSON(obj)
			s.Redact(got)
			out, err := json.Marshal(got)
			if err != nil || bytes.Contains(out, []byte(canary)) {
				t.Fatalf("%s %v", out, err)
			}
			again := runtime.DeepCopyJSON(got)
			s.Redact(again)
			if d := cmp.Diff(got, again); d != "" {
				t.Fatalf("redacting twice: %s", d)
			}
		}
	})
}

// plantManaged adds entries to managedFields that repeat a secret.
func plantManaged(obj map[string]any, canary string) {
	meta, ok := obj["metadata"].(map[string]any)
	if !ok {
		return
	}
	leaf := map[string]any{}
	list, _ := meta["managedFields"].([]any)
	meta["managedFields"] = append(list, entry("m", "Update", "", "", map[string]any{
		"f:tokens": map[string]any{`v:"` + canary + `"`: leaf},
		"f:users":  map[string]any{`k:{"password":"` + canary + `"}`: leaf},
	}))
}

// plant puts a secret into every map, also those of managedFields.
func plant(v any, canary string) {
	switch v := v.(type) {
	case map[string]any:
		for _, below := range v {
			plant(below, canary)
		}
		v["apiKey"] = canary
		v["passwords"] = []any{canary, []any{canary}}
		v["stringData"] = map[string]any{"x": canary}
		v["headers"] = []any{map[string]any{"name": "Authorization", "value": canary}}
	case []any:
		for _, below := range v {
			plant(below, canary)
		}
	}
}
