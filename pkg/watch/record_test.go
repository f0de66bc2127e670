package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/json"
)

// sample is an object as the dynamic client decodes it.
func sample(t testing.TB, namespace, name, uid, rv string, size int) map[string]any {
	t.Helper()
	var obj map[string]any
	err := json.Unmarshal(fmt.Appendf(nil, `{"apiVersion":"example.com/v1","kind":"Widget",
		"metadata":{"namespace":%q,"name":%q,"uid":%q,"resourceVersion":%q,"generation":3,
		"managedFields":[{"manager":"a","operation":"Update","fieldsV1":{"f:spec":{"f:size":{}}}}]},
		"spec":{"size":%d,"ratio":1.5,"text":%q}}`, namespace, name, uid, rv, size, strings.Repeat("lorem ipsum ", 50)), &obj)
	if err != nil {
		t.Fatal(err)
	}
	if namespace == "" {
		delete(obj["metadata"].(map[string]any), "namespace")
	}
	return obj
}

const aUID = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

func TestRecordKeepsTheObject(t *testing.T) {
	for name, test := range map[string]struct{ namespace, name, uid, rv string }{
		"usual":                    {"web", "tls", aUID, "4711"},
		"cluster-scoped":           {"", "tls", aUID, "4711"},
		"largest resourceVersion":  {"web", "tls", aUID, "18446744073709551615"},
		"odd UID":                  {"web", "tls", "not-a-uuid", "4711"},
		"UID in capitals":          {"web", "tls", strings.ToUpper(aUID), "4711"},
		"odd resourceVersion":      {"web", "tls", aUID, "v4711"},
		"no UID, no version":       {"web", "tls", "", ""},
		"version with a plus sign": {"web", "tls", aUID, "+4711"},
	} {
		t.Run(name, func(t *testing.T) {
			c := (&codec{}).with(marshal(sample(t, "other", "first", "x", "1", 7)))
			obj := sample(t, test.namespace, test.name, test.uid, test.rv, 42)
			r := newRecord(c, obj, marshal(obj), time.Now(), true)
			got, err := r.Object()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(obj, got); d != "" {
				t.Errorf("the object changed:\n%s", d)
			}
			m, err := meta.Accessor(r)
			if err != nil {
				t.Fatal(err)
			}
			identity := []string{r.Namespace(), r.Name(), string(m.GetUID()), m.GetResourceVersion()}
			if d := cmp.Diff([]string{test.namespace, test.name, test.uid, test.rv}, identity); d != "" {
				t.Error(d)
			}
			if m.GetGeneration() != 3 {
				t.Errorf("generation %d", m.GetGeneration())
			}
		})
	}
}

func TestSameRevision(t *testing.T) {
	record := func(uid, rv string) *Record {
		obj := sample(t, "web", "tls", uid, rv, 1)
		return newRecord(&codec{}, obj, marshal(obj), time.Now(), true)
	}
	a := record(aUID, "7")
	for name, test := range map[string]struct {
		other *Record
		want  bool
	}{
		"equal":           {record(aUID, "7"), true},
		"another version": {record(aUID, "8"), false},
		"another object":  {record(strings.Replace(aUID, "0a", "0b", 1), "7"), false},
		"odd version":     {record(aUID, "x"), false},
		"odd UID":         {record("odd", "7"), false},
	} {
		if got := a.same(test.other); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !record("odd", "x").same(record("odd", "x")) {
		t.Error("odd but equal revisions differ")
	}
}

// TestObjectThatIsNoJSON: the transform must never fail, or the object is dropped.
func TestObjectThatIsNoJSON(t *testing.T) {
	obj := sample(t, "web", "tls", aUID, "7", 1)
	c := &codec{}
	obj["spec"] = func() {}
	got, err := newRecord(c, obj, marshal(obj), time.Now(), true).Object()
	if err != nil {
		t.Fatal(err)
	}
	if got["crdwatchError"] == nil || got["metadata"].(map[string]any)["uid"] != aUID {
		t.Errorf("kept %v", got)
	}
}

func TestCorruptBodyIsAnError(t *testing.T) {
	obj := sample(t, "web", "tls", aUID, "7", 1)
	r := newRecord(&codec{}, obj, marshal(obj), time.Now(), true)
	r.data = r.data[:len(r.data)/2]
	if _, err := r.Object(); err == nil {
		t.Error("half a body was decoded")
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"metadata":{"name":"a"},"spec":{"x":[1,2.5,"y",null,true]}}`))
	f.Add([]byte(`{"metadata":{"name":"a"},"spec":{"x":[2.0]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var obj map[string]any
		if json.Unmarshal(raw, &obj) != nil || obj == nil {
			return
		}
		c := (&codec{}).with(marshal(sample(t, "web", "tls", aUID, "7", 1)))
		text := marshal(obj)
		got, err := newRecord(c, obj, text, time.Now(), true).Object()
		if err != nil {
			t.Fatal(err)
		}
		// The text is what is kept: 2.0 in raw is 2 in it, as in the API server's own store.
		var want map[string]any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	obj := sample(b, "web", "tls", aUID, "7", 1)
	c := (&codec{}).with(marshal(sample(b, "web", "other", aUID, "8", 2)))
	text := marshal(obj)
	for b.Loop() {
		newRecord(c, obj, text, time.Time{}, true)
	}
}
