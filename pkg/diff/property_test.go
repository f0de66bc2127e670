package diff

import (
	"math/rand/v2"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/google/go-cmp/cmp"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

const rounds = 400

// eachPair calls f with random objects and what they became.
func eachPair(t *testing.T, f func(t *testing.T, old, new map[string]any)) {
	t.Helper()
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 0))
		old := randomObject(r)
		new := generator{r}.mutate(old, randomObject(r))
		new["apiVersion"], new["kind"] = old["apiVersion"], old["kind"]
		before := runtime.DeepCopyJSON(old)
		f(t, old, new)
		if d := cmp.Diff(before, old); d != "" {
			t.Fatalf("seed %d: the object was altered: %s", seed, d)
		}
		if t.Failed() {
			t.Fatalf("seed %d: %s", seed, cmp.Diff(old, new))
		}
	}
}

// Applying the changes to the old object gives the new one.
func TestChangesAreComplete(t *testing.T) {
	s := newSchema(t, kindsSchema)
	eachPair(t, func(t *testing.T, old, new map[string]any) {
		got := tree{}
		for path, v := range treeOf(s, old) {
			got[path] = v
		}
		for _, e := range edits(s, old, new) {
			got.apply(t, e)
		}
		if d := cmp.Diff(treeOf(s, new), got); d != "" {
			t.Error(d)
		}
	})
}

// The way back has the same paths, with old and new exchanged.
func TestChangesAreSymmetric(t *testing.T) {
	s := newSchema(t, kindsSchema)
	opposite := map[Op]Op{Add: Remove, Remove: Add, Replace: Replace}
	eachPair(t, func(t *testing.T, old, new map[string]any) {
		there, _ := s.Diff(old, new, Options{})
		back, _ := s.Diff(new, old, Options{})
		for i, c := range there {
			there[i].Op, there[i].Old, there[i].New = opposite[c.Op], c.New, c.Old
		}
		if d := cmp.Diff(there, back); d != "" {
			t.Error(d)
		}
	})
}

func TestEqualObjectsDoNotDiffer(t *testing.T) {
	for _, s := range []*Schema{newSchema(t, kindsSchema), Deduced(), ForCRD()} {
		eachPair(t, func(t *testing.T, obj, _ map[string]any) {
			changes, err := s.Diff(obj, runtime.DeepCopyJSON(obj), Options{ManagedFields: true})
			if changes != nil || err != nil {
				t.Error(show(changes), err)
			}
		})
	}
}

func edits(s *Schema, old, new map[string]any) []edit {
	var c comparison
	c.compare(s.shape, old, new)
	return c.edits
}

// tree is an object as its leaves by path. An empty map or list has no leaves.
type tree map[string]any

// treeOf goes by the schema for where lists have keys.
func treeOf(s *Schema, obj map[string]any) tree {
	var c comparison
	c.compare(s.shape, map[string]any(nil), obj)
	t := tree{}
	for _, e := range c.edits {
		t.add(e.path, e.change.New)
	}
	return t
}

// add adds the leaves of a value, in the middle of which lists have no keys.
func (t tree) add(path fieldpath.Path, v any) {
	path = path[:len(path):len(path)]
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			t.add(append(path, fieldpath.FieldNameElement(name)), field)
		}
	case []any:
		for i, item := range v {
			t.add(append(path, fieldpath.IndexElement(i)), item)
		}
	case nil:
	default:
		t[path.String()] = v
	}
}

// apply checks that the edit's old value is there, and puts the new one in its place.
func (t tree) apply(tt *testing.T, e edit) {
	before := tree{}
	before.add(e.path, e.change.Old)
	for path, v := range before {
		if !equal(t[path], v) {
			tt.Errorf("%s: old is %v, but there was %v", path, v, t[path])
		}
		delete(t, path)
	}
	t.add(e.path, e.change.New)
}
