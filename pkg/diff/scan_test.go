package diff

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/google/go-cmp/cmp"
)

func TestMayRedact(t *testing.T) {
	tests := map[string]struct {
		text string
		want bool
	}{
		"nothing at all":                {`{}`, false},
		"a password":                    {`{"spec":{"password":"one"}}`, true},
		"an empty one":                  {`{"spec":{"password":null}}`, false},
		"a reference to a Secret":       {`{"spec":{"secret":{"name":"x"},"passwordSecretRef":{"name":"x","key":"password"},"secretName":"x"}}`, false},
		"tokens":                        {`{"tokens":["one"]}`, true},
		"a pair":                        {`{"env":[{"name":"A","value":"x"},{"value":"one","name":"TOKEN"}]}`, true},
		"halves of different pairs":     {`{"env":[{"name":"PORT","value":"x"},{"name":"TOKEN","valueFrom":{"value":"x"}}]}`, false},
		"last-applied":                  {`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"}}}`, true},
		"an escaped name":               {`{"p\u0061ssword":"one"}`, true},
		"a Secret":                      {`{"spec":{"kind":"Secret","data":{"a":"one"}}}`, true},
		"fields":                        {managed(`{"f:spec":{".":{},"f:passwordRef":{".":{},"f:name":{}},"f:a":{"k:{\"name\":\"x\"}":{".":{}},"v:\"x\"":{}}}}`), false},
		"the field of a password":       {managed(`{"f:spec":{"f:password":{}}}`), false},
		"items of tokens":               {managed(`{"f:spec":{"f:tokens":{"v:\"one\"":{}}}}`), true},
		"an item by its name":           {managed(`{"f:spec":{"f:env":{"k:{\"name\":\"TOKEN\"}":{"f:value":{}}}}}`), true},
		"fields that are none":          {managed(`{"f:spec":"x"}`), true},
		"fields that are spelled oddly": {managed(`{"f:spec":{"f:\u0070assword":{"v:\"one\"":{}}}}`), true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := MayRedact([]byte(test.text))
			if err != nil || got != test.want {
				t.Errorf("got %v, %v", got, err)
			}
			neverMisses(t, []byte(test.text))
		})
	}
	for _, text := range []string{``, `[]`, `null`, `{`, `{"a"}`, `{"a":1]`, `{"a":1}{}`, `{"a":1} x`, `{"a":tru}`} {
		if _, err := MayRedact([]byte(text)); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}

// neverMisses checks the promise for one object.
func neverMisses(t testing.TB, text []byte) {
	t.Helper()
	may, err := MayRedact(text)
	obj, ok := fuzzed(text)
	if !ok {
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	redacted := runtime.DeepCopyJSON(obj)
	Deduced().Redact(redacted)
	if d := cmp.Diff(obj, redacted); d != "" && !may {
		t.Fatalf("missed in %s: %s", text, d)
	}
}

// TestMayRedactNeverMisses tries objects of all that names and shapes can decide.
func TestMayRedactNeverMisses(t *testing.T) {
	names := []string{
		"name", "key", "value", "default", "kind", "apiVersion", "data", "stringData", "annotations", "metadata",
		"managedFields", "fieldsV1", "password", "tokens", "secretKey", "accessKey", "secretRef", "secret", "ref", "x/last-applied",
		"f:password", "f:tokens", "f:value", "f:a", "f:env", `v:"one"`, `v:1`, `k:{"name":"TOKEN"}`, `k:{"name":"x","value":"y"}`, "i:0", ".", "<",
	}
	texts := []any{"", "one", "Secret", "v1", "TOKEN", "api-key", "password", maskOfOne}
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(from []any) any { return from[rng.IntN(len(from))] }
	var value func(depth int) any
	value = func(depth int) any {
		switch n := rng.IntN(10); {
		case n < 5 && depth < 6:
			m := map[string]any{}
			for range rng.IntN(4) {
				m[names[rng.IntN(len(names))]] = value(depth + 1)
			}
			return m
		case n < 7 && depth < 6:
			list := []any{}
			for range rng.IntN(3) {
				list = append(list, value(depth+1))
			}
			return list
		case n == 9:
			return pick([]any{nil, true, int64(7)})
		}
		return pick(texts)
	}
	clean := 0
	for range 3_000 {
		fields, ok := value(3).(map[string]any)
		obj := map[string]any{"spec": value(0), "metadata": map[string]any{"name": "x"}}
		if ok {
			obj["metadata"] = map[string]any{"managedFields": []any{map[string]any{"fieldsV1": fields}}}
		}
		text, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		neverMisses(t, text)
		if may, _ := MayRedact(text); !may {
			clean++
		}
	}
	if clean < 150 {
		t.Errorf("only %d objects were clean", clean)
	}
}

func FuzzMayRedact(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { neverMisses(t, text) })
}
