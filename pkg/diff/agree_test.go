package diff

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

var kind = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Kind"}

// serverTypes reads models as the field manager of kube-apiserver works from: those that
// the OpenAPI builder of k8s.io/apiextensions-apiserver v0.37.2 makes of a CRD with
// kindsSchema (kind.openapi.json) and of CRDs themselves (crd.openapi.json), without
// the descriptions, and with the extension that names the kind written in by hand.
func serverTypes(t testing.TB, file string) managedfields.TypeConverter {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var models map[string]*spec.Schema
	if err := json.Unmarshal(text, &models); err != nil {
		t.Fatal(err)
	}
	types, err := managedfields.NewTypeConverter(models, false)
	if err != nil {
		t.Fatal(err)
	}
	return types
}

// serverComparison is what the API server's field manager says of a change.
func serverComparison(t testing.TB, types managedfields.TypeConverter, old, new map[string]any) map[Op][]string {
	t.Helper()
	var values [2]*typed.TypedValue
	for i, obj := range []map[string]any{old, new} {
		var err error
		values[i], err = types.ObjectToTyped(&unstructured.Unstructured{Object: obj}, typed.AllowDuplicates)
		if err != nil {
			t.Fatal(err)
		}
	}
	c, err := values[0].Compare(values[1])
	if err != nil {
		t.Fatal(err)
	}
	return map[Op][]string{
		Add: paths(c.Added.Leaves()), Remove: paths(c.Removed.Leaves()), Replace: paths(c.Modified.Leaves()),
	}
}

func TestDiffAgreesWithTheServer(t *testing.T) {
	types, s := serverTypes(t, "kind.openapi.json"), newSchema(t, kindsSchema)
	eachPair(t, func(t *testing.T, old, new map[string]any) {
		want := serverComparison(t, types, old, new)
		if d := cmp.Diff(want, ownedPaths(edits(s, old, new))); d != "" {
			t.Error(d)
		}
	})
}

func TestForCRDAgreesWithTheServer(t *testing.T) {
	old, new := parse(t, oldCRD), parse(t, newCRD)
	want := serverComparison(t, serverTypes(t, "crd.openapi.json"), old, new)
	if d := cmp.Diff(want, ownedPaths(edits(ForCRD(), old, new))); d != "" {
		t.Error(d)
	}
}

func ownedPaths(edits []edit) map[Op][]string {
	sets := map[Op]*fieldpath.Set{Add: {}, Remove: {}, Replace: {}}
	for _, e := range edits {
		op := e.change.Op
		if e.refined() {
			op = Replace
		}
		sets[op].Insert(e.owned)
	}
	return map[Op][]string{Add: paths(sets[Add]), Remove: paths(sets[Remove]), Replace: paths(sets[Replace])}
}

func paths(set *fieldpath.Set) []string {
	list := []string{}
	set.Iterate(func(p fieldpath.Path) { list = append(list, p.String()) })
	slices.Sort(list)
	return list
}

const oldCRD = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
"metadata":{"name":"a.example.com","finalizers":["x"],"labels":{"a":"b"}},
"spec":{"group":"example.com","scope":"Namespaced",
 "names":{"kind":"A","plural":"as","shortNames":["a"],"categories":["all"]},
 "conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"caBundle":"AA==","service":{"name":"s","namespace":"n"}}}},
 "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]},
"status":{"acceptedNames":{"kind":"A","plural":"as","shortNames":["a"]},"storedVersions":["v1"],
 "conditions":[{"type":"Established","status":"True"},{"type":"NamesAccepted","status":"True"}]}}`

const newCRD = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
"metadata":{"name":"a.example.com","finalizers":["y"],"labels":{"a":"c"}},
"spec":{"group":"example.com","scope":"Namespaced",
 "names":{"kind":"A","plural":"as","shortNames":["a","b"],"categories":["some"]},
 "conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1","v1beta1"],"clientConfig":{"caBundle":"AB==","service":{"name":"t","namespace":"n","port":443}}}},
 "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"a":{"type":"string"}}}}}]},
"status":{"acceptedNames":{"kind":"A","plural":"as","shortNames":["b"]},"storedVersions":["v1","v2"],
 "conditions":[{"type":"Established","status":"False"},{"type":"Terminating","status":"True"}]}}`
