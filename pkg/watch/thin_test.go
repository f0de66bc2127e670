package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// parsed is a JSON object, decoded.
func parsed(t testing.TB, text string) map[string]any {
	t.Helper()
	var obj map[string]any
	if err := json.Unmarshal([]byte(text), &obj); err != nil {
		t.Fatal(err)
	}
	return obj
}

func TestThinText(t *testing.T) {
	const whole = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":%s,"spec":{"metadata":{"a":1}},"status":{}}`
	const thin = `{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":%s}`
	for name, test := range map[string]struct{ metadata, want string }{
		"managedFields first": {`{"managedFields":[{"manager":"a"}],"name":"x","generation":2}`, `{"name":"x","generation":2}`},
		"managedFields last":  {`{"name":"x","labels":{"a":"\u003c"},"managedFields":[]}`, `{"name":"x","labels":{"a":"\u003c"}}`},
		"nothing else":        {`{"managedFields":[]}`, `{}`},
		"none":                {`{"name":"x","ownerReferences":[{"uid":"u"}],"finalizers":["f"]}`, `{"name":"x","ownerReferences":[{"uid":"u"}],"finalizers":["f"]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := thinText(fmt.Appendf(nil, whole, test.metadata))
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf(thin, test.want)
			if d := cmp.Diff(want, string(got)); d != "" {
				t.Error(d)
			}
			again, err := thinText(got)
			if d := cmp.Diff(want, string(again)); err != nil || d != "" {
				t.Errorf("of its own result: %v\n%s", err, d)
			}
		})
	}
	for _, text := range []string{``, `[]`, `{}`, `{"kind":"Widget"}`, `{"metadata":7}`, `{"metadata":{"name":"x"`, `{"spec":{`} {
		if got, err := thinText([]byte(text)); err == nil {
			t.Errorf("%s became %s", text, got)
		}
	}
}

// TestThinnedRecord: what is left of a Record is the same revision's metadata, and says
// so wherever it was kept.
func TestThinnedRecord(t *testing.T) {
	m := New(Options{}).crds
	obj := sample(t, "web", "certificate", aUID, "4711", 1)
	obj["metadata"].(map[string]any)["labels"] = map[string]any{"team": "certificate"}
	whole := newRecord(m.codecs.next(marshal(obj)), obj, marshal(obj), time.Now(), true)
	if whole.MetadataOnly() {
		t.Fatal("a whole object counts as metadata")
	}
	thin, err := whole.thinned(&m.thinCodecs)
	if err != nil {
		t.Fatal(err)
	}
	saved := thin.Saved()
	saved.Dictionary = append([]byte(nil), saved.Dictionary...)
	memory := &memory{}
	for name, r := range map[string]*Record{"reduced": thin, "restored": Restore(saved), "remembered": memory.restore(saved, false)} {
		want := map[string]any{"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": map[string]any{
			"namespace": "web", "name": "certificate", "uid": aUID, "resourceVersion": "4711", "generation": int64(3),
			"labels": map[string]any{"team": "certificate"},
		}}
		got, err := r.Object()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s:\n%s", name, d)
		}
		if !r.MetadataOnly() || !r.same(whole) || r.key() != "web/certificate" || r.generation != 3 {
			t.Errorf("%s: %v %s %s", name, r.MetadataOnly(), r.key(), r.ResourceVersion())
		}
	}
	if memory.thin != 1 || memory.newestThin == nil || memory.newest != nil {
		t.Errorf("remembered as whole: %+v", memory)
	}
	if thin.listed() || thin.remembered() {
		t.Error("counts as listed")
	}
}

// TestThinOfWatch: what the API server sends and what is made of a whole object must not
// differ, or each object would seem to have changed.
func TestThinOfWatch(t *testing.T) {
	const annotations = `"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"spec\":{\"password\":\"hunter2\"}}","a":"b"}`
	text := fmt.Sprintf(`{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"x","uid":%q,"resourceVersion":"1",%s,"managedFields":[{"manager":"a"}]},"spec":{"password":"hunter2"}}`, aUID, annotations)
	m := New(Options{}).crds
	m.prepare = nil
	whole := m.compact(&unstructured.Unstructured{Object: parsed(t, text)})
	reduced, err := whole.thinned(&m.thinCodecs)
	if err != nil {
		t.Fatal(err)
	}
	partial := fmt.Sprintf(`{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"x","uid":%q,"resourceVersion":"2",%s,"managedFields":[{"manager":"a"}]}}`, aUID, annotations)
	sketch, err := sketchOf([]byte(partial))
	if err != nil {
		t.Fatal(err)
	}
	for name, u := range map[string]*unstructured.Unstructured{"watched": sketch, "listed": {Object: parsed(t, partial)}} {
		r := m.compact(u)
		if !r.MetadataOnly() {
			t.Fatalf("%s: counts as whole", name)
		}
		for before, old := range map[string]*Record{"reduced": reduced, "whole": whole} {
			changes, err := m.compare(old, r)
			if err != nil || len(changes) > 0 {
				t.Errorf("%s differs from %s: %v %v", name, before, changes, err)
			}
		}
		if content, _ := r.Object(); strings.Contains(fmt.Sprint(content), "hunter2") || strings.Contains(fmt.Sprint(content), "managedFields") {
			t.Errorf("%s: %v", name, content)
		}
	}
}

// TestThinSize is what the prediction of a saving rests on.
func TestThinSize(t *testing.T) {
	m := New(Options{}).crds
	sum, n := 0, 2000
	for i := range n {
		obj := sample(t, "team-web", fmt.Sprintf("certificate-%05d", i), fmt.Sprintf("0a1b2c3d-4e5f-6071-8293-%012x", i*7919), fmt.Sprint(100000+i), i)
		meta := obj["metadata"].(map[string]any)
		meta["creationTimestamp"] = fmt.Sprintf("2026-11-22T12:%02d:%02dZ", i/60%60, i%60)
		meta["labels"] = map[string]any{"app.kubernetes.io/name": "web", "team": fmt.Sprint("team-", i%7)}
		r := newRecord(m.codecs.next(marshal(obj)), obj, marshal(obj), time.Now(), true)
		thin, err := r.thinned(&m.thinCodecs)
		if err != nil {
			t.Fatal(err)
		}
		sum += thin.Size()
	}
	t.Logf("%d bytes for each", sum/n)
	if mean := sum / n; mean > thinSize || mean < thinSize/3 {
		t.Errorf("a Record of metadata takes %d bytes, not about %d", mean, thinSize)
	}
}

func BenchmarkThinned(b *testing.B) {
	m := New(Options{}).crds
	obj := sample(b, "web", "certificate", aUID, "4711", 1)
	obj["spec"].(map[string]any)["more"] = strings.Repeat("dolor sit amet 0123456789 ", 250)
	var r *Record
	for range 40 {
		r = newRecord(m.codecs.next(marshal(obj)), obj, marshal(obj), time.Now(), true)
		_, _ = r.thinned(&m.thinCodecs)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.thinned(&m.thinCodecs); err != nil {
			b.Fatal(err)
		}
	}
}
